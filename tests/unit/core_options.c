// SPDX-License-Identifier: GPL-2.0
/*
 * core_options.c: the command line of lguest-run: what each option means, and that every mistake is one sentence
 * that names it, with the nearest thing that would have been right.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "run/kernel.h"
#include "run/launch.h"
#include "run/text.h"

static char said[2048];

/* Parse a line, words parted by '|', and keep what was said on stderr. */
static int parse(struct launch *l, const char *line)
{
	static char copy[4096];		/* the options go on pointing into it */
	char *argv[64] = { (char *)"lguest-run" }, *word;
	int argc = 1, status, saved = dup(STDERR_FILENO), file = memfd_create("said", 0);
	ssize_t n;

	strcpy(copy, line);
	for (char *rest = copy; (word = strsep(&rest, "|"));)
		argv[argc++] = word;
	dup2(file, STDERR_FILENO);
	status = options_parse(l, argc, argv);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	n = pread(file, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(file);
	close(saved);
	return status;
}

static void refused(const char *line, const char *because)
{
	static struct launch l;

	cr_expect_eq(parse(&l, line), EXIT_USAGE, "%s", line);
	cr_expect_not_null(strstr(said, because), "%s: said '%s'", line, said);
	cr_expect_eq(strncmp(said, "lguest-run: ", 12), 0);
	cr_expect_eq(said[strlen(said) - 1], '\n');
}

Test(core_options, the_mission_line)
{
	static struct launch l;

	cr_assert_eq(parse(&l, "--kernel|vmlinux|--net|tap0|--block|ro:img"), 0, "%s", said);
	cr_expect_str_eq(l.kernel, "vmlinux");
	cr_expect_eq(l.memory, 256ull << 20);
	cr_assert_eq(l.roles, 3, "net, block, and the console that was not named");
	cr_expect_str_eq(l.role[0].kind->name, "net");
	cr_expect_str_eq(l.role[0].path, "tap0");
	cr_expect_str_eq(l.role[1].kind->name, "block");
	cr_expect_str_eq(l.role[1].path, "img");
	cr_expect_not_null(role_key(&l.role[1], "ro"));
	cr_expect_str_eq(l.role[2].kind->name, "console");
	cr_expect_str_eq(l.role[2].path, "stdio");
	cr_expect_str_eq(said, "");
}

Test(core_options, every_key)
{
	static struct launch l;

	cr_assert_eq(parse(&l, "--kernel=k|--block=a b,ro,direct,serial=S1,window=16M|--block|b,dma=direct|--net|t,mac=52:54:00:aa:BB:01"
			   "|--vhost-user|type=fs,socket=/s|--console|none|--memory|2G|--name|n|--cmdline|a=b c=d"), 0, "%s", said);
	cr_assert_eq(l.roles, 4);
	cr_expect_str_eq(l.role[0].path, "a b");
	cr_expect(role_key(&l.role[0], "ro") && role_key(&l.role[0], "direct"));
	cr_expect_str_eq(role_key(&l.role[0], "serial"), "S1");
	cr_expect_eq(l.role[0].window, 16ull << 20);
	cr_expect_str_eq(l.role[0].name, "block0");
	cr_expect_eq(l.role[1].window, 0);
	cr_expect_null(role_key(&l.role[1], "ro"));
	cr_expect_str_eq(l.role[1].name, "block1");
	cr_expect_str_eq(role_key(&l.role[2], "mac"), "52:54:00:aa:BB:01");
	cr_expect(role_is_foreign(&l.role[3]));
	cr_expect_str_eq(l.role[3].type->name, "fs");
	cr_expect_str_eq(l.role[3].path, "/s");
	cr_expect_eq(l.memory, 2ull << 30);
	cr_expect_str_eq(l.cmdline, "a=b c=d");
}

Test(core_options, cpus_up_to_the_modules_limit)
{
	static struct launch one, two, most;

	cr_assert_eq(parse(&one, "--kernel|k"), 0, "%s", said);
	cr_expect_eq(one.cpus, 1);
	cr_assert_eq(parse(&two, "--kernel|k|--cpus|2"), 0, "%s", said);
	cr_expect_eq(two.cpus, 2);
	cr_assert_eq(parse(&most, "--kernel|k|--cpus|16"), 0, "%s", said);
	cr_expect_eq(most.cpus, 16);
}

/* The device may come after the bound of its process, and a value may have '=' in it. */
Test(core_options, bounds_of_a_control_group)
{
	static struct launch l;

	cr_assert_eq(parse(&l, "--kernel|k|--limit|block0:io.max=8:0 rbps=1048576|--limit|core:cpu.max=50000 100000|--block|img"), 0, "%s", said);
	cr_assert_eq(l.limits, 2);
	cr_expect_str_eq(l.limit[0].process, "block0");
	cr_expect_str_eq(l.limit[0].file, "io.max");
	cr_expect_str_eq(l.limit[0].value, "8:0 rbps=1048576");
	cr_expect_str_eq(l.limit[1].file, "cpu.max");
}

/* A version is a name in the folder of installed kernels, no kernel the newest there; everything else is a file. */
Test(core_options, a_version_is_an_installed_kernel)
{
	char folder[] = "/tmp/kernels.XXXXXX", path[64];

	cr_assert(mkdtemp(folder));
	cr_expect_null(kernel_find(folder, NULL));
	cr_expect_null(kernel_find("/nonexistent", NULL));
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, ((const char *[]){ "vmlinux-6.1", "vmlinux-6.12", "vmlinux-6.2" })[i]);
		fclose(fopen(path, "w"));
	}
	snprintf(path, sizeof(path), "%s/vmlinux-6.12", folder);
	cr_expect_str_eq(kernel_find(folder, NULL), path);
	snprintf(path, sizeof(path), "%s/vmlinux-6.1", folder);
	cr_expect_str_eq(kernel_find(folder, "6.1"), path);
	for (unsigned int i = 0; i < 4; i++) {
		const char *file = ((const char *[]){ "vmlinux", "./6.1", "6.1/x", "" })[i];

		cr_expect_str_eq(kernel_find(folder, file), file);
	}
}

