# The tests. Each tests/DIR/build.mk builds what it needs and appends to CHECKS the names of its groups; the group NAME is run
# by the recipe of a target $(R)/NAME.tap, which writes lines "ok WHAT" and "not ok WHAT" there, and ends with status 0
# also when tests failed. `make check` runs all groups and adds them up (tests/host/suite).
R := build/results
CHECKS :=

-include tests/*/build.mk devices/*/tests/build.mk

# The code's stations (make journey): each number once, no source file and no long exported function without one.
CHECKS += journey
.PHONY: $(R)/journey.tap
$(R)/journey.tap:
	@mkdir -p $(@D)
	scripts/journey --check > $@ || [ -s $@ ]

# What the linters say, one line for each
CHECKS += lint
.PHONY: $(R)/lint.tap
$(R)/lint.tap: $(VERSION_H)
	@mkdir -p $(@D)
	scripts/lint > $@ || grep -q "^not ok" $@
