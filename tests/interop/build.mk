# Foreign front ends: QEMU and Debian's stock kernel over our back ends. Root, and minutes of software emulation each.
CHECKS += interop-block interop-net
.PHONY: $(R)/interop-block.tap $(R)/interop-net.tap
$(R)/interop-%.tap: programs
	@mkdir -p $(@D)
	BIN=$(B) tests/interop/$* > $@ || true
