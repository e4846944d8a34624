// SPDX-License-Identifier: GPL-2.0
/*L:120
 * options.c: the command line of lguest-run (launch.h), as tables: every option with its help line; the devices'
 * options are in their kinds (kind.h). What is not in a table is refused, with the nearest word that is.
 *
 * It may write struct launch and print. It opens nothing.
 */
#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/lguest.h>

#include "policy/policy.h"
#include "run/kernel.h"
#include "run/launch.h"
#include "run/options.h"
#include "run/say.h"
#include "run/text.h"
#include "version.h"

#define OVERFLOW_USER	65534u
#define MEMORY_DEFAULT	(256ull << 20)
/*
 * A guest's kernel gives a window out in sets of this size (IO_TLB_SEGSIZE slots of swiotlb): what is left behind the last whole set it
 * would take for a whole one too, and so hand out memory behind the window.
 */
#define WINDOW_SET	(256ull << 10)
#define WINDOW_MAX	(256ull << 20)

#define RECORD_MEMORY_MAX (1ull << 30)	/* that lguest-record takes in one piece (record/recording.h) */

#define RECORD_SIZE_MAX (1ull << 40)	/* that a recording may have (--max of lguest-record) */

#define WORDS_MAX	64u	/* for the nearest word: of options, or of the keys of one */

/* --- keys of devices --- */

static int set_window(struct role *r, const char *value)
{
	if (!text_size(value, 1 << 20, &r->window) || !r->window)
		return wrong("--%s: window=%s is not a size like 8M", r->kind->name, value);
	r->direct = false;
	return 0;
}

/* When all keys are known: type= may come behind window=. */
static int check_window(const struct role *r)
{
	uint64_t least = r->type->least ? r->type->least : KIND_LEAST_WINDOW;

	if (!r->window || (r->window >= least && r->window <= WINDOW_MAX && !(r->window % WINDOW_SET)))
		return 0;
	return wrong("--%s: window=%lluK is not a multiple of 256K from %lluK to 256M, which its driver in the guest needs", r->kind->name,
		     (unsigned long long)(r->window >> 10), (unsigned long long)(least >> 10));
}

static int set_dma(struct role *r, const char *value)
{
	r->direct = !strcmp(value, "direct");
	return r->direct || !strcmp(value, "window") ? 0 : wrong("--%s: dma=%s is neither window nor direct", r->kind->name, value);
}

/* Keys of every device. */
static const struct {
	const char *name;
	int (*set)(struct role *r, const char *value);
} common_keys[] = {
	{ "window", set_window },
	{ "dma", set_dma },
};
#define COMMON_KEYS (sizeof(common_keys) / sizeof(common_keys[0]))

static const struct kind_key *key_at(const struct device_kind *kind, unsigned int i)
{
	return kind->keys && i < KIND_KEYS_MAX && kind->keys[i].name ? &kind->keys[i] : NULL;
}

const char *role_key(const struct role *r, const char *name)
{
	const struct kind_key *k;

	for (unsigned int i = 0; (k = key_at(r->kind, i)); i++)
		if (!strcmp(k->name, name))
			return r->value[i];
	return NULL;
}

const char *role_rates_asked(struct role *r)
{
	return role_key(r, "burst") && !role_key(r, "bw") ? "burst= is what may be saved up of bw=, which is not said: say both" : NULL;
}

static int unknown_key(const struct role *r, const char *key)
{
	const char *words[KIND_KEYS_MAX + COMMON_KEYS + 1], *near;
	const struct kind_key *k;
	unsigned int n = 0;

	while ((k = key_at(r->kind, n)))
		words[n++] = k->name;
	for (unsigned int i = 0; i < COMMON_KEYS; i++)
		words[n++] = common_keys[i].name;
	words[n] = NULL;
	near = text_nearest(key, words);
	return near ? wrong("--%s has no key '%s': did you mean '%s'?", r->kind->name, key, near)
		    : wrong("--%s has no key '%s'", r->kind->name, key);
}

static int needs_value(const struct role *r, const char *key)
{
	return wrong("--%s: '%s' needs a value: %s=...", r->kind->name, key, key);
}

static int set_key(struct role *r, unsigned int i, const char *value)
{
	const struct kind_key *k = &r->kind->keys[i];
	const char *clause;

	if (k->bare && value)
		return wrong("--%s: '%s' takes no value", r->kind->name, k->name);
	if (!k->bare && (!value || !*value))
		return needs_value(r, k->name);
	r->value[i] = k->bare ? "" : value;
	clause = k->wrong ? k->wrong(value) : NULL;
	return clause ? wrong("--%s: %s=%s %s", r->kind->name, k->name, value, clause) : 0;
}

