FUZZ_net := tests/fuzz/net.c tests/fuzz/guest.c tests/lib/fake_loop.c devices/net/main.c devices/net/tx.c devices/net/rx.c \
	devices/net/control.c devices/backend_setup.c ipc/virtqueue.c ipc/virtqueue_mem.c
FUZZ_net_FLAGS := -Dmain=lguest_net_main
