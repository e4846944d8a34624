MANIFEST_keeper := devices/console/manifest-keeper
$(eval $(call device,console,main.o port.o terminal.o,keeper))
BENCH_console := --file=/dev/null
