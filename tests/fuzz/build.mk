# Fuzz targets. A target NAME is FUZZ_NAME, its sources (compiled with the code under test, not linked with the programs' objects), and
# FUZZ_NAME_FLAGS; tests/fuzz/NAME.mk or devices/NAME/tests/fuzz.mk sets them. docs/fuzzing.md is the guide.
FUZZ_CC ?= clang
AFL_CC ?= afl-clang-fast
FUZZ_SECONDS = $(or $(SECONDS),60)
FUZZ_FLAGS := -std=gnu11 -g -O1 -D_GNU_SOURCE -DLGUEST_FUZZ -Wall -Wextra -Wno-unused-command-line-argument -I. -Ikmod/include/uapi -Ibuild/include
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all

# $(call fuzz_device,NAME[,FILES WITHOUT .c]): the target of devices/NAME on the loop of tests/lib/fake_loop.c: all of the folder's
# program but what it does before the sandbox, in FILES. fuzz_sources: the same, for a target with a loop of its own.
fuzz_sources = $(filter-out $(patsubst %,devices/$(1)/%.c,kind launch $(2)),$(filter-out devices/$(1)/manifest%,$(wildcard devices/$(1)/*.c))) \
	devices/backend_setup.c devices/rate.c $(VIRTQUEUE:.o=.c)
fuzz_device = devices/$(1)/tests/fuzz.c tests/fuzz/guest.c tests/lib/fake_loop.c $(call fuzz_sources,$(1),$(2))

-include $(filter-out tests/fuzz/build.mk,$(wildcard tests/fuzz/*.mk)) $(wildcard devices/*/tests/fuzz.mk)
FUZZ_OF_DEVICES := $(patsubst devices/%/tests/fuzz.mk,%,$(wildcard devices/*/tests/fuzz.mk))
FUZZ_TARGETS := $(sort $(patsubst tests/fuzz/%.mk,%,$(filter-out tests/fuzz/build.mk,$(wildcard tests/fuzz/*.mk))) $(FUZZ_OF_DEVICES))

# Builds of a target: for libFuzzer, for AFL++ (a second one tells it what is compared with what), and with counters for coverage.
define fuzz_target
FUZZ_ALL_$(1) := $$(FUZZ_$(1)) | $$(VERSION_H)
FUZZ_LINE_$(1) = $(FUZZ_FLAGS) $(if $(filter $(1),$(FUZZ_OF_DEVICES)),-Dmain=lguest_$(1)_main) $$(FUZZ_$(1)_FLAGS) -o $$@ $$(FUZZ_$(1)) $$(FUZZ_$(1)_LIBS)
$(B)/fuzz/$(1) $(B)/fuzz-afl/$(1) $(B)/fuzz-cmplog/$(1) $(B)/fuzz-cov/$(1): $$(wildcard */*.h devices/*/*.h tests/fuzz/*.h tests/lib/*.h kmod/include/uapi/linux/*.h)
$(B)/fuzz/$(1): $$(FUZZ_ALL_$(1))
	@mkdir -p $$(@D)
	$(FUZZ_CC) -fsanitize=fuzzer $(FUZZ_SAN) $$(FUZZ_LINE_$(1))
$(B)/fuzz-afl/$(1): $$(FUZZ_ALL_$(1))
	@mkdir -p $$(@D)
	AFL_QUIET=1 $(AFL_CC) -fsanitize=fuzzer $(FUZZ_SAN) $$(FUZZ_LINE_$(1))
$(B)/fuzz-cmplog/$(1): $$(FUZZ_ALL_$(1))
	@mkdir -p $$(@D)
	AFL_QUIET=1 AFL_LLVM_CMPLOG=1 $(AFL_CC) -fsanitize=fuzzer $$(FUZZ_LINE_$(1))
$(B)/fuzz-cov/$(1): $$(FUZZ_ALL_$(1))
	@mkdir -p $$(@D)
	$(FUZZ_CC) -fsanitize=fuzzer -fprofile-instr-generate -fcoverage-mapping $$(FUZZ_LINE_$(1))
.PHONY: fuzz-line-$(1)
fuzz-line-$(1): $$(FUZZ_ALL_$(1))
	@echo $$(FUZZ_LINE_$(1))
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))

# A recipe's shell is replaced, so that a signal to make reaches the program. What needs both engines installs them; libFuzzer alone is enough for the others, and a user without sudo may have no other.
FUZZ_DEPS := scripts/deps.sh build devices fuzz
FUZZ := env FUZZ_TARGETS="$(FUZZ_TARGETS)" FUZZ_BIN=$(B) tests/fuzz/fuzz
.PHONY: fuzz fuzz-farm fuzz-hours fuzz-coverage fuzz-corpus fuzz-seeded fuzz-repro fuzz-minimize fuzz-install fuzz-programs fuzz-targets
fuzz: ## fuzz one target: make fuzz T=NAME SECONDS=60 (ENGINE=afl)
	@exec $(FUZZ) run "$(T)" --seconds $(FUZZ_SECONDS) $(if $(ENGINE),--engine $(ENGINE))
fuzz-repro: ## run one input again: make fuzz-repro T=NAME INPUT=FILE
	@exec $(FUZZ) repro "$(T)" "$(INPUT)"
fuzz-minimize: ## make the input of a crash smaller: make fuzz-minimize T=NAME INPUT=FILE
	@exec $(FUZZ) minimize "$(T)" "$(INPUT)" --seconds $(FUZZ_SECONDS)
fuzz-farm: ## every target in turn, JOBS at once, then merged and minimised (SECONDS=60 for each, ENGINE=both)
	@$(FUZZ_DEPS)
	@exec $(FUZZ) farm --jobs $(or $(JOBS),2) --seconds $(FUZZ_SECONDS) --engine $(or $(ENGINE),both) $(T)
fuzz-hours: ## an hour of each target with each engine, in slices: stop and go on at any time (SECONDS=300, ROUNDS=, JOBS=1)
	@$(FUZZ_DEPS)
	@exec $(FUZZ) hours --seconds $(or $(SECONDS),300) --rounds $(or $(ROUNDS),0) --jobs $(or $(JOBS),1) $(T)
fuzz-corpus: ## put what fuzzing found into the corpora of the tree, minimised (T=NAME for one)
	@exec $(FUZZ) corpus $(T)
fuzz-coverage: ## what the corpora of the tree reach: build/fuzz/coverage/index.html and a table
	@exec $(FUZZ) coverage $(T)
fuzz-seeded: ## every seeded bug must be found within 5 minutes, by both engines (T=NAME, ENGINE=)
	@$(FUZZ_DEPS)
	@exec $(FUZZ) seeded $(if $(ENGINE),--engine $(ENGINE)) $(T)
fuzz-targets: ## the names of all targets
	@echo $(FUZZ_TARGETS)
fuzz-programs: $(FUZZ_TARGETS:%=$(B)/fuzz/%)
fuzz-install: fuzz-programs ## the targets as programs lguest-fuzz-NAME (prefix=/usr/local DESTDIR=)
	install -d $(DESTDIR)$(prefix)/bin
	for t in $(FUZZ_TARGETS); do install -m 755 $(B)/fuzz/$$t $(DESTDIR)$(prefix)/bin/lguest-fuzz-$$t || exit 1; done

# The corpora of the tree, run once through every target: a crash that was mended stays mended. And the ledger of hours, and what a signal ends.
CHECKS += fuzz-corpora
CHECKS_BESIDE += fuzz-corpora
.PHONY: $(R)/fuzz-corpora.tap
$(R)/fuzz-corpora.tap:
	@mkdir -p $(@D)
	{ s=0; tests/fuzz/hours_test || s=1; tests/fuzz/stop_test || s=1; $(FUZZ) replay || s=1; [ $$s = 0 ]; } > $@ || grep -q '^not ok' $@
