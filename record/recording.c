// SPDX-License-Identifier: GPL-2.0
/*L:964
 * recording.c: see recording.h. It reads memory that somebody else filled, once, into a structure of its own.
 */
#include "record/recording.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

_Static_assert(sizeof(struct rec_head) == 16 && sizeof(struct rec_message) == 8 + 64 + 12 + 272 + 4, "the file's layout");

static int __attribute__((format(printf, 2, 3))) wrong(struct rec_reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return -1;
}

int rec_begin(struct rec_reader *r, const void *data, size_t size)
{
	struct rec_file f;

	*r = (struct rec_reader){ .data = data, .size = size };
	if (size < sizeof(f))
		return wrong(r, "has %zu bytes, too few for a recording", size);
	memcpy(&f, data, sizeof(f));
	if (memcmp(f.magic, REC_MAGIC, sizeof(f.magic)))
		return wrong(r, "is not a recording of lguest-record");
	if (f.version != REC_VERSION || f.record_size != sizeof(struct rec_head))
		return wrong(r, "is a recording of version %u, and this program reads version %u", f.version, REC_VERSION);
	r->at = sizeof(f);
	return 0;
}

static int message(struct rec_reader *r, struct rec *out)
{
	const struct rec_message *m = &out->msg;

	if (out->head.len != sizeof(*m))
		return wrong(r, "has a message of %u bytes in its record %lu", out->head.len, r->number);
	memcpy(&out->msg, out->bytes, sizeof(*m));
	if (m->size > sizeof(m->payload))
		return wrong(r, "has a message with %u bytes of payload in its record %lu", m->size, r->number);
	for (unsigned int i = 0; i < VU_MAX_FDS; i++)
		if (m->fd[i] > REC_FD_OTHER || (m->fd[i] == REC_FD_MEMORY && m->fd_size[i] > REC_MEMORY_MAX))
			return wrong(r, "names a descriptor in its record %lu that there cannot be", r->number);
	return 1;
}

static int payload(struct rec_reader *r, struct rec *out)
{
	switch (out->head.kind) {
	case REC_MESSAGE:
	case REC_REPLY:
		return message(r, out);
	case REC_MEMORY:
	case REC_WROTE:
		if (out->head.len <= 8)
			return wrong(r, "has memory without a byte in its record %lu", r->number);
		memcpy(&out->gpa, out->bytes, 8);
		out->n = out->head.len - 8;
		memmove(out->bytes, out->bytes + 8, out->n);
		return 1;
	case REC_USED:
		if (out->head.len < 2 || (out->head.len - 2) % 8)
			return wrong(r, "has half a used entry in its record %lu", r->number);
		memcpy(&out->idx, out->bytes, 2);
		out->n = (out->head.len - 2) / 8;
		memmove(out->bytes, out->bytes + 2, out->n * 8);
		return 1;
	case REC_KICK:
	case REC_END:
		return out->head.len ? wrong(r, "has bytes in its record %lu where none belong", r->number) : 1;
	default:
		return wrong(r, "has an unknown kind (%u) in its record %lu", out->head.kind, r->number);
	}
}

/*L:965
 * A recording may come from anywhere, so that each length is held against what there is before a byte is copied, and the record is looked at in
 * own memory only.
 */
int rec_next(struct rec_reader *r, struct rec *out)
{
	if (r->at == r->size)
		return 0;
	r->number++;
	if (r->size - r->at < sizeof(out->head))
		return wrong(r, "is cut off in its record %lu", r->number);
	memcpy(&out->head, r->data + r->at, sizeof(out->head));
	r->at += sizeof(out->head);
	out->msg = (struct rec_message){ 0 };
	out->n = 0;
	if (out->head.len > sizeof(out->bytes))
		return wrong(r, "has a record (%lu) of %u bytes; %u are possible", r->number, out->head.len, REC_BYTES_MAX);
	if (out->head.len > r->size - r->at)
		return wrong(r, "is cut off in its record %lu", r->number);
	memcpy(out->bytes, r->data + r->at, out->head.len);
	r->at += out->head.len;
	return payload(r, out);
}

/*L:966
 * For eyes: one line, and no byte of what the guest wrote, which may be secret.
 */
void rec_print(FILE *to, unsigned long number, const struct rec *r)
{
	static const char *const kinds[REC_KINDS] = { "", "message", "reply", "memory", "kick", "used", "wrote", "end" };
	const struct vu_rule *rule = vu_rule(r->msg.request);
	unsigned int fds = 0;

	fprintf(to, "%lu %llu.%06llu ms %s", number, (unsigned long long)(r->head.ns / 1000000), (unsigned long long)(r->head.ns % 1000000),
		kinds[r->head.kind]);
	switch (r->head.kind) {
	case REC_MESSAGE:
	case REC_REPLY:
		for (unsigned int i = 0; i < VU_MAX_FDS; i++)
			fds += r->msg.fd[i] != REC_FD_NONE;
		fprintf(to, " %s (%u), %u bytes, %u descriptors", rule ? rule->name : "?", r->msg.request, r->msg.size, fds);
		break;
	case REC_MEMORY:
	case REC_WROTE:
		fprintf(to, " %u bytes at %#llx", r->n, (unsigned long long)r->gpa);
		break;
	case REC_USED:
		fprintf(to, " queue %u: index %u, %u entries", r->head.queue, r->idx, r->n);
		break;
	default:
		fprintf(to, " %u", r->head.queue);
	}
	fputc('\n', to);
}

int rec_put(FILE *to, uint8_t kind, uint16_t queue, uint64_t ns, const void *a, size_t a_len, const void *b, size_t b_len)
{
	struct rec_head h = { .kind = kind, .queue = queue, .len = (uint32_t)(a_len + b_len), .ns = ns };

	if (fwrite(&h, sizeof(h), 1, to) != 1 || (a_len && fwrite(a, a_len, 1, to) != 1) || (b_len && fwrite(b, b_len, 1, to) != 1))
		return -errno;
	return 0;
}
