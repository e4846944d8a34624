// SPDX-License-Identifier: GPL-2.0
/*L:950
 * lguestctl.c: the program that people type: one command to a guest's socket, one answer from it, and an exit status.
 *
 * It runs with its caller's rights and holds one connection. What comes from it is JSON of lguest-control's, which may be hijacked: it is parsed
 * by jansson, bounded in size, and printed with control characters escaped.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control/lguestctl.h"
#include "policy/printed.h"
#include "run/text.h"
#include "version.h"

enum { DONE = 0, REFUSED = 1, USAGE = 2, NO_GUEST = 3, DENIED = 4, TIME_OVER = 5, NOT_UNDERSTOOD = 6 };

#define ANSWER_MAX	(256u << 10)
#define SYSTEM_DIR	"/run/lguest"

/**
 * struct command - what may be typed behind a guest's name
 * @argument: what it takes, or NULL; @key: what the protocol calls that
 * @asks: it needs the status socket only; @waits: --wait is possible
 */
static const struct command {
	const char *name, *argument, *key, *help;
	bool asks, waits;
} commands[] = {
	{ "status", NULL, NULL, "what the guest and its devices do", true, false },
	{ "stats", NULL, NULL, "counters, and what each process uses", true, false },
	{ "metrics", NULL, NULL, "the same as Prometheus text", true, false },
	{ "events", NULL, NULL, "what happens, a line each, until the guest ends", true, false },
	{ "wait", NULL, NULL, "until the guest ends, with its status", true, false },
	{ "pause", NULL, NULL, "let it stand", false, false },
	{ "resume", NULL, NULL, "let it go on", false, false },
	{ "powerdown", NULL, NULL, "ask it to power down; it is ended after --timeout, 90 s if not said", false, true },
	{ "reset", NULL, NULL, "ask it to restart itself; likewise", false, true },
	{ "stop", NULL, NULL, "end it at once", false, true },
	{ "signal", "NUMBER", "number", "give its init a signal", false, false },
	{ "restart", "DEVICE", "device", "run the device's program as it is installed now", false, false },
	{ "grow", "DEVICE", "device", "tell the guest that the disk's image is larger than it was", false, false },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static struct { bool json, wait, timed; unsigned int timeout; } say;

static void __attribute__((format(printf, 2, 3), noreturn)) fail(int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("lguestctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/* Return: @status, but what was printed and not written is no success, whatever the guest says. */
static int finish(int status)
{
	return printed("lguestctl") ? status : REFUSED;
}

/* --- the connection --- */

static char received[ANSWER_MAX];	/* by itself: it is not to lie in the file */
static struct { int fd; char *in; size_t got; uint64_t until_ms; bool greeted; } to = { .fd = -1, .in = received };

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Return: 0 or -errno; EAGAIN: so many wait to be let in that it is not to be waited for. */
static int dial(const char *dir, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err;

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, name) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		fcntl(fd, F_SETFL, 0);
		to.fd = fd;
		return 0;
	}
	err = -errno;
	close(fd);
	return err;
}

static const char *own_dir(char *buf, size_t size)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	snprintf(buf, size, "%s/lguest", run && *run == '/' ? run : "/nonexistent");
	return buf;
}

/* A name with a '/' is the folder itself. The status socket will do for who only asks. */
static void find(const char *guest, const struct command *c)
{
	char own[256], dir[2][512];
	int err = -ENOENT, dirs = 1;

	if (strchr(guest, '/')) {
		snprintf(dir[0], sizeof(dir[0]), "%.500s", guest);
	} else {
		snprintf(dir[0], sizeof(dir[0]), "%s/%.200s", own_dir(own, sizeof(own)), guest);
		snprintf(dir[1], sizeof(dir[1]), SYSTEM_DIR "/%.200s", guest);
		dirs = 2;
	}
	for (int i = 0; i < dirs && err; i++) {
		int e = dial(dir[i], "control");

		if (e == -EACCES && c->asks)
			e = dial(dir[i], "status");
		if (!e || err == -ENOENT)
			err = e;
	}
	if (!err)
		return;
	if (err == -EACCES)
		fail(DENIED, "you may not do that to %s: its sockets belong to another user", guest);
	if (err == -ENOENT || err == -ECONNREFUSED || err == -ENOTDIR)
		fail(NO_GUEST, "there is no guest %s with a control socket (lguestctl list shows those that there are)", guest);
	if (err == -EAGAIN)
		fail(REFUSED, "%s has no place for another client, and others wait for one already: try again", guest);
	fail(REFUSED, "cannot reach %s: %s", guest, strerror(-err));
}

