# The tests. Each tests/DIR/build.mk builds what it needs and appends to CHECKS the names of its groups; the group NAME is run
# by the recipe of a target $(R)/NAME.tap, which writes lines "ok WHAT" and "not ok WHAT" there, and ends with status 0
# also when tests failed. `make check` runs all groups and adds them up (tests/host/suite), in two lanes: CHECKS_BESIDE names those that may run
# beside others, because they use one processor and no interface, port, mount or file that another group has; CHECKS_SLEEPING those of them that hardly
# use one, which are no lane's burden; CHECKS_ALONE those that bear nothing
# beside them, because they hold what they see against the clock or the machine's memory; CHECKS_WAITING those that do so but wait, mostly: two of
# these bear each other; CHECKS_PAIRED those that keep one processor busy and bear one that does the same. CHECKS_LONG are those that `make check` has no
# time for: `make check-long` runs them, in the same lanes.
R := build/results
CHECKS :=
CHECKS_BESIDE :=
CHECKS_SLEEPING :=
CHECKS_WAITING :=
CHECKS_PAIRED :=
CHECKS_ALONE :=
CHECKS_LONG :=

# NAME=SECONDS of groups that may take longer than 1,800 s: worked out when it is wanted
CHECK_LIMITS =

# The recipe of a group that is one file of bats: its first prerequisite
define bats_group
@mkdir -p $(@D)
bats -F tap $< > $@ || grep -q "^not ok" $@
endef

# What several groups play with: the module that is played, and those around it (tests/peers)
PEERS := $(B)/tests/peers

-include tests/*/build.mk devices/*/tests/build.mk
