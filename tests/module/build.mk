# lg.ko without a warning on every kernel series that it is for.
CHECKS += module
.PHONY: $(R)/module.tap
$(R)/module.tap:
	@mkdir -p $(@D)
	tests/module/check.sh 6.1 6.12 7.3 > $@
