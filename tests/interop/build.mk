# Foreign front ends: libblkio, and QEMU with Debian's stock kernel, over our back ends. Root, and for QEMU's minutes of software emulation each.
CHECKS_LONG += interop-block interop-net
define interop
CHECKS += interop-$(1)
CHECKS_BESIDE += interop-$(1)
.PHONY: $(R)/interop-$(1).tap
$(R)/interop-$(1).tap: programs
	@mkdir -p $$(@D)
	BIN=$(B) tests/interop/$(1) > $$@ || grep -q "^not ok" $$@
endef
$(foreach t,block blkio net,$(eval $(call interop,$(t))))
