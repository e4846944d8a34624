$(eval $(call device,console,main.o port.o terminal.o))
BENCH_console := --file=/dev/null
