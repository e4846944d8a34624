# The tests. Each tests/DIR/build.mk builds what it needs and appends to CHECKS the names of its groups; the group NAME is run
# by the recipe of a target $(R)/NAME.tap, which writes lines "ok WHAT" and "not ok WHAT" there, and ends with status 0
# also when tests failed. `make check` runs all groups and adds them up (tests/host/suite).
R := build/results
CHECKS :=

-include tests/*/build.mk devices/*/tests/build.mk
