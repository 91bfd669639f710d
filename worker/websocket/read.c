/*
 * read: from frames to the application's messages.
 *
 * Called by worker/conductor.c, from the connection's job. Frames are read where they stand in the input.
 */
#include <stdint.h>
#include <string.h>

#include "bindings/websocket/websocket.h"
#include "worker/conn.h"
#include "worker/flush.h"
#include "worker/websocket/internal.h"

enum {
	/* What one message counts beside its bytes: the objects around it. */
	MESSAGE_BYTES = 256,
	RATIO_FREE_BYTES = 1024 * 1024	/* of a message, however little has come */
};

static void
close_take(struct worker_conn *c, const struct hx_part *part)
{
	struct hx_closing closing;
	unsigned wrong = hx_closing_read(part, &closing);

	if (wrong != 0) {
		worker_websocket_fail(c, wrong, "malformed close frame");
	} else if (c->websocket->closing) {
		/* The server closes first (RFC 6455, section 7.1.1); some clients wait for that. */
		c->eof = true;
		worker_websocket_linger(c);
	} else {
		worker_websocket_end_with(c, &closing);	/* its answer says the same */
	}
}

/* A client that does not read what it is sent needs no answer to each ping. */
static void
ping_take(struct worker_conn *c, const struct hx_part *part)
{
	char frame[HX_FRAME_CONTROL_BYTES];
	size_t head = hx_frame_write(frame, HX_PONG, false, part->payload.len);

	if (c->websocket->closing || c->out.backlog >= WORKER_HIGH_WATER)
		return;
	hx_frame_unmask(frame + head, part->payload.ptr, part->payload.len, part->key, part->at);
	worker_websocket_frame_put(c, frame, head + part->payload.len);
}

static void
pong_take(struct worker_conn *c, const struct hx_part *part)
{
	struct worker_websocket *ws = c->websocket;
	char payload[HX_FRAME_CONTROL_MOST];

	hx_frame_unmask(payload, part->payload.ptr, part->payload.len, part->key, part->at);
	if (!ws->pinged || part->payload.len != PING_BYTES ||
	    memcmp(payload, ws->ping, PING_BYTES) != 0)
		return;
	ws->pinged = false;
	if (!ws->closing)
		worker_websocket_ping_later(c);
}

/* Hand a part over. False: it has failed. */
static bool
part_give(struct worker_conn *c, const struct hx_part *part)
{
	unsigned code = pyb_websocket_message(&c->x, part);

	if (code != 0)
		worker_websocket_fail(c, code, code == HX_CLOSE_TEXT ? "text is not UTF-8" : "no memory");
	return code == 0;
}

/* Has the message become larger than it may, by itself or for what came of it? */
static bool
is_too_large(const struct worker_conn *c)
{
	const struct worker_websocket *ws = c->websocket;
	uint64_t ratio = (uint64_t)c->w->options.conf.ws_max_ratio;

	return (ws->in.limit != 0 && ws->unpacked > ws->in.limit) ||
	    (ratio != 0 && ws->unpacked > RATIO_FREE_BYTES && ws->unpacked / ratio > ws->packed);
}

/* One step of unpacking a part of a message, and handing that over. False: it has failed, or that was all. */
static bool
unpack_step(struct worker_conn *c, struct slice *in, struct hx_part *out, bool last)
{
	struct worker_websocket *ws = c->websocket;
	enum worker_unpacked verdict = worker_deflate_unpack(&c->w->streams, &ws->received, in, last,
	    c->w->scratch, WORKER_READ_BYTES, &out->payload);

	if (verdict == WORKER_UNPACKED_BAD || verdict == WORKER_UNPACKED_NO_MEMORY) {
		worker_websocket_fail(c, verdict == WORKER_UNPACKED_BAD ? HX_CLOSE_BROKEN : HX_CLOSE_FAILED,
		    verdict == WORKER_UNPACKED_BAD ? "malformed compressed message" : "no memory");
		return false;
	}
	ws->unpacked += out->payload.len;
	if (is_too_large(c)) {
		worker_websocket_fail(c, HX_CLOSE_TOO_LARGE, "message too large");
		return false;
	}
	out->last = last && verdict == WORKER_UNPACKED_DONE;
	out->whole = out->first && out->last ? out->payload.len : 0;
	return part_give(c, out) && verdict == WORKER_UNPACKED_MORE;
}

