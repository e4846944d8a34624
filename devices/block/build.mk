MANIFEST_block-sync := devices/block/manifest-sync
$(eval $(call device,block,main.o request.o span.o image.o,block-sync))
BENCH_block := --blk-file={image}
