# Fuzz target "control" (tests/fuzz/build.mk has the rules).
FUZZ_control := tests/fuzz/control.c control/line.c
FUZZ_control_LIBS := -ljansson
