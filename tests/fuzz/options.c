// SPDX-License-Identifier: GPL-2.0
/*
 * options.c: the command line of lguest-run and the configuration file that it names, as text of anybody's choice. Lines of the input are
 * words of the command line, up to the first empty one; what stands behind it is what every file holds that --config opens.
 *
 * Besides ASan and UBSan: a refusal ends in an exit status of the table and has said something, what was accepted is within the limits
 * that lguest-core relies on, and nothing that a line names is opened but configurations.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/layout.h"
#include "ipc/exit.h"
#include "policy/policy.h"
#include "run/launch.h"

#define REQUIRE(cond, ...) do { if (!(cond)) { fprintf(stdout, "fuzz options: " __VA_ARGS__); fputc('\n', stdout); fflush(stdout); abort(); } } while (0)
#define WORDS 48
#define OPENS 64

int fuzz_open(const char *path, int flags, ...);
struct passwd *fuzz_getpwnam(const char *name);
int fuzz_isatty(int fd);

static int config_fd = -1;
static unsigned int opens;
static bool terminal;

int fuzz_open(const char *path, int flags, ...)
{
	int fd;

	REQUIRE(!(flags & (O_WRONLY | O_RDWR | O_CREAT)), "%s is opened for writing while options are read", path);
	REQUIRE(++opens <= OPENS, "%u files for one command line", opens);
	fd = dup(config_fd);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

struct passwd *fuzz_getpwnam(const char *name)
{
	static struct passwd pw = { .pw_uid = 1000, .pw_gid = 1000 };

	return *name == 'u' ? &pw : NULL;
}

/* policy/enter.c has it; its other functions make sandboxes. */
int policy_parse_require(const char *text, unsigned int *layers)
{
	*layers = 0;
	return *text == 'a' ? 0 : -1;
}

int fuzz_isatty(int fd)
{
	(void)fd;
	return terminal;
}

/* Words end in a newline; the text is the parser's to change, as argv is. */
static int split(char *text, char **argv)
{
	int argc = 1;

	for (char *word; argc < WORDS && (word = strsep(&text, "\n"));) {
		if (!*word)
			break;
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return argc;
}

/* What people are told goes to the tool's stderr a hundred thousand times a second: away with it. */
static void setup(void)
{
	int null = openat(AT_FDCWD, "/dev/null", O_WRONLY);

	config_fd = memfd_create("config", MFD_CLOEXEC);
	stderr = fdopen(null, "w");
}

static void accepted(const struct launch *l)
{
	REQUIRE(l->kernel, "no kernel");
	REQUIRE(l->memory >= GUEST_RAM_MIN && l->memory <= GUEST_RAM_MAX && l->memory % GUEST_PAGE == 0, "%llu bytes of memory",
		(unsigned long long)l->memory);
	REQUIRE(l->roles <= GUEST_DEVICES, "%u devices", l->roles);
	REQUIRE(strlen(l->cmdline) < GUEST_CMDLINE_MAX, "a command line of %zu bytes", strlen(l->cmdline));
	for (unsigned int i = 0; i < l->roles; i++)
		REQUIRE(l->role[i].kind && memchr(l->role[i].name, 0, sizeof(l->role[i].name)), "device %u without a name", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct launch l;
	char *argv[WORDS + 1] = { (char *)"lguest-run" }, *text;
	const uint8_t *rest;
	int status;

	if (config_fd < 0)
		setup();
	terminal = size && data[0] & 1;
	rest = memmem(data, size, "\n\n", 2);
	if (ftruncate(config_fd, 0) || (rest && pwrite(config_fd, rest + 2, size - (size_t)(rest + 2 - data), 0) < 0))
		abort();
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[rest ? rest - data : (ptrdiff_t)size] = '\0';
	opens = 0;
	status = options_parse(&l, split(text, argv), argv);
	REQUIRE(status >= -1 && status < 256, "status %d", status);
	if (!status)
		accepted(&l);
	free(text);
	return 0;
}
