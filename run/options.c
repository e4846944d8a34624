// SPDX-License-Identifier: GPL-2.0
/*L:110
 * options.c: the command line of lguest-run (launch.h), as tables: every option with its help line, every key
 * of every device. What is not in a table is refused, with the nearest word that is.
 *
 * It may write struct launch and print. It opens nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/exit.h"
#include "run/launch.h"
#include "run/text.h"
#include "version.h"

#define MEMORY_DEFAULT	(256ull << 20)

/*
 * A guest's kernel gives a window out in sets of this size (IO_TLB_SEGSIZE slots of swiotlb): what is left behind the last whole set it
 * would take for a whole one too, and so hand out memory behind the window.
 */
#define WINDOW_SET	(256ull << 10)
#define WINDOW_MAX	(256ull << 20)

static char sentence[8192];	/* two paths and some words */

static void patience_over(int sig)
{
	(void)sig;	/* it interrupts write() */
}

/* A terminal that nobody reads must not keep us from ending a guest: what it has not taken within this time is lost. */
#define PATIENCE_US	200000

static void (*through)(const char *text, size_t len);

void complain_through(void (*take)(const char *text, size_t len))
{
	through = take;
}

static void say(const char *fmt, va_list ap, const char *hint)
{
	const struct itimerval limit = { .it_value.tv_usec = PATIENCE_US, .it_interval.tv_usec = PATIENCE_US };
	const struct sigaction alarm = { .sa_handler = patience_over };
	const size_t room = sizeof(sentence) - strlen(hint) - 1;
	size_t n = (size_t)snprintf(sentence, sizeof(sentence), "lguest-run: ");
	int more = vsnprintf(sentence + n, room - n, fmt, ap);

	n = more < 0 || (size_t)more >= room - n ? room - 1 : n + (size_t)more;
	n += (size_t)sprintf(sentence + n, "%s\n", hint);
	if (through) {
		through(sentence + 12, n - 13);	/* without the name and the end of the line */
		return;
	}
	sigaction(SIGALRM, &alarm, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
	if (write(STDERR_FILENO, sentence, n) < 0)
		n = 0;	/* a closed one is no reason to do anything else */
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, "");
	va_end(ap);
}

static int __attribute__((format(printf, 1, 2))) wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, " (lguest-run --help shows all options)");
	va_end(ap);
	return EXIT_USAGE;
}

/* --- keys of devices --- */

enum key {
	KEY_RO, KEY_DIRECT, KEY_SERIAL, KEY_MAC, KEY_UNOWNED, KEY_WINDOW, KEY_DMA, KEY_SOCKET, KEY_TYPE, KEYS
};

static const char *const key_name[KEYS] = { "ro", "direct", "serial", "mac", "unowned", "window", "dma", "socket", "type" };

#define KEY(k) (1u << KEY_##k)
#define KEYS_ALWAYS (KEY(WINDOW) | KEY(DMA))
#define KEYS_BARE (KEY(RO) | KEY(DIRECT) | KEY(UNOWNED))	/* flags: no value */

/**
 * struct device_option - an option that adds a device
 * @keys: which keys it takes, @window: default size of its window, @least: the least that its driver gets on with
 * @needs_path: its first word is an object
 */
struct device_option {
	const char *name;
	enum role_kind kind;
	unsigned int keys;
	uint64_t window, least;
	bool needs_path;
	const char *help;
};

/*
 * The least windows. A block driver asks for 1280 KiB at once, in segments each of which may need the better half of a set; a request
 * that does not fit would be tried again for ever. Console and net drivers fill their rings with buffers of a page each,
 * 256 of them, and what they send must find room beside these.
 */
#define LEAST_BLOCK	(3ull << 20)
#define LEAST_NET	(2ull << 20)
#define LEAST_CONSOLE	(1280ull << 10)
#define LEAST_RNG	WINDOW_SET

