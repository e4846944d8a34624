// SPDX-License-Identifier: GPL-2.0
/*L:930
 * line.c: a line of JSON as a request, an answer as a line of JSON (line.h).
 *
 * It reads what a stranger wrote, by jansson, whose memory is a static arena that is emptied for each line, and holds whatever a line of its length
 * and structure can need. It makes no system call. Output is printed by hand.
 */
#include <jansson.h>
#include <linux/lguest.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/line.h"
#include "version.h"

/* --- the arena --- */

#ifdef LGUEST_FUZZ
#define ARENA (LINE_ARENA / 2)	/* must do as well */
#else
#define ARENA LINE_ARENA
#endif
static _Alignas(16) unsigned char arena[ARENA];
static size_t arena_used;

static void *arena_take(size_t n)
{
	void *p;

	if (n > sizeof(arena) - arena_used) {
#ifdef LGUEST_FUZZ
		abort();	/* jansson does not bear it: fits() has let too much in */
#endif
		return NULL;
	}
	p = arena + arena_used;
	arena_used += (n + 15) & ~(size_t)15;
	if (arena_used > sizeof(arena))
		arena_used = sizeof(arena);
	return p;
}

static void arena_keep(void *p)
{
	(void)p;	/* all of it goes with the line */
}

void line_begin(void)
{
	json_set_alloc_funcs(arena_take, arena_keep);
	json_object_seed(0);	/* reads /dev/urandom, which is gone later */
}

/* --- in --- */

