/*
 * output: bytes on their way to a peer.
 *
 * A queue of pieces. Small pieces are copied behind one another into one buffer; large
 * ones stay where they are and are referred to. One sendmsg(2) as a rule sends as much
 * of both as the kernel takes. A referred piece stays in the queue after it was sent, until the
 * owner calls io_output_reap(): releasing it may need the interpreter, sending does not.
 * Pieces of files go from the file to the peer, and are released as soon as they are sent, as
 * those are that several outputs share.
 */
#ifndef IO_OUTPUT_H
#define IO_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/attr.h"

typedef void io_release_f(void *arg);

struct io_segment;
struct pool;

struct io_output {
	struct pool *pool;		/* borrowed, for `copied` */
	char *copied;			/* bytes of the copied pieces */
	size_t copied_len, copied_cap;
	struct io_segment *segments;	/* the pieces, in order; copied neighbours are one */
	size_t n_segments, cap_segments;
	size_t reaped;			/* segments before it are released */
	size_t n_due;			/* segments from there to the head that are to be reaped */
	size_t head;			/* first segment that is not wholly sent */
	size_t head_sent;		/* bytes of the head segment that are sent */
	size_t copied_sent;		/* bytes of `copied` before the head segment */
	size_t backlog;			/* bytes not yet taken by the kernel */
};

enum io_output_result {
	IO_OUTPUT_SENT,		/* all of it */
	IO_OUTPUT_AGAIN,	/* the peer takes no more now */
	IO_OUTPUT_MORE,		/* as much as was allowed; the peer may take more */
	IO_OUTPUT_GONE,		/* the peer never takes more; errno says why */
	IO_OUTPUT_CUT		/* a file has become shorter: what follows has no place */
};

/* How bytes get to the peer. */
struct io_peer {
	/* A socket's sendmsg(2), or the test client's memory. Returns as sendmsg(2) does, with
	 * errno set. `more`: other bytes follow at once. */
	ssize_t (*write)(void *to, const struct iovec *iov, int n, bool more);
	/* The same for `len` bytes of a file from `at` on. 0: the file ends there. NULL: files
	 * are read, and their bytes written. */
	ssize_t (*send_file)(void *to, int fd, uint64_t at, size_t len);
};

void io_output_init(struct io_output *o, struct pool *pool);

/* Free everything; the output may be used again. No referred piece may be left:
 * io_output_drop() and io_output_reap() come first. */
void io_output_fini(struct io_output *o);

/* Room for `size` bytes to be written in place, valid until the next call; NULL when out
 * of memory. io_output_commit() appends the first `used` of them. */
char *io_output_reserve(struct io_output *o, size_t size) MUST_CHECK;
void io_output_commit(struct io_output *o, size_t used);

/* Append a copy of the bytes. 0, or -1 when out of memory. */
int io_output_copy(struct io_output *o, const void *bytes, size_t len) MUST_CHECK;

/* Append a reference to bytes that stay until release(arg) is called, by
 * io_output_reap(), after they were sent or dropped. 0; -1 when out of memory, and
 * release() is then the caller's. */
int io_output_refer(struct io_output *o, const void *bytes, size_t len,
    io_release_f *release, void *arg) MUST_CHECK;

/* The same, but release(arg) is called by whichever function sends or drops them, perhaps without the
 * interpreter. */
int io_output_share(struct io_output *o, const void *bytes, size_t len,
    io_release_f *release, void *arg) MUST_CHECK;

/* Append `len` bytes, not 0, of a file, from `at` on. release(arg) is called when they are
 * sent or dropped, by whichever function does it, perhaps without the interpreter. 0; -1
 * when out of memory, and release() is then the caller's. */
int io_output_file(struct io_output *o, int fd, uint64_t at, size_t len,
    io_release_f *release, void *arg) MUST_CHECK;

/* Send what the peer takes, `most` bytes at most. */
enum io_output_result io_output_write(struct io_output *o, const struct io_peer *peer,
    void *to, size_t most) MUST_CHECK;

/* Do not send the rest. Its referred pieces can be reaped. */
void io_output_drop(struct io_output *o);

/* Has io_output_reap() anything to do? */
bool io_output_reapable(const struct io_output *o);

/* Release the referred pieces that were sent or dropped, in order, and trim when that was
 * all. Interpreter held. */
void io_output_reap(struct io_output *o);

/* When nothing waits to be sent: give the buffer back, and a large queue when it is reaped. */
void io_output_trim(struct io_output *o);

#endif
