# The model of the protocol of several vCPUs (docs/smp.md), checked by spin.
CHECKS += smp-model
CHECKS_BESIDE += smp-model
.PHONY: $(R)/smp-model.tap smp-model-all

$(R)/smp-model.tap:
	@mkdir -p $(@D)
	tests/smp/model.sh > $@ || grep -q "^not ok" $@

smp-model-all: ## the same with three vCPUs and all of the model: minutes, and 5 GiB
	@tests/smp/model.sh --all