/* The next line, parsed; NULL: the other end is gone. */
static json_t *receive(void)
{
	struct pollfd p = { .fd = to.fd, .events = POLLIN };
	json_error_t error;
	json_t *line;
	char *end;
	ssize_t n;

	while (!(end = memchr(to.in, '\n', to.got))) {
		uint64_t now = now_ms();

		if (to.got == sizeof(received))
			fail(NOT_UNDERSTOOD, "the answer is longer than any that this version knows");
		if (to.until_ms && now >= to.until_ms)
			fail(TIME_OVER, to.greeted ? "no answer within the time" :
			     "no greeting within the time: the guest has no place for another client, or nobody serves its sockets any more (see its log)");
		n = poll(&p, 1, to.until_ms ? (int)(to.until_ms - now) : -1);
		if (n <= 0)
			continue;
		n = read(to.fd, to.in + to.got, sizeof(received) - to.got);
		if (n <= 0)
			return NULL;
		to.got += (size_t)n;
	}
	line = json_loadb(to.in, (size_t)(end - to.in), 0, &error);
	if (!json_is_object(line))
		fail(NOT_UNDERSTOOD, "what came is not understood: is %s another version?", "lguest-run");
	to.got -= (size_t)(end + 1 - to.in);
	memmove(to.in, end + 1, to.got);
	return line;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* Is there a byte of a control character at @i? U+0080 to U+009F are some too, in UTF-8, which is all that jansson lets in, c2 80 to c2 9f. */
static bool is_control(const unsigned char *s, size_t i)
{
	return s[i] < ' ' || s[i] == 0x7f || (s[i] == 0xc2 && (s[i + 1] & 0xe0) == 0x80) || (i && s[i - 1] == 0xc2 && (s[i] & 0xe0) == 0x80);
}

int print_text(FILE *f, const char *string, bool label)
{
	const unsigned char *s = (const unsigned char *)string;
	int columns = 0;

	for (size_t i = 0; s[i]; i++) {
		if (label && strchr("\\\"\n", s[i])) {
			columns += fprintf(f, "\\%c", s[i] == '\n' ? 'n' : s[i]);
		} else if (is_control(s, i)) {
			columns += fprintf(f, "%s\\x%02x", label ? "\\" : "", s[i]);
		} else {
			fputc(s[i], f);
			columns += (s[i] & 0xc0) != 0x80;
		}
	}
	return columns;
}

static void say_text(const char *s)
{
	print_text(stdout, s, false);
}

static void say_padded(const char *s, int width)
{
	int columns = print_text(stdout, s, false);

	printf("%*s", columns < width ? width - columns : 0, "");
}

static int refused(const json_t *error)
{
	const char *class = text(error, "class");

	fflush(stdout);
	fputs("lguestctl: ", stderr);
	print_text(stderr, text(error, "desc"), false);
	fprintf(stderr, " (");
	print_text(stderr, class, false);
	fprintf(stderr, ")\n");
	return !strcmp(class, "Denied") ? DENIED : !strcmp(class, "Timeout") ? TIME_OVER : REFUSED;
}

/* Return: what the command returned; an error ends the program. */
static json_t *execute(const char *command, json_t *arguments)
{
	json_t *line, *what = json_pack("{s:s}", "execute", command);
	char *out;
	size_t n;

	if (arguments)
		json_object_set_new(what, "arguments", arguments);
	out = json_dumps(what, JSON_COMPACT);
	n = out ? strlen(out) : 0;
	if (!n || n > 4000)
		fail(USAGE, "the argument is too long");
	out[n] = '\n';
	if (send(to.fd, out, n + 1, MSG_NOSIGNAL) != (ssize_t)n + 1)
		fail(REFUSED, "the guest has hung up");
	free(out);
	while ((line = receive())) {
		json_t *answer = json_object_get(line, "return"), *error = json_object_get(line, "error");

		if (answer)
			return answer;
		if (error)
			exit(refused(error));
	}
	fail(REFUSED, "the guest ended before it answered");
}

/* --- output --- */

static void print_json(const json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);

	/* jansson escapes all control characters but one */
	for (const char *p = line; p && *p; p++)
		if (*p == 0x7f)
			fputs("\\u007f", stdout);
		else
			putchar(*p);
	putchar('\n');
	free(line);
}

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void print_status(const json_t *s)
{
	json_t *d;
	size_t i;

	say_text(text(s, "name"));
	printf(": ");
	say_text(text(s, "state"));
	printf(" for %lld s, %lld MiB, lguest-run ", number(s, "uptime_ms") / 1000, number(s, "memory") >> 20);
	say_text(text(s, "version"));
	printf(", process %lld\n", number(s, "pid"));
	json_array_foreach(json_object_get(s, "devices"), i, d) {
		printf("  ");
		say_padded(text(d, "name"), 12);
		printf(" ");
		say_padded(text(d, "state"), 9);
		printf(" version ");
		say_padded(text(d, "version"), 8);
		printf(" process %-7lld restarts %lld", number(d, "pid"), number(d, "restarts"));
		printf(number(d, "away_ms") ? ", away for %lld ms\n" : "\n", number(d, "away_ms"));
	}
}

