# One compiled filter per role: $(B)/policy/filter-ROLE.o, printed by a build-time tool from policy/role-ROLE.c.
# A role's program links $(POLICY_OBJS) (the code that applies and prints), role-ROLE.o and filter-ROLE.o.
POLICY_ROLES := block block-sync net console rng core minder
POLICY_OBJS := policy/enter.o policy/seal.o policy/root.o policy/print.o policy/role-minder.o policy/filter-minder.o
POLICY_LIBS := -lcap-ng

# The sanitizers' run time makes calls of its own: in that flavour the filter lets the rest through. Tests only.
POLICY_ACTION_release := SCMP_ACT_KILL_PROCESS
POLICY_ACTION_asan := SCMP_ACT_ALLOW
policy_name = $(subst -,_,policy_$(1))

define policy_role
$(B)/policy/compile-$(1): policy/compile.c $(B)/policy/role-$(1).o
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS_ALL) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -DPOLICY_DEFAULT_ACTION=$$(POLICY_ACTION_$$(V)) \
		-DPOLICY_MANIFEST=$(call policy_name,$(1))_manifest -DPOLICY_ROLE=$(call policy_name,$(1)) \
		-o $$@ $$^ -lseccomp -lmd
$(B)/policy/filter-$(1).c: $(B)/policy/compile-$(1)
	$$< > $$@.tmp && mv $$@.tmp $$@
$(B)/policy/filter-$(1).o: $(B)/policy/filter-$(1).c
	$$(CC) $$(CPPFLAGS_ALL) $$(CFLAGS_ALL) -c -o $$@ $$<
endef
$(foreach r,$(POLICY_ROLES),$(eval $(call policy_role,$(r))))
