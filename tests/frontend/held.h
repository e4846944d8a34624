/* SPDX-License-Identifier: GPL-2.0 */
/* held.h: sectors with a meaning of their own for held.c. */
#ifndef LGUEST_TEST_HELD_H
#define LGUEST_TEST_HELD_H

#define RELEASE 4999u	/* a read of it answers all that are held, then itself */
#define HELD 5000u	/* reads from here on are held */

#endif