static void print_stats(const json_t *s)
{
	const char *key;
	json_t *v;
	size_t i;

	json_object_foreach(json_object_get(s, "counters"), key, v) {
		say_padded(key, 20);
		printf(" %lld\n", (long long)json_integer_value(v));
	}
	json_array_foreach(json_object_get(s, "processes"), i, v) {
		say_padded(text(v, "name"), 12);
		if (number(v, "resident"))
			printf(" user %lld ms, system %lld ms, resident %lld KiB", number(v, "user_ms"), number(v, "system_ms"), number(v, "resident") >> 10);
		else
			printf(" not known");	/* each that lives is resident */
		if (json_object_get(v, "cgroup"))
			printf("; group %lld us, %lld KiB", number(json_object_get(v, "cgroup"), "usage_usec"),
			       number(json_object_get(v, "cgroup"), "memory") >> 10);
		putchar('\n');
	}
}

static void print_event(const json_t *line)
{
	const json_t *data = json_object_get(line, "data");

	printf("%.3f ", json_real_value(json_object_get(line, "seconds")));
	say_text(text(line, "event"));
	if (*text(data, "device")) {
		putchar(' ');
		say_text(text(data, "device"));
	}
	if (json_object_get(data, "status"))
		printf(" status %lld ", number(data, "status"));
	say_text(text(data, "text"));
	putchar('\n');
}

/* Until the end. Return: the guest's status, or lguest-run's. */
static int follow(bool print)
{
	json_t *line;

	while ((line = receive())) {
		if (!json_object_get(line, "event"))
			continue;
		if (print && say.json)
			print_json(line);
		else if (print)
			print_event(line);
		if (fflush(stdout))
			return REFUSED;
		if (!strcmp(text(line, "event"), "end"))
			return (int)(number(json_object_get(line, "data"), "status") & 0xff);
		json_decref(line);
	}
	fail(REFUSED, "the connection ended before the guest did");
}

/* --- commands --- */

static json_t *arguments_of(const struct command *c, const char *argument)
{
	uint64_t n;

	if (!strcmp(c->name, "powerdown") || !strcmp(c->name, "reset"))
		return say.timed ? json_pack("{s:I}", "timeout", (json_int_t)say.timeout) : NULL;
	if (!c->argument)
		return NULL;
	if (!strcmp(c->argument, "NUMBER")) {
		if (!text_number(argument, 64, &n))
			fail(USAGE, "%s is not the number of a signal", argument);
		return json_pack("{s:I}", c->key, (json_int_t)n);
	}
	return json_pack("{s:s}", c->key, argument);
}

static int show_metrics(void)
{
	json_t *status = execute("status", NULL), *stats = NULL;

	if (!strcmp(text(status, "state"), "running"))
		stats = execute("stats", NULL);
	metrics(status, stats);
	return DONE;
}

/* What came of restart and grow; signal has nothing to say. */
static void print_change(const struct command *c, const json_t *answer)
{
	if (strcmp(c->key, "device"))
		return;
	say_text(text(answer, "device"));
	if (!strcmp(c->name, "grow")) {
		printf(": %lld bytes\n", number(answer, "capacity"));
		return;
	}
	printf(": version ");
	say_text(text(answer, "version"));
	printf(" serves after %lld ms\n", number(answer, "away_ms"));
}

static int run_command(const struct command *c, const char *argument)
{
	json_t *answer;

	if (!strcmp(c->name, "metrics"))
		return show_metrics();
	if (!strcmp(c->name, "events") || !strcmp(c->name, "wait")) {
		execute("events", NULL);
		to.until_ms = say.timed ? to.until_ms : 0;
		return follow(!strcmp(c->name, "events"));
	}
	if (say.wait)
		execute("events", NULL);
	answer = execute(c->name, arguments_of(c, argument));
	if (say.json)
		print_json(answer);
	else if (!strcmp(c->name, "status"))
		print_status(answer);
	else if (!strcmp(c->name, "stats"))
		print_stats(answer);
	else if (c->argument)
		print_change(c, answer);
	if (!say.wait)
		return DONE;
	to.until_ms = 0;
	return follow(false);
}

