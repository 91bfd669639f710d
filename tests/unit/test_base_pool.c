/*
 * Tests of base/pool: blocks keep apart, and slabs go back to the kernel.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "tests/unit/suite.h"

enum { N = 500 };

static const size_t sizes[] = { 1, 16, 1672, 8144, 16 * 1024 };

static void
blocks_are_aligned_and_apart(void)
{
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		unsigned char *blocks[N] = { NULL };
		struct pool p;

		srand(1);
		pool_init(&p, sizes[s]);
		for (int step = 0; step < 20000; step++) {
			int i = rand() % N;

			if (blocks[i] != NULL) {
				CU_ASSERT_TRUE(blocks[i][0] == i % 251);
				CU_ASSERT_TRUE(blocks[i][sizes[s] - 1] == i % 251);
				pool_give(&p, blocks[i]);
				blocks[i] = NULL;
			} else {
				blocks[i] = pool_take(&p);
				CU_ASSERT_PTR_NOT_NULL_FATAL(blocks[i]);
				CU_ASSERT_EQUAL((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
				memset(blocks[i], i % 251, sizes[s]);
			}
			if (step % 1000 == 0)
				pool_trim(&p);
		}
		for (int i = 0; i < N; i++)
			pool_give(&p, blocks[i]);
		CU_ASSERT_EQUAL(p.n_used, 0);
		pool_fini(&p);
	}
}

#ifndef __SANITIZE_ADDRESS__
/* In whatever order they were given back. */
static void
slabs_that_were_not_needed_go_back(void)
{
	void *blocks[N];
	struct pool p;

	pool_init(&p, 8144);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			blocks[i] = pool_take(&p);
		CU_ASSERT_FALSE(pool_is_trimmable(&p));
		for (int i = 0; i < N; i++)
			pool_give(&p, blocks[(i * 7) % N]);
		CU_ASSERT_TRUE(pool_is_trimmable(&p));
		/* They were needed since the last time. */
		CU_ASSERT_EQUAL(pool_trim(&p), 0);
		CU_ASSERT_TRUE(p.n_empty >= N / 8);
		CU_ASSERT_TRUE(pool_is_trimmable(&p));
		CU_ASSERT_TRUE(pool_trim(&p) > (N - 8) * 8144);
		CU_ASSERT_EQUAL(p.n_empty, 1);
		CU_ASSERT_FALSE(pool_is_trimmable(&p));
		pool_trim(&p);
		CU_ASSERT_EQUAL(p.n_empty, 1);
	}
	pool_fini(&p);
}

static void
the_block_given_back_last_is_taken_first(void)
{
	void *blocks[16];	/* two slabs */
	struct pool p;

	pool_init(&p, 8144);
	for (int i = 0; i < 16; i++)
		blocks[i] = pool_take(&p);
	pool_give(&p, blocks[3]);
	pool_give(&p, blocks[5]);
	CU_ASSERT_PTR_EQUAL(pool_take(&p), blocks[5]);
	CU_ASSERT_PTR_EQUAL(pool_take(&p), blocks[3]);
	for (int i = 0; i < 16; i++)
		pool_give(&p, blocks[i]);
	pool_fini(&p);
}
#endif

static void
a_buffer_begins_as_a_block_and_grows(void)
{
	char *buffer = NULL, *grown;
	size_t cap = 0;
	struct pool p;

	pool_init(&p, 100);
	buffer = pool_buffer_grow(&p, buffer, 0, &cap, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer);
	CU_ASSERT_TRUE(cap == 100 && p.n_used == 1);
	memcpy(buffer, "abc", 3);
	CU_ASSERT_PTR_EQUAL(pool_buffer_grow(&p, buffer, 3, &cap, 100), buffer);
	for (size_t want = 101; want < 5000; want += 777) {
		grown = pool_buffer_grow(&p, buffer, 3, &cap, want);
		CU_ASSERT_PTR_NOT_NULL_FATAL(grown);
		buffer = grown;
		CU_ASSERT_TRUE(cap >= want && p.n_used == 0);
		memset(buffer + 3, 'x', cap - 3);
		CU_ASSERT_NSTRING_EQUAL(buffer, "abc", 3);
	}
	pool_buffer_free(&p, buffer, cap);
	pool_buffer_free(&p, NULL, 0);
	pool_fini(&p);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "blocks are aligned and apart", blocks_are_aligned_and_apart },
#ifndef __SANITIZE_ADDRESS__
		{ "slabs that were not needed go back", slabs_that_were_not_needed_go_back },
		{ "the block given back last is taken first",
		    the_block_given_back_last_is_taken_first },
#endif
		{ "a buffer begins as a block and grows", a_buffer_begins_as_a_block_and_grows },
		CU_TEST_INFO_NULL,
	};

	return suite_run("base/pool", tests);
}
