# devices/: one executable per role, all around the same loop (BACKEND_OBJS), which needs ipc/ and policy/.
VIRTQUEUE := devices/virtqueue.o devices/virtqueue_mem.o
BACKEND_OBJS := devices/backend.o devices/backend_ring.o devices/backend_poll.o devices/backend_main.o devices/backend_setup.o \
	$(VIRTQUEUE) $(IPC_BACKEND) $(POLICY_OBJS)
BACKEND_LIBS := -luring $(POLICY_LIBS)

# $(call role_objs,ROLE): manifest and compiled filters of a role
role_objs = policy/role-$(1).o policy/filter-$(1).o

-include devices/block/build.mk devices/net/build.mk devices/console/build.mk devices/rng/build.mk
