/*
 * messages: the order of frames.
 *
 * Called by worker/websocket/ with the bytes that have arrived, without a copy of them.
 */
#include "http/messages.h"

/* May this frame come now? It becomes part of the open message, or opens one. */
static enum hx_messages_verdict
frame_begin(struct hx_messages *m)
{
	const struct hx_frame *f = &m->frame;

	if (f->opcode >= HX_CLOSE)
		return HX_MESSAGES_PART;
	if ((f->opcode == HX_CONTINUATION) != m->open)
		return HX_MESSAGES_BROKEN;
	if (!m->open) {
		m->open = true;
		m->opcode = f->opcode;
		m->compressed = f->compressed;
		m->len = 0;
	}
	/* A length is below 2^63. */
	if (m->limit != 0 && f->len > m->limit - m->len)
		return HX_MESSAGES_TOO_LARGE;
	m->len += f->len;
	return HX_MESSAGES_PART;
}

static enum hx_messages_verdict
control_give(struct hx_messages *m, const char *bytes, size_t len, size_t *used, struct hx_part *part)
{
	if (len < m->frame.len)
		return HX_MESSAGES_MORE;
	*part = (struct hx_part){
		.opcode = m->frame.opcode,
		.payload = { bytes, (size_t)m->frame.len },
		.key = m->frame.key, .first = true, .last = true,
	};
	*used += (size_t)m->frame.len;
	m->in_frame = false;
	return HX_MESSAGES_PART;
}

static enum hx_messages_verdict
data_give(struct hx_messages *m, const char *bytes, size_t len, size_t *used, struct hx_part *part)
{
	const struct hx_frame *f = &m->frame;
	uint64_t left = f->len - m->given;
	bool first = f->opcode != HX_CONTINUATION && m->given == 0;

	if (len > left)
		len = (size_t)left;
	if (len == 0 && left > 0)
		return HX_MESSAGES_MORE;
	*part = (struct hx_part){
		.opcode = m->opcode,
		.payload = { bytes, len },
		.key = f->key, .at = m->given,
		.first = first, .last = f->last && len == left,
		.compressed = m->compressed,
		.whole = first && f->last ? f->len : 0,
	};
	*used += len;
	m->given += len;
	if (len == left)
		m->in_frame = false;
	if (part->last)
		m->open = false;
	return HX_MESSAGES_PART;
}

enum hx_messages_verdict
hx_messages_next(struct hx_messages *m, const char *bytes, size_t len, size_t *used,
    struct hx_part *part)
{
	enum hx_messages_verdict verdict;
	int head;

	*used = 0;
	if (!m->in_frame) {
		head = hx_frame_read(bytes, len, m->compression, &m->frame);
		if (head <= 0)
			return head < 0 ? HX_MESSAGES_BROKEN : HX_MESSAGES_MORE;
		verdict = frame_begin(m);
		if (verdict != HX_MESSAGES_PART)
			return verdict;
		m->in_frame = true;
		m->given = 0;
		*used = (size_t)head;
	}
	if (m->frame.opcode >= HX_CLOSE)
		return control_give(m, bytes + *used, len - *used, used, part);
	return data_give(m, bytes + *used, len - *used, used, part);
}
