include tests/unit/block.mk
# The sandbox from inside: `make check-sandbox`.
HOSTILE := $(B)/tests/hostile/hostile
HOSTILE_ROLES := block block-sync net console
HOSTILE_OBJS := tests/hostile/hostile.o tests/hostile/acts.o tests/hostile/place.o $(POLICY_OBJS) \
	$(foreach r,$(HOSTILE_ROLES),policy/role-$(r).o policy/filter-$(r).o)

$(HOSTILE): $(addprefix $(B)/,$(HOSTILE_OBJS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(POLICY_LIBS)

.PHONY: check-sandbox
check-sandbox: $(HOSTILE) ## hostile payloads in each sealed role's place: all must die or fail
	@set -e; for r in $(HOSTILE_ROLES); do for t in acts ring calls; do $(HOSTILE) $$t $$r; done; done
