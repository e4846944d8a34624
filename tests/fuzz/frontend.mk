FUZZ_frontend := tests/fuzz/frontend.c $(IPC_FRONTEND:.o=.c)
FUZZ_frontend_FLAGS := -Dpoll=fuzz_poll -Dclock_gettime=fuzz_clock_gettime
