# Fuzz target "block" (tests/fuzz/build.mk has the rules).
FUZZ_block := tests/fuzz/block.c devices/block/main.c devices/block/request.c devices/block/span.c devices/rate.c devices/backend_setup.c ipc/virtqueue.c ipc/virtqueue_mem.c
FUZZ_block_FLAGS := -Dmain=lguest_block_main
