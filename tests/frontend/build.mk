# Console and net as whole programs under our own front end.
ROLES := $(B)/tests/frontend/roles
$(ROLES): $(addprefix $(B)/,tests/frontend/roles.o tests/frontend/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

CHECKS += roles
.PHONY: $(R)/roles.tap
$(R)/roles.tap: $(ROLES) $(B)/lguest-console $(B)/lguest-net
	@mkdir -p $(@D)
	$(ROLES) $(B) > $@ || grep -q "^not ok" $@

# The core's own device.c around real roles, and one that holds requests back: drivers come and go while roles are killed.
EPOCHS := $(B)/tests/frontend/epochs
$(EPOCHS): $(addprefix $(B)/,tests/frontend/epochs.o core/device.o core/virtio_mmio.o core/memory.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -Wl,--wrap=ioctl -o $@ $^ -pthread
$(B)/tests/frontend/held: $(addprefix $(B)/,tests/frontend/held.o $(BACKEND_OBJS) $(call role_objs,block))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(BACKEND_LIBS)
$(B)/tests/frontend/slowdisk.so: tests/frontend/slowdisk.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -shared -fPIC -o $@ $<

CHECKS += epochs
.PHONY: $(R)/epochs.tap
$(R)/epochs.tap: $(EPOCHS) $(B)/tests/frontend/held $(B)/tests/frontend/slowdisk.so $(B)/lguest-block $(B)/lguest-console
	@mkdir -p $(@D)
	$(EPOCHS) $(B) > $@ || grep -q "^not ok" $@
