/*
 * deflate: streams that are lent, and the windows between.
 *
 * Called by broadcast.c, websocket.c and read.c, and by worker/worker.c.
 */
#include "worker/websocket/deflate.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/must.h"
#include "http/deflate_terms.h"
#include "http/frame.h"

enum {
	STREAMS_MOST = 64,		/* of each kind */
	LEVEL = 1,			/* most of what level 6 gains, in a fraction of its time */
	MEM_LEVEL = 5,			/* uvicorn's */
	CONTEXT_MOST = 1 << HX_DEFLATE_BITS,	/* bytes of a window that we pack with */
	TAIL_BYTES = 4,			/* that end each flush, and are not sent (section 7.2.1) */
	FLUSH_BYTES = 16		/* room for it, beside what deflateBound() says */
};

struct worker_stream {
	z_stream z;
	struct list_node node;
	struct worker_window *window;	/* whose it is */
	unsigned bits;
	bool tail;			/* unpacking: the message's own bytes are through */
};

static const char tail[TAIL_BYTES] = "\x00\x00\xff\xff";

static void
stream_free(struct worker_stream *stream, bool packing)
{
	if (packing)
		deflateEnd(&stream->z);
	else
		inflateEnd(&stream->z);
	free(stream);
}

static int
stream_begin(struct worker_stream *stream, bool packing, unsigned bits)
{
	int rc;

	if (packing)
		rc = deflateInit2(&stream->z, LEVEL, Z_DEFLATED, -(int)bits, MEM_LEVEL,
		    Z_DEFAULT_STRATEGY);
	else
		rc = inflateInit2(&stream->z, -(int)bits);
	stream->bits = bits;
	return rc == Z_OK ? 0 : -1;
}

static struct worker_stream *
stream_new(bool packing, unsigned bits)
{
	struct worker_stream *stream = calloc(1, sizeof(*stream));

	if (stream != NULL && stream_begin(stream, packing, bits) < 0) {
		free(stream);
		stream = NULL;
	}
	return stream;
}

static struct worker_context *
context_new(unsigned len)
{
	struct worker_context *kept = malloc(sizeof(*kept) + len);

	if (kept != NULL)
		*kept = (struct worker_context){ .refs = 1, .len = len };
	return kept;
}

struct worker_context *
worker_deflate_context(struct slice message)
{
	size_t len = message.len < CONTEXT_MOST ? message.len : CONTEXT_MOST;
	struct worker_context *kept = context_new((unsigned)len);

	if (kept != NULL)
		memcpy(kept->bytes, message.ptr + message.len - len, len);
	return kept;
}

void
worker_deflate_context_drop(struct worker_context *kept)
{
	if (kept != NULL && --kept->refs == 0)
		free(kept);
}

/* Leave its window to whom the stream was lent. 0, or -1 when out of memory: nothing has changed. */
static int
stream_take_back(struct worker_stream *stream, bool packing)
{
	struct worker_window *window = stream->window;
	unsigned len = 0;
	struct worker_context *kept = NULL;

	if (!window->anew) {
		if (packing)
			deflateGetDictionary(&stream->z, NULL, &len);
		else
			inflateGetDictionary(&stream->z, NULL, &len);
		kept = len > 0 ? context_new(len) : NULL;
		if (len > 0 && kept == NULL)
			return -1;
	}
	if (len > 0 && packing)
		deflateGetDictionary(&stream->z, (Bytef *)kept->bytes, &len);
	else if (len > 0)
		inflateGetDictionary(&stream->z, (Bytef *)kept->bytes, &len);
	must(window->kept == NULL);
	window->kept = kept;
	window->stream = NULL;
	stream->window = NULL;
	return 0;
}