Test(core_options, mistakes_are_named)
{
	refused("--memory|64M", "--kernel FILE is needed");
	refused("vmlinux", "unexpected 'vmlinux'");
	refused("--kernel", "--kernel needs a value");
	refused("--kernle|x", "did you mean --kernel?");
	refused("--blok|x", "did you mean --block?");
	refused("--zzzzzzzz", "there is no option --zzzzzzzz");
	refused("--kernel|k|--block|img,readonly", "no key 'readonly'");
	refused("--kernel|k|--block|img,seriel=1", "did you mean 'serial'?");
	refused("--kernel|k|--net|tap0,maac=1", "did you mean 'mac'?");
	refused("--kernel|k|--net|tap0,ro", "no key 'ro'");
	refused("--kernel|k|--block|img,ro=1", "takes no value");
	refused("--kernel|k|--block|img,serial", "needs a value");
	refused("--kernel|k|--block|img,serial=", "needs a value");
	refused("--kernel|k|--block|img,iops=9,burst=1M", "saved up of bw=, which is not said");
	refused("--kernel|k|--net|t,burst=1M", "saved up of bw=, which is not said");
	refused("--kernel|k|--net|t,bw=0", "not a number from 1 to 1T");
	refused("--kernel|k|--net|t,iops=5", "pps");
	refused("--kernel|k|--block|img,serial=123456789012345678901", "more than 20");
	refused("--kernel|k|--block|,ro", "names nothing");
	refused("--kernel|k|--block|ro:", "names nothing");
	refused("--kernel|k|--net|tap0,mac=1:2:3:4:5:6", "not an address");
	refused("--kernel|k|--net|tap0,mac=53:54:00:12:34:56", "not an address");
	refused("--kernel|k|--block|img,window=0", "not a size");
	refused("--kernel|k|--block|img,window=many", "not a size");
	refused("--kernel|k|--block|img,dma=dircet", "neither window nor direct");
	refused("--kernel|k|--vhost-user|socket=/s", "needs both");
	refused("--kernel|k|--vhost-user|socket=/s,type=gpu", "is not one of");
	refused("--kernel|k|--memory|much", "not a size");
	refused("--kernel|k|--memory|15M", "from 16M to 1T");
	refused("--kernel|k|--memory|17592186044416M", "not a size");	/* 2^44 MiB wraps */
	refused("--kernel|k|--memory|18446744073709551615", "not a size");
	refused("--kernel|k|--memory|99999999999999999999", "not a size");
	refused("--kernel|k|--cpus|0", "from 1 to");
	refused("--kernel|k|--cpus|17", "from 1 to");
	refused("--kernel|k|--cpus|two", "from 1 to");
	refused("--kernel|k|--name|a/b", "without '/'");
	refused("--kernel|k|--limit|block0", "is not PROCESS:FILE=VALUE");
	refused("--kernel|k|--limit|:memory.max=1", "is not PROCESS:FILE=VALUE");
	refused("--kernel|k|--limit|core:memory.max=", "is not PROCESS:FILE=VALUE");
	refused("--kernel|k|--limit|core:memory.ma=1", "the file is not one of");
	refused("--kernel|k|--limit|core:../memory.max=1", "the file is not one of");
	refused("--kernel|k|--limit|core:cgroup.procs=0", "the file is not one of");
	refused("--kernel|k|--limit|block0:memory.max=1M", "has no process block0");
	refused("--kernel|k|--limit|control:memory.max=1M", "has no process control");
	refused("--kernel|k|--limit|../core:memory.max=1M", "has no process ../core");
	refused("--kernel|k|--cgroup|none|--limit|core:memory.max=1G", "--cgroup is none");
	refused("--kernel|k|--check=1", "takes no value");
	refused("--kernel|k|--require|4294967296", "--require 4294967296 is not one of all, namespaces, none");
	refused("--kernel|k|--require|-18446744073709551615", "is not one of all, namespaces, none");
	refused("--kernel|k|--require|-0", "is not one of all, namespaces, none");
	refused("--kernel|k|--require| 1", "is not one of all, namespaces, none");
	refused("--kernel|k|--require|", "is not one of all, namespaces, none");
}

