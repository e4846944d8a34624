$(eval $(call program,lguest-rng,devices/rng/main.o $(BACKEND_OBJS) $(call role_objs,rng),$(BACKEND_LIBS)))
