# ipc/: no program, two sets of objects that the programs of core/ and devices/ link.
IPC_WIRE := ipc/vhost_user.o
IPC_FRONTEND := $(IPC_WIRE) ipc/vhost_user_frontend.o
IPC_BACKEND := $(IPC_WIRE) ipc/vhost_user_backend.o