/* From 4 KiB to 256 MiB and beyond, in odd steps: whole sets of swiotlb slots, and as many as the driver needs, or one sentence. */
Test(core_options, windows_that_work)
{
	static const struct { const char *device; uint64_t least_kib; } row[] = {
		{ "--block|i,window=", 3072 }, { "--net|t,window=", 2048 }, { "--console|f,window=", 1280 },
		{ "--vhost-user|socket=/s,type=fs,window=", 3072 }, { "--vhost-user|socket=/s,type=net,window=", 2048 },
		{ "--vhost-user|type=console,socket=/s,window=", 1280 },
	};
	static struct launch l;
	char line[128];
	unsigned int taken = 0;

	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (uint64_t kib = 4; kib <= 300 << 10; kib += kib < 4096 ? 4 : 52 * (kib / 1024)) {
			bool right = kib >= row[i].least_kib && kib <= 256 << 10 && !(kib % 256);

			snprintf(line, sizeof(line), "--kernel|k|--console|none|%s%lluK", row[i].device, (unsigned long long)kib);
			if (strstr(line, "|f,"))
				snprintf(line, sizeof(line), "--kernel|k|%s%lluK", row[i].device, (unsigned long long)kib);
			if (!right) {
				refused(line, "is not a multiple of 256K from ");
				continue;
			}
			cr_assert_eq(parse(&l, line), 0, "%s: %s", line, said);
			cr_expect_eq(l.role[0].window, kib << 10, "%s", line);
			taken++;
		}
	}
	cr_expect_gt(taken, 40);
	refused("--kernel|k|--vhost-user|window=64K,socket=/s,type=console", "multiple of 256K from 1280K to 256M");
	cr_expect_eq(parse(&l, "--kernel|k|--block|i,window=64K,dma=direct"), 0, "no window at all");
}

