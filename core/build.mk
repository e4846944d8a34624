# lguest-core holds the guest, lguest-run starts and watches everything. CORE_OBJS are what tests link too.
CORE_OBJS := core/memory.o core/elf.o core/boot_params.o core/decode.o core/virtio_mmio.o core/device.o core/vcpu.o
RUN_OBJS := core/options.o core/text.o core/explain.o core/resources.o core/spawn.o core/supervise.o core/terminal.o

$(eval $(call program,lguest-core,core/core.o $(CORE_OBJS) $(IPC_FRONTEND) $(POLICY_OBJS) $(call role_objs,core),-pthread $(POLICY_LIBS)))
$(eval $(call program,lguest-run,core/run.o $(RUN_OBJS)))

# The commands for people. CMD='...' runs that in the guest and exits with its status.
LAUNCH_PROGRAMS := $(addprefix $(B)/,lguest-run lguest-core lguest-console lguest-block lguest-net lguest-rng)
.PHONY: run launch-programs
launch-programs: $(LAUNCH_PROGRAMS)

# Only the run goal needs make to hand its process over; what is given in CMD is not make's to expand.
ifneq ($(filter run,$(MAKECMDGOALS)),)
-load build/make_exec.so
build/make_exec.so: core/make_exec.c
	@mkdir -p $(@D)
	@$(CC) -shared -fPIC -O2 $(WARN) -o $@ $<
endif

run: override export CMD := $(value CMD)
run: ## a Linux guest on this machine's /dev/lguest or in the emulated host; CMD='...' runs that in it
	@$(become core/run.sh,$(value CMD))core/run.sh "$$CMD"

# What goes where; DESTDIR is for packages. The module is its own matter (make module-install), since it needs the kernel it is for.
.PHONY: install uninstall
INSTALL_BIN = $(DESTDIR)$(prefix)/bin
INSTALL_MAN = $(DESTDIR)$(prefix)/share/man/man1
INSTALL_ETC = $(DESTDIR)$(if $(filter /usr/local,$(prefix)),/etc,/usr/lib)
INSTALL_UDEV = $(INSTALL_ETC)/udev/rules.d/70-lguest.rules
INSTALL_LIMITS = $(DESTDIR)/etc/security/limits.d/lguest.conf

install: launch-programs ## programs, manual pages, udev rule and limits (prefix=/usr/local DESTDIR=)
	install -d $(INSTALL_BIN) $(INSTALL_MAN)
	install -m 755 $(LAUNCH_PROGRAMS) $(INSTALL_BIN)
	install -m 644 docs/man/lguest-run.1 docs/man/lguest-core.1 $(INSTALL_MAN)
	install -D -m 644 core/install/70-lguest.rules $(INSTALL_UDEV)
	install -D -m 644 core/install/lguest.conf $(INSTALL_LIMITS)
	@[ -n "$(DESTDIR)" ] || getent group lguest >/dev/null || groupadd --system lguest

uninstall: ## remove what install put there; the group lguest stays
	rm -f $(addprefix $(INSTALL_BIN)/,$(notdir $(LAUNCH_PROGRAMS))) $(addprefix $(INSTALL_MAN)/,lguest-run.1 lguest-core.1)
	rm -f $(INSTALL_UDEV) $(INSTALL_LIMITS)
