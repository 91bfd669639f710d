/*
 * Tests of base/word.h, hex.h, utf8.h and decimal.h against plain definitions.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/word.h"
#include "tests/unit/suite.h"

/* Which of eight bytes is the first below `limit` or equal to `byte`; 8: none. */
static size_t
first_of(const char *text, unsigned char limit, unsigned char byte)
{
	size_t i = 0;

	while (i < 8 && (unsigned char)text[i] >= limit && (unsigned char)text[i] != byte)
		i++;
	return i;
}

static void
first_agrees(const char *text, unsigned char limit, unsigned char byte)
{
	uint64_t word = word_load(text);
	uint64_t marks = word_below(word, limit) | word_equal(word, byte);

	CU_ASSERT_EQUAL(marks != 0 ? word_first(marks) : 8, first_of(text, limit, byte));
}

static void
the_first_mark_of_a_word_is_the_first_byte_that_fits(void)
{
	/* Each byte beside each: a borrow may go astray only above a hit. */
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			char text[9] = "~~~~~~~~";

			text[3] = (char)a;
			text[4] = (char)b;
			first_agrees(text, 0x20, 0x7F);
			first_agrees(text, 0x80, 0xFF);
			text[0] = text[7] = (char)a;
			first_agrees(text, 0x20, '"');
			first_agrees(text, 1, '\\');
		}
}

static void
words_are_read_from_any_address(void)
{
	const char text[] = "abcdefghijklmnop";

	for (size_t i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(word_first(word_equal(word_load(text + i), 'h')), 7 - i);
}

static void
hex_digits_have_their_value_in_both_cases(void)
{
	for (int c = 0; c < 256; c++) {
		char text[2] = { (char)c, '\0' };
		int want = c < 128 && isxdigit(c) ? (int)strtol(text, NULL, 16) : -1;

		CU_ASSERT_EQUAL(hex_value((char)c), want);
	}
}

/* The bytes of a code point by the table of RFC 3629 section 3, which encodes
 * surrogates too; their number. */
static size_t
encoded(unsigned long code, unsigned char *out)
{
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };

	for (size_t i = n; i-- > 1; code >>= 6)
		out[i] = (unsigned char)(0x80 | (code & 0x3F));
	out[0] = (unsigned char)(lead[n] | code);
	return n;
}

static void
every_code_point_but_surrogates_is_well_formed(void)
{
	for (unsigned long code = 0; code < 0x110000; code++) {
		unsigned char bytes[4];
		size_t n = encoded(code, bytes);
		int got = utf8_length((char *)bytes, n);
		int want = code >= 0xD800 && code < 0xE000 ? -1 : (int)n;

		if (got != want)
			CU_FAIL("code point");
		for (size_t cut = 1; want > 0 && cut < n; cut++)
			if (utf8_length((char *)bytes, cut) != -(int)cut)
				CU_FAIL("cut off");
	}
}

static void
an_ill_formed_part_is_as_long_as_cpython_says(void)
{
	static const struct {
		const char *text;
		int length;
	} cases[] = {
		{ "\x80", -1 }, { "\xC0\x80", -1 }, { "\xC1\xBF", -1 }, { "\xF5\x80", -1 },
		{ "\xFF", -1 }, { "\xE0\x9F\xBF", -1 }, { "\xED\xA0\x80", -1 },
		{ "\xF0\x8F\xBF\xBF", -1 }, { "\xF4\x90\x80\x80", -1 }, { "\xC3(", -1 },
		{ "\xE2\x82(", -2 }, { "\xF0\x9F\x92(", -3 }, { "\xF0\x9F(", -2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(utf8_length(cases[i].text, strlen(cases[i].text)),
		    cases[i].length);
}

static void
decimals_are_those_of_printf(void)
{
	uint64_t power = 1;

	for (int i = 0; i < 64; i++, power *= 2) {
		const uint64_t around[] = { power - 1, power, power + 1, power * 10 };

		for (size_t k = 0; k < 4; k++) {
			char got[DECIMAL_MAX], want[32];
			int n = snprintf(want, sizeof(want), "%llu", (unsigned long long)around[k]);
			uint64_t back = 7;
			bool short_enough = n <= DECIMAL_READ_MAX;

			CU_ASSERT_EQUAL(decimal_put(got, around[k]), (size_t)n);
			CU_ASSERT_EQUAL(memcmp(got, want, (size_t)n), 0);
			CU_ASSERT_EQUAL(decimal_read(want, (size_t)n, &back), short_enough);
			CU_ASSERT_EQUAL(back, short_enough ? around[k] : 7);
		}
	}
}

static void
padded_decimals_are_cut_and_have_zeros(void)
{
	char got[4] = "....";

	decimal_put_padded(got, 7, 3);
	CU_ASSERT_EQUAL(memcmp(got, "007.", 4), 0);
	decimal_put_padded(got, 1234567, 3);
	CU_ASSERT_EQUAL(memcmp(got, "567.", 4), 0);
}

static void
only_digits_are_a_number(void)
{
	static const char *const none[] = { "", "-1", "+1", " 1", "1 ", "1,1", "0x1", "1e3" };
	uint64_t v = 7;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CU_ASSERT_FALSE(decimal_read(none[i], strlen(none[i]), &v));
	CU_ASSERT_EQUAL(v, 7);
	CU_ASSERT(decimal_read("007", 3, &v));
	CU_ASSERT_EQUAL(v, 7);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "the first mark of a word is the first byte that fits",
		    the_first_mark_of_a_word_is_the_first_byte_that_fits },
		{ "words are read from any address", words_are_read_from_any_address },
		{ "hex digits have their value in both cases",
		    hex_digits_have_their_value_in_both_cases },
		{ "every code point but surrogates is well-formed",
		    every_code_point_but_surrogates_is_well_formed },
		{ "an ill-formed part is as long as CPython says",
		    an_ill_formed_part_is_as_long_as_cpython_says },
		{ "decimals are those of printf", decimals_are_those_of_printf },
		{ "padded decimals are cut and have zeros", padded_decimals_are_cut_and_have_zeros },
		{ "only digits are a number", only_digits_are_a_number },
		CU_TEST_INFO_NULL,
	};

	return suite_run("text", tests);
}