static const struct device_option device_options[] = {
	{ "block", ROLE_BLOCK, KEYS_ALWAYS | KEY(RO) | KEY(DIRECT) | KEY(SERIAL), 8 << 20, LEAST_BLOCK, true,
	  "[ro:]IMAGE[,ro][,direct][,serial=TEXT]   a disk: an image file or a block device;\n"
	  "                       ro = read-only, direct = past the host's page cache" },
	{ "net", ROLE_NET, KEYS_ALWAYS | KEY(MAC) | KEY(UNOWNED), 4 << 20, LEAST_NET, true,
	  "TAP[,mac=ADDRESS][,unowned]   a network card on an existing tap interface;\n"
	  "                       unowned = also one that any user of this host may attach to" },
	{ "console", ROLE_CONSOLE, KEYS_ALWAYS, 4 << 20, LEAST_CONSOLE, true,
	  "stdio|none|FILE   the guest's console: this terminal (the default), nothing,\n"
	  "                       or a file or device that it is written to" },
	{ "rng", ROLE_RNG, KEYS_ALWAYS, 256 << 10, LEAST_RNG, false, "                  a source of random numbers" },
	{ "vhost-user", ROLE_FOREIGN, KEYS_ALWAYS | KEY(SOCKET) | KEY(TYPE), 8 << 20, 0, false,
	  "socket=PATH,type=block|net|console|rng|fs   a device served by another program" },
};
#define DEVICE_OPTIONS (sizeof(device_options) / sizeof(device_options[0]))

/* The help of a device is what may be said, three or more spaces, and what it means: here the length of the first. */
static int grammar(const struct device_option *o)
{
	return (int)(strstr(o->help, "   ") - o->help);
}

static int unknown_key(const struct device_option *o, const char *key)
{
	const char *words[KEYS + 1], *near;
	unsigned int n = 0;

	for (unsigned int k = 0; k < KEYS; k++)
		if (o->keys & (1u << k))
			words[n++] = key_name[k];
	words[n] = NULL;
	near = text_nearest(key, words);
	return near ? wrong("--%s has no key '%s': did you mean '%s'?", o->name, key, near)
		    : wrong("--%s has no key '%s'", o->name, key);
}

static int set_window(const struct device_option *o, struct role *r, const char *value)
{
	if (!text_size(value, 1 << 20, &r->window) || !r->window)
		return wrong("--%s: window=%s is not a size like 8M", o->name, value);
	return 0;
}

/* What the driver of its type needs; of a file system's, as of a disk's. */
static uint64_t least_window(const struct device_option *o, const struct role *r)
{
	static const struct { const char *type; uint64_t least; } least[] = {
		{ "net", LEAST_NET }, { "console", LEAST_CONSOLE }, { "rng", LEAST_RNG },
	};

	for (unsigned int i = 0; !o->least && i < sizeof(least) / sizeof(least[0]); i++)
		if (!strcmp(r->type, least[i].type))
			return least[i].least;
	return o->least ? o->least : LEAST_BLOCK;
}

/* When all keys are known: type= may come behind window=. */
static int check_window(const struct device_option *o, const struct role *r)
{
	uint64_t least = least_window(o, r);

	if (!r->window || (r->window >= least && r->window <= WINDOW_MAX && !(r->window % WINDOW_SET)))
		return 0;
	return wrong("--%s: window=%lluK is not a multiple of 256K from %lluK to 256M, which its driver in the guest needs", o->name,
		     (unsigned long long)(r->window >> 10), (unsigned long long)(least >> 10));
}

static int set_dma(const struct device_option *o, struct role *r, const char *value)
{
	if (!strcmp(value, "direct"))
		r->window = 0;
	else if (strcmp(value, "window"))
		return wrong("--%s: dma=%s is neither window nor direct", o->name, value);
	return 0;
}