/* Make a stream that nobody has go on from the window. 0, or -1 when out of memory. */
static int
stream_restart(struct worker_stream *stream, bool packing, const struct worker_window *window)
{
	const struct worker_context *kept = window->kept;
	int rc;

	must(stream->window == NULL);
	rc = packing ? deflateReset(&stream->z) : inflateReset2(&stream->z, -(int)window->bits);
	stream->bits = window->bits;
	if (rc == Z_OK && kept != NULL)
		rc = packing ? deflateSetDictionary(&stream->z, (const Bytef *)kept->bytes, kept->len) :
		    inflateSetDictionary(&stream->z, (const Bytef *)kept->bytes, kept->len);
	return rc == Z_OK ? 0 : -1;
}

/* The stream that was used longest ago and can go on from a window of 2^bits bytes. One that has begun to
 * unpack a message is not taken from its window. NULL: there is none, or no memory for the window of its
 * owner. */
static struct worker_stream *
stream_oldest(struct list *all, bool packing, unsigned bits)
{
	LIST_EACH(node, all) {
		struct worker_stream *stream = container_of(node, struct worker_stream, node);

		if ((packing && stream->bits != bits) || (stream->window != NULL && stream->window->open))
			continue;
		return stream->window == NULL || stream_take_back(stream, packing) == 0 ? stream : NULL;
	}
	return NULL;
}

static struct list *
list_of(struct worker_streams *s, bool packing)
{
	return packing ? &s->packing : &s->unpacking;
}

static unsigned *
count_of(struct worker_streams *s, bool packing)
{
	return packing ? &s->n_packing : &s->n_unpacking;
}

/* A stream for the window, which becomes the one that was used last. NULL when out of memory. */
static struct worker_stream *
lend(struct worker_streams *s, struct worker_window *window, bool packing)
{
	struct list *all = list_of(s, packing);
	unsigned *n = count_of(s, packing);
	struct worker_stream *stream = window->stream;

	if (stream == NULL && *n >= STREAMS_MOST)
		stream = stream_oldest(all, packing, window->bits);
	if (stream != NULL) {
		list_remove(&stream->node);
	} else {
		stream = stream_new(packing, window->bits);
		if (stream == NULL)
			return NULL;
		++*n;
	}
	list_append(all, &stream->node);
	if (stream == window->stream)
		return stream;
	if (stream_restart(stream, packing, window) < 0)
		return NULL;
	worker_deflate_context_drop(window->kept);
	window->kept = NULL;
	window->stream = stream;
	stream->window = window;
	return stream;
}

/* A stream that is ready for a message, and how large its frame may become. NULL when out of memory. */
static struct worker_stream *
pack_begin(struct worker_streams *s, struct worker_window *window, struct slice message, size_t *room)
{
	struct worker_stream *stream = lend(s, window, true);

	must(message.len > 0);
	if (stream == NULL || message.len > UINT_MAX / 2)
		return NULL;
	if (window->anew)
		deflateReset(&stream->z);
	*room = HX_FRAME_HEAD_MOST + deflateBound(&stream->z, message.len) + FLUSH_BYTES;
	return stream;
}

/* The frame's length; 0: zlib is out of memory. */
static size_t
pack(struct worker_stream *stream, unsigned opcode, struct slice message, char *frame, size_t room)
{
	size_t len, head;

	room -= HX_FRAME_HEAD_MOST;
	stream->z.next_in = (Bytef *)(uintptr_t)message.ptr;
	stream->z.avail_in = (uInt)message.len;
	stream->z.next_out = (Bytef *)frame + HX_FRAME_HEAD_MOST;
	stream->z.avail_out = (uInt)room;
	if (deflate(&stream->z, Z_SYNC_FLUSH) != Z_OK || stream->z.avail_in > 0 ||
	    stream->z.avail_out == 0)
		return 0;
	len = room - stream->z.avail_out - TAIL_BYTES;
	head = hx_frame_write(frame, opcode, true, len);
	memmove(frame + head, frame + HX_FRAME_HEAD_MOST, len);
	return head + len;
}

int
worker_deflate_put(struct worker_streams *s, struct worker_window *window, struct io_output *out,
    unsigned opcode, struct slice message)
{
	size_t room, len;
	struct worker_stream *stream = pack_begin(s, window, message, &room);
	char *frame = stream != NULL ? io_output_reserve(out, room) : NULL;

	if (frame == NULL)
		return -1;
	len = pack(stream, opcode, message, frame, room);
	io_output_commit(out, len);
	return len > 0 ? 0 : -1;
}

