BLOCK_OBJS := devices/block/main.o devices/block/request.o devices/block/image.o
$(eval $(call program,lguest-block,$(BLOCK_OBJS) $(BACKEND_OBJS) $(call role_objs,block) \
	$(call role_objs,block-sync),$(BACKEND_LIBS)))
