/*
 * The exchange: born empty, content grows, reset forgets the request only.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "http/exchange.h"
#include "tests/unit/suite.h"

static void
it_is_born_empty(void)
{
	static const struct hx_calls calls = { 0 };
	struct hx_exchange x;
	int owner;

	hx_exchange_init(&x, &calls, &owner);
	CU_ASSERT_PTR_EQUAL(x.calls, &calls);
	CU_ASSERT_PTR_EQUAL(x.owner, &owner);
	CU_ASSERT_EQUAL(x.state, HX_IDLE);
	CU_ASSERT_EQUAL(x.route, UINT32_MAX);
	for (int i = 0; i < HX_KNOWN_COUNT; i++)
		CU_ASSERT_PTR_NULL(hx_exchange_known(&x, (enum hx_known)i).ptr);
	hx_exchange_fini(&x);
}

static void
content_grows(void)
{
	struct hx_exchange x;
	size_t total = 0;
	char piece[1000];

	hx_exchange_init(&x, NULL, NULL);
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, SLICE_NULL), 0);
	CU_ASSERT_EQUAL(x.content.len, 0);
	for (size_t n = 1; n <= sizeof(piece); n++, total += n - 1) {
		memset(piece, (int)(n & 0x7F), n);
		CU_ASSERT_EQUAL_FATAL(hx_exchange_content_append(&x, (struct slice){ piece, n }), 0);
	}
	CU_ASSERT_EQUAL(x.content.len, total);
	CU_ASSERT_TRUE(x.content.cap >= total && x.content.cap < 2 * total + 8192);
	for (size_t n = 1, at = 0; n <= sizeof(piece); at += n, n++)
		CU_ASSERT_TRUE(x.content.data[at] == (char)(n & 0x7F) &&
		    x.content.data[at + n - 1] == (char)(n & 0x7F));
	hx_exchange_fini(&x);
}

/* Borrowed content of any size is copied once it has to grow. */
static void
borrowed_content_grows(void)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hx_exchange x;
		char *bytes = malloc(sizes[i]);

		hx_exchange_init(&x, NULL, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
		memset(bytes, 'a', sizes[i]);
		x.content.data = bytes;
		x.content.len = sizes[i];
		CU_ASSERT_EQUAL_FATAL(hx_exchange_content_append(&x, SLICE_LIT("bcd")), 0);
		free(bytes);
		CU_ASSERT_EQUAL(x.content.len, sizes[i] + 3);
		CU_ASSERT_EQUAL(x.content.data[sizes[i] - 1], 'a');
		CU_ASSERT_NSTRING_EQUAL(x.content.data + sizes[i], "bcd", 3);
		hx_exchange_fini(&x);
	}
}

static void
given_back(void *lender)
{
	++*(int *)lender;
}

/* Content that is read into what was lent stays where it is; more than fits moves out. */
static void
lent_content_stays_until_it_is_too_much(void)
{
	char small[8] = "........", large[16], behind[] = "abcdefgh";
	struct hx_exchange x;
	int smalls = 0, larges = 0;

	hx_exchange_init(&x, NULL, NULL);
	/* Borrowed, and what comes stands behind it by chance: it is copied all the same. */
	x.content.data = behind;
	x.content.len = 2;
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, (struct slice){ behind + 2, 1 }), 0);
	CU_ASSERT_PTR_NOT_EQUAL(x.content.data, behind);
	hx_exchange_content_lend(&x, small, sizeof(small), &smalls, given_back);
	CU_ASSERT_TRUE(x.content.lent && x.content.cap == sizeof(small));
	memcpy(small + 3, "de", 2);
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, (struct slice){ small + 3, 2 }), 0);
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, SLICE_LIT("fgh")), 0);
	CU_ASSERT_PTR_EQUAL(x.content.data, small);
	CU_ASSERT_NSTRING_EQUAL(small, "abcdefgh", 8);
	hx_exchange_content_lend(&x, large, sizeof(large), &larges, given_back);
	CU_ASSERT_EQUAL(smalls, 1);
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, SLICE_LIT("ijklmnopq")), 0);
	CU_ASSERT_FALSE(x.content.lent);
	CU_ASSERT_EQUAL(larges, 0);
	CU_ASSERT_EQUAL(x.content.len, 17);
	CU_ASSERT_NSTRING_EQUAL(x.content.data, "abcdefghijklmnopq", 17);
	hx_exchange_reset(&x);
	CU_ASSERT_TRUE(smalls == 1 && larges == 1 && x.content.cap == 0);
	hx_exchange_fini(&x);
	CU_ASSERT_TRUE(smalls == 1 && larges == 1);
}

