/*
 * The input of a connection: the order of its bytes, and that those of the request in
 * hand stay where they are.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "worker/input.h"
#include "tests/unit/suite.h"

static struct pool pool;

static void
keep(struct worker_input *in, const char *bytes, size_t len, bool in_hand)
{
	CU_ASSERT_EQUAL_FATAL(worker_input_keep(in, bytes, len, in_hand), 0);
}

static void
check_left(const struct worker_input *in, const char *want)
{
	CU_ASSERT_EQUAL_FATAL(worker_input_left(in), strlen(want));
	CU_ASSERT_NSTRING_EQUAL(worker_input_at(in), want, strlen(want));
}

static void
test_what_came_behind_a_request_is_left_for_the_next(void)
{
	struct worker_input in = { .pool = &pool };

	CU_ASSERT_EQUAL(worker_input_unused(&in), 0);
	keep(&in, "one", 3, false);
	worker_input_use(&in, 3);
	CU_ASSERT_EQUAL(worker_input_unused(&in), 0);
	keep(&in, "two", 3, true);
	CU_ASSERT_EQUAL(worker_input_unused(&in), 3);
	CU_ASSERT_EQUAL(worker_input_next(&in), 0);
	check_left(&in, "two");
	worker_input_use(&in, 1);
	check_left(&in, "wo");
	worker_input_fini(&in);
	CU_ASSERT_EQUAL(worker_input_unused(&in), 0);
}

/* A head that is looked for again after more has come is not searched twice; the next
 * one is searched from its start. */
static void
test_scanned_is_of_the_bytes_left(void)
{
	struct worker_input in = { .pool = &pool };

	keep(&in, "GET /", 5, false);
	in.scanned = 5;
	keep(&in, " HTTP", 5, false);
	CU_ASSERT_EQUAL(in.scanned, 5);
	worker_input_use(&in, 8);
	CU_ASSERT_EQUAL(in.scanned, 0);
	in.scanned = 2;
	CU_ASSERT_EQUAL(worker_input_next(&in), 0);
	CU_ASSERT_EQUAL(in.scanned, 0);
	check_left(&in, "TP");
	worker_input_fini(&in);
}

/* Steps of a random client against the plain stream of bytes that it has sent. */
static void
test_order_and_place_under_random_steps(void)
{
	enum { STREAM = 4 * 1024 * 1024 };
	char *stream = malloc(STREAM), *pinned = NULL;
	size_t sent = 0, seen = 0, in_hand_from = 0;
	struct worker_input in = { .pool = &pool };
	bool in_hand = false;

	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	srand(1);
	for (size_t i = 0; i < STREAM; i++)
		stream[i] = (char)rand();
	while (sent < STREAM - 20000) {
		size_t n = 1 + (size_t)rand() % (rand() % 8 == 0 ? 20000 : 300);
		size_t left = worker_input_left(&in);

		switch (rand() % 4) {
		case 0:
		case 1:
			keep(&in, stream + sent, n, in_hand);
			sent += n;
			break;
		case 2:
			n = n < left ? n : left;
			if (n == 0)
				break;
			CU_ASSERT_EQUAL_FATAL(memcmp(worker_input_at(&in), stream + seen, n), 0);
			if (!in_hand) {
				pinned = worker_input_at(&in);
				in_hand_from = seen;
			}
			in_hand = true;
			worker_input_use(&in, n);
			seen += n;
			break;
		default:
			if (!in_hand)
				break;
			/* The request in hand has not moved since its first byte. */
			CU_ASSERT_EQUAL_FATAL(memcmp(pinned, stream + in_hand_from,
			    seen - in_hand_from), 0);
			CU_ASSERT_EQUAL_FATAL(worker_input_next(&in), 0);
			in_hand = false;
			CU_ASSERT_EQUAL_FATAL(worker_input_left(&in), sent - seen);
			worker_input_trim(&in);
		}
		CU_ASSERT_EQUAL_FATAL(worker_input_unused(&in), sent - seen);
	}
	worker_input_fini(&in);
	free(stream);
}

static void
test_empty_buffers_are_given_back(void)
{
	static char much[64 * 1024];
	struct worker_input in = { .pool = &pool };

	keep(&in, "a", 1, false);
	worker_input_use(&in, 1);
	keep(&in, much, sizeof(much), true);
	CU_ASSERT_EQUAL(worker_input_next(&in), 0);
	worker_input_trim(&in);
	CU_ASSERT_EQUAL_FATAL(worker_input_left(&in), sizeof(much));	/* not empty: it stays */
	CU_ASSERT_PTR_NULL(in.ahead.bytes);
	worker_input_use(&in, sizeof(much));
	CU_ASSERT_EQUAL(worker_input_next(&in), 0);
	worker_input_trim(&in);
	CU_ASSERT_PTR_NULL(in.now.bytes);
	CU_ASSERT_EQUAL(pool.n_used, 0);
	keep(&in, "b", 1, false);
	check_left(&in, "b");
	worker_input_fini(&in);
	CU_ASSERT_EQUAL(pool.n_used, 0);
}

/* A buffer that is taken over is enlarged, kept and given back as any other. */
static void
test_a_buffer_is_taken_over(void)
{
	struct worker_input in = { .pool = &pool };
	char *bytes = malloc(2000);

	memcpy(bytes, "onetwo", 6);
	worker_input_adopt(&in, bytes, 6, 2000);
	CU_ASSERT_PTR_EQUAL(worker_input_at(&in), bytes);
	worker_input_use(&in, 3);
	keep(&in, "three", 5, true);
	CU_ASSERT_PTR_EQUAL(in.now.bytes, bytes);
	CU_ASSERT_EQUAL(worker_input_next(&in), 0);
	check_left(&in, "twothree");
	worker_input_use(&in, 8);
	CU_ASSERT_EQUAL(worker_input_next(&in), 0);
	worker_input_trim(&in);
	CU_ASSERT_PTR_NULL(in.now.bytes);
	bytes = malloc(1001);
	memcpy(bytes, "four", 4);
	worker_input_adopt(&in, bytes, 4, 1001);
	keep(&in, bytes, 4, false);
	check_left(&in, "fourfour");
	worker_input_fini(&in);
	CU_ASSERT_EQUAL(pool.n_used, 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "what_came_behind_a_request_is_left_for_the_next",
		    test_what_came_behind_a_request_is_left_for_the_next },
		{ "scanned_is_of_the_bytes_left", test_scanned_is_of_the_bytes_left },
		{ "order_and_place_under_random_steps", test_order_and_place_under_random_steps },
		{ "empty_buffers_are_given_back", test_empty_buffers_are_given_back },
		{ "a_buffer_is_taken_over", test_a_buffer_is_taken_over },
		CU_TEST_INFO_NULL,
	};
	int status;

	pool_init(&pool, 1000);
	status = suite_run("worker: input", tests);
	pool_fini(&pool);
	return status;
}
