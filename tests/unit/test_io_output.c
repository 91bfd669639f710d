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

#include "io/output.h"

enum { PEER = 1 << 16, REFERRED = 300 };

/* The peer: takes `room` bytes at most per call. */
static char got[PEER];
static size_t n_got, room;
static int fail_with;
static int released[REFERRED];
static char order[32];
static bool no_memory;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *
__wrap_realloc(void *p, size_t size)
{
	return no_memory ? NULL : __real_realloc(p, size);
}

static ssize_t
peer_write(void *to, const struct iovec *iov, int n)
{
	size_t taken = 0;

	(void)to;
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
	io_output_init(o);
}

static void
end(struct io_output *o)
{
	io_output_drop(o);
	io_output_reap(o);
	CU_ASSERT_FALSE(io_output_reapable(o));
	CU_ASSERT_EQUAL(o->backlog, 0);
	io_output_fini(o);
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
		for (room = step; io_output_write(&o, peer_write, NULL) == IO_OUTPUT_AGAIN;)
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
pieces_are_let_go_of_in_order_and_only_when_asked(void)
{
	struct io_output o;

	begin(&o);
	CU_ASSERT_EQUAL(io_output_refer(&o, "a", 1, release_in_order, "1"), 0);
	CU_ASSERT_EQUAL(io_output_refer(&o, "b", 1, release_in_order, "2"), 0);
	CU_ASSERT_EQUAL(io_output_copy(&o, "c", 1), 0);
	CU_ASSERT_EQUAL(io_output_refer(&o, "d", 1, release_in_order, "3"), 0);
	room = 2;
	CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_AGAIN);
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
	CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_GONE);
	CU_ASSERT_FALSE(io_output_reapable(&o));
	io_output_drop(&o);
	CU_ASSERT_EQUAL(o.backlog, 0);
	CU_ASSERT(io_output_reapable(&o));
	fail_with = 0;
	CU_ASSERT_EQUAL(io_output_copy(&o, "again", 5), 0);
	CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_SENT);
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
	CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_SENT);
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
	CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_SENT);
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
		CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_AGAIN);
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
			CU_ASSERT(io_output_write(&o, peer_write, NULL) != IO_OUTPUT_GONE);
			break;
		default:
			io_output_reap(&o);
		}
		CU_ASSERT_EQUAL_FATAL(o.backlog, n_model - n_got);
	}
	room = PEER;
	CU_ASSERT_EQUAL(io_output_write(&o, peer_write, NULL), IO_OUTPUT_SENT);
	CU_ASSERT_EQUAL(n_got, n_model);
	CU_ASSERT_EQUAL(memcmp(got, model, n_model), 0);
	end(&o);
	CU_ASSERT_EQUAL((size_t)released[0], due);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "order in is order out, however little the peer takes",
		    order_in_is_order_out_however_little_the_peer_takes },
		{ "pieces are let go of in order and only when asked",
		    pieces_are_let_go_of_in_order_and_only_when_asked },
		{ "what a gone peer did not take is dropped",
		    what_a_gone_peer_did_not_take_is_dropped },
		{ "no piece is lost without memory", no_piece_is_lost_without_memory },
		{ "without memory nothing is taken", without_memory_nothing_is_taken },
		{ "a queue that is never empty does not grow",
		    a_queue_that_is_never_empty_does_not_grow },
		{ "any sequence of calls keeps order and count",
		    any_sequence_of_calls_keeps_order_and_count },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "io_output", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned failed;

	if (CU_initialize_registry() != CUE_SUCCESS ||
	    CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