/* The last word counts, and takes nothing back that it does not speak of: without a window is never what is left of two words. */
Test(core_options, the_last_word_on_memory)
{
	static const struct { const char *keys; uint64_t window; } row[] = {
		{ "dma=direct", 0 }, { "dma=window", 8 << 20 }, { "dma=window,dma=direct", 0 }, { "dma=direct,dma=window", 8 << 20 },
		{ "window=12M,dma=direct", 0 }, { "dma=direct,window=12M", 12 << 20 }, { "window=12M,dma=window", 12 << 20 },
		{ "window=12M,dma=direct,dma=window", 12 << 20 }, { "dma=direct,window=12M,dma=direct", 0 }, { "window=12M,window=16M", 16 << 20 },
	};
	static struct launch l;
	char line[128];

	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		snprintf(line, sizeof(line), "--kernel|k|--vhost-user|socket=/s,type=fs,%s", row[i].keys);
		cr_assert_eq(parse(&l, line), 0, "%s: %s", line, said);
		cr_expect_eq(l.role[0].window, row[i].window, "%s: %llu", line, (unsigned long long)l.role[0].window);
	}
}

Test(core_options, one_console_for_a_terminal)
{
	static struct launch l;

	refused("--kernel|k|--console|stdio|--console|stdio", "a terminal can have one console");
	refused("--kernel|k|--console|stdio|--console|none", "--console none is given beside another");
	cr_expect_eq(parse(&l, "--kernel|k|--console|stdio|--console|f"), 0, "%s", said);
	cr_expect_eq(l.roles, 2);
}

static const char *built(const char *line)
{
	static struct launch l;
	static char buf[4096];

	cr_assert_eq(parse(&l, line), 0, "%s: %s", line, said);
	cmdline_build(&l, buf, sizeof(buf));
	return buf;
}

/* overlayroot= and nfsroot= are no root=, nor is netconsole= a console; what is behind "--" is for init. */
Test(core_options, words_of_the_command_line)
{
	cr_expect_str_eq(built("--kernel|k|--block|i|--cmdline|overlayroot=tmpfs quiet"), "console=hvc0 root=/dev/vda ro overlayroot=tmpfs quiet");
	cr_expect_str_eq(built("--kernel|k|--block|i|--cmdline|nfsroot=1.2.3.4:/ netconsole=@/"),
			 "console=hvc0 root=/dev/vda ro nfsroot=1.2.3.4:/ netconsole=@/");
	cr_expect_str_eq(built("--kernel|k|--block|i|--cmdline|quiet root=/dev/vdb console=ttyS0"), "quiet root=/dev/vdb console=ttyS0");
	cr_expect_str_eq(built("--kernel|k|--block|i|--cmdline|init=/x -- root=/dev/vdb"), "console=hvc0 root=/dev/vda ro init=/x -- root=/dev/vdb");
	cr_expect_str_eq(built("--kernel|k|--block|i|--cmdline|dyndbg=\"file x root=y\" --x"),
			 "console=hvc0 root=/dev/vda ro dyndbg=\"file x root=y\" --x");
	cr_expect_str_eq(built("--kernel|k|--block|i|--initrd|j|--cmdline|q"), "console=hvc0 q");
}

Test(core_options, room_for_what_devices_need)
{
	static char line[3000] = "--kernel|k|--console|none|--net|t|--cmdline|";

	memset(line + strlen(line), 'x', 1900);
	cr_expect(strlen(built(line)) == 1900);
	memset(line + strlen(line), 'x', 100);
	refused(line, "with what its 1 devices need has up to 2");
}

Test(core_options, a_device_is_recorded)
{
	static struct launch l;

	cr_assert_eq(parse(&l, "--kernel|k|--record|block1=there/x=y|--block|img|--block|img2|--record|console0=c"), 0, "%s", said);
	cr_assert_eq(l.roles, 3);
	for (unsigned int i = 0; i < l.roles; i++) {
		if (!strcmp(l.role[i].name, "block1"))
			cr_expect_str_eq(l.role[i].record, "there/x=y", "the first = ends the name");
		else if (!strcmp(l.role[i].name, "console0"))
			cr_expect_str_eq(l.role[i].record, "c");
		else
			cr_expect_null(l.role[i].record);
	}
	cr_expect_eq(parse(&l, "--kernel|k|--memory|1G|--block|img,dma=direct|--record|block0=d"), 0, "%s", said);
	cr_expect_eq(l.record_max, 0);
	cr_expect_eq(parse(&l, "--kernel|k|--record-max|3|--block|img|--record|block0=d"), 0, "%s", said);
	cr_expect_eq(l.record_max, 3u << 20);
	cr_expect_eq(parse(&l, "--kernel|k|--block|img|--record|block0=d|--record-max|1T"), 0, "%s", said);
	cr_expect_eq(l.record_max, 1ull << 40);
}

