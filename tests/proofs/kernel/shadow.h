/* SPDX-License-Identifier: GPL-2.0 */
/* In the place of kmod/shadow.h for a file that is proved: what such a file needs is in lg.h. */