static const struct command {
	const char *name;
	enum ask_type type;	/* 0: the role's own */
	const char *argument;
	bool optional;
	json_type kind;
	uint64_t value;		/* if it was not given */
} commands[] = {
	{ "status", ASK_STATUS, NULL, false, JSON_NULL, 0 },
	{ "stats", ASK_STATS, NULL, false, JSON_NULL, 0 },
	{ "events", 0, NULL, false, JSON_NULL, 0 },
	{ "pause", ASK_PAUSE, NULL, false, JSON_NULL, 0 },
	{ "resume", ASK_RESUME, NULL, false, JSON_NULL, 0 },
	{ "powerdown", ASK_POWERDOWN, "timeout", true, JSON_INTEGER, 90 },
	{ "reset", ASK_RESET, "timeout", true, JSON_INTEGER, 90 },
	{ "stop", ASK_STOP, NULL, false, JSON_NULL, 0 },
	{ "signal", ASK_SIGNAL, "number", false, JSON_INTEGER, 0 },
	{ "restart", ASK_RESTART, "device", false, JSON_STRING, 0 },
	{ "grow", ASK_GROW, "device", false, JSON_STRING, 0 },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void __attribute__((format(printf, 3, 4))) refuse(struct line_request *q, enum answer_code code, const char *fmt, ...)
{
	va_list ap;

	if (q->code)
		return;
	q->code = code;
	va_start(ap, fmt);
	vsnprintf(q->why, sizeof(q->why), fmt, ap);
	va_end(ap);
}

static void put(struct line_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line_text *t, const char *fmt, ...)
{
	const size_t room = t->size - t->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at + t->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		t->full = true;
	else
		t->used += (size_t)n;
}

/* A string with its quotes; whatever is not plain becomes an escape, so that no terminal of a reader's is written to. */
static void put_quoted(struct line_text *t, const char *s, size_t n, unsigned char last)
{
	put(t, "\"");
	for (size_t i = 0; i < n && s[i]; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			put(t, "\\%c", c);
		else if (c < ' ' || c == 0x7f || c > last)
			put(t, "\\u%04x", c);
		else
			put(t, "%c", c);
	}
	put(t, "\"");
}

static void put_string(struct line_text *t, const char *s, size_t n)
{
	put_quoted(t, s, n, '~');
}

/* It goes back to who sent it, as it came: jansson has seen that it is UTF-8. */
static void take_id(struct line_request *q, const json_t *id)
{
	struct line_text t = { q->id, 0, sizeof(q->id), false };

	if (json_is_integer(id))
		put(&t, "%lld", (long long)json_integer_value(id));
	else if (json_is_string(id) && json_string_length(id) <= 64)
		put_quoted(&t, json_string_value(id), json_string_length(id), 0xff);
	else
		refuse(q, ANSWER_BAD_ARGUMENT, "id is a number or a string of at most 64 bytes");
}

static void take_argument(struct line_request *q, const struct command *c, const json_t *value)
{
	if ((int)json_typeof(value) != (int)c->kind) {
		refuse(q, ANSWER_BAD_ARGUMENT, "%s is %s", c->argument, c->kind == JSON_STRING ? "a string" : "a number");
	} else if (c->kind == JSON_STRING) {
		size_t n = json_string_length(value);

		if (n && n < ASK_WORD)
			memcpy(q->ask.word, json_string_value(value), n);
		if (!n || n >= ASK_WORD || !ask_word_ok(q->ask.word))
			refuse(q, ANSWER_BAD_ARGUMENT, "%s is not a name like block0", c->argument);
	} else if (json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > ask_rules[c->type].most) {
		refuse(q, ANSWER_BAD_ARGUMENT, "%s is from 0 to %llu", c->argument, (unsigned long long)ask_rules[c->type].most);
	} else {
		q->ask.arg[0] = (uint64_t)json_integer_value(value);
	}
}

static void take_command(struct line_request *q, const char *name, json_t *arguments)
{
	const struct command *c = commands;
	const char *key;
	json_t *value;

	while (c < commands + COMMANDS && strcmp(c->name, name))
		c++;
	if (c == commands + COMMANDS) {
		refuse(q, ANSWER_UNKNOWN_COMMAND, "there is no such command");
		return;
	}
	q->ask.type = c->type;
	q->ask.arg[0] = c->value;
	q->events = !c->type;
	json_object_foreach(arguments, key, value) {
		if (!c->argument || strcmp(key, c->argument))
			refuse(q, ANSWER_BAD_ARGUMENT, "%s has no such argument", c->name);
		else
			take_argument(q, c, value);
	}
	if (c->argument && !c->optional && !json_object_get(arguments, c->argument))
		refuse(q, ANSWER_BAD_ARGUMENT, "%s needs the argument %s", c->name, c->argument);
}

/*
 * Can the arena hold what jansson makes of the line? It must, for jansson's lexer does not look whether there was memory for a byte that it
 * keeps, and asserts afterwards that it was kept. The word that it reads lies in a buffer that doubles (16 KiB in all) and in two copies at most
 * (8 KiB). For all else there is one of these marks for each 112 bytes (an array; an object with its first pair is 224, and has two), so that 128 of
 * them are 14 KiB. Those in strings count as well: whether one is in a string is not for us to know.
 */
static bool fits(const char *text, size_t n)
{
	unsigned int marks = 0;

	for (size_t i = 0; i < n; i++)
		marks += text[i] == '[' || text[i] == '{' || text[i] == ',' || text[i] == ':';
	return marks <= LINE_MARKS;
}

/*L:940
 * This is the one place where a stranger's text is read. What the object has must be in the table, whole; the first thing that is wrong is
 * what the client is told.
 */
void line_parse(const char *text, size_t n, struct line_request *q)
{
	json_t *all, *value, *execute = NULL, *arguments = NULL;
	const char *key;

	memset(q, 0, sizeof(*q));
	arena_used = 0;
	all = fits(text, n) ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!json_is_object(all)) {
		refuse(q, ANSWER_BAD_REQUEST, "that is no JSON object, or a larger one than a request can be");
		return;
	}
	json_object_foreach(all, key, value) {
		if (!strcmp(key, "execute") && json_is_string(value))
			execute = value;
		else if (!strcmp(key, "arguments") && json_is_object(value))
			arguments = value;
		else if (!strcmp(key, "id"))
			take_id(q, value);
		else
			refuse(q, ANSWER_BAD_ARGUMENT, "a request has execute, arguments and id, and nothing else");
	}
	if (!execute)
		refuse(q, ANSWER_BAD_ARGUMENT, "a request needs execute, the name of a command");
	else
		take_command(q, json_string_value(execute), arguments);
}

/* --- out --- */