Test(core_options, what_cannot_be_recorded)
{
	char line[1024] = "--kernel|k|--block|img";

	refused("--kernel|k|--block|img|--record|block0", "--record block0 is not NAME=DIR, as block0=recorded");
	refused("--kernel|k|--block|img|--record|=d", "--record =d is not NAME=DIR");
	refused("--kernel|k|--block|img|--record|block0=", "--record block0= is not NAME=DIR");
	refused("--kernel|k|--block|img|--block|img2|--record|block0=d|--record|block1=d//",
		"--record block1=d//: there is one recording in a folder, and block0=d has that");
	refused("--kernel|k|--block|img|--record|block0=d|--record-max|0", "--record-max 0 is not a size from 1M to 1T");
	refused("--kernel|k|--block|img|--record|block0=d|--record-max|1025K", "--record-max 1025K is not a size");
	refused("--kernel|k|--block|img|--record|block0=d|--record-max|1025G", "--record-max 1025G is not a size");
	refused("--kernel|k|--block|img|--record-max|1M", "--record-max bounds what --record writes, which is not said");
	refused("--kernel|k|--record", "--record needs a value: --record NAME=DIR");
	refused("--kernel|k|--record|block0=d", "--record block0=d: this guest has no device block0");
	refused("--kernel|k|--block|img|--record|block=d", "this guest has no device block (");
	refused("--kernel|k|--block|img|--record|block00=d", "this guest has no device block00 (");
	refused("--kernel|k|--block|img|--record|core=d", "this guest has no device core");
	refused("--kernel|k|--console|none|--record|console0=d", "this guest has no device console0");
	refused("--kernel|k|--vhost-user|socket=/s,type=block|--record|block0=d", "lguest-run does not start that program: put lguest-record before its socket");
	refused("--kernel|k|--block|img|--record|block0=d|--record|block0=e", "--record block0=e: block0 is recorded already, in d");
	refused("--kernel|k|--memory|1025M|--block|img,dma=direct|--record|block0=d", "with dma=direct the guest can have 1G of memory at most");
	for (unsigned int i = 0; i <= GUEST_DEVICES; i++)
		strcat(line, "|--record|x=d");
	refused(line, "there are more than");
}

Test(core_options, a_user_that_no_process_would_take)
{
	refused("--kernel|k|--user|2147483648", "--user 2147483648: a guest's user has a number of 2147483647 at most");
	refused("--kernel|k|--user|4294967294", "a number of 2147483647 at most");
	refused("--kernel|k|--user|4294967295", "there is no such user");
}

Test(core_options, there_is_a_limit_of_devices)
{
	char line[512] = "--kernel|k";
	static struct launch l;

	for (unsigned int i = 0; i < GUEST_DEVICES; i++)
		strcat(line, "|--block|i");
	refused(line, "more than 16 devices");
	strcat(line, "|--console|none");
	cr_assert_eq(parse(&l, line), 0, "%s", said);
	cr_expect_eq(l.roles, GUEST_DEVICES);
	strcat(line, "|--block|i");
	refused(line, "more than 16 devices");
	strcat(line, "|--block|i");
	refused(line, "more than 16 devices");
}

static void write_bytes(const char *path, const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
}

