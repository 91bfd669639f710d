/*
 * Text in UTF-8 that comes in pieces: as one look at the whole has it, and as soon as it can be known.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "base/slice.h"
#include "base/utf8.h"
#include "tests/unit/suite.h"

/* Where the first character begins that is ill-formed, or cut off by the end; `len`: none is. */
static size_t
well_formed(const char *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		int n = utf8_length(p + at, len - at);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	return at;
}

static void
test_every_sequence_of_four_bytes_in_two_pieces(void)
{
	static const unsigned char bytes[] = { 0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1,
	    0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF };
	enum { N = sizeof(bytes) };
	unsigned wrong = 0;

	for (unsigned i = 0; i < N * N * N * N; i++) {
		char text[4] = { (char)bytes[i % N], (char)bytes[i / N % N], (char)bytes[i / N / N % N],
		    (char)bytes[i / N / N / N] };
		bool want = well_formed(text, 4) == 4;

		for (size_t cut = 0; cut <= 4; cut++) {
			struct utf8_stream s = { 0 };
			bool got = utf8_stream_take(&s, text, cut) && utf8_stream_take(&s, text + cut, 4 - cut);

			wrong += (got && utf8_stream_is_whole(&s)) != want;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
test_what_is_wrong_is_said_with_its_byte(void)
{
	static const struct {
		struct slice text;
		size_t at;
	} rows[] = {
		{ SLICE_LIT("\xce\xba\xf4\x90\x80\x80"), 3 }, { SLICE_LIT("abcdefgh\xed\xa0\x80"), 9 },
		{ SLICE_LIT("\xc0\xaf"), 0 }, { SLICE_LIT("x\x80"), 1 }, { SLICE_LIT("\xe2\x82x"), 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct utf8_stream s = { 0 };

		CU_ASSERT_TRUE(utf8_stream_take(&s, rows[i].text.ptr, rows[i].at));
		CU_ASSERT_FALSE(utf8_stream_take(&s, rows[i].text.ptr + rows[i].at, 1));
	}
}

static void
test_ascii_before_and_behind(void)
{
	static const char euro[] = "\xe2\x82\xac";
	char text[32];

	for (size_t before = 0; before <= sizeof(text) - 3; before++) {
		struct utf8_stream s = { 0 };

		memset(text, 'a', sizeof(text));
		memcpy(text + before, euro, 3);
		CU_ASSERT_TRUE(utf8_stream_take(&s, text, sizeof(text)) && utf8_stream_is_whole(&s));
		text[before + 2] = 'a';
		s = (struct utf8_stream){ 0 };
		CU_ASSERT_FALSE(utf8_stream_take(&s, text, sizeof(text)));
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "every sequence of four bytes in two pieces", test_every_sequence_of_four_bytes_in_two_pieces },
		{ "what is wrong is said with its byte", test_what_is_wrong_is_said_with_its_byte },
		{ "ASCII before and behind", test_ascii_before_and_behind },
		CU_TEST_INFO_NULL,
	};

	return suite_run("utf8", tests);
}
