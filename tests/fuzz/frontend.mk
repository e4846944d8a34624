FUZZ_frontend := tests/fuzz/frontend.c ipc/vhost_user.c ipc/vhost_user_frontend.c ipc/vhost_user_wanted.c