static void
absurd_sizes_fail(void)
{
	struct hx_exchange x;

	hx_exchange_init(&x, NULL, NULL);
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, (struct slice){ "", SIZE_MAX }), -1);
	CU_ASSERT_EQUAL(x.content.len, 0);
	hx_exchange_fini(&x);
}

static void
reset_forgets_the_request_only(void)
{
	struct hx_exchange x;
	int owner;

	hx_exchange_init(&x, NULL, &owner);
	x.peer.host = SLICE_LIT("127.0.0.1");
	x.peer.port = 99;
	x.state = HX_DONE;
	x.is_head = true;
	x.status = 200;
	x.route = 3;
	x.n_params = 2;
	x.req.n_headers = 1;
	x.req.first[HX_HOST] = 0;
	x.req.count[HX_HOST] = 1;
	CU_ASSERT_EQUAL(hx_exchange_content_append(&x, SLICE_LIT("abc")), 0);
	hx_exchange_reset(&x);
	CU_ASSERT_TRUE(x.state == HX_IDLE && !x.is_head && x.status == 0);
	CU_ASSERT_TRUE(x.route == UINT32_MAX && x.n_params == 0 && x.req.n_headers == 0);
	CU_ASSERT_PTR_NULL(hx_exchange_known(&x, HX_HOST).ptr);
	CU_ASSERT_EQUAL(x.req.count[HX_HOST], 0);
	CU_ASSERT_TRUE(x.content.len == 0 && x.content.cap == 0 && !x.content.complete);
	CU_ASSERT_TRUE(x.peer.port == 99 && x.owner == &owner && x.peer.host.len == 9);
	hx_exchange_fini(&x);
}

static void
room_for_fields_is_given_back(void)
{
	struct hx_exchange x;

	hx_exchange_init(&x, NULL, NULL);
	CU_ASSERT_TRUE(x.req.headers == NULL && x.req.headers_room == 0);
	for (unsigned i = 0; i < 500; i++) {
		if (i == x.req.headers_room)
			CU_ASSERT_EQUAL_FATAL(hx_exchange_headers_grow(&x), 0);
		x.req.headers[i].name = (struct slice){ NULL, i };
		x.req.n_headers++;
	}
	for (unsigned i = 0; i < 500; i++)
		CU_ASSERT_EQUAL(x.req.headers[i].name.len, i);
	hx_exchange_reset(&x);
	CU_ASSERT_TRUE(x.req.n_headers == 0 && x.req.headers_room == 0);
	CU_ASSERT_EQUAL(hx_exchange_headers_grow(&x), 0);
	hx_exchange_reset(&x);
	CU_ASSERT_PTR_NULL(x.arena.first);
	CU_ASSERT_TRUE(x.req.headers == NULL && x.req.headers_room == 0);
	hx_exchange_fini(&x);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "it is born empty", it_is_born_empty },
		{ "content grows", content_grows },
		{ "borrowed content grows", borrowed_content_grows },
		{ "lent content stays until it is too much", lent_content_stays_until_it_is_too_much },
		{ "absurd sizes fail", absurd_sizes_fail },
		{ "reset forgets the request only", reset_forgets_the_request_only },
		{ "room for fields is given back", room_for_fields_is_given_back },
		CU_TEST_INFO_NULL
	};

	return suite_run("http/exchange", tests);
}
