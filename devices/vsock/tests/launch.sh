# SPDX-License-Identifier: GPL-2.0
#
# What the tests of tests/launch ask of this device, in the test host; sourced by tests/lib/lguest.sh.

other_devices="$other_devices --vsock /tmp/vsock"

# Runs in launch.sh
starts_vsock() { guest 4 'connections to the host' --console none --cmdline 4 --vsock /tmp/vsock; }

# Run in mistakes.sh
explained_vsock() { explains vsock0 'lguest-vsock.* holds the socket /tmp/vsock, and a helper that connects to /tmp/vsock_PORT for it; the guest is number 3'; }
mistakes_vsock() {
	value vsock 100 '--vsock names nothing: --vsock PATH' --vsock ''
	value vsock 100 'cid=2 is not a number from 3 to 4294967294' --vsock /tmp/x,cid=2
	value vsock 100 'cid=4294967295 is not a number from 3' --vsock /tmp/x,cid=4294967295
	value vsock 100 'the socket name /tmp/x_2 is one for a port of another guest: take one that does not end in _ and digits' --vsock /tmp/x_2
	value vsock 100 '--vsock /tmp/x: this guest has it already, as vsock0: leave one of them out, or name another' --vsock /tmp/x --vsock /tmp/x
	value vsock 101 'cannot listen at /nowhere/x: No such file or directory (check the name)' --vsock /nowhere/x
	value vsock 105 'the socket img is in use by another guest, or is there and no socket of yours' --vsock img
	value vsock 105 'is too long: use one of less than 97 characters' --vsock $long
}
