# devices/: one executable per device, all around the same loop (BACKEND_OBJS), which needs ipc/ and policy/. DEVICES is the list of
# devices, made from the folders: whoever needs the list asks for it here. DEVICE_ROLES has their manifests (a device may have two), HELPER_ROLES those of processes
# of theirs that stay outside the sandbox, behind a filter of their own;
# DEVICE_RUN_OBJS what each gives to lguest-run: kind.o and launch.o, and RUN_NAME, which its build.mk may set.
DEVICES := $(patsubst devices/%/build.mk,%,$(wildcard devices/*/build.mk))
# The device that needs nothing of the user, for tests that want any simple one.
BARE_DEVICE := $(firstword $(patsubst devices/%/kind.c,%,$(shell grep -lF '.grammar = ""' devices/*/kind.c)))
DEVICE_ROLES = $(filter-out core control minder attendant keeper $(HELPER_ROLES),$(POLICY_ROLES))
DEVICE_RUN_OBJS = $(foreach d,$(DEVICES),$(addprefix devices/$(d)/,kind.o launch.o $(RUN_$(d))))
BACKEND_OBJS := devices/backend.o devices/backend_ring.o devices/backend_spin.o devices/backend_poll.o devices/backend_main.o devices/backend_listen.o devices/backend_gone.o devices/backend_setup.o \
	$(VIRTQUEUE) $(IPC_BACKEND) $(POLICY_OBJS)
BACKEND_LIBS := -luring $(POLICY_LIBS)

# $(call device,NAME,OBJECTS[,FURTHER ROLES]): the program lguest-NAME with its manifest, and those that it may take instead
define device
$(foreach r,$(1) $(3),$(call policy_role,$(r))
)
$(call program,lguest-$(1),$(addprefix devices/$(1)/,$(2)) $(BACKEND_OBJS) $(foreach r,$(1) $(3),$(call role_objs,$(r))),$(BACKEND_LIBS))
endef
include $(DEVICES:%=devices/%/build.mk)
