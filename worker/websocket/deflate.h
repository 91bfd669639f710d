/*
 * deflate: compressed messages, whose contexts rest as windows.
 *
 * permessage-deflate (RFC 7692). A stream of zlib's takes up to 40 kB, the window that its next message
 * goes on from at most 4 kB of what was sent, or what the client has asked for of what was received. So a
 * worker has a few streams, and lends them to the connections that have used one last. What it
 * takes from another leaves that its window.
 */
#ifndef WORKER_WEBSOCKET_DEFLATE_H
#define WORKER_WEBSOCKET_DEFLATE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/slice.h"
#include "io/output.h"

struct worker_stream;

/* What windows go on from: the last bytes of what went before. Those that have got the same message share
 * one. */
struct worker_context {
	unsigned refs, len;
	char bytes[];
};

/* A worker's streams: those lent, the one that was used longest ago first. */
struct worker_streams {
	struct list packing, unpacking;
	unsigned n_packing, n_unpacking;
};

/* One direction of one connection. Zeroed at first, but for `bits` and `anew`. */
struct worker_window {
	struct worker_stream *stream;	/* lent, or NULL */
	struct worker_context *kept;	/* else what it goes on from; NULL: nothing */
	unsigned bits;			/* the window has 2^bits bytes at most */
	bool anew;			/* each message begins with an empty one */
	bool open;			/* a message has begun to be unpacked */
};

void worker_deflate_init(struct worker_streams *s);

/* No window has a stream any more. */
void worker_deflate_fini(struct worker_streams *s);

/* A context of the last bytes of `message`, with one reference. NULL when out of memory. */
struct worker_context *worker_deflate_context(struct slice message) MUST_CHECK;
void worker_deflate_context_drop(struct worker_context *kept);	/* NULL: no-op */

/* Append the message to the output, as a compressed frame of this opcode. 0, or -1 when out of memory. */
int worker_deflate_put(struct worker_streams *s, struct worker_window *window, struct io_output *out,
    unsigned opcode, struct slice message) MUST_CHECK;

/* The same into memory of malloc()'s, behind `before` bytes that are the caller's: *len bytes stand there.
 * NULL when out of memory. */
char *worker_deflate_frame(struct worker_streams *s, struct worker_window *window, unsigned opcode,
    struct slice message, size_t before, size_t *len) MUST_CHECK;

enum worker_unpacked {
	WORKER_UNPACKED_MORE,		/* *out has some, and there is more */
	WORKER_UNPACKED_DONE,		/* all of *in is in *out */
	WORKER_UNPACKED_BAD,		/* it is not compressed so */
	WORKER_UNPACKED_NO_MEMORY
};

/* Unpack a part of a message into `room` bytes. *in, of which it takes what it can, is the part as it
 * came, `last` of its message or not; *out is set to what stands in the room. After MORE it is called
 * again with what is left of *in. */
enum worker_unpacked worker_deflate_unpack(struct worker_streams *s, struct worker_window *window,
    struct slice *in, bool last, char *room, size_t size, struct slice *out) MUST_CHECK;

/* Forget what the window goes on from. `packing`: it is the window of what was sent, of which this may be
 * done at any time: the next message refers to nothing before it. Else the connection has gone. */
void worker_deflate_window_fini(struct worker_streams *s, struct worker_window *window, bool packing);

#endif
