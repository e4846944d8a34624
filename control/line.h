/* SPDX-License-Identifier: GPL-2.0 */
/*
 * line.h: a line of a client as a request, and an answer as a line. Pure: text in, structures out; nothing is allocated but in an
 * arena of its own.
 */
#ifndef LGUEST_CONTROL_LINE_H
#define LGUEST_CONTROL_LINE_H

#include "control/ask.h"

#define LINE_MAX_IN	4096u	/* a request, with its end */
#define LINE_MARKS	128u	/* of its structure, [ { , and :, those of a client's id included */
#define LINE_ARENA	65536u	/* what such a line can take while it is read, and more (line.c) */
#define LINE_ID		400u	/* 64 bytes, each escaped as \uXXXX, quotes */

/**
 * struct line_request - what a line asked for
 * @ask: for lguest-run, without serial and rights
 * @events: it is "events", which is the role's own
 * @id: as JSON text, "" = none
 * @code: ANSWER_OK, or why it is refused, with @why
 */
struct line_request {
	struct ask ask;
	bool events;
	char id[LINE_ID];
	enum answer_code code;
	char why[160];
};

/**
 * struct line_text - output: a flat buffer; what does not fit sets @full and is left out whole
 */
struct line_text {
	char *at;
	size_t used, size;
	bool full;
};

/** line_begin() - once, before the sandbox: what the parser needs of the system. */
void line_begin(void);

/** line_parse() - read one line of @n bytes, without its end. */
void line_parse(const char *text, size_t n, struct line_request *q);

/** line_greeting() - what a client is told first. */
void line_greeting(struct line_text *t, const char *name, bool all);

/** line_error() - a refused request. @id: JSON text, "" = none. */
void line_error(struct line_text *t, enum answer_code code, const char *why, const char *id);

/** line_answer() - one packet of lguest-run's to a request of @type; several make one line. @before: packets of it that came before. */
void line_answer(struct line_text *t, uint32_t type, const struct answer *a, const char *id, unsigned int before);

/** line_event() - an event. @seconds, @ms: the time. */
void line_event(struct line_text *t, const struct answer *a, uint64_t seconds, unsigned int ms);

#endif
