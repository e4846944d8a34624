# One compiled filter per role: $(B)/policy/filter-ROLE.o, printed by a build-time tool from the role's manifest, which stands with
# its program: devices/NAME/manifest.c, or what MANIFEST_ROLE names. A program links $(POLICY_OBJS) (the code that applies and
# prints) and, for each of its roles, $(call role_objs,ROLE): manifest and compiled filters.
MANIFEST_core := core/manifest
MANIFEST_control := control/manifest
MANIFEST_record := record/manifest
MANIFEST_minder := policy/minder
MANIFEST_attendant := policy/attendant
manifest_of = $(or $(MANIFEST_$(1)),devices/$(1)/manifest)
role_objs = $(call manifest_of,$(1)).o policy/filter-$(1).o

POLICY_OBJS := policy/enter.o policy/layers.o policy/mind.o policy/seal.o policy/forget.o policy/root.o policy/print.o $(call role_objs,minder) \
	$(call role_objs,attendant)

# The sanitizers' run time makes calls of its own: in that flavour the filter lets the rest through. Tests only.
POLICY_ACTION_release := SCMP_ACT_KILL_PROCESS
POLICY_ACTION_asan := SCMP_ACT_ALLOW
policy_name = $(subst -,_,policy_$(1))

define policy_role
POLICY_ROLES += $(1)
$(B)/policy/compile-$(1): policy/compile.c $(B)/$(call manifest_of,$(1)).o
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS_ALL) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -DPOLICY_DEFAULT_ACTION=$$(POLICY_ACTION_$$(V)) \
		-DPOLICY_MANIFEST=$(call policy_name,$(1))_manifest -DPOLICY_ROLE=$(call policy_name,$(1)) \
		-o $$@ $$^ -lseccomp -lmd
$(B)/policy/filter-$(1).c: $(B)/policy/compile-$(1)
	$$< > $$@.tmp && mv $$@.tmp $$@
$(B)/policy/filter-$(1).o: $(B)/policy/filter-$(1).c
	$$(CC) $$(CPPFLAGS_ALL) $$(CFLAGS_ALL) -c -o $$@ $$<
endef
$(foreach r,core control record minder attendant,$(eval $(call policy_role,$(r))))
