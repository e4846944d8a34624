# Every role that the build knows, as an array: for tests, and for `make policies`. Included when all of them are known.
POLICY_ALL_OBJS := policy/roles.o $(filter-out $(POLICY_OBJS),$(foreach r,$(POLICY_ROLES),$(call role_objs,$(r))))
$(B)/policy/roles.c: policy/all.mk $(wildcard devices/*/build.mk)
	@mkdir -p $(@D)
	{ echo '/* Made by policy/build.mk. */'; echo '#include "policy/policy.h"'; \
		for r in $(subst -,_,$(POLICY_ROLES)); do echo "POLICY_DECLARE($$r);"; done; \
		echo 'const struct policy_role *const policy_roles[] = {'; \
		for r in $(subst -,_,$(POLICY_ROLES)); do echo "	&policy_$$r,"; done; \
		echo '	NULL'; echo '};'; } > $@
$(B)/policy/roles.o: $(B)/policy/roles.c
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(B)/policy/print-all: $(addprefix $(B)/,policy/print_all.o $(POLICY_OBJS)) $(addprefix $(B)/,$(POLICY_ALL_OBJS))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(POLICY_LIBS)
.PHONY: policies
policies: $(B)/policy/print-all ## what every role may do, all manifests on one page
	@$< | grep -v '^bpf '
