# Group control: the control sockets, lguestctl and live upgrade, natively, around the module and the guest that tests/peers plays. It needs root.
CONTROL_HIJACKED := $(addprefix $(B)/tests/control/,liar flood giver)
$(CONTROL_HIJACKED): $(B)/tests/control/%: tests/control/%.c control/ask.h tests/lib/give.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -std=gnu11 -O2 $(WARN) -static -o $@ $<

# The clients of lguest-control, with a clock that the test sets
CONTROL_SERVE := $(B)/tests/control/serve-test
$(CONTROL_SERVE): $(addprefix $(B)/,tests/control/serve.o $(CONTROL_OBJS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -Wl,--wrap=clock_gettime -o $@ $^ -ljansson

CHECKS += control control-strangers
CHECKS_WAITING += control
CONTROL_NEEDS = $(PEERS)/fake/lguest-core $(PEERS)/peer $(CONTROL_HIJACKED) $(B)/tests/control/hurry.so $(PEERS)/scarce.so $(B)/probe launch-programs
.PHONY: $(R)/control.tap $(R)/control-strangers.tap check-control-long
$(R)/control.tap: $(CONTROL_NEEDS)
	@mkdir -p $(@D)
	B=$(B) tests/control/control operators > $@ || grep -q '^not ok' $@
$(R)/control-strangers.tap: $(CONTROL_NEEDS) $(CONTROL_SERVE)
	@mkdir -p $(@D)
	{ $(CONTROL_SERVE); s=$$?; B=$(B) tests/control/control strangers && [ $$s = 0 ]; } > $@ || grep -q '^not ok' $@

CHECKS += rates
CHECKS_ALONE += rates
.PHONY: $(R)/rates.tap
# Clocks that are preloaded
$(B)/tests/control/%.so: tests/control/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -shared -fPIC -o $@ $<
$(R)/rates.tap: $(B)/lguest-block $(BLKFE) $(B)/lguest-net $(BENCH_NET) $(B)/tests/control/uptime.so
	@mkdir -p $(@D)
	B=$(B) tests/control/rates > $@ || grep -q '^not ok' $@

check-control-long: $(CONTROL_NEEDS) ## the control sockets under 1,000,000 mutated lines, 20 restarts under load (LINES=, RESTARTS=, SEED=)
	B=$(B) LINES=$(or $(LINES),1000000) RESTARTS=$(or $(RESTARTS),20) tests/control/control
