/*
 * output: one queue of copied and referred pieces.
 *
 * Called by worker/. It knows no protocol; order in is order out.
 */
#include "io/output.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/pool.h"

enum {
	MAX_IOV = 64, FIRST_SEGMENTS = 2,
	COPY_BYTES = 16 * 1024
};

/* Without `release` it is the next `len` of the copied bytes; without `bytes` a piece of a
 * file; else a referred or shared piece. */
struct io_segment {
	const char *bytes;
	size_t len;
	io_release_f *release;
	void *arg;
	uint64_t at;
	int fd;
	bool shared;
};

static bool
is_copied(const struct io_segment *s)
{
	return s->release == NULL;
}

static bool
is_file(const struct io_segment *s)
{
	return s->release != NULL && s->bytes == NULL;
}

/* Is it released by io_output_reap()? */
static bool
is_reaped(const struct io_segment *s)
{
	return s->bytes != NULL && !s->shared;
}

void
io_output_init(struct io_output *o, struct pool *pool)
{
	*o = (struct io_output){ .pool = pool };
}

void
io_output_fini(struct io_output *o)
{
	must(o->head == o->n_segments && o->n_due == 0);
	pool_buffer_free(o->pool, o->copied, o->copied_cap);
	free(o->segments);
	io_output_init(o, o->pool);
}

/* Make room for one more segment. 0, or -1 when out of memory. Segments that were sent
 * and released are dropped once they are the larger part, so that a queue that is never
 * empty does not grow. */
static int
segments_room(struct io_output *o)
{
	size_t gone = o->n_due > 0 ? o->reaped : o->head;
	size_t left = o->n_segments - gone;
	size_t cap = o->cap_segments == 0 ? FIRST_SEGMENTS : o->cap_segments * 2;
	struct io_segment *grown;

	if (o->n_segments < o->cap_segments)
		return 0;
	if (gone > left) {
		memmove(o->segments, o->segments + gone, left * sizeof(*o->segments));
		o->n_segments = left;
		o->head -= gone;
		o->reaped = 0;
		return 0;
	}
	grown = realloc(o->segments, cap * sizeof(*grown));
	if (grown == NULL)
		return -1;
	o->segments = grown;
	o->cap_segments = cap;
	return 0;
}

/* Drop the copied bytes that were sent once they are the larger part. */
static void
copied_room(struct io_output *o)
{
	struct io_segment *head = o->head < o->n_segments ? &o->segments[o->head] : NULL;
	size_t in_head = head != NULL && is_copied(head) ? o->head_sent : 0;
	size_t sent = o->copied_sent + in_head, left = o->copied_len - sent;

	if (sent <= left)
		return;
	memmove(o->copied, o->copied + sent, left);
	o->copied_len = left;
	o->copied_sent = 0;
	if (in_head > 0) {
		head->len -= in_head;
		o->head_sent = 0;
	}
}

/* Count `len` copied bytes into the last segment, or into a new one behind a referred
 * piece. 0, or -1 when out of memory. */
static int
segment_copied(struct io_output *o, size_t len)
{
	struct io_segment *last = o->n_segments > o->head ?
	    &o->segments[o->n_segments - 1] : NULL;

	if (last != NULL && is_copied(last)) {
		last->len += len;
		return 0;
	}
	if (segments_room(o) < 0)
		return -1;
	o->segments[o->n_segments++] = (struct io_segment){ .len = len };
	return 0;
}

char *
io_output_reserve(struct io_output *o, size_t size)
{
	char *grown;

	if (size > SIZE_MAX / 4 - o->copied_len || segments_room(o) < 0)
		return NULL;
	if (o->copied_cap - o->copied_len < size)
		copied_room(o);
	grown = pool_buffer_grow(o->pool, o->copied, o->copied_len, &o->copied_cap,
	    o->copied_len + size);
	if (grown == NULL)
		return NULL;
	o->copied = grown;
	return o->copied + o->copied_len;
}

void
io_output_commit(struct io_output *o, size_t used)
{
	must(used <= o->copied_cap - o->copied_len);
	if (used == 0)
		return;
	/* io_output_reserve() has made room for a segment. */
	must(segment_copied(o, used) == 0);
	o->copied_len += used;
	o->backlog += used;
}

int
io_output_copy(struct io_output *o, const void *bytes, size_t len)
{
	char *p = io_output_reserve(o, len);

	if (p == NULL)
		return -1;
	if (len > 0)
		memcpy(p, bytes, len);
	io_output_commit(o, len);
	return 0;
}

static int
bytes_refer(struct io_output *o, struct io_segment piece)
{
	must(piece.bytes != NULL && piece.release != NULL);
	if (segments_room(o) < 0)
		return -1;
	o->segments[o->n_segments++] = piece;
	o->backlog += piece.len;
	return 0;
}

int
io_output_refer(struct io_output *o, const void *bytes, size_t len, io_release_f *release,
    void *arg)
{
	return bytes_refer(o, (struct io_segment){
		.bytes = bytes, .len = len, .release = release, .arg = arg
	});
}

int
io_output_share(struct io_output *o, const void *bytes, size_t len, io_release_f *release,
    void *arg)
{
	return bytes_refer(o, (struct io_segment){
		.bytes = bytes, .len = len, .release = release, .arg = arg, .shared = true
	});
}

