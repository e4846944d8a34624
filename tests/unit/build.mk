# Unit tests (Criterion), always built with the sanitizers: $(call unit,NAME,OBJECTS,LIBRARIES) makes one program of
# tests/unit/NAME_*.c, NAME_*.S and devices/*/tests/unit_NAME.c, and the group unit-NAME of `make check`. Criterion does not look at a test's leaks, and its
# runner leaks 48 bytes now and then: what counts is a report of LeakSanitizer with a line of ours in it.
unit_run = LSAN_OPTIONS=exitcode=0 build/asan/unit-$(1) $(2) 2>$(R)/unit-$(1).err; s=$$$$?; cat $(R)/unit-$(1).err >&2; \
	! grep -E '^ +\#[0-9]+ .* in .*(control|core|devices|ipc|policy|record|run|tests)/.*\.c:' $(R)/unit-$(1).err >&2 || { echo "unit-$(1): a leak, see above" >&2; exit 1; }; \
	[ $$$$s = 0 ]
# One at a time: under make -j each is a make of its own, and they share objects.
unit_build = mkdir -p build && flock build/asan.lock $$(MAKE) -s V=asan build/asan/unit-
# Those of LGUEST_GROUPS, together: tests/host/suite builds so, on all processors, before lanes would wait for each other's objects.
UNITS :=
.PHONY: unit-programs
unit-programs:
	@+set -- $(patsubst %,build/asan/%,$(filter $(UNITS),$(LGUEST_GROUPS))); [ $$# = 0 ] || { mkdir -p build && flock build/asan.lock $(MAKE) -s V=asan "$$@"; }
comma := ,
define unit
UNITS += unit-$(1)
CHECKS += unit-$(1)
CHECKS_BESIDE += unit-$(1)
.PHONY: unit-$(1)
unit-$(1):
	@$(unit_build)$(1)
	@mkdir -p $(R)
	@$(call unit_run,$(1))
$(R)/unit-$(1).tap: | unit-programs
	@mkdir -p $$(@D)
	@$(unit_build)$(1)
	@$(call unit_run,$(1),--quiet --tap=$$@) || grep -q "^not ok" $$@
.PHONY: $(R)/unit-$(1).tap
$(B)/unit-$(1): $$(patsubst %,$$(B)/%.o,$$(basename $$(wildcard tests/unit/$(1)_*.c tests/unit/$(1)_*.S devices/*/tests/unit_$(1).c))) \
		$$(addprefix $$(B)/,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ -lcriterion $(3)
endef

$(B)/tests/unit/%.o: tests/unit/%.S
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -c -o $@ $<

$(eval $(call unit,core,$(CORE_OBJS) $(OPTIONS_OBJS) $(IPC_FRONTEND) $(POLICY_OBJS),-pthread $(POLICY_LIBS)))
$(eval $(call unit,run,run/restart.o run/log.o $(OPTIONS_OBJS) $(POLICY_OBJS),$(POLICY_LIBS)))
$(eval $(call unit,record,record/out.o record/recording.o record/mirror.o record/inflight.o $(IPC_WIRE) $(IPC_UNMAP),-Wl$(comma)--wrap=mmap))
include tests/unit/devices.mk

# Device registers under several threads, with ThreadSanitizer; it wants the addresses as they were meant (setarch -R).
CHECKS += unit-threads
CHECKS_BESIDE += unit-threads
.PHONY: $(R)/unit-threads.tap
build/tsan/mmio: tests/unit/threads/mmio.c core/virtio_mmio.c core/virtio_mmio.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g $(WARN) $(CPPFLAGS_ALL) -fsanitize=thread -pthread -o $@ $(filter %.c,$^)
$(R)/unit-threads.tap: build/tsan/mmio
	@mkdir -p $(@D)
	setarch -R $< >$@ 2>$(@:.tap=.err) || { cat $(@:.tap=.err) >&2; echo "not ok 2 - registers: ThreadSanitizer reports a race" >>$@; }