static int parse_key(struct role *r, char *word)
{
	char *value = strchr(word, '=');
	const struct kind_key *k;

	if (value)
		*value++ = '\0';
	for (unsigned int i = 0; (k = key_at(r->kind, i)); i++)
		if (!strcmp(word, k->name))
			return set_key(r, i, value);
	for (unsigned int i = 0; i < COMMON_KEYS; i++)
		if (!strcmp(word, common_keys[i].name))
			return value && *value ? common_keys[i].set(r, value) : needs_value(r, word);
	return unknown_key(r, word);
}

static void name_role(const struct launch *l, struct role *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < l->roles; i++)
		n += &l->role[i] != r && l->role[i].type == r->type;
	snprintf(r->name, sizeof(r->name), "%.16s%u", r->type->name, n);
}

/* "ro:image" is "image,ro". Return: what is behind the prefix. */
static char *take_prefix(struct role *r, char *text)
{
	size_t n = r->kind->prefix ? strlen(r->kind->prefix) : 0;
	const struct kind_key *k;

	if (!n || strncmp(text, r->kind->prefix, n) || text[n] != ':')
		return text;
	for (unsigned int i = 0; (k = key_at(r->kind, i)); i++)
		if (!strcmp(k->name, r->kind->prefix))
			r->value[i] = "";
	return text + n + 1;
}

static int too_many(void)
{
	return wrong("there are more than %u devices", GUEST_DEVICES);
}

/*L:150
 * With its kind found, "--block image,ro" becomes a struct role here: the object, then key by key, those of the kind
 * by its table and window= and dma= by ours. Values are not copied, the role points into the text; and nothing is
 * opened, so that whether the image exists is a question for later.
 */
