# ipc/: no program, sets of objects that the programs of core/ and devices/ link: the rings, and both ends of vhost-user.
VIRTQUEUE := ipc/virtqueue.o ipc/virtqueue_mem.o
IPC_WIRE := ipc/vhost_user.o
IPC_FRONTEND := $(IPC_WIRE) ipc/vhost_user_frontend.o ipc/vhost_user_wanted.o
IPC_UNMAP := ipc/unmap.o
IPC_BACKEND := $(IPC_WIRE) $(IPC_UNMAP) ipc/vhost_user_backend.o
