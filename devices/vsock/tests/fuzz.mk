FUZZ_vsock := devices/vsock/tests/fuzz.c tests/fuzz/guest.c tests/lib/fake_loop.c devices/vsock/main.c devices/vsock/packet.c devices/vsock/conn.c \
	devices/backend_setup.c ipc/virtqueue.c ipc/virtqueue_mem.c
FUZZ_vsock_FLAGS := -Dmain=lguest_vsock_main
