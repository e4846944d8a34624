CONSOLE_OBJS := devices/console/main.o devices/console/port.o devices/console/terminal.o
$(eval $(call program,lguest-console,$(CONSOLE_OBJS) $(BACKEND_OBJS) $(call role_objs,console),$(BACKEND_LIBS)))
