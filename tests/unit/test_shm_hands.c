/*
 * test_shm_hands: what is written is told, whatever the bytes are.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/hands.h"
#include "tests/unit/suite.h"

static struct shm_hands h;
static char text[SHM_HANDS_TEXT_BYTES];

static void
put(unsigned i, const char *method, const char *target)
{
	shm_hands_put(&h, i, (struct slice){ method, strlen(method) },
	    (struct slice){ target, strlen(target) }, 1000 + i);
}

static void
test_what_is_in_hand(void)
{
	memset(&h, 0, sizeof(h));
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 0, text), "no request in hand");
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 3, text), "3 requests in hand");
	put(7, "GET", "/a?b=1");
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 1, text), "1 request in hand: \"GET /a?b=1\"");
	put(0, "POST", "/");
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 1, text),
	    "2 requests in hand: \"POST /\", \"GET /a?b=1\"");
	shm_hands_clear(&h, 7);
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 1, text), "1 request in hand: \"POST /\"");
	for (unsigned i = 0; i < SHM_HANDS; i++)
		put(i, "GET", "/");
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 100, text), "100 requests in hand: \"GET /\", "
	    "\"GET /\", \"GET /\", \"GET /\", \"GET /\" and 95 more");
}

static void
put_route(unsigned i, const char *route)
{
	shm_hands_route(&h, i, (struct slice){ route, strlen(route) });
}

static void
test_the_route_is_told_with_it(void)
{
	char path[SHM_HAND_BYTES];

	memset(&h, 0, sizeof(h));
	put(0, "GET", "/a/1");
	put_route(0, "/a/{n}");
	put(1, "GET", "/");
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 1, text),
	    "2 requests in hand: \"GET /a/1\" (/a/{n}), \"GET /\"");
	put(0, "GET", "/b");	/* another request's */
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 1, text),
	    "2 requests in hand: \"GET /b\", \"GET /\"");
	/* Where it does not fit it is left out. */
	memset(&h, 0, sizeof(h));
	memset(path, 'x', sizeof(path));
	path[SHM_HAND_BYTES - 4 - 6] = '\0';
	put(0, "GET", path);
	put_route(0, "/a/{n}");
	CU_ASSERT_PTR_NOT_NULL(strstr(shm_hands_text(&h, 1, text), "...\" (/a/{n})"));
	put(0, "GET", path);
	put_route(0, "/a/{no}");
	CU_ASSERT_PTR_NULL(strstr(shm_hands_text(&h, 1, text), "("));
}

static void
test_bytes_that_a_terminal_or_a_reader_would_obey(void)
{
	memset(&h, 0, sizeof(h));
	put(0, "GET", "/\x1b[31m\n\"x\\\xff");
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&h, 1, text),
	    "1 request in hand: \"GET /\\x1b[31m\\x0a\\x22x\\x5c\\xff\"");
}

/* A worker that has run wild may have left anything. */
static void
test_any_memory_can_be_told(void)
{
	static char longest[5000];

	for (int byte = 0; byte < 256; byte++) {
		memset(&h, byte, sizeof(h));
		shm_hands_text(&h, UINT64_MAX, text);
		CU_ASSERT(strlen(text) < sizeof(text));
	}
	/* Texts of every length, so that they fill the room in every way. */
	srand(1);
	for (int round = 0; round < 20000; round++) {
		memset(&h, round % 2 == 0 ? 0xff : 'x', sizeof(h));
		for (unsigned i = 0; i < SHM_HANDS; i++) {
			int hostile = rand() % (SHM_HAND_BYTES + 1);

			memset(h.at[i].text, 0x1b, (size_t)hostile);
			atomic_store(&h.at[i].len, (uint32_t)(rand() % (SHM_HAND_BYTES + 2)));
			atomic_store(&h.at[i].route, (uint32_t)rand() % (rand() % 2 != 0 ? 9 : UINT32_MAX));
		}
		shm_hands_text(&h, UINT64_MAX, text);
		CU_ASSERT_FATAL(strlen(text) < sizeof(text));
		CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(text, " more"));
	}
	memset(longest, 0x1b, sizeof(longest) - 1);
	for (unsigned i = 0; i < SHM_HANDS; i++)
		put(i, longest, longest);
	shm_hands_text(&h, UINT64_MAX, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\\x1b...\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " more"));
	memset(longest, 'x', sizeof(longest) - 1);
	for (unsigned i = 0; i < SHM_HANDS; i++)
		put(i, "GET", longest);
	shm_hands_text(&h, UINT64_MAX, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "xxx...\""));
}

static void
test_each_hand_can_be_looked_into(void)
{
	struct shm_hand hand;

	memset(&h, 0, sizeof(h));
	CU_ASSERT_FALSE(shm_hands_get(&h, 3, &hand));
	put(3, "GET", "/b/1");
	shm_hands_route(&h, 3, SLICE_LIT("/b/{n}"));
	CU_ASSERT_TRUE(shm_hands_get(&h, 3, &hand));
	CU_ASSERT_TRUE(slice_equal(hand.request, SLICE_LIT("GET /b/1")));
	CU_ASSERT_TRUE(slice_equal(hand.route, SLICE_LIT("/b/{n}")));
	CU_ASSERT_EQUAL(hand.since_ms, 1003);
	/* Whatever is written there, it ends within the hand. */
	memset(&h, 0xff, sizeof(h));
	CU_ASSERT_TRUE(shm_hands_get(&h, SHM_HANDS - 1, &hand));
	CU_ASSERT_EQUAL(hand.request.len, SHM_HAND_BYTES);
	CU_ASSERT_EQUAL(hand.route.len, 0);
	atomic_store(&h.at[0].len, 10);
	CU_ASSERT_TRUE(shm_hands_get(&h, 0, &hand));
	CU_ASSERT_EQUAL(hand.request.len + hand.route.len, SHM_HAND_BYTES);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_what_is_in_hand", test_what_is_in_hand },
		{ "test_bytes_that_a_terminal_or_a_reader_would_obey",
		    test_bytes_that_a_terminal_or_a_reader_would_obey },
		{ "test_the_route_is_told_with_it", test_the_route_is_told_with_it },
		{ "test_any_memory_can_be_told", test_any_memory_can_be_told },
		{ "test_each_hand_can_be_looked_into", test_each_hand_can_be_looked_into },
		CU_TEST_INFO_NULL,
	};

	return suite_run("shm_hands", tests);
}