static const char *const classes[ANSWER_CODES] = {
	[ANSWER_BAD_REQUEST] = "BadRequest", [ANSWER_UNKNOWN_COMMAND] = "UnknownCommand", [ANSWER_BAD_ARGUMENT] = "BadArgument",
	[ANSWER_DENIED] = "Denied", [ANSWER_NOT_NOW] = "NotNow", [ANSWER_BUSY] = "Busy", [ANSWER_TIMEOUT] = "Timeout", [ANSWER_FAILED] = "Failed",
};

/* LG_STAT_* by name, where a reader outside can use it */
static const char *const counters[ANSWER_VALUES] = {
	[LG_STAT_EXITS] = "exits", [LG_STAT_HCALLS] = "hypercalls", [LG_STAT_ASYNC_HCALLS] = "queued_hypercalls", [LG_STAT_HOST_IRQS] = "host_interrupts",
	[LG_STAT_PAGE_FAULTS] = "page_faults", [LG_STAT_FILLS] = "fills", [LG_STAT_GUEST_FAULTS] = "guest_faults", [LG_STAT_FLUSHES] = "flushes",
	[LG_STAT_SHADOW_PAGES] = "shadow_pages", [LG_STAT_EVICTIONS] = "evictions", [LG_STAT_PINNED_PAGES] = "pinned_pages", [LG_STAT_EVENTS] = "events",
	[LG_STAT_INTERRUPTS] = "interrupts", [LG_STAT_HALTS] = "halts", [LG_STAT_MMIO] = "mmio", [LG_STAT_NOTIFIES] = "notifies",
	[LG_STAT_FLUSH_GLOBALS] = "flush_globals", [LG_STAT_RELEASED_PAGES] = "released_pages",
};

/* The strings of an answer, one after the other. */
static const char *text_of(const struct answer *a, unsigned int i)
{
	const char *s = a->text, *end = a->text + sizeof(a->text);

	while (i-- && s < end)
		s += strnlen(s, (size_t)(end - s)) + 1;
	return s < end ? s : "";
}

static void put_text(struct line_text *t, const char *key, const struct answer *a, unsigned int i)
{
	const char *s = text_of(a, i);

	put(t, "\"%s\":", key);
	put_string(t, s, *s ? strnlen(s, (size_t)(a->text + sizeof(a->text) - s)) : 0);
}

static void put_end(struct line_text *t, const char *id)
{
	if (*id)
		put(t, ",\"id\":%s", id);
	put(t, "}\n");
}

void line_greeting(struct line_text *t, const char *name, bool all)
{
	put(t, "{\"LGUEST\":{\"version\":\"" LGUEST_VERSION "\",\"protocol\":%d,\"name\":", CONTROL_PROTOCOL);
	put_string(t, name, strlen(name));
	put(t, ",\"rights\":\"%s\"}}\n", all ? "control" : "status");
}

void line_error(struct line_text *t, enum answer_code code, const char *why, const char *id)
{
	put(t, "{\"error\":{\"class\":\"%s\",\"desc\":", code < ANSWER_CODES && classes[code] ? classes[code] : "Failed");
	put_string(t, why, strlen(why));
	put(t, "}");
	put_end(t, id);
}

static unsigned long long value(const struct answer *a, unsigned int i)
{
	return (unsigned long long)a->value[i];
}

static void guest(struct line_text *t, const struct answer *a)
{
	static const char *const states[] = { "starting", "running", "paused", "stopping" };

	put(t, "{\"return\":{");
	put_text(t, "name", a, 0);
	put(t, ",");
	put_text(t, "version", a, 1);
	put(t, ",\"state\":\"%s\",\"uptime_ms\":%llu,\"pid\":%llu,\"memory\":%llu,\"devices\":[", states[a->value[GUEST_STATE] & 3],
	    value(a, GUEST_UPTIME_MS), value(a, GUEST_PID), value(a, GUEST_MEMORY));
}