static int set_type(const struct device_option *o, struct role *r, const char *value)
{
	static const char *const known[] = { "block", "net", "console", "rng", "fs", NULL };

	for (unsigned int i = 0; known[i]; i++)
		if (!strcmp(value, known[i]))
			r->type = known[i];
	return r->type ? 0 : wrong("--%s: type=%s is not one of block, net, console, rng, fs", o->name, value);
}

static int set_key(const struct device_option *o, struct role *r, enum key key, const char *value)
{
	switch (key) {
	case KEY_RO: r->read_only = true; return 0;
	case KEY_DIRECT: r->direct_io = true; return 0;
	case KEY_SERIAL:
		r->serial = value;
		return strlen(value) <= 20 ? 0 : wrong("--%s: serial=%s has more than 20 characters", o->name, value);
	case KEY_MAC:
		r->mac = value;
		return text_is_mac(value) ? 0 : wrong("--%s: mac=%s is not an address like 52:54:00:12:34:56", o->name, value);
	case KEY_UNOWNED: r->unowned = true; return 0;
	case KEY_WINDOW: return set_window(o, r, value);
	case KEY_DMA: return set_dma(o, r, value);
	case KEY_SOCKET: r->path = value; return 0;
	case KEY_TYPE: return set_type(o, r, value);
	default: return 0;
	}
}

static int parse_key(const struct device_option *o, struct role *r, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (unsigned int k = 0; k < KEYS; k++) {
		if (!(o->keys & (1u << k)) || strcmp(word, key_name[k]))
			continue;
		if (KEYS_BARE & (1u << k) && value)
			return wrong("--%s: '%s' takes no value", o->name, word);
		if (!(KEYS_BARE & (1u << k)) && (!value || !*value))
			return wrong("--%s: '%s' needs a value: %s=...", o->name, word, word);
		return set_key(o, r, (enum key)k, value);
	}
	return unknown_key(o, word);
}

static void name_role(const struct launch *l, struct role *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < l->roles; i++)
		n += &l->role[i] != r && !strcmp(role_type(&l->role[i]), role_type(r));
	snprintf(r->name, sizeof(r->name), "%.16s%u", role_type(r), n);
}

static int add_device(struct launch *l, const struct device_option *o, char *text)
{
	struct role *r = &l->role[l->roles];
	char *word;
	int err;

	if (l->roles == GUEST_DEVICES)
		return wrong("there are more than %u devices", GUEST_DEVICES);
	*r = (struct role){ .kind = o->kind, .window = o->window, .resource = { -1, -1 }, .socket = -1, .drain = -1, .pidfd = -1 };
	if (o->needs_path) {
		if (o->kind == ROLE_BLOCK && !strncmp(text, "ro:", 3)) {
			r->read_only = true;
			text += 3;
		}
		r->path = strsep(&text, ",");
		if (!*r->path)
			return wrong("--%s names nothing: --%s %.*s", o->name, o->name, grammar(o), o->help);
	}
	while ((word = strsep(&text, ","))) {
		err = *word ? parse_key(o, r, word) : 0;
		if (err)
			return err;
	}
	if (o->kind == ROLE_FOREIGN && (!r->path || !r->type))
		return wrong("--vhost-user needs both socket=PATH and type=...");
	err = check_window(o, r);
	if (err)
		return err;
	name_role(l, r);
	l->roles++;
	return 0;
}

const char *role_type(const struct role *r)
{
	static const char *const names[ROLE_KINDS] = { "block", "net", "console", "rng", NULL };

	return r->kind == ROLE_FOREIGN ? r->type : names[r->kind];
}

/* --- plain options --- */

/* What the devices need is added later (core.c): it may still be too long with that. */
static int set_cmdline(struct launch *l, const char *value)
{
	l->cmdline = value;
	return strlen(value) < GUEST_CMDLINE_MAX ? 0 : wrong("--cmdline has %zu characters: a kernel takes %u", strlen(value),
							       GUEST_CMDLINE_MAX - 1);
}

