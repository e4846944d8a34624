/* SPDX-License-Identifier: GPL-2.0 */
/* In the kernel's place for a file of kmod/ that is proved: what such a file needs is in ../lg.h. */
