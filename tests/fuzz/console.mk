FUZZ_console := tests/fuzz/console.c tests/fuzz/guest.c tests/lib/fake_loop.c devices/console/main.c devices/console/port.c devices/backend_setup.c \
	ipc/virtqueue.c ipc/virtqueue_mem.c
FUZZ_console_FLAGS := -Dmain=lguest_console_main
