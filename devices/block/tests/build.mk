$(eval $(call unit_device,blk,block,request.o span.o ../rate.o))