static void write_config(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

Test(core_options, configuration_file)
{
	char path[] = "/tmp/core-options-XXXXXX", line[64];
	static struct launch l;

	close(mkstemp(path));
	write_config(path, "# a guest\n\nkernel = vmlinux\nblock ro:a.img\n  memory\t64M  \ncmdline = root=/dev/vda ro\n");
	snprintf(line, sizeof(line), "--config|%s|--block|b", path);
	cr_assert_eq(parse(&l, line), 0, "%s", said);
	cr_expect_str_eq(l.kernel, "vmlinux");
	cr_expect_str_eq(l.cmdline, "root=/dev/vda ro");
	cr_expect_eq(l.memory, 64ull << 20);
	cr_assert_eq(l.roles, 3);
	cr_expect_str_eq(l.role[0].path, "a.img");
	cr_expect_str_eq(l.role[1].path, "b");
	/* as other systems' editors and people write it */
	write_config(path, "\xef\xbb\xbfkernel = \"vmlinux\"\r\nmemory 64M # small\ncmdline = \"root=/dev/vda1 ro quiet\"\t# quoted\nblock a#1.img\n");
	cr_assert_eq(parse(&l, line), 0, "%s", said);
	cr_expect_str_eq(l.kernel, "vmlinux");
	cr_expect_str_eq(l.cmdline, "root=/dev/vda1 ro quiet");
	cr_expect_eq(l.memory, 64ull << 20);
	cr_expect_str_eq(l.role[0].path, "a#1.img");
	write_config(path, "kernel k\ncmdline a=\"b # c\" d=\"e\"\n");
	cr_assert_eq(parse(&l, line), 0, "%s", said);
	cr_expect_str_eq(l.cmdline, "a=\"b # c\" d=\"e\"");
	write_config(path, "kernel k\ncmdline \"root=/dev/vda1 ro\n");
	cr_expect_eq(parse(&l, line), EXIT_USAGE);
	cr_expect_not_null(strstr(said, "line 2: the quote before root=/dev/vda1 ro is not closed") ? said :
			   strstr(said, "is not closed"), "%s", said);
	write_config(path, "kernel vmlinux\nblokc x\n");
	cr_expect_eq(parse(&l, line), EXIT_USAGE);
	cr_expect_not_null(strstr(said, "line 2 of /tmp/core-options-"), "%s", said);
	write_config(path, "config /etc/passwd\n");
	cr_expect_eq(parse(&l, line), EXIT_USAGE);
	unlink(path);
	cr_expect_eq(parse(&l, line), EXIT_FILE);
}

/* The words of ExecStart= in the unit, as parse() takes them, with @config where the unit has that of its guest. */
static void unit_line(char *line, size_t size, const char *config)
{
	static const char start[] = "ExecStart=/usr/bin/lguest-run ", place[] = "/etc/lguest/%i.conf";
	FILE *f = fopen("packaging/systemd/lguest@.service", "r");
	char text[512], *rest;

	cr_assert_not_null(f);
	do
		cr_assert_not_null(fgets(text, sizeof(text), f), "the unit starts no guest");
	while (strncmp(text, start, strlen(start)));
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	rest = strstr(text, place);
	cr_assert_not_null(rest);
	snprintf(line, size, "%.*s%s%s", (int)(rest - text - (ptrdiff_t)strlen(start)), text + strlen(start), config, rest + strlen(place));
	for (char *c = line; *c; c++)
		if (*c == ' ')
			*c = '|';
}

/* The last of an option counts, a file's in its place: what the unit says behind a configuration is the unit's, so that it says its names alone. */
Test(core_options, the_unit_leaves_options_to_the_configuration)
{
	char path[] = "/tmp/core-options-XXXXXX", line[256];
	static struct launch l;

	close(mkstemp(path));
	write_config(path, "kernel k\nname other\ncontrol elsewhere\nstop-timeout 300\nmemory 64M\ncpus 2\nlog l\npidfile p\ncgroup none\nrequire all\n");
	unit_line(line, sizeof(line), path);
	cr_assert_eq(parse(&l, line), 0, "%s: %s", line, said);
	cr_expect_eq(l.stop_timeout, 300, "%u", l.stop_timeout);
	cr_expect(l.memory == 64 << 20 && l.cpus == 2 && !strcmp(l.log, "l") && !strcmp(l.pidfile, "p") && !strcmp(l.cgroup, "none") && l.require);
	cr_expect_str_eq(l.name, "%i");
	cr_expect_str_eq(l.control_dir, "/run/lguest/%i");
	snprintf(line, sizeof(line), "--stop-timeout|5|--config|%s|--memory|32M", path);
	cr_assert_eq(parse(&l, line), 0, "%s", said);
	cr_expect(l.stop_timeout == 300 && l.memory == 32 << 20);
	unlink(path);
}

/* Nothing behind a NUL is passed over, wherever it is, and a line that is too long is told from one that has a NUL. */
Test(core_options, configuration_that_is_no_text)
{
	static const struct { const char *text; size_t size; unsigned int line; } row[] = {
		{ "kernel k\nmem\0ory 64M\ncpus 2\n", 27, 2 }, { "kernel k\nmemory 64M\0", 20, 2 }, { "kernel k\nmemory 64M\0\n", 21, 2 },
		{ "kernel k\nname a\0memory 1T", 25, 2 }, { "kernel k\n# a\0\n", 14, 2 }, { "\0", 1, 1 }, { "\0kernel k\n", 10, 1 },
	};
	char path[] = "/tmp/core-options-XXXXXX", line[64], expected[64];
	static char longest[2 * 4096];
	static struct launch l;

	close(mkstemp(path));
	snprintf(line, sizeof(line), "--config|%s", path);
	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		write_bytes(path, row[i].text, row[i].size);
		snprintf(expected, sizeof(expected), "%s line %u has a NUL, ", path, row[i].line);
		cr_expect_eq(parse(&l, line), EXIT_USAGE, "row %u", i);
		cr_expect_not_null(strstr(said, expected), "row %u: %s", i, said);
	}
	strcpy(longest, "kernel k\n#");
	memset(longest + 10, 'x', 4093);
	write_config(path, longest);
	cr_expect_eq(parse(&l, line), 0, "4094 characters: %s", said);
	strcat(longest, "\n");
	write_config(path, longest);
	cr_expect_eq(parse(&l, line), 0, "4094 characters and an end: %s", said);
	longest[strlen(longest) - 1] = 'x';
	write_config(path, longest);
	cr_expect_eq(parse(&l, line), EXIT_USAGE);
	cr_expect_not_null(strstr(said, "line 2 has more than 4094 characters"), "%s", said);
	unlink(path);
}

