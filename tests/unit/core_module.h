/* SPDX-License-Identifier: GPL-2.0 */
/* core_module.h: the module that core_vcpu.c plays, for all of unit-core: an ioctl() on this descriptor comes to it, and one that it has no answer for goes well. */
#ifndef LGUEST_TESTS_CORE_MODULE_H
#define LGUEST_TESTS_CORE_MODULE_H

#define MODULE 999

#endif