static int add_device(struct launch *l, const struct device_kind *kind, char *text)
{
	struct role *r = &l->role[l->roles];
	const char *clause;
	char *word;
	int err;

	if (l->roles == ROLES_READ)
		return too_many();
	*r = (struct role){
		.kind = kind, .type = kind, .window = kind->window, .resource = { -1, -1 }, .socket = -1, .drain = -1, .pidfd = -1,
	};
	if (kind->object) {
		text = take_prefix(r, text);
		r->path = strsep(&text, ",");
		if (!*r->path)
			return wrong("--%s names nothing: --%s %s", kind->name, kind->name, kind_grammar(kind));
	}
	while ((word = strsep(&text, ","))) {
		err = *word ? parse_key(r, word) : 0;
		if (err)
			return err;
	}
	clause = kind->launch->asked ? kind->launch->asked(r) : NULL;
	if (clause)
		return wrong("--%s %s", kind->name, clause);
	if (r->direct)
		r->window = 0;
	err = check_window(r);
	if (err)
		return err;
	name_role(l, r);
	l->roles++;
	return 0;
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

	if (!text_number(value, LGUEST_MAX_VCPUS, &n) || !n)
		return wrong("--cpus %s: a guest can have from 1 to %u CPUs", value, LGUEST_MAX_VCPUS);
	l->cpus = (unsigned int)n;
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

static int set_stop_timeout(struct launch *l, const char *value)
{
	uint64_t n;

	if (!text_number(value, 86400, &n) || !n)
		return wrong("--stop-timeout %s is not a number of seconds from 1 to 86400", value);
	l->stop_timeout = (unsigned int)n;
	return 0;
}

static int set_verbose(struct launch *l, const char *value)
{
	(void)value;
	l->verbose = true;
	return 0;
}

static int set_require(struct launch *l, const char *value)
{
	return policy_parse_require(value, &l->require) ? wrong("--require %s is not one of all, namespaces, none", value) : 0;
}

/* The user that nobody is stands for all that have no other: two guests, and much else, would share it. */
static int set_user(struct launch *l, const char *value)
{
	const struct passwd *pw = getpwnam(value);
	uint64_t n = pw ? pw->pw_uid : 0;

	if (!pw && !text_number(value, UINT32_MAX - 1, &n))
		return wrong("--user %s: there is no such user", value);
	if (n > INT32_MAX)	/* what each of its processes takes */
		return wrong("--user %s: a guest's user has a number of %d at most", value, INT32_MAX);
	if (geteuid())
		return wrong("--user %s: only root can start a guest as another user", value);
	if (!n || n == OVERFLOW_USER)
		return wrong("--user %s: a guest needs a user that is neither root nor nobody", value);
	l->user = (uid_t)n;
	return 0;
}

static int set_limit(struct launch *l, const char *value)
{
	int err;

	if (l->limits == CGROUP_LIMITS)
		return wrong("--limit %s: a guest can have %u", value, CGROUP_LIMITS);
	err = cgroup_limit_parse(value, &l->limit[l->limits++]);
	if (err == -ENOENT)
		return wrong("--limit %s: the file is not one of cpu.weight, cpu.max, memory.max, io.weight, io.max, pids.max", value);
	return err ? wrong("--limit %s is not PROCESS:FILE=VALUE, as block0:memory.max=64M", value) : 0;
}

static int set_record(struct launch *l, const char *value)
{
	const char *dir = strchr(value, '=');

	if (!dir || dir == value || !dir[1])
		return wrong("--record %s is not NAME=DIR, as block0=recorded", value);
	if (l->records == GUEST_DEVICES)
		return wrong("--record %s: there are more than %u recordings", value, GUEST_DEVICES);
	l->record[l->records].what = value;
	l->record[l->records++].dir = dir + 1;
	return 0;
}

/* lguest-record counts in MiB. */
static int set_record_max(struct launch *l, const char *value)
{
	if (!text_size(value, 1 << 20, &l->record_max) || !l->record_max || l->record_max % (1 << 20) || l->record_max > RECORD_SIZE_MAX)
		return wrong("--record-max %s is not a size from 1M to 1T, like 512M", value);
	return 0;
}

static int set_explain(struct launch *l, const char *value)
{
	(void)value;
	l->explain = true;
	return 0;
}

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
	{ "kernel", "FILE", TEXT(kernel), "the guest's kernel: a vmlinux made for lguest, or the version of an installed one; the newest of these if not said" },
	{ "initrd", "FILE", TEXT(initrd), "its initial root file system" },
	{ "cmdline", "TEXT", set_cmdline, 0, "its command line" },
	{ "memory", "SIZE", set_memory, 0, "its memory, 256M if not said; a bare number is MiB" },
	{ "cpus", "N", set_cpus, 0, "its CPUs, 1 if not said" },
	{ "name", "NAME", set_name, 0, "what its processes are called" },
	{ "pidfile", "FILE", TEXT(pidfile), "write the process id of lguest-run here" },
	{ "log", "FILE", TEXT(log), "messages go to the end of this file instead of stderr" },
	{ "config", "FILE", config_load, 0, "read options from a file: one a line, without the dashes" },
	{ "user", "NAME", set_user, 0, "started by root: its processes run as this user, not each as one of its own" },
	{ "require", "WHAT", set_require, 0, "all, namespaces or none: layers of the sandbox without which it does not start" },
	{ "cgroup", "FOLDER", TEXT(cgroup), "a control group to bound its processes in, or none; its own, if it was delegated" },
	{ "limit", "RULE", set_limit, 0, "PROCESS:FILE=VALUE, a bound in the control group of one process, as block0:memory.max=64M" },
	{ "record", "NAME=DIR", set_record, 0, "write down what that device's process receives, as block0, in DIR/recording (lguest-replay)" },
	{ "record-max", "SIZE", set_record_max, 0, "where each of these ends and the guest goes on without, 256M if not said" },
	{ "control", "FOLDER", TEXT(control_dir), "make sockets there for lguestctl" },
	{ "stop-timeout", "S", set_stop_timeout, 0, "seconds that a guest has to power down on SIGPWR, 90 if not said" },
	{ "verbose", NULL, set_verbose, 0, "say which layers of the sandbox each process has" },
	{ "check", NULL, set_check, 0, "check all of this, open every file, start nothing" },
	{ "explain", NULL, set_explain, 0, "print which process would hold what, start nothing" },
};
#define PLAIN_OPTIONS (sizeof(plain_options) / sizeof(plain_options[0]))