/* Exit statuses are what scripts look at: no kind may have another's, but for those that only foreign programs serve. */
Test(core_options, each_kind_has_a_status_of_its_own)
{
	int last = EXIT_ROLE - 1;

	for (const struct device_kind *const *k = kinds(); *k; k++) {
		if ((*k)->launch->args)
			cr_expect_gt((*k)->status, last, "%s: %d", (*k)->name, (*k)->status);
		cr_expect_lt((*k)->status, 128, "%s", (*k)->name);
		last = (*k)->status;
	}
	cr_expect_eq(kind_of_device("block")->status, 120);
	cr_expect_eq(kind_of_device("net")->status, 121);
	cr_expect_eq(kind_of_device("console")->status, 122);
	cr_expect_eq(kind_of_option("vhost-user")->status, 124);
}

Test(core_text, sizes)
{
	uint64_t v;

	cr_expect(text_size("1", 1 << 20, &v) && v == 1 << 20);
	cr_expect(text_size("64k", 1, &v) && v == 64 << 10);
	cr_expect(text_size("1T", 1, &v) && v == 1ull << 40);
	cr_expect(text_size("18446744073709551615", 1, &v) && v == UINT64_MAX);
	cr_expect_not(text_size("18446744073709551616", 1, &v));
	cr_expect_not(text_size("", 1, &v));
	cr_expect_not(text_size("M", 1, &v));
	cr_expect_not(text_size("-1", 1, &v));
	cr_expect_not(text_size("1MM", 1, &v));
	cr_expect_not(text_size("0x10", 1, &v));
	cr_expect_not(text_size(" 1", 1, &v));
}

Test(core_text, numbers)
{
	uint64_t v;

	cr_expect(text_number("10", 10, &v) && v == 10);
	cr_expect_not(text_number("11", 10, &v));
	cr_expect_not(text_number("", 10, &v));
	cr_expect_not(text_number("1 ", 10, &v));
}

Test(core_text, nearest_word)
{
	static const char *const words[] = { "kernel", "memory", "block", "net", NULL };

	cr_expect_str_eq(text_nearest("kernl", words), "kernel");
	cr_expect_str_eq(text_nearest("mem", words), "memory", "a beginning counts most");
	cr_expect_str_eq(text_nearest("bloc", words), "block");
	cr_expect_null(text_nearest("x", words));
	cr_expect_null(text_nearest("a-word-that-is-longer-than-any-option-could-be", words));
}
