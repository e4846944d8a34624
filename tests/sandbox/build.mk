# The sandbox from inside and from outside: `make check-sandbox`, and the groups sandbox, policy-*, mutants of `make check`.
# Manifests against expectations, and what the kernel says of running roles (role_tests: tests/frontend/build.mk)
$(B)/tests/sandbox/policy_%: $(B)/tests/sandbox/policy_%.o $(addprefix $(B)/,tests/sandbox/abstract.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND) $(POLICY_OBJS) $(POLICY_ALL_OBJS))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion -lmd -luring $(POLICY_LIBS)
$(eval $(call role_tests,policy-manifest,sandbox/policy_manifest))
$(eval $(call role_tests,policy-audit,sandbox/policy_audit))

HOSTILE := $(B)/tests/sandbox/hostile
HOSTILE_ROLES := $(DEVICE_ROLES) core control
HOSTILE_OBJS := tests/sandbox/hostile.o tests/sandbox/acts.o tests/sandbox/abstract.o tests/sandbox/place.o $(POLICY_OBJS) $(POLICY_ALL_OBJS)

$(HOSTILE): $(addprefix $(B)/,$(HOSTILE_OBJS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(POLICY_LIBS)

.PHONY: check-sandbox check-mutants $(R)/sandbox.tap $(R)/mutants.tap
check-sandbox: $(HOSTILE) ## hostile payloads in each sealed role's place: all must die or fail
	@rc=0; for r in $(HOSTILE_ROLES); do for t in acts ring calls; do $(HOSTILE) $$t $$r || rc=1; done; done; exit $$rc

ANYROLE := $(B)/tests/sandbox/anyrole
$(ANYROLE): $(addprefix $(B)/,tests/sandbox/anyrole.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

MUTANT_NEEDS := $(B)/lguest-block $(B)/lguest-net $(B)/lguest-console $(BLKFE) $(ANYROLE) $(B)/tests/sandbox/policy_audit \
	$(B)/tests/frontend/roles
# The console's tests wait for readers that stall: minutes, so not part of `make check`.
check-mutants: $(MUTANT_NEEDS) ## take each rule of a manifest away: a test must miss it
	B=$(B) tests/sandbox/mutants.sh block block-sync net console

CHECKS += sandbox mutants sandbox-host sandbox-host-calls
CHECKS_LONG += sandbox-host-calls
CHECKS_BESIDE += policy-manifest
CHECKS_SLEEPING += sandbox
CHECKS_WAITING += policy-audit mutants
define sandbox_host
.PHONY: $(R)/$(1).tap
$(R)/$(1).tap: $(HOSTILE) $(B)/lguest-block $(BLKFE)
	@mkdir -p $$(@D)
	B=$(B) ROLES="$(HOSTILE_ROLES)" tests/sandbox/inhost.sh $(2) > $$@ || grep -q "^not ok" $$@
endef
$(eval $(call sandbox_host,sandbox-host,acts))
$(eval $(call sandbox_host,sandbox-host-calls,calls))
# They wait for the kernel, mostly, which makes and unmakes namespaces for each try
$(R)/sandbox.tap: $(HOSTILE)
	@mkdir -p $(@D)
	(. tests/lib/tap.sh; for t in acts ring calls; do { for r in $(HOSTILE_ROLES); do \
		$(HOSTILE) $$t $$r > $@.$$t; check $$? "hostile $$t $$r"; quoted $@.$$t; done; } > $@-$$t & done; wait; cat $@-*; rm -f $@-* $@.*) > $@
$(R)/mutants.tap: $(MUTANT_NEEDS)
	@mkdir -p $(@D)
	B=$(B) tests/sandbox/mutants.sh block block-sync net > $@ || grep -q "^not ok" $@
