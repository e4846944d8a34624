# The test host: `make host` builds and caches it, `make host-shell` opens a shell in it, group `host` tests it.
HELLO := $(addprefix build/host/,6.1/hello.ko 6.12/hello.ko)

# The modules of the self-tests, once for each kernel: copied, because the kernel's build writes beside the source.
build/host/%/hello.ko: $(addprefix tests/host/hello/,hello.c spin.c toggle.c Kbuild)
	@mkdir -p $(@D)
	cp $^ $(@D)
	$(MAKE) -s -C $$(tests/host/headers.sh $*) M=$(CURDIR)/$(@D) modules

build/host/pairs: tests/host/hello/pairs.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g $(WARN) -static -o $@ $<

CHECKS += host host-more moved
CHECKS_BESIDE += host host-more moved
CHECKS_LONG += host-more
.PHONY: $(R)/host.tap $(R)/host-more.tap
$(R)/host.tap: $(HELLO) build/host/pairs
	@mkdir -p $(@D)
	tests/host/selftest $^ > $@
$(R)/host-more.tap: $(HELLO) build/host/pairs
	@mkdir -p $(@D)
	tests/host/selftest $^ more > $@

# What is cached, at another place
.PHONY: $(R)/moved.tap
$(R)/moved.tap: tests/host/moved.bats
	$(bats_group)

.PHONY: check check-long check-deps host host-shell
SUITE = tests/host/suite --beside "$(CHECKS_BESIDE)" --sleeping "$(CHECKS_SLEEPING)" --waiting "$(CHECKS_WAITING)" --paired "$(CHECKS_PAIRED)" --alone "$(CHECKS_ALONE)" --limits "$(CHECK_LIMITS)"
check: check-deps ## install what is needed, build everything, run the tests; what takes longer: check-long, linux-*, ...
	@exec $(SUITE) $(filter-out $(CHECKS_LONG),$(CHECKS))

check-long: check-deps ## groups of tests that make check has no time for: a quarter of an hour
	@exec $(SUITE) $(CHECKS_LONG)

check-%: check-deps ## (check-NAME: one group only)
	@exec tests/host/suite --limits "$(CHECK_LIMITS)" $*

check-deps:
	@scripts/deps.sh build host kmod devices

host: ## build and cache the test hosts: kernels 6.1, 6.12 and 7.3, Bochs
	tests/host/mkhost.sh --refresh 6.1
	tests/host/mkhost.sh --refresh 6.12
	tests/host/mkhost.sh --refresh 7.3
	tests/host/mkbochs.sh

# What a shell in the host finds in /: every program, and the module.
HOST_SHELL_FILES = $(wildcard $(PROGRAMS) kmod/lg.ko)
host-shell: all ## a shell in the test host, our programs and module in / (HOST="--smp 2 --pti off ...")
	@exec tests/host/run --shell --mem 1024 $(HOST) $(addprefix --file ,$(HOST_SHELL_FILES))