static int set_memory(struct launch *l, const char *value)
{
	if (!text_size(value, 1 << 20, &l->memory))
		return wrong("--memory %s is not a size like 256M or 2G", value);
	if (l->memory < GUEST_RAM_MIN || l->memory > GUEST_RAM_MAX || l->memory % GUEST_PAGE)
		return wrong("--memory %s: a guest can have from 16M to 1T, in whole pages", value);
	return 0;
}

static int set_cpus(struct launch *l, const char *value)
{
	uint64_t n;

	(void)l;
	if (!text_number(value, 1, &n) || n != 1)
		return wrong("--cpus %s: this module gives a guest one CPU: say 1, or leave it out", value);
	return 0;
}

static int set_name(struct launch *l, const char *value)
{
	l->name = value;
	return *value && strlen(value) < 64 && !strchr(value, '/') ? 0 : wrong("--name %s: 1 to 63 characters without '/'", value);
}

static int set_check(struct launch *l, const char *value)
{
	(void)value;
	l->check = true;
	return 0;
}

static int set_explain(struct launch *l, const char *value)
{
	(void)value;
	l->explain = true;
	return 0;
}

static int load_config(struct launch *l, const char *value);

/**
 * struct plain_option - an option that is not a device
 * @arg: what its argument is called in the help; NULL: it has none
 * @text: where its text goes, offset in struct launch, when there is no @set
 */
struct plain_option {
	const char *name;
	const char *arg;
	int (*set)(struct launch *l, const char *value);
	size_t text;
	const char *help;
};
#define TEXT(field) NULL, offsetof(struct launch, field)

static const struct plain_option plain_options[] = {
	{ "kernel", "FILE", TEXT(kernel), "the guest's kernel: an uncompressed vmlinux made for lguest" },
	{ "initrd", "FILE", TEXT(initrd), "its initial root file system" },
	{ "cmdline", "TEXT", set_cmdline, 0, "its command line" },
	{ "memory", "SIZE", set_memory, 0, "its memory, 256M if not said; a bare number is MiB" },
	{ "cpus", "N", set_cpus, 0, "its CPUs: 1" },
	{ "name", "NAME", set_name, 0, "what its processes are called" },
	{ "pidfile", "FILE", TEXT(pidfile), "write the process id of lguest-run here" },
	{ "log", "FILE", TEXT(log), "messages go to the end of this file instead of stderr" },
	{ "config", "FILE", load_config, 0, "read options from a file: one a line, without the dashes" },
	{ "check", NULL, set_check, 0, "check all of this, open every file, start nothing" },
	{ "explain", NULL, set_explain, 0, "print which process would hold what, start nothing" },
};
#define PLAIN_OPTIONS (sizeof(plain_options) / sizeof(plain_options[0]))

static int unknown_option(const char *name)
{
	const char *words[DEVICE_OPTIONS + PLAIN_OPTIONS + 3], *near;
	unsigned int n = 0;

	for (unsigned int i = 0; i < PLAIN_OPTIONS; i++)
		words[n++] = plain_options[i].name;
	for (unsigned int i = 0; i < DEVICE_OPTIONS; i++)
		words[n++] = device_options[i].name;
	words[n++] = "help";
	words[n++] = "version";
	words[n] = NULL;
	near = text_nearest(name, words);
	return near ? wrong("there is no option --%s: did you mean --%s?", name, near) : wrong("there is no option --%s", name);
}

static const struct plain_option *find_plain(const char *name)
{
	for (unsigned int i = 0; i < PLAIN_OPTIONS; i++)
		if (!strcmp(plain_options[i].name, name))
			return &plain_options[i];
	return NULL;
}

static const struct device_option *find_device(const char *name)
{
	for (unsigned int i = 0; i < DEVICE_OPTIONS; i++)
		if (!strcmp(device_options[i].name, name))
			return &device_options[i];
	return NULL;
}

static bool takes_value(const char *name)
{
	const struct plain_option *p = find_plain(name);
	const struct device_option *d = find_device(name);

	return p ? p->arg != NULL : d && (d->needs_path || d->kind == ROLE_FOREIGN);
}

