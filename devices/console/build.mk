$(eval $(call device,console,main.o port.o terminal.o))
