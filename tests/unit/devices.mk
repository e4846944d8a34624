# Unit tests of the virtqueue library, ipc/ and the net and console devices.
$(eval $(call unit,vq,$(VIRTQUEUE),-pthread))
$(eval $(call unit,ipc,$(VIRTQUEUE) $(IPC_BACKEND)))
$(eval $(call unit,frontend,$(VIRTQUEUE) $(IPC_BACKEND) $(filter-out $(IPC_WIRE),$(IPC_FRONTEND)),-pthread))

# A device's own code on the fake loop of the fuzz targets; its main() goes by another name.
$(B)/tests/unit/%-main.o: devices/%/main.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Dmain=lguest_$*_main -MMD -MP -c -o $@ $<
$(eval $(call unit,net,tests/unit/net-main.o devices/net/tx.o devices/net/rx.o devices/net/control.o devices/rate.o devices/backend_setup.o tests/lib/fake_loop.o $(VIRTQUEUE)))
$(eval $(call unit,console,tests/unit/console-main.o devices/console/port.o devices/backend_setup.o tests/lib/fake_loop.o $(VIRTQUEUE)))
$(eval $(call unit,blk,tests/unit/block-main.o devices/block/request.o devices/block/span.o devices/rate.o devices/backend_setup.o tests/lib/fake_loop.o $(VIRTQUEUE)))