/* One option. @value is NULL when none was given; it may be changed. */
static int set_option(struct launch *l, const char *name, char *value)
{
	static char nothing[1];
	const struct plain_option *p = find_plain(name);
	const struct device_option *d = find_device(name);

	if (!p && !d)
		return unknown_option(name);
	if (takes_value(name) && !value)
		return p ? wrong("--%s needs a value: --%s %s", name, name, p->arg)
			 : wrong("--%s needs a value: --%s %.*s", name, name, grammar(d), d->help);
	if (p && !p->arg && value)
		return wrong("--%s takes no value", name);
	if (d)
		return add_device(l, d, value ? value : nothing);
	if (p->set)
		return p->set(l, value);
	*(const char **)((char *)l + p->text) = value;
	return 0;
}

/* --- the configuration file --- */

#define CONFIG_LINE_MAX	4096
#define CONFIG_TEXT_MAX	65536

/* Values of configuration files; the options point into it for the life of the process. */
static char config_text[CONFIG_TEXT_MAX];
static size_t config_used;

static char *keep(const char *text)
{
	size_t n = strlen(text) + 1;
	char *at = config_text + config_used;

	if (n > sizeof(config_text) - config_used)
		return NULL;
	memcpy(at, text, n);
	config_used += n;
	return at;
}

static char *trim(char *s)
{
	size_t n;

	while (*s == ' ' || *s == '\t')
		s++;
	n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* '#' begins a comment at the start of a line and behind a blank, but not within double quotes. */
static void cut_comment(char *line)
{
	bool quoted = false;

	for (char *c = line; *c; c++) {
		quoted ^= *c == '"';
		if (*c == '#' && !quoted && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
			*c = '\0';
			return;
		}
	}
}

/* Quotes around the whole of a value are the file's; others are the value's own, as in a command line with key="a b". */
static char *unquote(char *value)
{
	char *close = *value == '"' ? strchr(value + 1, '"') : NULL;

	if (!close || close[1])
		return value;
	*close = '\0';
	return value + 1;
}

/* "name value" or "name = value". */
static int config_line(struct launch *l, const char *file, unsigned int number, char *line)
{
	char *name, *value;
	int err;

	cut_comment(line);
	name = trim(line);
	if (!*name)
		return 0;
	value = name + strcspn(name, " \t=");
	if (*value) {
		*value++ = '\0';
		value = trim(value);
		if (*value == '=')
			value = trim(value + 1);
		if (*value == '"' && !strchr(value + 1, '"'))
			return wrong("%s line %u: the quote before %s is not closed", file, number, value + 1);
		value = unquote(value);
	}
	if (!strcmp(name, "config"))
		return wrong("%s line %u: a configuration file cannot name another", file, number);
	if (*value) {
		value = keep(value);
		if (!value)
			return wrong("%s is longer than a configuration can be", file);
	} else {
		value = NULL;
	}
	err = set_option(l, name, value);
	if (err)
		complain("that was line %u of %s", number, file);
	return err;
}

/* Editors of other systems begin a file so (a byte order mark, in UTF-8). */
static char *skip_mark(char *line, unsigned int number)
{
	return number == 1 && !strncmp(line, "\xef\xbb\xbf", 3) ? line + 3 : line;
}

static int load_config(struct launch *l, const char *path)
{
	char line[CONFIG_LINE_MAX];
	unsigned int number = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	struct stat st;
	FILE *f;

	/* A FIFO would hold us until somebody writes it. */
	if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		complain("the configuration %s is not a file: name a regular one", path);
		close(fd);
		return EXIT_FILE;
	}
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		complain("cannot open the configuration %s: %m%s", path, text_remedy(errno));
		return EXIT_FILE;
	}
	while (!err && fgets(line, sizeof(line), f)) {
		number++;
		if (!strchr(line, '\n') && !feof(f))
			err = wrong("%s line %u has more than %d characters", path, number, CONFIG_LINE_MAX - 2);
		else
			err = config_line(l, path, number, skip_mark(line, number));
	}
	if (!err && ferror(f)) {
		complain("cannot read the configuration %s: %m%s", path, text_remedy(errno));
		err = EXIT_FILE;
	}
	fclose(f);
	return err;
}

