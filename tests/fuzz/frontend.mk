FUZZ_frontend := tests/fuzz/frontend.c $(IPC_FRONTEND:.o=.c)
