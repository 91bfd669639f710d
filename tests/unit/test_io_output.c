/*
 * Tests of io/output: order of the bytes, every piece let go of exactly once,
 * and what happens without memory.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "io/output.h"
#include "tests/unit/suite.h"

enum { PEER = 1 << 16, REFERRED = 300 };

/* The peer: takes `room` bytes at most per call. */
static char got[PEER];
static size_t n_got, room;
static int fail_with;
static int released[REFERRED];
static char order[32];
static bool no_memory, said_more;
static struct pool pool;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *
__wrap_realloc(void *p, size_t size)
{
	return no_memory ? NULL : __real_realloc(p, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *
__wrap_malloc(size_t size)
{
	return no_memory ? NULL : __real_malloc(size);
}

static ssize_t
peer_write(void *to, const struct iovec *iov, int n, bool more)
{
	size_t taken = 0;

	(void)to;
	said_more = more;
	if (fail_with != 0) {
		errno = fail_with;
		return -1;
	}
	for (int i = 0; i < n && taken < room; i++) {
		size_t len = iov[i].iov_len < room - taken ? iov[i].iov_len : room - taken;

		CU_ASSERT_FATAL(n_got + len <= PEER);
		memcpy(got + n_got, iov[i].iov_base, len);
		n_got += len;
		taken += len;
	}
	room -= taken;
	if (taken > 0)
		return (ssize_t)taken;
	errno = EAGAIN;
	return -1;
}

static const struct io_peer peer = { .write = peer_write };

static void
release(void *arg)
{
	released[(uintptr_t)arg]++;
}

static void
release_in_order(void *arg)
{
	strncat(order, arg, 1);
}

static void
begin(struct io_output *o)
{
	n_got = 0;
	room = PEER;
	fail_with = 0;
	no_memory = false;
	order[0] = '\0';
	memset(released, 0, sizeof(released));
	pool_init(&pool, 1000);
	io_output_init(o, &pool);
}

static void
end(struct io_output *o)
{
	io_output_drop(o);
	io_output_reap(o);
	CU_ASSERT_FALSE(io_output_reapable(o));
	CU_ASSERT_EQUAL(o->backlog, 0);
	io_output_fini(o);
	pool_fini(&pool);
}

static void
expect(const char *bytes)
{
	CU_ASSERT_EQUAL_FATAL(n_got, strlen(bytes));
	CU_ASSERT_EQUAL(memcmp(got, bytes, n_got), 0);
}

static void
order_in_is_order_out_however_little_the_peer_takes(void)
{
	for (size_t step = 1; step < 20; step++) {
		struct io_output o;

		begin(&o);
		CU_ASSERT_EQUAL(io_output_copy(&o, "one ", 4), 0);
		CU_ASSERT_EQUAL(io_output_copy(&o, "two ", 4), 0);
		CU_ASSERT_EQUAL(io_output_refer(&o, "three ", 6, release, (void *)0), 0);
		CU_ASSERT_EQUAL(io_output_refer(&o, "", 0, release, (void *)1), 0);
		CU_ASSERT_EQUAL(io_output_copy(&o, "four ", 5), 0);
		CU_ASSERT_EQUAL(io_output_refer(&o, "five", 4, release, (void *)2), 0);
		CU_ASSERT_EQUAL(o.backlog, 23);
		for (room = step; io_output_write(&o, &peer, NULL, PEER) == IO_OUTPUT_AGAIN;)
			room = step;
		expect("one two three four five");
		CU_ASSERT_EQUAL(o.backlog, 0);
		io_output_reap(&o);
		CU_ASSERT(released[0] == 1 && released[1] == 1 && released[2] == 1);
		end(&o);
		CU_ASSERT_EQUAL(released[0], 1);
	}
}

static void
what_is_shared_is_let_go_of_when_it_is_sent_or_dropped(void)
{
	struct io_output o;

	begin(&o);
	CU_ASSERT_EQUAL(io_output_refer(&o, "a", 1, release_in_order, "1"), 0);
	CU_ASSERT_EQUAL(io_output_share(&o, "b", 1, release_in_order, "2"), 0);
	CU_ASSERT_EQUAL(io_output_copy(&o, "c", 1), 0);
	CU_ASSERT_EQUAL(io_output_share(&o, "d", 1, release_in_order, "3"), 0);
	CU_ASSERT_EQUAL(io_output_share(&o, "e", 1, release_in_order, "4"), 0);
	room = 4;
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_AGAIN);
	expect("abcd");
	CU_ASSERT_STRING_EQUAL(order, "23");
	io_output_drop(&o);
	CU_ASSERT_STRING_EQUAL(order, "234");
	io_output_reap(&o);
	CU_ASSERT_STRING_EQUAL(order, "2341");
	end(&o);
	CU_ASSERT_STRING_EQUAL(order, "2341");
}

static void
pieces_are_let_go_of_in_order_and_only_when_asked(void)
{
	struct io_output o;

	begin(&o);
	CU_ASSERT_EQUAL(io_output_refer(&o, "a", 1, release_in_order, "1"), 0);
	CU_ASSERT_EQUAL(io_output_refer(&o, "b", 1, release_in_order, "2"), 0);
	CU_ASSERT_EQUAL(io_output_copy(&o, "c", 1), 0);
	CU_ASSERT_EQUAL(io_output_refer(&o, "d", 1, release_in_order, "3"), 0);
	room = 2;
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_AGAIN);
	CU_ASSERT(io_output_reapable(&o));
	CU_ASSERT_STRING_EQUAL(order, "");
	io_output_reap(&o);
	CU_ASSERT_STRING_EQUAL(order, "12");
	CU_ASSERT_FALSE(io_output_reapable(&o));
	end(&o);
	CU_ASSERT_STRING_EQUAL(order, "123");
}

