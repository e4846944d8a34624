# Console and net as whole programs under our own front end.
ROLES := $(B)/tests/frontend/roles
$(ROLES): $(addprefix $(B)/,tests/frontend/roles.o tests/frontend/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

CHECKS += roles
.PHONY: $(R)/roles.tap
$(R)/roles.tap: $(ROLES) $(B)/lguest-console $(B)/lguest-net
	@mkdir -p $(@D)
	$(ROLES) $(B) > $@ || grep -q "^not ok" $@
