// SPDX-License-Identifier: GPL-2.0
/*
 * control.c: fuzz target "control": a client's line into lguest-control's parser, a packet into lguest-run's check of requests, and an answer with
 * any bytes out as a line.
 *
 * The first byte chooses, also a line that is made from numbers. What must hold: a request that the parser makes is one that lguest-run takes; what is printed is one line, in one piece or
 * not at all, of printable characters but for the id, and the id is what came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[65536];

static void require(int condition)
{
	if (!condition)
		abort();
}

static void one_line(const struct line_text *t, bool plain)
{
	if (t->full)
		return;
	require(t->used <= sizeof(out));
	for (size_t i = 0; i + 1 < t->used; i++)
		require(out[i] != '\n' && (!plain || (out[i] >= ' ' && out[i] <= '~')));
}

static void a_line(const uint8_t *data, size_t size)
{
	struct line_text t = { out, 0, sizeof(out), false };
	static struct line_request q;

	line_parse((const char *)data, size < LINE_MAX_IN ? size : LINE_MAX_IN - 1, &q);
	require(q.code < ANSWER_CODES && memchr(q.why, 0, sizeof(q.why)) && memchr(q.id, 0, sizeof(q.id)));
	if (!q.code && !q.events) {
		q.ask.serial = 1;
		q.ask.rights = ASK_MAY_ALL;
		require(ask_allowed(&q.ask, sizeof(q.ask)));
	}
	if (q.id[0] == '"')
		require(strlen(q.id) >= 2 && q.id[strlen(q.id) - 1] == '"');
	else
		require(strspn(q.id, "-0123456789") == strlen(q.id));
	line_error(&t, q.code, q.why, q.id);
	one_line(&t, !q.id[0]);
	require(!t.full && t.used && out[t.used - 1] == '\n');
}

/* The line that a client's program would print for a command, an argument and a number of any 64 bits: the digits of a text are slow to find. */
static void a_number(const uint8_t *data, size_t size)
{
	static const char *const command[] = { "powerdown", "reset", "signal", "restart", "grow", "status", "stats", "stop" };
	static const char *const key[] = { "timeout", "number", "device", "id" };
	char line[128];
	int64_t n = 0;
	int len;

	if (size < 3)
		return;
	memcpy(&n, data + 2, size - 2 < sizeof(n) ? size - 2 : sizeof(n));
	len = snprintf(line, sizeof(line), "{\"execute\":\"%s\",\"arguments\":{\"%s\":%lld},\"id\":%lld}", command[data[0] % 8], key[data[1] % 4], (long long)n,
		       (long long)n);
	a_line((const uint8_t *)line, (size_t)len);
}

static void a_packet(const uint8_t *data, size_t size)
{
	struct ask a = { 0 };

	memcpy(&a, data, size < sizeof(a) ? size : sizeof(a));
	if (!ask_allowed(&a, size))
		return;
	require(size == sizeof(a) && a.type && a.type < ASK_TYPES && !strchr(a.word, '/') && strnlen(a.word, ASK_WORD) < ASK_WORD);
	require(!ask_rules[a.type].changes || a.rights == ASK_MAY_ALL);
}

static void an_answer(const uint8_t *data, size_t size)
{
	struct line_text t = { out, 0, size % 4 ? sizeof(out) : size, false };
	struct answer a = { 0 };

	memcpy(&a, data, size < sizeof(a) ? size : sizeof(a));
	a.text[sizeof(a.text) - 1] = '\0';
	line_answer(&t, a.serial % ASK_TYPES, &a, "", a.serial / ASK_TYPES & 3);
	line_event(&t, &a, 1, 2);
	line_greeting(&t, a.text, a.code & 4);
	for (size_t i = 0; i < t.used; i++)
		require(out[i] == '\n' || (out[i] >= ' ' && out[i] <= '~'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun)
		line_begin();
	begun = true;
	if (!size)
		return 0;
	switch (data[0] % 4) {
	case 0:
		a_packet(data + 1, size - 1);
		break;
	case 1:
		an_answer(data + 1, size - 1);
		break;
	case 3:
		a_number(data + 1, size - 1);
		break;
	default:
		a_line(data + 1, size - 1);
		break;
	}
	return 0;
}