static void
what_a_gone_peer_did_not_take_is_dropped(void)
{
	struct io_output o;

	begin(&o);
	CU_ASSERT_EQUAL(io_output_refer(&o, "a", 1, release, (void *)0), 0);
	CU_ASSERT_EQUAL(io_output_copy(&o, "b", 1), 0);
	fail_with = ECONNRESET;
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_GONE);
	CU_ASSERT_FALSE(io_output_reapable(&o));
	io_output_drop(&o);
	CU_ASSERT_EQUAL(o.backlog, 0);
	CU_ASSERT(io_output_reapable(&o));
	fail_with = 0;
	CU_ASSERT_EQUAL(io_output_copy(&o, "again", 5), 0);
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_SENT);
	expect("again");
	end(&o);
	CU_ASSERT_EQUAL(released[0], 1);
}

static void
no_piece_is_lost_without_memory(void)
{
	struct io_output o;

	begin(&o);
	for (uintptr_t i = 0; i < REFERRED; i++)
		CU_ASSERT_EQUAL_FATAL(io_output_refer(&o, "x", 1, release, (void *)i), 0);
	no_memory = true;
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_SENT);
	io_output_reap(&o);
	for (int i = 0; i < REFERRED; i++)
		CU_ASSERT_EQUAL(released[i], 1);
	end(&o);
}

static void
without_memory_nothing_is_taken(void)
{
	struct io_output o;
	int taken = 0;

	begin(&o);
	no_memory = true;
	CU_ASSERT_EQUAL(io_output_refer(&o, "x", 1, release, NULL), -1);
	CU_ASSERT_EQUAL(io_output_copy(&o, "x", 1), -1);
	no_memory = false;
	CU_ASSERT_EQUAL(io_output_copy(&o, "ab", 2), 0);
	no_memory = true;
	CU_ASSERT_PTR_NULL(io_output_reserve(&o, 1 << 20));
	CU_ASSERT_PTR_NULL(io_output_reserve(&o, SIZE_MAX));
	while (io_output_refer(&o, "c", 1, release, NULL) == 0)
		taken++;
	CU_ASSERT_EQUAL(o.backlog, 2 + (size_t)taken);
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_SENT);
	CU_ASSERT_EQUAL(n_got, 2 + (size_t)taken);
	end(&o);
	CU_ASSERT_EQUAL(released[0], taken);
}

/* A peer that is always some pieces behind, an owner that seldom reaps. */
static void
a_queue_that_is_never_empty_does_not_grow(void)
{
	struct io_output o;
	size_t cap = 0, copied_cap = 0;

	begin(&o);
	for (uintptr_t i = 0; i < 10000; i++) {
		n_got = 0;
		CU_ASSERT_EQUAL(io_output_copy(&o, "0123456789", 10), 0);
		CU_ASSERT_EQUAL(io_output_refer(&o, "r", 1, release, (void *)(i % REFERRED)), 0);
		room = i < 10 ? 4 : 11;
		CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_AGAIN);
		if (i % 7 == 0)
			io_output_reap(&o);
		if (i == 2000) {
			cap = o.cap_segments;
			copied_cap = o.copied_cap;
		}
	}
	CU_ASSERT_EQUAL(o.backlog, 70);
	CU_ASSERT_EQUAL(o.cap_segments, cap);
	CU_ASSERT_EQUAL(o.copied_cap, copied_cap);
	end(&o);
	CU_ASSERT_EQUAL(released[0], 10000 / REFERRED + 1);
}

