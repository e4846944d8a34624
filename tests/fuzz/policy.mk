# The compiled filters of every role against the manifests that they were made from.
FUZZ_policy := tests/fuzz/policy.c $(patsubst %.o,%.c,$(filter-out policy/filter-%,$(foreach r,$(POLICY_ROLES),$(call role_objs,$(r))))) \
	$(B)/policy/roles.c $(POLICY_ROLES:%=$(B)/policy/filter-%.c)
