# many.sh, faults.sh and mistakes.sh, on Linux guests and on the probe: run.sh builds what they need. The longer parts are commands.
LAUNCH_NEEDS := $(B)/probe $(B)/leave launch-programs module
LAUNCH_RUN := tests/launch/run.sh
PROGRAMS += $(B)/leave
$(B)/leave: tests/launch/host/leave.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -static -o $@ $<

CHECKS += faults mistakes
CHECKS_BESIDE += mistakes
.PHONY: $(R)/faults.tap $(R)/mistakes.tap launch-many launch-faults
$(R)/faults.tap: $(LAUNCH_NEEDS)
	@mkdir -p $(@D)
	$(LAUNCH_RUN) '--timeout 300 --smp 2' 'faults.sh resources' 'faults.sh terminal' 'many.sh starts 5' > $@
$(R)/mistakes.tap: $(LAUNCH_NEEDS)
	@mkdir -p $(@D)
	$(LAUNCH_RUN) '--timeout 300 --append slub_debug=FZP' mistakes.sh 'faults.sh slabs 1' > $@

launch-many: $(LAUNCH_NEEDS) ## 20 Linux guests at once and 500 starts in a row, and what they leave
	$(LAUNCH_RUN) '--timeout 2400 --silence 1200 --smp 2 --mem 3072' 'many.sh parallel $(or $(GUESTS),20)'
	$(LAUNCH_RUN) '--timeout 1500 --smp 2' 'many.sh starts $(or $(STARTS),500)'

launch-faults: $(LAUNCH_NEEDS) ## the user leaves guests that spin, exhaust memory or fork without end; what the host's kernel keeps of them
	$(LAUNCH_RUN) '--timeout 900 --smp 2' 'faults.sh leaving' 'faults.sh terminal' 'faults.sh resources'
	$(LAUNCH_RUN) '--timeout 600 --smp 2 --append slub_debug=FZP' 'faults.sh slabs 10'
