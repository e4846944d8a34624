# The tree itself, on the build machine: who includes whom, what the linters say, the code's stations, lg.ko on every kernel, what is installed and packed.
TREE := layers module journey lint dist install suite run taps debian
CHECKS += $(TREE)
CHECKS_BESIDE += $(filter-out suite,$(TREE))
CHECKS_SLEEPING += suite
.PHONY: layers $(TREE:%=$(R)/%.tap)

layers: ## which folder may include which, and who may name a device: red when one reaches up
	@s=0; for t in layers devices; do said=$$(tests/tree/$$t) || s=1; echo "$$said" | grep -v '^ok'; ! echo "$$said" | grep -q '^not ok' || s=1; done; exit $$s
$(R)/layers.tap:
	@mkdir -p $(@D)
	tests/tree/layers > $@
	tests/tree/devices >> $@

# lg.ko without a warning on every kernel series that it is for; what `make dist` packs, built where there is no git; what counts the results; what `make run` hands on; the taps of guests that systemd starts; which disk a Debian formats
$(R)/module.tap $(R)/dist.tap $(R)/suite.tap $(R)/run.tap $(R)/taps.tap $(R)/debian.tap: $(R)/%.tap: tests/tree/%.bats
	$(bats_group)

# The code's stations (make journey): each number once, no source file and no long exported function without one
$(R)/journey.tap:
	@mkdir -p $(@D)
	scripts/journey --check > $@ || [ -s $@ ]

# What the linters say, one line for each
$(R)/lint.tap: $(VERSION_H)
	@mkdir -p $(@D)
	scripts/lint > $@ || grep -q "^not ok" $@

# What `make install` and its like put into a folder
$(R)/install.tap: launch-programs module
	@mkdir -p $(@D)
	tests/tree/install.sh > $@