/* The first of its kind follows the answer's head, which was the only one before it. */
static void device(struct line_text *t, const struct answer *a, unsigned int before)
{
	static const char *const states[] = { "serves", "away", "given-up", "foreign" };

	if (before > 1)
		put(t, ",");
	put(t, "{");
	put_text(t, "name", a, 0);
	put(t, ",");
	put_text(t, "kind", a, 1);
	put(t, ",\"state\":\"%s\",\"pid\":%llu,", states[a->value[DEVICE_STATE] & 3], value(a, DEVICE_PID));
	put_text(t, "version", a, 2);
	put(t, ",\"restarts\":%llu,\"away_ms\":%llu}", value(a, DEVICE_RESTARTS), value(a, DEVICE_AWAY_MS));
}

static void stats(struct line_text *t, const struct answer *a)
{
	const char *comma = "";

	put(t, "{\"return\":{\"counters\":{");
	for (unsigned int i = 0; i < ANSWER_VALUES && i < a->n; i++) {
		if (!counters[i])
			continue;
		put(t, "%s\"%s\":%llu", comma, counters[i], value(a, i));
		comma = ",";
	}
	put(t, "},\"processes\":[");
}

static void process(struct line_text *t, const struct answer *a, unsigned int before)
{
	if (before > 1)
		put(t, ",");
	put(t, "{");
	put_text(t, "name", a, 0);
	put(t, ",\"user_ms\":%llu,\"system_ms\":%llu,\"resident\":%llu", value(a, PROCESS_USER_MS), value(a, PROCESS_SYSTEM_MS), value(a, PROCESS_RESIDENT));
	if (a->value[PROCESS_CGROUP])
		put(t, ",\"cgroup\":{\"usage_usec\":%llu,\"memory\":%llu,\"read\":%llu,\"written\":%llu}", value(a, PROCESS_CGROUP_USEC),
		    value(a, PROCESS_CGROUP_MEMORY), value(a, PROCESS_CGROUP_READ), value(a, PROCESS_CGROUP_WRITTEN));
	put(t, "}");
}

static void done(struct line_text *t, uint32_t type, const struct answer *a, const char *id, unsigned int before)
{
	if (a->code) {
		line_error(t, a->code, text_of(a, 0), id);
		return;
	}
	if (before) {
		put(t, "]}");
	} else if (type == ASK_RESTART) {
		put(t, "{\"return\":{");
		put_text(t, "device", a, 0);
		put(t, ",");
		put_text(t, "version", a, 1);
		put(t, ",\"away_ms\":%llu}", value(a, 0));
	} else if (type == ASK_GROW) {
		put(t, "{\"return\":{");
		put_text(t, "device", a, 0);
		put(t, ",\"capacity\":%llu}", value(a, 0));
	} else {
		put(t, "{\"return\":{}");
	}
	put_end(t, id);
}

void line_answer(struct line_text *t, uint32_t type, const struct answer *a, const char *id, unsigned int before)
{
	switch (a->kind) {
	case ANSWER_GUEST:
		guest(t, a);
		break;
	case ANSWER_DEVICE:
		device(t, a, before);
		break;
	case ANSWER_COUNTERS:
		stats(t, a);
		break;
	case ANSWER_PROCESS:
		process(t, a, before);
		break;
	case ANSWER_DONE:
		done(t, type, a, id, before);
		break;
	}
}

void line_event(struct line_text *t, const struct answer *a, uint64_t seconds, unsigned int ms)
{
	static const char *const names[EVENT_TYPES] = {
		[EVENT_PAUSED] = "paused", [EVENT_RESUMED] = "resumed", [EVENT_LOST] = "device-lost", [EVENT_BACK] = "device-back",
		[EVENT_GIVEN_UP] = "device-given-up", [EVENT_POWERDOWN] = "powerdown", [EVENT_END] = "end",
	};

	if (a->n >= EVENT_TYPES || !names[a->n])
		return;
	put(t, "{\"event\":\"%s\",\"data\":{", names[a->n]);
	if (a->n == EVENT_END) {
		put(t, "\"status\":%llu,", value(a, 0));
		put_text(t, "text", a, 0);
	} else if (a->n == EVENT_BACK) {
		put_text(t, "device", a, 0);
		put(t, ",\"away_ms\":%llu", value(a, 0));
	} else if (*a->text) {
		put_text(t, "device", a, 0);
	}
	put(t, "},\"seconds\":%llu.%03u}\n", (unsigned long long)seconds, ms);
}
