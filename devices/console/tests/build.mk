$(eval $(call unit_device,console,console,port.o))
