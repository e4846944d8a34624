# tests/frontend/: our own front end as a library of tests and benchmarks
DRIVER_OBJS := tests/frontend/driver.o $(IPC_FRONTEND)
