# Other people's fault reports, tried on the released programs (tests/field/README.md).
FIELD_FILES := $(B)/field-errors.so $(LAUNCH_PROGRAMS) $(B)/probe
$(B)/field-errors.so: tests/field/errors.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O2 $(WARN) -o $@ $<

CHECKS += field
.PHONY: $(R)/field.tap
$(R)/field.tap: $(FIELD_FILES)
	@mkdir -p $(@D)
	tests/field/run.py $(B) > $@ || grep -q '^not ok' $@
