# The debug host (mkdebug.sh) and the fuzzers: commands of their own, outside `make check`. The fuzzers are static: the host has no libraries.
DEBUG_CFLAGS := -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -Ikmod/include/uapi -Itests/debug -pthread
FUZZERS := $(B)/fuzz-ioctl $(B)/fuzz-guest
.PHONY: $(R)/debug.tap $(R)/fuzz-module.tap fuzz-ioctl fuzz-guest

$(B)/tests/debug/%.o: tests/debug/%.c
	@mkdir -p $(@D)
	$(CC) $(DEBUG_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZERS): $(B)/fuzz-%: $(B)/tests/debug/fuzz_%.o $(B)/tests/debug/fuzz.o $(B)/tests/debug/chance_guest.o
	$(CC) $(DEBUG_CFLAGS) -static -o $@ $^

fuzz-ioctl fuzz-guest: $(FUZZERS) ## every ioctl, or random guests, on the debug host (SECONDS=60 SEED= ROUND= HOST_KERNEL=debug|6.1|6.12)
	@mkdir -p build/debug
	@ROUND=$(ROUND) tests/debug/fuzz.sh $(@:fuzz-%=%) $(or $(SECONDS),60) "$(SEED)" $(or $(HOST_KERNEL),debug)

# make check-debug: the guests' suite, and Linux guests that boot and are killed, where every checker looks, and what they leave
$(R)/debug.tap: $(B)/lgtest $(B)/selftest launch-programs module
	@mkdir -p $(@D) build/debug
	tests/debug/suite.sh $(B)/lgtest > $@ || grep -q "^not ok" $@

# make check-fuzz-module: bugs put into lg.ko, each of which its fuzzer must find within 5 minutes. It may take as long as all its parts together
CHECK_LIMITS += fuzz-module=$(shell tests/debug/seeded.sh --limit)
$(R)/fuzz-module.tap: $(FUZZERS)
	@mkdir -p $(@D) build/debug
	tests/debug/seeded.sh > $@ || grep -q "^not ok" $@