int
io_output_file(struct io_output *o, int fd, uint64_t at, size_t len, io_release_f *release,
    void *arg)
{
	must(len > 0 && release != NULL);
	if (segments_room(o) < 0)
		return -1;
	o->segments[o->n_segments++] = (struct io_segment){
		.len = len, .release = release, .arg = arg, .at = at, .fd = fd
	};
	o->backlog += len;
	return 0;
}

/* The head segment was sent or dropped: pass on to the next. */
static void
head_pass(struct io_output *o)
{
	const struct io_segment *s = &o->segments[o->head];

	o->n_due += is_reaped(s);
	o->head++;
	o->head_sent = 0;
	if (is_file(s) || s->shared)
		s->release(s->arg);
}

/* Nothing is left to send: begin at the start of the buffers again. */
static void
sent_all(struct io_output *o)
{
	o->copied_len = o->copied_sent = 0;
	if (o->n_due == 0)
		o->reaped = o->head = o->n_segments = 0;
}

/* The kernel took `n` more bytes. */
static void
advance(struct io_output *o, size_t n)
{
	o->backlog -= n;
	while (o->head < o->n_segments) {
		struct io_segment *s = &o->segments[o->head];
		size_t left = s->len - o->head_sent;

		if (n < left) {
			o->head_sent += n;
			return;
		}
		n -= left;
		if (is_copied(s))
			o->copied_sent += s->len;
		head_pass(o);
	}
	sent_all(o);
}

/* What is in memory, `most` bytes at most, up to the next piece of a file, which *more says
 * there is. */
static int
iov_fill(const struct io_output *o, struct iovec *iov, size_t most, bool *more)
{
	size_t copied = o->copied_sent, skip = o->head_sent;
	int n = 0;

	*more = false;
	for (size_t i = o->head; i < o->n_segments && n < MAX_IOV; i++) {
		const struct io_segment *s = &o->segments[i];
		const char *from = s->bytes != NULL ? s->bytes : o->copied + copied;
		size_t len = s->len - skip < most ? s->len - skip : most;

		*more = is_file(s);
		if (*more)
			break;
		if (is_copied(s))
			copied += s->len;
		iov[n].iov_base = (void *)(uintptr_t)(from + skip);
		iov[n].iov_len = len;
		n += len > 0;
		most -= len;
		skip = 0;
	}
	return n;
}

/* Read a part of a file and write it. Returns as send_file() does. */
static ssize_t
file_copy(const struct io_peer *peer, void *to, int fd, uint64_t at, size_t len)
{
	char bytes[COPY_BYTES];
	ssize_t n = pread(fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes), (off_t)at);
	struct iovec iov = { bytes, (size_t)n };

	if (n < 0 && errno == EAGAIN)
		errno = EIO;	/* not the peer's */
	return n > 0 ? peer->write(to, &iov, 1, (size_t)n < len) : n;
}

/* Send `most` bytes at most of the head segment, which is of a file. */
static ssize_t
file_send(const struct io_output *o, const struct io_peer *peer, void *to, size_t most)
{
	const struct io_segment *s = &o->segments[o->head];
	size_t len = s->len - o->head_sent;
	uint64_t at = s->at + o->head_sent;
	ssize_t sent;

	if (len > most)
		len = most;
	if (peer->send_file != NULL) {
		sent = peer->send_file(to, s->fd, at, len);
		/* Not every file system can. */
		if (sent >= 0 || (errno != EINVAL && errno != ENOSYS))
			return sent;
	}
	return file_copy(peer, to, s->fd, at, len);
}

enum io_output_result
io_output_write(struct io_output *o, const struct io_peer *peer, void *to, size_t most)
{
	struct iovec iov[MAX_IOV];

	while (o->head < o->n_segments) {
		bool file = is_file(&o->segments[o->head]), more = false;
		int n = file ? 0 : iov_fill(o, iov, most, &more);
		ssize_t sent = n > 0 ? peer->write(to, iov, n, more) : 0;

		if (most == 0 && o->backlog > 0)
			return IO_OUTPUT_MORE;
		if (file)
			sent = file_send(o, peer, to, most);
		if (file && sent == 0)
			return IO_OUTPUT_CUT;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ?
			    IO_OUTPUT_AGAIN : IO_OUTPUT_GONE;
		most -= (size_t)sent;
		advance(o, (size_t)sent);
	}
	return IO_OUTPUT_SENT;
}

void
io_output_drop(struct io_output *o)
{
	while (o->head < o->n_segments)
		head_pass(o);
	o->backlog = 0;
	sent_all(o);
}

bool
io_output_reapable(const struct io_output *o)
{
	return o->n_due > 0;
}

void
io_output_reap(struct io_output *o)
{
	while (o->n_due > 0) {
		struct io_segment s = o->segments[o->reaped++];

		if (!is_reaped(&s))
			continue;
		o->n_due--;
		s.release(s.arg);
	}
	if (o->head < o->n_segments)
		return;
	sent_all(o);
	io_output_trim(o);
}

void
io_output_trim(struct io_output *o)
{
	if (o->backlog > 0)
		return;
	pool_buffer_free(o->pool, o->copied, o->copied_cap);
	o->copied = NULL;
	o->copied_cap = 0;
	if (o->n_segments > 0 || o->cap_segments == FIRST_SEGMENTS)
		return;
	free(o->segments);
	o->segments = NULL;
	o->cap_segments = 0;
}