char *
worker_deflate_frame(struct worker_streams *s, struct worker_window *window, unsigned opcode,
    struct slice message, size_t before, size_t *len)
{
	size_t room;
	struct worker_stream *stream = pack_begin(s, window, message, &room);
	char *memory = stream != NULL ? malloc(before + room) : NULL, *fitting;

	if (memory == NULL)
		return NULL;
	*len = pack(stream, opcode, message, memory + before, room);
	if (*len == 0) {
		free(memory);
		return NULL;
	}
	fitting = realloc(memory, before + *len);
	return fitting != NULL ? fitting : memory;
}

/* Unpack what *in has into the room that the stream has. False: it is not compressed so. */
static bool
inflate_some(z_stream *z, struct slice *in)
{
	int rc;

	do {
		z->next_in = (Bytef *)(uintptr_t)in->ptr;
		z->avail_in = in->len > UINT_MAX ? UINT_MAX : (uInt)in->len;
		rc = inflate(z, Z_SYNC_FLUSH);
		in->len -= (size_t)((const char *)z->next_in - in->ptr);
		in->ptr = (const char *)z->next_in;
		/* A message may end its last block (section 7.2.3.5): what follows goes on from the
		 * same window. */
		if (rc == Z_STREAM_END)
			rc = inflateResetKeep(z);
		/* It is Z_BUF_ERROR where nothing was left to do. */
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			return false;
	} while (in->len > 0 && z->avail_out > 0);
	return true;
}

enum worker_unpacked
worker_deflate_unpack(struct worker_streams *s, struct worker_window *window, struct slice *in, bool last,
    char *room, size_t size, struct slice *out)
{
	struct worker_stream *stream = lend(s, window, false);

	if (stream == NULL)
		return WORKER_UNPACKED_NO_MEMORY;
	if (!window->open) {
		window->open = true;
		stream->tail = false;
		if (window->anew)
			inflateReset(&stream->z);
	}
	stream->z.next_out = (Bytef *)room;
	stream->z.avail_out = (uInt)size;
	if (!inflate_some(&stream->z, in))
		return WORKER_UNPACKED_BAD;
	if (stream->z.avail_out > 0 && last && !stream->tail) {
		stream->tail = true;
		*in = (struct slice){ tail, TAIL_BYTES };
		if (!inflate_some(&stream->z, in))
			return WORKER_UNPACKED_BAD;
	}
	*out = (struct slice){ room, size - stream->z.avail_out };
	if (stream->z.avail_out == 0)
		return WORKER_UNPACKED_MORE;
	window->open = !last;
	return WORKER_UNPACKED_DONE;
}

void
worker_deflate_window_fini(struct worker_streams *s, struct worker_window *window, bool packing)
{
	struct worker_stream *stream = window->stream;

	worker_deflate_context_drop(window->kept);
	window->kept = NULL;
	window->stream = NULL;
	if (stream == NULL)
		return;
	/* Whoever needs one next takes it. */
	stream->window = NULL;
	list_remove(&stream->node);
	if (*count_of(s, packing) > STREAMS_MOST) {
		--*count_of(s, packing);
		stream_free(stream, packing);
	} else {
		list_prepend(list_of(s, packing), &stream->node);
	}
}

void
worker_deflate_init(struct worker_streams *s)
{
	*s = (struct worker_streams){ .n_packing = 0 };
	list_init(&s->packing);
	list_init(&s->unpacking);
}

static void
list_free(struct list *all, bool packing)
{
	struct list_node *node;

	while ((node = list_first(all)) != NULL) {
		struct worker_stream *stream = container_of(node, struct worker_stream, node);

		must(stream->window == NULL);
		list_remove(node);
		stream_free(stream, packing);
	}
}

void
worker_deflate_fini(struct worker_streams *s)
{
	list_free(&s->packing, true);
	list_free(&s->unpacking, false);
}
