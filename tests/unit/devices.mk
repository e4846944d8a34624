# Unit tests of the virtqueue library, ipc/ and the net and console devices.
$(eval $(call unit,vq,$(VIRTQUEUE),-pthread))
$(eval $(call unit,ipc,$(VIRTQUEUE) $(IPC_BACKEND)))
$(eval $(call unit,frontend,$(VIRTQUEUE) $(IPC_BACKEND) ipc/vhost_user_frontend.o,-pthread))