/* Against a model: the bytes put in, one after the other. */
static void
any_sequence_of_calls_keeps_order_and_count(void)
{
	static char model[PEER];
	size_t n_model = 0, due = 0;
	struct io_output o;

	begin(&o);
	srand(3);
	for (int i = 0; n_model < PEER - 64; i++) {
		size_t len = (size_t)(rand() % 20);

		for (size_t k = 0; k < len; k++)
			model[n_model + k] = (char)rand();
		switch (rand() % 4) {
		case 0:
			CU_ASSERT_EQUAL(io_output_copy(&o, model + n_model, len), 0);
			n_model += len;
			break;
		case 1:
			CU_ASSERT_EQUAL(io_output_refer(&o, model + n_model, len, release, (void *)0), 0);
			n_model += len;
			due++;
			break;
		case 2:
			room = (size_t)(rand() % 40);
			CU_ASSERT(io_output_write(&o, &peer, NULL, PEER) != IO_OUTPUT_GONE);
			break;
		default:
			io_output_reap(&o);
		}
		CU_ASSERT_EQUAL_FATAL(o.backlog, n_model - n_got);
	}
	room = PEER;
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_SENT);
	CU_ASSERT_EQUAL(n_got, n_model);
	CU_ASSERT_EQUAL(memcmp(got, model, n_model), 0);
	end(&o);
	CU_ASSERT_EQUAL((size_t)released[0], due);
}

static void
an_empty_output_keeps_no_buffer(void)
{
	struct io_output o;

	begin(&o);
	for (int round = 0; round < 3; round++) {
		for (uintptr_t i = 0; i < 100; i++) {
			CU_ASSERT_EQUAL_FATAL(io_output_copy(&o, "xy", 2), 0);
			CU_ASSERT_EQUAL_FATAL(io_output_refer(&o, "c", 1, release, (void *)i), 0);
		}
		room = PEER;
		CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_SENT);
		io_output_trim(&o);
		CU_ASSERT_PTR_NULL(o.copied);
		CU_ASSERT_TRUE(o.cap_segments >= 200);	/* some are to be reaped */
		io_output_reap(&o);
		CU_ASSERT_TRUE(o.cap_segments <= 8);
		n_got = 0;
	}
	end(&o);
}

