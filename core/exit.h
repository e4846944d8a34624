/* SPDX-License-Identifier: GPL-2.0 */
/*
 * exit.h: the exit statuses of lguest-run that are its own, and who is to blame. Below 100 (and any other
 * number) the guest said it itself, at power-off. docs/man/lguest-run.1 has the table for users; lguest-core uses
 * the same numbers in its last word to lguest-run (control.h).
 */
#ifndef LGUEST_EXIT_H
#define LGUEST_EXIT_H

enum lguest_exit_status {
	EXIT_USAGE = 100,		/* the command line or the configuration file */
	EXIT_FILE = 101,		/* a file cannot be opened or read */
	EXIT_KERNEL = 102,		/* not a guest kernel, or a malformed one */
	EXIT_MEMORY = 103,		/* too little memory for this kernel, or the host does not have that much */
	EXIT_DEVICE = 104,		/* /dev/lguest: missing, forbidden, another version, refused host */
	EXIT_HOST = 105,		/* another resource of the host: tap, terminal, processes, descriptors */
	EXIT_SANDBOX = 106,		/* the sandbox cannot be put on */
	EXIT_GUEST_CRASH = 110,		/* the guest kernel panicked */
	EXIT_GUEST_RESTART = 111,	/* the guest asked for a restart */
	EXIT_GUEST_KILLED = 112,	/* lg.ko or the core killed the guest */
	EXIT_LEFT = 113,		/* the user left with three times ctrl-C */
	EXIT_CORE = 115,		/* lguest-core died */
	EXIT_CORE_POLICY = 116,		/* lguest-core was killed by its system-call filter */
	EXIT_ROLE = 120,		/* a device's role could not be started; + enum role in launch order */
};

#endif
