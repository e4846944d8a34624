# Proofs by CBMC, which tests/proofs/mkcbmc.sh fetches once; docs/verification.md has the table of what is proved.
.PHONY: proofs proofs-all $(R)/proofs.tap
proofs: $(VERSION_H) ## prove what tests/proofs/ claims of rings, messages and decoders; each proof fails on the bug beside it (NAME= for some)
	@tests/proofs/run $(NAME)
proofs-all: $(VERSION_H) ## the same with those that take minutes
	@tests/proofs/run --all $(NAME)

CHECKS += proofs
CHECKS_BESIDE += proofs
$(R)/proofs.tap: $(VERSION_H)
	@mkdir -p $(@D)
	JOBS=1 tests/proofs/run > $@ || grep -q "^not ok" $@
