# Other people's fault reports, tried on the released programs (tests/field/README.md).
FIELD_FILES := $(B)/field-errors.so $(LAUNCH_PROGRAMS) $(B)/probe
$(B)/field-errors.so: tests/field/errors.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O2 $(WARN) -o $@ $<

CHECKS += field
CHECKS_ALONE += field
.PHONY: $(R)/field.tap
$(R)/field.tap: $(FIELD_FILES)
	@mkdir -p $(@D)
	tests/field/run.py $(B) > $@ || grep -q '^not ok' $@

# Windows of the least sizes and of odd ones, and disks of 4096-byte sectors, under a Linux guest.
$(B)/loop4k: tests/field/host/loop4k.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -static -o $@ $<

CHECKS_LONG += windows
define field_guest
CHECKS += $(1)
CHECKS_BESIDE += $(1)
.PHONY: $(R)/$(1).tap
$(R)/$(1).tap: $(B)/loop4k launch-programs module
	@mkdir -p $$(@D)
	tests/host/run --lguest /w --linux --guest initramfs "=$$$$(cat tests/field/guest/$(1).guest)" --mem 1024 --timeout 600 --dmesg-clean \
		--log $(R)/$(1).console --file tests/field/host/$(1).sh:/w/$(1).sh --file $(B)/loop4k:/w/loop4k \
		-- "sh /w/$(1).sh '3072 3328 4352 17152 262144'" > $$@ || grep -q '^not ok' $$@
endef
$(foreach g,windows sectors unseen,$(eval $(call field_guest,$(g))))