static int unknown_option(const char *name)
{
	const char *words[WORDS_MAX], *near;
	unsigned int n = 0;

	_Static_assert(PLAIN_OPTIONS + KIND_MAX + 3 <= WORDS_MAX, "room for every option");
	for (unsigned int i = 0; i < PLAIN_OPTIONS; i++)
		words[n++] = plain_options[i].name;
	for (const struct device_kind *const *k = kinds(); *k; k++)
		if ((*k)->help)
			words[n++] = (*k)->name;
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

static bool takes_value(const char *name)
{
	const struct plain_option *p = find_plain(name);
	const struct device_kind *d = kind_of_option(name);

	return p ? p->arg != NULL : d && (d->object || d->value);
}

int option_set(struct launch *l, const char *name, char *value)
{
	static char nothing[1];
	const struct plain_option *p = find_plain(name);
	const struct device_kind *d = kind_of_option(name);

	if (!p && !d)
		return unknown_option(name);
	if (takes_value(name) && !value)
		return wrong("--%s needs a value: --%s %s", name, name, p ? p->arg : kind_grammar(d));
	if (p && !p->arg && value)
		return wrong("--%s takes no value", name);
	if (d)
		return add_device(l, d, value ? value : nothing);
	if (p->set)
		return p->set(l, value);
	*(const char **)((char *)l + p->text) = value;
	return 0;
}

/* --- help and the whole line --- */

static void help_of_kind(const struct device_kind *k)
{
	if (k->help && *k->grammar)
		printf("  --%s %s   %s\n", k->name, kind_grammar(k), k->help);
	else if (k->help)
		printf("  --%-22s%s\n", k->name, k->help);
}

static void help(void)
{
	puts("usage: lguest-run [--kernel FILE] [OPTION...]\n\n"
	     "Runs a Linux guest under the lguest module, each of its devices in a process of its own.\n");
	for (unsigned int i = 0; i < PLAIN_OPTIONS; i++)
		printf("  --%-8s %-9s  %s\n", plain_options[i].name, plain_options[i].arg ? plain_options[i].arg : "",
		       plain_options[i].help);
	puts("\nDevices; each may be given several times, with keys behind commas:\n");
	for (const struct device_kind *const *k = kinds(); *k; k++)
		help_of_kind(*k);
	puts("\nKeys of every device:\n"
	     "  window=SIZE         memory shared with its process, which sees nothing else of the guest\n"
	     "  dma=direct          let its process see all of the guest's memory instead\n\n"
	     "Three times ctrl-C within a second ends the guest. The exit status is the guest's own, or, from 100 on,\n"
	     "says what went wrong: see lguest-run(1). --version prints the version.");
}

/* For completion of the shell (packaging/completion): an option, the kind of its argument, the words that may come in it. */
static int words(const char *what)
{
	const struct kind_key *key;

	if (strcmp(what, "words"))
		return wrong("--help=%s: only --help=words prints something else", what);
	for (unsigned int i = 0; i < PLAIN_OPTIONS; i++) {
		const char *arg = plain_options[i].arg;

		printf("--%s %s\n", plain_options[i].name, !arg ? "NONE" : !strcmp(arg, "FILE") || !strcmp(arg, "FOLDER") ? "FILE" : "WORD");
	}
	for (const struct device_kind *const *k = kinds(); *k; k++) {
		if (!(*k)->help)
			continue;
		printf("--%s %s", (*k)->name, (*k)->object ? "FILE" : takes_value((*k)->name) ? "WORD" : "NONE");
		for (key = (*k)->keys; key && key->name; key++)
			printf(" %s%s", key->name, key->bare ? "" : "=");
		for (unsigned int i = 0; i < COMMON_KEYS; i++)
			printf(" %s=", common_keys[i].name);
		puts("");
	}
	puts("--help NONE\n--version NONE");
	return -1;
}

static bool has_kind(const struct launch *l, const struct device_kind *kind)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (l->role[i].kind == kind)
			return true;
	return false;
}

/* Some devices are there unless it was said otherwise: the console. */
static int add_defaults(struct launch *l)
{
	static char object[GUEST_DEVICES][24];	/* a line of its own for each: roles point into it */
	unsigned int n = 0;
	int err = 0;

	for (const struct device_kind *const *k = kinds(); *k && !err; k++) {
		if (!(*k)->always || has_kind(l, *k))
			continue;
		snprintf(object[n % GUEST_DEVICES], sizeof(object[0]), "%s", (*k)->always);
		err = add_device(l, *k, object[n++ % GUEST_DEVICES]);
	}
	return err;
}

/* A terminal has one keyboard: two consoles on it would each get some of what is typed. */
static int check_kind(const struct launch *l, const struct device_kind *kind)
{
	unsigned int always = 0, never = 0, all = 0;

	for (unsigned int i = 0; i < l->roles; i++) {
		if (l->role[i].kind != kind)
			continue;
		all++;
		always += !strcmp(l->role[i].path, kind->always);
		never += !strcmp(l->role[i].path, kind->never);
	}
	if (always > 1)
		return wrong("--%s %s is given %u times: a terminal can have one %s; give the others a file each", kind->name, kind->always, always,
			     kind->name);
	return never && all > 1 ? wrong("--%s %s is given beside another --%s: leave one of them out", kind->name, kind->never, kind->name) : 0;
}

