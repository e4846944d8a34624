# Unit tests of the virtqueue library and ipc/, and what the devices' folders make theirs of.
$(eval $(call unit,vq,$(VIRTQUEUE),-pthread))
$(eval $(call unit,ipc,$(VIRTQUEUE) $(IPC_BACKEND) devices/backend.o devices/backend_spin.o,-luring -Wl$(comma)--wrap=mmap))
$(eval $(call unit,frontend,$(VIRTQUEUE) $(IPC_BACKEND) $(filter-out $(IPC_WIRE),$(IPC_FRONTEND)),-pthread))

# A device's own code on the fake loop of the fuzz targets; its main() goes by another name. $(call unit_device,GROUP,NAME,OBJECTS)
# makes the group unit-GROUP of devices/NAME/tests/unit_GROUP.c with OBJECTS of that folder.
$(B)/tests/unit/%-main.o: devices/%/main.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Dmain=lguest_$*_main -MMD -MP -c -o $@ $<
unit_device = $(call unit,$(1),tests/unit/$(2)-main.o $(addprefix devices/$(2)/,$(3)) devices/backend_setup.o tests/lib/fake_loop.o $(VIRTQUEUE))
