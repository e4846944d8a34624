# lguest-core holds the guest, lguest-run starts and watches everything. CORE_OBJS are what tests link too.
CORE_OBJS := core/memory.o core/elf.o core/boot_params.o core/decode.o core/virtio_mmio.o core/device.o core/vcpu.o
RUN_OBJS := core/options.o core/text.o core/resources.o core/spawn.o core/supervise.o core/terminal.o

$(eval $(call program,lguest-core,core/core.o $(CORE_OBJS) $(IPC_FRONTEND) $(POLICY_OBJS) $(call role_objs,core),-pthread $(POLICY_LIBS)))
$(eval $(call program,lguest-run,core/run.o $(RUN_OBJS)))

# The commands for people. CMD='...' runs that in the guest and exits with its status.
LAUNCH_PROGRAMS := $(addprefix $(B)/,lguest-run lguest-core lguest-console lguest-block lguest-net)
.PHONY: run launch-programs
launch-programs: $(LAUNCH_PROGRAMS)

# Only the run goal needs make to hand its process over; what is given in CMD is not make's to expand.
ifneq ($(filter run,$(MAKECMDGOALS)),)
-load build/make_exec.so
build/make_exec.so: core/make_exec.c
	@mkdir -p $(@D)
	@$(CC) -shared -fPIC -O2 $(WARN) -o $@ $<
endif

run: override export CMD := $(value CMD)
run: ## a Linux guest on this machine's /dev/lguest or in the emulated host; CMD='...' runs that in it
	@$(become core/run.sh,$(value CMD))core/run.sh "$$CMD"
