$(eval $(call unit_device,net,net,tx.o rx.o control.o ../rate.o))
