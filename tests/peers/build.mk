# Group hostile-peers: the real launcher around a module that is played (fakemod.c), with hostile back ends (peer.c) in its roles' places.
# Native: no emulator, no module; it needs root, for a /dev/lguest that only its own mount namespace has.
$(PEERS)/fake/lguest-core: $(addprefix $(B)/,core/core.o tests/peers/fakemod.o $(CORE_OBJS) $(IPC_FRONTEND) $(POLICY_OBJS) $(call role_objs,core))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -Wl,--wrap=ioctl -o $@ $^ -pthread $(POLICY_LIBS)
$(PEERS)/peer: $(addprefix $(B)/,tests/peers/peer.o $(IPC_WIRE))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -pthread

$(PEERS)/hijacked: tests/peers/hijacked.c $(addprefix $(B)/,$(POLICY_OBJS) $(call role_objs,$(BARE_DEVICE)))
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -DBARE=$(BARE_DEVICE) -DREAL_PROGRAM='"$(abspath $(B))/lguest-$(BARE_DEVICE)"' -o $@ $^ -luring $(POLICY_LIBS)

# A host that has not what lguest-run needs; also for tests/control
$(PEERS)/scarce.so: tests/peers/scarce.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -shared -fPIC -o $@ $<

CHECKS += hostile-peers hostile-peers-minute
CHECKS_WAITING += hostile-peers
CHECKS_SLEEPING += hostile-peers-minute
.PHONY: $(R)/hostile-peers.tap $(R)/hostile-peers-minute.tap
PEERS_NEED := $(PEERS)/fake/lguest-core $(PEERS)/peer $(PEERS)/hijacked $(PEERS)/scarce.so $(B)/probe launch-programs
$(R)/hostile-peers.tap: $(PEERS_NEED)
	@mkdir -p $(@D)
	B=$(B) tests/peers/peers > $@ || grep -q '^not ok' $@
$(R)/hostile-peers-minute.tap: $(PEERS_NEED)
	@mkdir -p $(@D)
	B=$(B) tests/peers/peers stays > $@ || grep -q '^not ok' $@
