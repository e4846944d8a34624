// SPDX-License-Identifier: GPL-2.0
/*
 * options.c: the command line of lguest-run and the configuration file that it names, as text of anybody's choice. Lines of the input are
 * words of the command line, up to the first empty one; what stands behind it is what every file holds that --config opens. The file's name
 * says how it is: "!" and a letter cannot be opened, "|" is no file, "." a folder, "*" holds the text until it is too long.
 *
 * Besides ASan and UBSan: a refusal ends in an exit status of the table and has said something, what was accepted is within the limits
 * that lguest-core relies on, and nothing that a line names is opened but configurations.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/lguest.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/layout.h"
#include "ipc/exit.h"
#include "policy/policy.h"
#include "run/config.c"	/* what it keeps for the life of its process must not outlive an input */
#include "run/launch.h"

#define REQUIRE(cond, ...) do { if (!(cond)) { fprintf(stdout, "fuzz options: " __VA_ARGS__); fputc('\n', stdout); fflush(stdout); abort(); } } while (0)
#define WORDS 48
#define OPENS 64

int fuzz_open(const char *path, int flags, ...);
struct passwd *fuzz_getpwnam(const char *name);
int fuzz_isatty(int fd);
uid_t fuzz_geteuid(void);

static int config_fd = -1, long_fd = -1;
static const uint8_t *config_bytes;
static size_t config_len;
static unsigned int opens;
static FILE *said;
static bool terminal, somebody;

/* The text again and again. */
static int long_config(void)
{
	lseek(long_fd, 0, SEEK_SET);
	if (ftruncate(long_fd, 0))
		abort();
	for (size_t n = 0; config_len && n < CONFIG_TEXT_MAX + 4096; n += config_len)
		if (write(long_fd, config_bytes, config_len) < 0)
			abort();
	return long_fd;
}

int fuzz_open(const char *path, int flags, ...)
{
	int fd;

	REQUIRE(!(flags & (O_WRONLY | O_RDWR | O_CREAT)), "%s is opened for writing while options are read", path);
	REQUIRE(++opens <= OPENS, "%u files for one command line", opens);
	switch (*path) {
	case '!':
		errno = path[1] & 63;
		return -1;
	case '|':
		return openat(AT_FDCWD, "/dev/null", O_RDONLY);
	case '.':
		return openat(AT_FDCWD, "/", O_RDONLY);
	case '*':
		fd = dup(long_config());
		break;
	default:
		fd = dup(config_fd);
	}
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

uid_t fuzz_geteuid(void)
{
	return somebody ? 1000 : 0;
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

/* What people are told goes to the tool's output a hundred thousand times a second: away with it. */
static void setup(void)
{
	int null = openat(AT_FDCWD, "/dev/null", O_WRONLY);

	config_fd = memfd_create("config", MFD_CLOEXEC);
	long_fd = memfd_create("long", MFD_CLOEXEC);
	said = stderr = fdopen(null, "w");
}

static void device(const struct launch *l, unsigned int i)
{
	const struct role *r = &l->role[i];
	uint64_t least = r->type && r->type->least ? r->type->least : KIND_LEAST_WINDOW;
	unsigned int terminals = 0;

	REQUIRE(r->kind && r->type && memchr(r->name, 0, sizeof(r->name)) && *r->name, "device %u without a name", i);
	REQUIRE(!r->window || (r->window >= least && r->window <= 256u << 20 && !(r->window % (256u << 10))), "%s has a window of %llu bytes",
		r->name, (unsigned long long)r->window);
	REQUIRE(!r->kind->object || (r->path && *r->path), "%s is of nothing", r->name);
	for (unsigned int k = 0; k < i; k++)
		REQUIRE(strcmp(l->role[k].name, r->name), "%s is there twice", r->name);
	for (unsigned int k = 0; k < l->roles; k++)
		terminals += l->role[k].kind == r->kind && r->kind->terminal && r->kind->always && !strcmp(l->role[k].path, r->kind->always);
	REQUIRE(terminals <= 1, "%u devices on one terminal", terminals);
	REQUIRE(!r->kind->terminal || !r->kind->never || strcmp(r->path, r->kind->never), "%s was not wanted", r->name);
}

static void limits(const struct launch *l)
{
	REQUIRE(l->limits <= CGROUP_LIMITS, "%u limits", l->limits);
	for (unsigned int i = 0; i < l->limits; i++) {
		bool known = !strcmp(l->limit[i].process, "core") || !strcmp(l->limit[i].process, "control");

		for (unsigned int k = 0; k < l->roles; k++)
			known |= !strcmp(l->limit[i].process, l->role[k].name);
		REQUIRE(known && l->limit[i].file && *l->limit[i].value, "a limit for '%s'", l->limit[i].process);
	}
}

/* The command line with the devices' words, in a buffer of its own length and in one that is too short. */
static void words(const struct launch *l)
{
	size_t n = cmdline_build(l, NULL, 0);
	char *line = malloc(n + 1);

	REQUIRE(n < GUEST_CMDLINE_MAX, "%zu bytes with the devices' words", n);
	REQUIRE(cmdline_build(l, line, n / 2) == n && cmdline_build(l, line, n + 1) == n && strlen(line) == n, "words of two lengths");
	REQUIRE(!strcmp(line + n - strlen(l->cmdline), l->cmdline), "the user's words are not the last");
	free(line);
}

static void accepted(const struct launch *l)
{
	REQUIRE(l->kernel, "no kernel");
	REQUIRE(l->memory >= GUEST_RAM_MIN && l->memory <= GUEST_RAM_MAX && l->memory % GUEST_PAGE == 0, "%llu bytes of memory",
		(unsigned long long)l->memory);
	REQUIRE(l->roles <= GUEST_DEVICES, "%u devices", l->roles);
	REQUIRE(strlen(l->cmdline) < GUEST_CMDLINE_MAX, "a command line of %zu bytes", strlen(l->cmdline));
	REQUIRE(l->cpus && l->cpus <= LGUEST_MAX_VCPUS && l->stop_timeout && l->stop_timeout <= 86400, "%u CPUs, %u s", l->cpus, l->stop_timeout);
	REQUIRE(*l->name && strlen(l->name) < 64 && !strchr(l->name, '/'), "name '%s'", l->name);
	REQUIRE(l->user != 65534, "a guest as nobody");
	REQUIRE(l->records <= GUEST_DEVICES && l->record_max <= 1ull << 40 && !(l->record_max % (1u << 20)), "recordings of %llu bytes",
		(unsigned long long)l->record_max);
	limits(l);
	words(l);
	for (unsigned int i = 0; i < l->roles; i++)
		device(l, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct launch l;
	char *argv[WORDS + 1] = { (char *)"lguest-run" }, *text;
	const uint8_t *rest;
	FILE *out;
	int status;

	if (config_fd < 0)
		setup();
	terminal = size && data[0] & 1;
	somebody = size && data[size - 1] == 'u';
	rest = memmem(data, size, "\n\n", 2);
	if (ftruncate(config_fd, 0) || (rest && pwrite(config_fd, rest + 2, size - (size_t)(rest + 2 - data), 0) < 0))
		abort();
	config_bytes = rest ? rest + 2 : NULL;
	config_len = rest ? size - (size_t)(rest + 2 - data) : 0;
	config_used = 0;
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[rest ? rest - data : (ptrdiff_t)size] = '\0';
	opens = 0;
	out = stdout;
	stdout = said;
	status = options_parse(&l, split(text, argv), argv);
	stdout = out;
	REQUIRE(status >= -1 && status < 256, "status %d", status);
	if (!status)
		accepted(&l);
	free(text);
	return 0;
}
