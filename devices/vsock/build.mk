MANIFEST_vsock-dial := devices/vsock/manifest-dial
HELPER_ROLES += vsock-dial
$(eval $(call device,vsock,main.o packet.o conn.o dial.o,vsock-dial))
BENCH_vsock := --cid=3 --unix={folder}/v
