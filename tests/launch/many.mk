# many.sh on Linux guests and on the probe: run.sh builds what it needs.
LAUNCH_NEEDS := $(B)/probe $(B)/leave launch-programs module
PROGRAMS += $(B)/leave
$(B)/leave: tests/launch/leave.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -static -o $@ $<

.PHONY: launch-many
launch-many: $(LAUNCH_NEEDS) ## 20 Linux guests at once and 500 starts in a row, and what they leave
	tests/launch/run.sh '--timeout 1200 --smp 2 --mem 3072' many.sh parallel $(or $(GUESTS),20)
	tests/launch/run.sh '--timeout 1500 --smp 2' many.sh starts $(or $(STARTS),500)
