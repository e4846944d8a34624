# The native block front end, its benchmark and its crash test.
BLKFE := $(B)/tests/bench/blkfe
$(BLKFE): $(addprefix $(B)/,tests/bench/blkfe.o tests/bench/blkdrv.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

# lguest-net against a loop of read() or write() on the tap
BENCH_NET := $(B)/tests/bench/bench-net
$(BENCH_NET): $(addprefix $(B)/,tests/bench/net.o tests/frontend/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

.PHONY: bench-net
bench-net: $(BENCH_NET) $(B)/lguest-net ## frames a second through lguest-net, against a read/write loop
	$(BENCH_NET) $(B)/lguest-net $(or $(ROUNDS),5)