/* --- help and the whole line --- */

static void help(void)
{
	puts("usage: lguest-run --kernel FILE [OPTION...]\n\n"
	     "Runs a Linux guest under the lguest module, each of its devices in a process of its own.\n");
	for (unsigned int i = 0; i < PLAIN_OPTIONS; i++)
		printf("  --%-8s %-9s  %s\n", plain_options[i].name, plain_options[i].arg ? plain_options[i].arg : "",
		       plain_options[i].help);
	puts("\nDevices; each may be given several times, with keys behind commas:\n");
	for (unsigned int i = 0; i < DEVICE_OPTIONS; i++)
		printf("  --%s %s\n", device_options[i].name, device_options[i].help);
	puts("\nKeys of every device:\n"
	     "  window=SIZE         memory shared with its process, which sees nothing else of the guest\n"
	     "  dma=direct          let its process see all of the guest's memory instead\n\n"
	     "Three times ctrl-C within a second ends the guest. The exit status is the guest's own, or, from 100 on,\n"
	     "says what went wrong: see lguest-run(1). --version prints the version.");
}

/* A console is there unless it was said otherwise. */
static int default_console(struct launch *l)
{
	static char stdio[] = "stdio";

	for (unsigned int i = 0; i < l->roles; i++)
		if (l->role[i].kind == ROLE_CONSOLE)
			return 0;
	return add_device(l, find_device("console"), stdio);
}

/* A terminal has one keyboard: two consoles on it would each get some of what is typed. */
static int check_consoles(const struct launch *l)
{
	unsigned int stdio = 0, none = 0, all = 0;

	for (unsigned int i = 0; i < l->roles; i++) {
		if (l->role[i].kind != ROLE_CONSOLE)
			continue;
		all++;
		stdio += !strcmp(l->role[i].path, "stdio");
		none += !strcmp(l->role[i].path, "none");
	}
	if (stdio > 1)
		return wrong("--console stdio is given %u times: a terminal can have one console; give the others a file each", stdio);
	return none && all > 1 ? wrong("--console none is given beside another --console: leave one of them out") : 0;
}

static void drop_no_console(struct launch *l)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < l->roles; i++)
		if (l->role[i].kind != ROLE_CONSOLE || strcmp(l->role[i].path, "none"))
			l->role[n++] = l->role[i];
	l->roles = n;
}

int options_parse(struct launch *l, int argc, char **argv)
{
	int err = 0;

	*l = (struct launch){
		.cmdline = "", .name = "guest", .memory = MEMORY_DEFAULT,
		.kernel_fd = -1, .initrd_fd = -1, .lguest_fd = -1, .null_fd = -1, .program_dir = -1, .control = -1, .core_pidfd = -1,
	};
	for (int i = 1; i < argc && !err; i++) {
		char *name = argv[i], *value;

		if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
			help();
			return -1;
		}
		if (!strcmp(name, "--version")) {
			puts("lguest-run " LGUEST_VERSION);
			return -1;
		}
		if (!strncmp(name, "--help=", 7))
			return wrong("--help takes no value");
		if (strncmp(name, "--", 2) || !name[2])
			return wrong("unexpected '%s': options begin with --", name);
		name += 2;
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		else if (takes_value(name) && i + 1 < argc)
			value = argv[++i];
		err = set_option(l, name, value);
	}
	if (err)
		return err;
	if (!l->kernel)
		return wrong("no kernel: --kernel FILE is needed");
	err = default_console(l);
	if (!err)
		err = check_consoles(l);
	drop_no_console(l);
	return err ? err : cmdline_check(l);
}
