# lguest-core holds the guest, lguest-run starts and watches everything. CORE_OBJS are what tests link too.
CORE_OBJS := core/memory.o core/elf.o core/boot_params.o core/decode.o core/virtio_mmio.o core/device.o core/vcpu.o
RUN_OBJS := core/options.o core/text.o core/resources.o core/spawn.o core/supervise.o core/terminal.o

$(eval $(call program,lguest-core,core/core.o $(CORE_OBJS) $(IPC_FRONTEND),-pthread))
$(eval $(call program,lguest-run,core/run.o $(RUN_OBJS)))
