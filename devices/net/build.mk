NET_OBJS := devices/net/main.o devices/net/tap.o devices/net/tx.o devices/net/rx.o devices/net/control.o
$(eval $(call program,lguest-net,$(NET_OBJS) $(BACKEND_OBJS) policy/tap.o $(call role_objs,net),$(BACKEND_LIBS)))
