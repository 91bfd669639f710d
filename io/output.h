/*
 * output: bytes on their way to a peer.
 *
 * Small pieces are copied behind one another into one buffer; large ones stay
 * where they are and are referred to. One writev(2) takes as much of both as
 * the kernel accepts. Pieces that are sent stay in the queue until the owner
 * calls io_output_reap(), because letting go of them may need the interpreter.
 */
#ifndef IO_OUTPUT_H
#define IO_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/attr.h"

typedef void io_release_f(void *arg);

struct io_segment;

struct io_output {
	char *copied;			/* bytes of the copied pieces */
	size_t copied_len, copied_cap;
	struct io_segment *segments;	/* order of copied and referred pieces */
	size_t n_segments, cap_segments;
	size_t reaped;			/* first segment not let go of */
	size_t n_due;			/* referred ones from there to the head */
	size_t head;			/* first segment not wholly sent */
	size_t head_sent;		/* bytes of it that are sent */
	size_t copied_sent;		/* bytes of `copied` before the head segment */
	size_t backlog;			/* bytes not yet taken by the kernel */
};

enum io_output_result { IO_OUTPUT_SENT, IO_OUTPUT_AGAIN, IO_OUTPUT_GONE };

/* Where bytes go: writev(2) of a socket, or the test client's memory. Returns
 * as writev(2) does, with errno. */
typedef ssize_t io_write_f(void *to, const struct iovec *iov, int n);

void io_output_init(struct io_output *o);

/* Frees everything. Every referred piece must have been reaped: call
 * io_output_drop() and io_output_reap() first. */
void io_output_fini(struct io_output *o);

/* Room for `size` copied bytes to be written in place; commit what was used.
 * NULL: out of memory. */
char *io_output_reserve(struct io_output *o, size_t size) MUST_CHECK;
void io_output_commit(struct io_output *o, size_t used);

/* Append a copy. 0, or -1 when out of memory. */
int io_output_copy(struct io_output *o, const void *bytes, size_t len) MUST_CHECK;

/* Append a reference; release(arg) is due when the bytes are sent or dropped. 0;
 * -1 when out of memory (nothing was taken). */
int io_output_refer(struct io_output *o, const void *bytes, size_t len,
    io_release_f *release, void *arg) MUST_CHECK;

/* Send what the peer takes. GONE: the peer will take nothing more (errno). */
enum io_output_result io_output_write(struct io_output *o, io_write_f *write, void *to) MUST_CHECK;

/* Forget what was not sent; referred pieces become reapable. */
void io_output_drop(struct io_output *o);

/* True when io_output_reap() has something to do. */
bool io_output_reapable(const struct io_output *o);

/* Run the due releases, in order. The interpreter must be held. */
void io_output_reap(struct io_output *o);

/* Give memory back when idle. */
void io_output_trim(struct io_output *o);

#endif