static int check_terminals(const struct launch *l)
{
	int err = 0;

	for (const struct device_kind *const *k = kinds(); *k && !err; k++)
		err = (*k)->terminal ? check_kind(l, *k) : 0;
	return err;
}

static int drop_unwanted(struct launch *l)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < l->roles; i++)
		if (!l->role[i].kind->never || strcmp(l->role[i].path, l->role[i].kind->never))
			l->role[n++] = l->role[i];
	l->roles = n;
	return n > GUEST_DEVICES ? too_many() : 0;
}

/* Whose group a bound is for can be known when every device was read. */
static bool has_process(const struct launch *l, const char *name)
{
	if (!strcmp(name, "core") || (l->control_dir && !strcmp(name, "control")))
		return true;
	for (unsigned int i = 0; i < l->roles; i++)
		if (!strcmp(l->role[i].name, name))
			return !role_is_foreign(&l->role[i]);
	return false;
}

static int check_limits(const struct launch *l)
{
	for (unsigned int i = 0; i < l->limits; i++) {
		if (!has_process(l, l->limit[i].process))
			return wrong("--limit %s:%s: this guest has no process %s that lguest-run starts", l->limit[i].process, l->limit[i].file,
				     l->limit[i].process);
		if (l->cgroup && !strcmp(l->cgroup, "none"))
			return wrong("--limit %s:%s needs a control group, and --cgroup is none", l->limit[i].process, l->limit[i].file);
	}
	return 0;
}

static struct role *find_role(struct launch *l, const char *name, size_t n)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (strlen(l->role[i].name) == n && !strncmp(l->role[i].name, name, n))
			return &l->role[i];
	return NULL;
}

/* By the same name, but for slashes behind it */
static bool same_folder(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	while (n > 1 && a[n - 1] == '/')
		n--;
	while (m > 1 && b[m - 1] == '/')
		m--;
	return n == m && !memcmp(a, b, n);
}

/* Who is to be recorded, when every device was read. */
static int check_records(struct launch *l)
{
	for (unsigned int i = 0; i < l->records; i++) {
		const char *what = l->record[i].what;
		const int n = (int)(l->record[i].dir - what) - 1;
		struct role *r = find_role(l, what, (size_t)n);

		if (!r)
			return wrong("--record %s: this guest has no device %.*s", what, n, what);
		if (role_is_foreign(r))
			return wrong("--record %s: lguest-run does not start that program: put lguest-record before its socket", what);
		for (unsigned int k = 0; k < i; k++)
			if (same_folder(l->record[k].dir, l->record[i].dir))
				return wrong("--record %s: there is one recording in a folder, and %s has that: name another", what, l->record[k].what);
		if (r->record)
			return wrong("--record %s: %s is recorded already, in %s", what, r->name, r->record);
		if (!r->window && l->memory > RECORD_MEMORY_MAX)
			return wrong("--record %s: with dma=direct the guest can have 1G of memory at most", what);
		r->record = l->record[i].dir;
	}
	return l->record_max && !l->records ? wrong("--record-max bounds what --record writes, which is not said: say both") : 0;
}

/*L:160
 * The loop that calls all that we have seen; the first mistake ends it. Behind it comes what can be known only when
 * the last word is read: that a guest without a --console gets one, that a terminal has one console at most, and
 * whether the kernel has room for the command line.
 */
int options_parse(struct launch *l, int argc, char **argv)
{
	int err = 0;

	*l = (struct launch){
		.cmdline = "", .name = "guest", .memory = MEMORY_DEFAULT, .cpus = 1,
		.kernel_fd = -1, .initrd_fd = -1, .lguest_fd = -1, .null_fd = -1, .program_dir = -1, .control = -1, .core_pidfd = -1,
		.stop_timeout = 90, .control_pidfd = -1,
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
			return words(name + 7);
		if (strncmp(name, "--", 2) || !name[2])
			return wrong("unexpected '%s': options begin with --", name);
		name += 2;
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		else if (takes_value(name) && i + 1 < argc)
			value = argv[++i];
		err = option_set(l, name, value);
	}
	if (err)
		return err;
	l->kernel = kernel_find(KERNEL_FOLDER, l->kernel);
	if (!l->kernel)
		return wrong("no kernel: --kernel FILE is needed, or a package lguest-kernel-VERSION");
	err = add_defaults(l);
	if (!err)
		err = check_terminals(l);
	if (!err)
		err = drop_unwanted(l);
	if (!err)
		err = check_limits(l);
	if (!err)
		err = check_records(l);
	return err ? err : cmdline_check(l);
}
