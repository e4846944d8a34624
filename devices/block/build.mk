MANIFEST_block-sync := devices/block/manifest-sync
MANIFEST_block-ro := devices/block/manifest-ro
MANIFEST_block-ro-sync := devices/block/manifest-ro-sync
MANIFEST_block-keep := devices/block/manifest-keep
MANIFEST_block-keep-sync := devices/block/manifest-keep-sync
$(eval $(call device,block,main.o request.o span.o image.o ../rate.o,block-sync block-ro block-ro-sync block-keep block-keep-sync))
BENCH_block := --blk-file={image}
