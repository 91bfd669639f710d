/*
 * broadcast: one message for many connections, framed and compressed once.
 *
 * Called by websocket.c, with one connection after the other. The frame is made for the first of them, and
 * once more for those to whom that one would say something else. What a compressed message refers to (its
 * context) has to stand in the receiver's window. Those who have got the same broadcast before have at
 * least that in common: so its text, and nothing before it, is the context of the next message that each
 * gets. A connection that got another message since, or none, gets one that refers to nothing before
 * it. A window holds what came last, uncompressed messages aside (RFC 7692 section 7.2.2): that it
 * holds more than we refer to does no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/conn.h"
#include "worker/websocket/internal.h"

enum {
	COPY_BYTES = 8192,		/* of a frame: a copy is cheaper than a segment of its own */
	CONTEXTS_MOST = 5,		/* to which one message is compressed */
	/* One that is not compressed, and one of each size of a window that refers to nothing. */
	VARIANTS_MOST = CONTEXTS_MOST + 1 + HX_DEFLATE_BITS - 8
};

/* Shared by the outputs that send it. */
struct frame {
	unsigned refs;
	size_t len;
	char bytes[];
};

/* The frame for some of the connections. */
struct variant {
	unsigned bits;			/* of the window; 0: not compressed */
	struct worker_context *from;	/* strong; what it refers to, NULL: nothing */
	struct frame *frame;		/* strong */
};

struct worker_broadcast {
	struct variant all[VARIANTS_MOST];
	unsigned n;
	struct worker_context *to;	/* strong: what windows go on from afterwards; NULL: not made */
};

static void
frame_drop(void *arg)
{
	struct frame *frame = arg;

	if (--frame->refs == 0)
		free(frame);
}

static struct frame *
frame_plain(const struct hx_broadcast *b)
{
	struct frame *frame = malloc(sizeof(*frame) + HX_FRAME_HEAD_MOST + b->payload.len);
	size_t head;

	if (frame == NULL)
		return NULL;
	head = hx_frame_write(frame->bytes, b->opcode, false, b->payload.len);
	if (b->payload.len > 0)
		memcpy(frame->bytes + head, b->payload.ptr, b->payload.len);
	*frame = (struct frame){ .refs = 1, .len = head + b->payload.len };
	return frame;
}

static struct frame *
frame_packed(struct worker_streams *s, const struct hx_broadcast *b, unsigned bits,
    struct worker_context *from)
{
	struct worker_window window = { .bits = bits, .kept = from };
	struct frame *frame;
	size_t len = 0;

	if (from != NULL)
		from->refs++;
	frame = (struct frame *)(void *)worker_deflate_frame(s, &window, b->opcode, b->payload,
	    sizeof(*frame), &len);
	worker_deflate_window_fini(s, &window, true);
	if (frame != NULL)
		*frame = (struct frame){ .refs = 1, .len = len };
	return frame;
}

/* What the frame for a window may refer to; NULL: nothing. */
static struct worker_context *
common(const struct worker_broadcast *made, const struct worker_window *window)
{
	bool rests = window->stream == NULL && window->kept != NULL && !window->anew;

	/* What nobody shares is compressed to once: perhaps there is only one who receives. */
	return rests && made->n < (window->kept->refs > 1 ? CONTEXTS_MOST : 1) ? window->kept : NULL;
}

/* The frame for this connection, borrowed. NULL when out of memory. */
static struct frame *
frame_for(struct worker_conn *c, const struct hx_broadcast *b, bool packed)
{
	const struct worker_window *window = &c->websocket->sent;
	struct worker_broadcast *made = b->made;
	unsigned bits = packed ? window->bits : 0;
	struct worker_context *from;
	struct frame *frame;

	for (unsigned i = 0; i < made->n; i++) {
		const struct variant *v = &made->all[i];

		if (v->bits == bits && v->from != NULL && v->from == window->kept && window->stream == NULL)
			return v->frame;
	}
	from = packed ? common(made, window) : NULL;
	for (unsigned i = 0; from == NULL && i < made->n; i++)
		if (made->all[i].bits == bits && made->all[i].from == NULL)
			return made->all[i].frame;
	frame = packed ? frame_packed(&c->w->streams, b, bits, from) : frame_plain(b);
	if (frame == NULL)
		return NULL;
	if (from != NULL)
		from->refs++;
	must(made->n < VARIANTS_MOST);
	made->all[made->n++] = (struct variant){ .bits = bits, .from = from, .frame = frame };
	return frame;
}

static int
frame_put(struct worker_conn *c, struct frame *frame)
{
	if (frame->len <= COPY_BYTES)
		return io_output_copy(&c->out, frame->bytes, frame->len);
	if (io_output_share(&c->out, frame->bytes, frame->len, frame_drop, frame) < 0)
		return -1;
	frame->refs++;
	return 0;
}

/* The client's window ends with the message now. */
static void
window_moved(struct worker_conn *c, const struct hx_broadcast *b)
{
	struct worker_window *window = &c->websocket->sent;
	struct worker_broadcast *made = b->made;

	if (window->anew)
		return;
	if (made->to == NULL)
		made->to = worker_deflate_context(b->payload);
	worker_deflate_window_fini(&c->w->streams, window, true);
	/* Without memory for it the next message refers to nothing. */
	window->kept = made->to;
	if (made->to != NULL)
		made->to->refs++;
}

static void
broadcast_end(void *arg)
{
	struct worker_broadcast *made = arg;

	for (unsigned i = 0; i < made->n; i++) {
		worker_deflate_context_drop(made->all[i].from);
		frame_drop(made->all[i].frame);
	}
	worker_deflate_context_drop(made->to);
	free(made);
}

int
worker_websocket_share(struct worker_conn *c, struct hx_broadcast *b, bool packed)
{
	struct frame *frame;

	if (b->made == NULL) {
		b->made = calloc(1, sizeof(struct worker_broadcast));
		if (b->made == NULL)
			return -1;
		b->end = broadcast_end;
	}
	frame = frame_for(c, b, packed);
	if (frame == NULL || frame_put(c, frame) < 0)
		return -1;
	if (packed)
		window_moved(c, b);
	return 0;
}