/* The scratch of reads is free while the job runs: a message that fits in is unpacked at once. */
static void
unpack(struct worker_conn *c, const struct hx_part *part)
{
	struct slice in = part->payload;
	struct hx_part out = { .opcode = part->opcode, .first = part->first };

	hx_frame_unmask((char *)(uintptr_t)in.ptr, in.ptr, in.len, part->key, part->at);
	if (part->first)
		c->websocket->packed = c->websocket->unpacked = 0;
	c->websocket->packed += in.len;
	while (unpack_step(c, &in, &out, part->last))
		out.first = false;
}

static void
data_take(struct worker_conn *c, const struct hx_part *part)
{
	struct worker_websocket *ws = c->websocket;

	if (ws->closing)
		return;		/* nobody wants it */
	if (part->compressed)
		unpack(c, part);
	else
		part_give(c, part);
	if (part->last && c->state == CONN_MESSAGES && !ws->held) {
		ws->gave = true;
		ws->given += (part->compressed ? ws->unpacked : ws->in.len) + MESSAGE_BYTES;
		worker_count(c->w, SHM_COUNT_websocket_messages_in, 1);
	}
}

static void
part_take(struct worker_conn *c, const struct hx_part *part)
{
	switch (part->opcode) {
	case HX_CLOSE:
		close_take(c, part);
		break;
	case HX_PING:
		ping_take(c, part);
		break;
	case HX_PONG:
		pong_take(c, part);
		break;
	case HX_TEXT:
	case HX_BINARY:
	case HX_CONTINUATION:
		data_take(c, part);
		break;
	}
}

/* One step. False: there is nothing more to read now. */
static bool
step(struct worker_conn *c)
{
	struct hx_part part;
	size_t used = 0;
	enum hx_messages_verdict verdict = hx_messages_next(&c->websocket->in,
	    worker_input_at(&c->input), worker_input_left(&c->input), &used, &part);

	switch (verdict) {
	case HX_MESSAGES_MORE:
		break;
	case HX_MESSAGES_PART:
		part_take(c, &part);
		break;
	case HX_MESSAGES_BROKEN:
		worker_websocket_fail(c, HX_CLOSE_BROKEN, "malformed frame");
		break;
	case HX_MESSAGES_TOO_LARGE:
		worker_websocket_fail(c, HX_CLOSE_TOO_LARGE, "message too large");
		break;
	}
	worker_input_use(&c->input, used);
	return verdict == HX_MESSAGES_PART && !c->websocket->held;
}

/* The client has left without a Close frame. What came with that may be answered first: it may still read. */
static void
end_of_input(struct worker_conn *c)
{
	if (c->websocket->gave) {
		worker_websocket_due(c);
		return;
	}
	worker_flush_now(c, SIZE_MAX);
	worker_conn_kill(c);
}

void
worker_websocket_read(struct worker_conn *c)
{
	struct worker_websocket *ws = c->websocket;
	bool more = true;

	c->messages_due = false;
	if (c->state != CONN_MESSAGES)
		return;
	if (ws->held) {
		worker_websocket_end_held(c);
		return;
	}
	ws->gave = false;
	while (more && c->state == CONN_MESSAGES && ws->given < WORKER_HIGH_WATER)
		more = worker_input_left(&c->input) > 0 && step(c);
	if (c->state != CONN_MESSAGES || ws->held)
		return;
	if (worker_input_next(&c->input) < 0) {
		worker_conn_kill(c);
		return;
	}
	if (c->eof && !more) {
		end_of_input(c);
		return;
	}
	worker_input_trim(&c->input);
	worker_conn_update_reading(c);
}

