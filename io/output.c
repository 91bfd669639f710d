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

#include "base/must.h"

enum { MAX_IOV = 64, FIRST_COPY = 4096, KEEP_COPY = 16 * 1024, FIRST_SEGMENTS = 8 };

/* A referred piece, or, `bytes` being NULL, the next `len` of the copied bytes. */
struct io_segment {
	const char *bytes;
	size_t len;
	io_release_f *release;
	void *arg;
};

void
io_output_init(struct io_output *o)
{
	memset(o, 0, sizeof(*o));
}

void
io_output_fini(struct io_output *o)
{
	must(o->head == o->n_segments && o->n_due == 0);
	free(o->copied);
	free(o->segments);
	memset(o, 0, sizeof(*o));
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
	size_t in_head = head != NULL && head->bytes == NULL ? o->head_sent : 0;
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

	if (last != NULL && last->bytes == NULL) {
		last->len += len;
		return 0;
	}
	if (segments_room(o) < 0)
		return -1;
	o->segments[o->n_segments++] = (struct io_segment){ NULL, len, NULL, NULL };
	return 0;
}

char *
io_output_reserve(struct io_output *o, size_t size)
{
	size_t cap = o->copied_cap == 0 ? FIRST_COPY : o->copied_cap;
	char *grown;

	if (size > SIZE_MAX / 4 - o->copied_len || segments_room(o) < 0)
		return NULL;
	if (cap - o->copied_len < size)
		copied_room(o);
	while (cap - o->copied_len < size)
		cap *= 2;
	if (cap != o->copied_cap) {
		grown = realloc(o->copied, cap);
		if (grown == NULL)
			return NULL;
		o->copied = grown;
		o->copied_cap = cap;
	}
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

int
io_output_refer(struct io_output *o, const void *bytes, size_t len, io_release_f *release,
    void *arg)
{
	must(bytes != NULL && release != NULL);
	if (segments_room(o) < 0)
		return -1;
	o->segments[o->n_segments++] = (struct io_segment){ bytes, len, release, arg };
	o->backlog += len;
	return 0;
}

/* The head segment was sent or dropped: pass on to the next. */
static void
head_pass(struct io_output *o)
{
	o->n_due += o->segments[o->head].bytes != NULL;
	o->head++;
	o->head_sent = 0;
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
		if (s->bytes == NULL)
			o->copied_sent += s->len;
		head_pass(o);
	}
	sent_all(o);
}

static int
iov_fill(const struct io_output *o, struct iovec *iov)
{
	size_t copied = o->copied_sent, skip = o->head_sent;
	int n = 0;

	for (size_t i = o->head; i < o->n_segments && n < MAX_IOV; i++) {
		const struct io_segment *s = &o->segments[i];
		const char *from = s->bytes != NULL ? s->bytes : o->copied + copied;

		if (s->bytes == NULL)
			copied += s->len;
		iov[n].iov_base = (void *)(uintptr_t)(from + skip);
		iov[n].iov_len = s->len - skip;
		n += s->len > skip;
		skip = 0;
	}
	return n;
}

enum io_output_result
io_output_write(struct io_output *o, io_write_f *write, void *to)
{
	struct iovec iov[MAX_IOV];

	while (o->head < o->n_segments) {
		int n = iov_fill(o, iov);
		ssize_t sent = n > 0 ? write(to, iov, n) : 0;

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ?
			    IO_OUTPUT_AGAIN : IO_OUTPUT_GONE;
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

		if (s.bytes == NULL)
			continue;
		o->n_due--;
		s.release(s.arg);
	}
	if (o->head == o->n_segments)
		sent_all(o);
}

void
io_output_trim(struct io_output *o)
{
	if (o->backlog > 0 || o->copied_cap <= KEEP_COPY)
		return;
	free(o->copied);
	o->copied = NULL;
	o->copied_cap = 0;
}
