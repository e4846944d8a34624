# Which folder may include which.
CHECKS += layers
.PHONY: layers $(R)/layers.tap
layers: ## which folder may include which: red when one reaches up
	@tests/layers/layers | grep -v '^ok' ; ! tests/layers/layers | grep -q '^not ok'
$(R)/layers.tap:
	@mkdir -p $(@D)
	tests/layers/layers > $@
