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

# Windows of the least sizes and of odd ones, under a Linux guest.
CHECKS += windows
.PHONY: $(R)/windows.tap
$(R)/windows.tap: launch-programs module
	@mkdir -p $(@D)
	tests/field/windows > $@ || grep -q '^not ok' $@