/* A file of `len` bytes, removed already. */
static int
file_make(const char *bytes, size_t len)
{
	char name[] = "/tmp/io_output.XXXXXX";
	int fd = mkstemp(name);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	unlink(name);
	CU_ASSERT_EQUAL_FATAL(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

static ssize_t
peer_send_file(void *to, int fd, uint64_t at, size_t len)
{
	static char bytes[PEER];
	ssize_t n = pread(fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes), (off_t)at);
	struct iovec iov = { bytes, (size_t)n };

	return n > 0 ? peer_write(to, &iov, 1, false) : n;
}

static ssize_t
cannot_send_file(void *to, int fd, uint64_t at, size_t len)
{
	(void)to;
	(void)fd;
	(void)at;
	(void)len;
	errno = EINVAL;
	return -1;
}

static void
pieces_of_files_keep_their_place(void)
{
	const struct io_peer peers[] = { peer, { peer_write, peer_send_file },
		{ peer_write, cannot_send_file } };
	int fd = file_make("0123456789", 10);

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		for (size_t step = 1; step < 20; step++) {
			struct io_output o;

			begin(&o);
			CU_ASSERT_EQUAL(io_output_copy(&o, "<", 1), 0);
			CU_ASSERT_EQUAL(io_output_file(&o, fd, 2, 5, release, (void *)0), 0);
			CU_ASSERT_EQUAL(io_output_refer(&o, "|", 1, release, (void *)1), 0);
			CU_ASSERT_EQUAL(io_output_file(&o, fd, 9, 1, release, (void *)2), 0);
			CU_ASSERT_EQUAL(io_output_file(&o, fd, 0, 2, release, (void *)3), 0);
			CU_ASSERT_EQUAL(io_output_copy(&o, ">", 1), 0);
			CU_ASSERT_EQUAL(o.backlog, 11);
			for (room = step; io_output_write(&o, &peers[i], NULL, PEER) ==
			    IO_OUTPUT_AGAIN;)
				room = step;
			expect("<23456|901>");
			/* Files are released when they are sent, others when asked. */
			CU_ASSERT_EQUAL(released[0], 1);
			CU_ASSERT_EQUAL(released[1], 0);
			CU_ASSERT_EQUAL(released[2] + released[3], 2);
			end(&o);
			CU_ASSERT_EQUAL(released[1], 1);
		}
	close(fd);
}

/* A peer that takes all it is given gets no more than is allowed, wherever that ends. */
static void
no_more_goes_out_than_is_allowed(void)
{
	const struct io_peer peers[] = { peer, { peer_write, peer_send_file } };
	int fd = file_make("0123456789", 10);

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		for (size_t most = 1; most < 20; most++) {
			size_t before = 0;
			struct io_output o;

			begin(&o);
			CU_ASSERT_EQUAL(io_output_copy(&o, "<ab", 3), 0);
			CU_ASSERT_EQUAL(io_output_refer(&o, "", 0, release, (void *)0), 0);
			CU_ASSERT_EQUAL(io_output_refer(&o, "cde", 3, release, (void *)0), 0);
			CU_ASSERT_EQUAL(io_output_file(&o, fd, 2, 5, release, (void *)1), 0);
			CU_ASSERT_EQUAL(io_output_copy(&o, "fg>", 3), 0);
			CU_ASSERT_EQUAL(io_output_refer(&o, "", 0, release, (void *)0), 0);
			while (io_output_write(&o, &peers[i], NULL, most) == IO_OUTPUT_MORE) {
				CU_ASSERT_EQUAL_FATAL(n_got - before, most);
				before = n_got;
			}
			CU_ASSERT_TRUE(n_got - before <= most);
			expect("<abcde23456fg>");
			end(&o);
			CU_ASSERT_EQUAL(released[0], 3);
			CU_ASSERT_EQUAL(released[1], 1);
		}
	close(fd);
}

static void
more_is_said_before_a_file(void)
{
	int fd = file_make("0123456789", 10);
	struct io_output o;

	begin(&o);
	CU_ASSERT_EQUAL(io_output_copy(&o, "<", 1), 0);
	CU_ASSERT_EQUAL(io_output_file(&o, fd, 0, 1, release, (void *)0), 0);
	room = 1;
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_AGAIN);
	room = PEER;
	CU_ASSERT_TRUE(said_more || n_got == 1);
	CU_ASSERT_EQUAL(io_output_write(&o, &peer, NULL, PEER), IO_OUTPUT_SENT);
	CU_ASSERT_FALSE(said_more);
	expect("<0");
	end(&o);
	close(fd);
}

static void
a_file_that_is_shorter_cuts_the_output(void)
{
	const struct io_peer peers[] = { peer, { peer_write, peer_send_file } };
	int fd = file_make("0123456789", 10);

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct io_output o;

		begin(&o);
		CU_ASSERT_EQUAL(io_output_file(&o, fd, 8, 5, release, (void *)0), 0);
		CU_ASSERT_EQUAL(io_output_copy(&o, "next", 4), 0);
		CU_ASSERT_EQUAL(io_output_write(&o, &peers[i], NULL, PEER), IO_OUTPUT_CUT);
		expect("89");
		CU_ASSERT_EQUAL(released[0], 0);
		io_output_drop(&o);
		CU_ASSERT_EQUAL(released[0], 1);
		end(&o);
	}
	close(fd);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "pieces of files keep their place", pieces_of_files_keep_their_place },
		{ "no more goes out than is allowed", no_more_goes_out_than_is_allowed },
		{ "more is said before a file", more_is_said_before_a_file },
		{ "a file that is shorter cuts the output",
		    a_file_that_is_shorter_cuts_the_output },
		{ "order in is order out, however little the peer takes",
		    order_in_is_order_out_however_little_the_peer_takes },
		{ "what is shared is let go of when it is sent or dropped",
		    what_is_shared_is_let_go_of_when_it_is_sent_or_dropped },
		{ "pieces are let go of in order and only when asked",
		    pieces_are_let_go_of_in_order_and_only_when_asked },
		{ "what a gone peer did not take is dropped",
		    what_a_gone_peer_did_not_take_is_dropped },
		{ "no piece is lost without memory", no_piece_is_lost_without_memory },
		{ "without memory nothing is taken", without_memory_nothing_is_taken },
		{ "a queue that is never empty does not grow",
		    a_queue_that_is_never_empty_does_not_grow },
		{ "an empty output keeps no buffer", an_empty_output_keeps_no_buffer },
		{ "any sequence of calls keeps order and count",
		    any_sequence_of_calls_keeps_order_and_count },
		CU_TEST_INFO_NULL,
	};

	return suite_run("io_output", tests);
}