static bool is_guest(const char *dir)
{
	int err = dial(dir, "control");

	if (err && err != -EAGAIN)
		err = dial(dir, "status");
	if (!err)
		close(to.fd);
	return !err || err == -EAGAIN;
}

static int list(void)
{
	char own[256];
	const char *dirs[] = { own_dir(own, sizeof(own)), SYSTEM_DIR };

	for (int i = 0; i < 2; i++) {
		DIR *d = opendir(dirs[i]);
		struct dirent *e;
		char dir[512];

		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(dir, sizeof(dir), "%s/%.200s", dirs[i], e->d_name);
			if (!is_guest(dir))
				continue;
			say_text(e->d_name);
			putchar('\n');
		}
		if (d)
			closedir(d);
	}
	return DONE;
}

static void usage(FILE *f)
{
	fputs("usage: lguestctl [--json] [--wait] [--timeout SECONDS] NAME|FOLDER COMMAND [ARGUMENT]\n"
	      "       lguestctl list | version | --help\n\n", f);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-9s %-7s %s\n", commands[i].name, commands[i].argument ? commands[i].argument : "", commands[i].help);
	fputs("\nExit status: 0 done, 1 refused or failed, 2 usage, 3 no such guest, 4 not permitted, 5 time is over, 6 not understood;\n"
	      "wait, --wait: the guest's own, or lguest-run's (lguest-run(1)).\n", f);
}

static int words(void)
{
	puts("--json NONE\n--wait NONE\n--timeout WORD\n--help NONE\nlist NONE\nversion NONE");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s %s\n", commands[i].name, commands[i].argument ? "WORD" : "NONE");
	return DONE;
}

static int version(void)
{
	puts("lguestctl " LGUEST_VERSION);
	return finish(DONE);
}

static const struct command *find_command(const char *name)
{
	const char *all[COMMANDS + 1] = { NULL }, *near;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
		all[i] = commands[i].name;
	}
	near = text_nearest(name, all);
	fail(USAGE, near ? "there is no command %s: did you mean %s?" : "there is no command %s (lguestctl --help shows all)", name, near);
}

/* Options may stand anywhere. Return: how many words are left. */
static int options(int argc, char **argv)
{
	int n = 1;
	uint64_t s;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			say.json = true;
		} else if (!strcmp(argv[i], "--wait")) {
			say.wait = true;
		} else if (!strcmp(argv[i], "--timeout")) {
			if (++i == argc || !text_number(argv[i], 86400, &s))
				fail(USAGE, "--timeout needs a number of seconds, 86400 at most");
			say.timeout = (unsigned int)s;
			say.timed = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			usage(stdout);
			exit(finish(DONE));
		} else if (!strcmp(argv[i], "--version")) {
			exit(version());
		} else if (!strcmp(argv[i], "--help=words")) {
			exit(finish(words()));
		} else if (!strncmp(argv[i], "--", 2)) {
			fail(USAGE, "there is no option %s (lguestctl --help shows all)", argv[i]);
		} else {
			argv[n++] = argv[i];
		}
	}
	return n;
}

/*L:951
 * Words, socket, greeting, one command. 15 s are enough for all but what says that it waits.
 */
int main(int argc, char **argv)
{
	const struct command *c;
	json_t *hello;

	argc = options(argc, argv);
	if (argc == 2 && !strcmp(argv[1], "list"))
		return finish(list());
	if (argc == 2 && !strcmp(argv[1], "version"))
		return version();
	if (argc < 3) {
		usage(stderr);
		return USAGE;
	}
	c = find_command(argv[2]);
	if (argc != (c->argument ? 4 : 3))
		fail(USAGE, c->argument ? "%s needs one %s" : "%s takes no argument%s", c->name, c->argument ? c->argument : "");
	if (say.wait && !c->waits)
		fail(USAGE, "--wait is for powerdown, reset and stop");
	find(argv[1], c);
	to.until_ms = now_ms() + (say.timed && !c->waits ? say.timeout * 1000ull : 15000);
	hello = receive();
	if (!hello)
		fail(REFUSED, "%s hung up without a greeting: it has no place for another client, or is just beginning: try again", argv[1]);
	if (!json_object_get(hello, "LGUEST"))
		fail(NOT_UNDERSTOOD, "that socket is not a guest's");
	if (number(json_object_get(hello, "LGUEST"), "protocol") != 1)
		fail(NOT_UNDERSTOOD, "the guest speaks another protocol: install the lguestctl of its version");
	to.greeted = true;
	return finish(run_command(c, argc == 4 ? argv[3] : NULL));
}
