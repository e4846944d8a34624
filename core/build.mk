# lguest-core holds the guest. CORE_OBJS are what tests link too.
CORE_OBJS := core/memory.o core/elf.o core/boot_params.o core/decode.o core/virtio_mmio.o core/device.o core/vcpu.o
$(eval $(call program,lguest-core,core/core.o $(CORE_OBJS) $(IPC_FRONTEND) $(POLICY_OBJS) $(call role_objs,core),-pthread $(POLICY_LIBS)))
