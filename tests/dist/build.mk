# What `make dist` packs, built where there is no git.
CHECKS += dist
.PHONY: $(R)/dist.tap
$(R)/dist.tap:
	@mkdir -p $(@D)
	tests/dist/check.sh > $@
