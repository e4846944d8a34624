/* SPDX-License-Identifier: GPL-2.0 */
/*
 * exit.h: every exit status, and who is to blame: those of lguest-run that are its own, and those of a role. Below 100 (and any
 * other number) lguest-run's is what the guest said itself, at power-off. docs/man/lguest-run.1 has the table for users;
 * lguest-core uses the same numbers in its last word to lguest-run (core/control.h). Constants only.
 */
#ifndef LGUEST_IPC_EXIT_H
#define LGUEST_IPC_EXIT_H

enum lguest_exit_status {
	EXIT_USAGE = 100,		/* the command line or the configuration file */
	EXIT_FILE = 101,		/* a file cannot be opened or read */
	EXIT_KERNEL = 102,		/* not a guest kernel, or a malformed one */
	EXIT_MEMORY = 103,		/* too little memory for this kernel, or the host does not have that much */
	EXIT_DEVICE = 104,		/* /dev/lguest: missing, forbidden, another version, refused host */
	EXIT_HOST = 105,		/* another resource of the host: tap, terminal, processes, descriptors */
	EXIT_SANDBOX = 106,		/* the sandbox cannot be put on */
	EXIT_GUEST_CRASH = 110,		/* the guest kernel panicked */
	EXIT_GUEST_RESTART = 111,	/* the guest asked for a restart, or did not do one in time */
	EXIT_GUEST_KILLED = 112,	/* lg.ko or the core killed the guest */
	EXIT_LEFT = 113,		/* the user left with three times ctrl-C */
	EXIT_STOPPED = 114,		/* ended by an operator, or not powered down in time */
	EXIT_CORE = 115,		/* lguest-core died */
	EXIT_CORE_POLICY = 116,		/* lguest-core was killed by its system-call filter */
	EXIT_HOST_MEMORY = 117,		/* lguest-core was killed by SIGBUS: the host lost a page of memory, or had none to give */
	EXIT_ROLE = 120,		/* from here to 127: a device's role could not be started; which is its kind's (run/kind.h) */
};

/*
 * What lguest-run and a role's program must agree on: names of options, numbers of descriptors, what one process hands on to the next (in-flight
 * record, console's carry). A program of another number cannot take over from a running one.
 */
#define ROLE_INTERFACE	1u

/* Of a role, to lguest-run or to whoever started it alone. */
enum role_exit_status {
	ROLE_HUNG_UP = 0,		/* its front end closed the connection */
	ROLE_RESOURCE = 1,		/* a resource of the host is missing */
	ROLE_USAGE = 2,			/* its command line */
	ROLE_PROTOCOL = 3,		/* its front end broke the protocol */
	ROLE_LEFT = 4,			/* the user left the guest with three times ctrl-C; or a helper of its own is gone */
};

#endif
