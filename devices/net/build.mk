RUN_net := tap_owner.o
$(eval $(call device,net,main.o tap.o tap_owner.o tx.o rx.o control.o ../rate.o))
BENCH_net := --tap-fd={tap}
