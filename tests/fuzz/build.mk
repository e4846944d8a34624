# Fuzz targets (libFuzzer, ASan, UBSan). A target NAME is FUZZ_NAME, its sources (compiled with the code under test, not
# linked with the programs' objects), and FUZZ_NAME_FLAGS; tests/fuzz/NAME.mk or devices/NAME/tests/fuzz.mk sets them.
#
#	make fuzz T=block SECONDS=60		fuzz one target; the corpus is kept in $(FUZZ_CACHE)/NAME
#	make fuzz-regress			run the inputs kept in tests/fuzz/regress/NAME (crashes that were fixed, seeds)
#	make fuzz-seeded			each patch in tests/fuzz/seeded puts a bug in; its target must find it
FUZZ_CACHE := $(or $(LGUEST_CACHE),$(HOME)/.cache/lguest)/fuzz
FUZZ_CC ?= clang
SECONDS ?= 60
FUZZ_CFLAGS := -std=gnu11 -g -O1 -D_GNU_SOURCE -DLGUEST_FUZZ -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -Wall -Wextra
-include $(filter-out tests/fuzz/build.mk,$(wildcard tests/fuzz/*.mk)) $(wildcard devices/*/tests/fuzz.mk)
FUZZ_TARGETS := $(sort $(patsubst tests/fuzz/%.mk,%,$(filter-out tests/fuzz/build.mk,$(wildcard tests/fuzz/*.mk))) \
	$(patsubst devices/%/tests/fuzz.mk,%,$(wildcard devices/*/tests/fuzz.mk)))

define fuzz_target
$(B)/fuzz/$(1): $(FUZZ_$(1)) $(wildcard tests/fuzz/*.h devices/*.h devices/*/*.h ipc/*.h policy/*.h)
	@mkdir -p $$(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(FUZZ_$(1)_FLAGS) -o $$@ $$(FUZZ_$(1))
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))

.PHONY: fuzz fuzz-regress fuzz-seeded
fuzz: ## fuzz one target: make fuzz T=block SECONDS=60
	@test -n "$(FUZZ_$(T))" || { echo "fuzz: T=NAME, one of: $(FUZZ_TARGETS)" >&2; exit 2; }
	@$(MAKE) --no-print-directory -s $(B)/fuzz/$(T)
	@mkdir -p $(FUZZ_CACHE)/$(T) $(FUZZ_CACHE)/crashes
	$(B)/fuzz/$(T) -max_total_time=$(SECONDS) -max_len=1024 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(FUZZ_CACHE)/crashes/$(T)- $(FUZZ_CACHE)/$(T) $(wildcard tests/fuzz/regress/$(T))

fuzz-regress: $(FUZZ_TARGETS:%=$(B)/fuzz/%) ## run the kept inputs of every fuzz target
	@set -e; for t in $(FUZZ_TARGETS); do [ ! -d tests/fuzz/regress/$$t ] || \
		$(B)/fuzz/$$t -runs=0 -verbosity=0 tests/fuzz/regress/$$t; done

fuzz-seeded: ## every seeded bug must be found within 5 minutes
	tests/fuzz/seeded.sh
