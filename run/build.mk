# lguest-run starts and watches everything; `make run` and installing. OPTIONS_OBJS is what reads the command line, which tests
# link too; a device adds its kind (data) and its launch half (what lguest-run does for it).
OPTIONS_OBJS := $(addprefix run/,options.o kernel.o config.o say.o kind.o text.o cmdline.o foreign.o child.o busy.o folder.o file.o cgroup.o) $(DEVICE_RUN_OBJS)
RUN_OBJS := $(OPTIONS_OBJS) $(addprefix run/,explain.o resources.o sandbox.o ring.o log.o restart.o spawn.o life.o tell.o proc.o supervise.o end.o terminal.o control.o program.o notify.o)

$(eval $(call program,lguest-run,run/run.o $(RUN_OBJS) $(POLICY_OBJS),$(POLICY_LIBS)))

# The commands for people. CMD='...' runs that in the guest and exits with its status.
LAUNCH_PROGRAMS := $(addprefix $(B)/lguest-,run core control record replay $(DEVICES)) $(B)/lguestctl
.PHONY: run launch-programs
launch-programs: $(LAUNCH_PROGRAMS)

# Only the run goal needs make to hand its process over; what is given in CMD is not make's to expand.
ifneq ($(filter run,$(MAKECMDGOALS)),)
-load build/make_exec.so
build/make_exec.so: scripts/make_exec.c
	@mkdir -p $(@D)
	-@$(CC) -shared -fPIC -O2 $(WARN) -o $@ $<
endif

run: override export CMD := $(value CMD)
run: ## a Linux guest on this machine's /dev/lguest or in the emulated host; CMD='...' runs that in it
	@$(become scripts/run.sh,$(value CMD),CPUS DEBIAN LGUEST_CACHE MEMORY TAP TIMEOUT)scripts/run.sh "$$CMD"

# What goes where; DESTDIR is for packages, and appears in no installed file. The module is its own matter, since it belongs to one kernel.
.PHONY: install uninstall module-install
INSTALL_BIN = $(DESTDIR)$(prefix)/bin
INSTALL_MAN = $(DESTDIR)$(prefix)/share/man/man1
INSTALL_COMPLETION = $(DESTDIR)$(prefix)/share/bash-completion/completions
INSTALL_JSON = $(DESTDIR)$(prefix)/share/qemu/vhost-user
INSTALL_ETC = $(DESTDIR)$(if $(filter /usr/local,$(prefix)),/etc,/usr/lib)
INSTALL_UDEV = $(INSTALL_ETC)/udev/rules.d/70-lguest.rules
INSTALL_LIMITS = $(DESTDIR)/etc/security/limits.d/lguest.conf
MAN_PAGES := $(addprefix $(B)/man/,$(notdir $(wildcard docs/man/*.1 devices/*/lguest-*.1)))
MAN_OPTIONS := $(wildcard devices/*/option.1)

# A manual page stands in docs/man, or with its device; lguest-run(1) gets the device's option from devices/NAME/option.1.
vpath lguest-%.1 docs/man $(wildcard devices/*)
vpath lguestctl.1 docs/man
$(B)/man/%.1: %.1 $(MAN_OPTIONS) VERSION run/build.mk
	@mkdir -p $(@D)
	sed -e "s,@VERSION@,$$(cat VERSION)," $(foreach o,$(MAN_OPTIONS),-e '/^\.\\" @devices@$$/r $(o)') $< > $@
.PHONY: man
man: $(MAN_PAGES) ## the manual pages as they are installed, in build/release/man
JSON_FILES := $(wildcard devices/*/50-lguest-*.json)

install: launch-programs man completion ## programs, manual pages, udev rule, limits, descriptions (prefix=/usr/local DESTDIR=)
	install -d $(INSTALL_BIN) $(INSTALL_MAN) $(INSTALL_JSON)
	install -m 755 $(LAUNCH_PROGRAMS) $(INSTALL_BIN)
	install -m 644 $(MAN_PAGES) $(INSTALL_MAN)
	for f in $(JSON_FILES); do sed 's,@bindir@,$(prefix)/bin,' $$f > $(INSTALL_JSON)/$${f##*/} && chmod 644 $(INSTALL_JSON)/$${f##*/} || exit 1; done
	install -m 755 packaging/lguest-guest $(INSTALL_BIN)
	install -d $(INSTALL_COMPLETION)
	install -m 644 $(COMPLETIONS) $(INSTALL_COMPLETION)
	install -D -m 644 run/install/70-lguest.rules $(INSTALL_UDEV)
	install -D -m 644 run/install/lguest.conf $(INSTALL_LIMITS)
	@[ -n "$(DESTDIR)" ] || getent group lguest >/dev/null || groupadd --system lguest

# For the kernel that lg.ko was built for: make module KDIR=/lib/modules/$(uname -r)/build
module-install: ## lg.ko for the kernel that it was built for (DESTDIR=)
	@[ -e kmod/lg.ko ] || { echo 'module-install: there is no kmod/lg.ko: make module KDIR=/lib/modules/$$(uname -r)/build builds it' >&2; exit 1; }
	release=$$(modinfo -F vermagic kmod/lg.ko | cut -d' ' -f1) && \
	install -D -m 644 kmod/lg.ko $(DESTDIR)/lib/modules/$$release/updates/lg.ko && \
	{ [ -n "$(DESTDIR)" ] || depmod $$release; }

uninstall: ## remove what install put there; the group lguest and the module stay
	rm -f $(addprefix $(INSTALL_BIN)/,$(notdir $(LAUNCH_PROGRAMS))) $(addprefix $(INSTALL_MAN)/,$(notdir $(MAN_PAGES)))
	rm -f $(addprefix $(INSTALL_JSON)/,$(notdir $(JSON_FILES))) $(INSTALL_UDEV) $(INSTALL_LIMITS)
	rm -f $(addprefix $(INSTALL_COMPLETION)/,$(notdir $(COMPLETIONS))) $(INSTALL_BIN)/lguest-guest
