// SPDX-License-Identifier: GPL-2.0
/*
 * unit_core.c: the option of a device that names no object and needs no value: on the command line and in a file.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "run/launch.h"
#include "run/say.h"

Test(core_options, an_option_without_an_object)
{
	char kernel[] = "--kernel=k", option[] = "--rng", name[] = "--name=n";
	char *argv[] = { (char *)"lguest-run", kernel, option, name };
	static struct launch l;

	cr_assert_eq(options_parse(&l, 4, argv), 0);
	cr_assert_eq(l.roles, 2, "and the console");
	cr_expect_str_eq(l.role[0].kind->name, "rng");
	cr_expect_null(l.role[0].path);
	cr_expect_str_eq(l.role[0].name, "rng0");
	cr_expect_str_eq(l.name, "n", "it did not take the next word");
	cr_expect_eq(l.role[0].kind->status, 123);
}

Test(core_options, and_with_a_key)
{
	char kernel[] = "--kernel=k", window[] = "--rng=window=1M";
	char *argv[] = { (char *)"lguest-run", kernel, window };
	static struct launch l;

	cr_assert_eq(options_parse(&l, 3, argv), 0);
	cr_expect_eq(l.role[0].window, 1ull << 20);
}

static char said[512];

static void take(const char *text, size_t len)
{
	snprintf(said, sizeof(said), "%.*s", (int)len, text);
}

/* Its driver asks for little: the least window is one set of swiotlb's slots, also when somebody else's program serves it. */
Test(core_options, the_least_window)
{
	static const char *const line[] = { "--rng=window=%uK", "--vhost-user=type=rng,socket=/s,window=%uK" };

	complain_through(take);
	for (unsigned int kib = 4; kib <= 4096; kib += 4) {
		for (unsigned int i = 0; i < 2; i++) {
			char kernel[] = "--kernel=k", option[64];
			char *argv[] = { (char *)"lguest-run", kernel, option };
			static struct launch l;
			int status;

			snprintf(option, sizeof(option), line[i], kib);
			status = options_parse(&l, 3, argv);
			cr_expect_eq(status, kib % 256 ? EXIT_USAGE : 0, "%u KiB: %d", kib, status);
			cr_expect(!status || strstr(said, "multiple of 256K from 256K to 256M"), "%s", said);
		}
	}
}

Test(core_options, and_in_a_file)
{
	char path[] = "/tmp/core-options-XXXXXX", option[64];
	char *argv[] = { (char *)"lguest-run", option };
	const char text[] = "kernel = vmlinux\nrng\nblock b\n";
	static struct launch l;
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(option, sizeof(option), "--config=%s", path);
	cr_assert_eq(options_parse(&l, 2, argv), 0);
	unlink(path);
	cr_assert_eq(l.roles, 3);
	cr_expect_str_eq(l.role[0].kind->name, "rng");
	cr_expect_str_eq(l.role[1].path, "b");
}
