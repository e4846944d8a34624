# control/: lguest-control, which reads what clients of a guest's sockets write, and lguestctl, which people type. CONTROL_OBJS is what tests
# link too.
CONTROL_OBJS := control/serve.o control/line.o
$(eval $(call program,lguest-control,control/control.o $(CONTROL_OBJS) $(POLICY_OBJS) $(call role_objs,control),-ljansson $(POLICY_LIBS)))
$(eval $(call program,lguestctl,control/lguestctl.o control/metrics.o run/text.o,-ljansson))
