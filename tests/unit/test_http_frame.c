/*
 * Frames of the WebSocket protocol: their heads however they arrive, what is refused, masks, and
 * the codes that close.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "http/frame.h"
#include "tests/unit/suite.h"

#define BYTES(text) { (text), sizeof(text) - 1 }

struct row {
	struct slice head;
	enum hx_opcode opcode;
	bool last, compressed;
	uint64_t len;
};

static const struct row good[] = {
	{ BYTES("\x81\x80" "abcd"), HX_TEXT, true, false, 0 },
	{ BYTES("\x82\xfd" "abcd"), HX_BINARY, true, false, 125 },
	{ BYTES("\x01\xfe\0\x7e" "abcd"), HX_TEXT, false, false, 126 },
	{ BYTES("\x80\xfe\xff\xff" "abcd"), HX_CONTINUATION, true, false, 65535 },
	{ BYTES("\x02\xff\0\0\0\0\0\1\0\0" "abcd"), HX_BINARY, false, false, 65536 },
	{ BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "abcd"), HX_BINARY, true, false, INT64_MAX },
	{ BYTES("\xc1\x85" "abcd"), HX_TEXT, true, true, 5 },
	{ BYTES("\x42\x85" "abcd"), HX_BINARY, false, true, 5 },
	{ BYTES("\x88\x82" "abcd"), HX_CLOSE, true, false, 2 },
	{ BYTES("\x89\xfd" "abcd"), HX_PING, true, false, 125 },
	{ BYTES("\x8a\x80" "abcd"), HX_PONG, true, false, 0 },
};

static const struct slice bad[] = {
	BYTES("\x81\x05"),	/* not masked */
	BYTES("\x83\x80"), BYTES("\x87\x80"), BYTES("\x8b\x80"), BYTES("\x8f\x80"),	/* no such opcode */
	BYTES("\xa1\x80"), BYTES("\x91\x80"), BYTES("\xf1\x80"),	/* reserved bits */
	BYTES("\xc0\x80"), BYTES("\xc9\x80"), BYTES("\xc8\x80"),	/* compressed, but not a message's first */
	BYTES("\x09\x80"), BYTES("\x08\x80"),	/* a control frame in pieces */
	BYTES("\x89\xfe"), BYTES("\x88\xff"),	/* ... of more than 125 bytes */
	BYTES("\x82\xff\x80\0\0\0\0\0\0\0" "abcd"),	/* a length of 64 bits */
};

static void
test_heads_are_read_however_they_arrive(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct row *row = &good[i];
		struct hx_frame frame;

		for (size_t len = 0; len <= row->head.len; len++) {
			/* Of its own size, so that a read behind its end is seen. */
			char *copy = malloc(len + 1);
			int want = len < row->head.len ? 0 : (int)len;

			CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
			memcpy(copy, row->head.ptr, len);
			CU_ASSERT_EQUAL(hx_frame_read(copy, len, true, &frame), want);
			free(copy);
		}
		CU_ASSERT_EQUAL(frame.opcode, row->opcode);
		CU_ASSERT_EQUAL(frame.last, row->last);
		CU_ASSERT_EQUAL(frame.compressed, row->compressed);
		CU_ASSERT_EQUAL(frame.len, row->len);
		CU_ASSERT_EQUAL(memcmp(frame.key, "abcd", HX_FRAME_KEY_BYTES), 0);
	}
}

static void
test_what_is_reserved_is_refused(void)
{
	struct hx_frame frame;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(hx_frame_read(bad[i].ptr, bad[i].len, true, &frame), -1);
	CU_ASSERT_EQUAL(hx_frame_read("\xc1\x80", 2, false, &frame), -1);	/* not negotiated */
}

static void
test_heads_that_are_written_are_read(void)
{
	static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, UINT64_C(1) << 40 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char head[HX_FRAME_HEAD_MOST + HX_FRAME_KEY_BYTES] = "";
		size_t len = hx_frame_write(head, HX_BINARY, i % 2 != 0, lengths[i]);
		struct hx_frame frame;

		CU_ASSERT_EQUAL(head[1] & 0x80, 0);	/* a server masks nothing */
		head[1] = (char)(head[1] | 0x80);
		CU_ASSERT_EQUAL(hx_frame_read(head, len + HX_FRAME_KEY_BYTES, true, &frame),
		    (int)(len + HX_FRAME_KEY_BYTES));
		CU_ASSERT_EQUAL(frame.len, lengths[i]);
		CU_ASSERT_EQUAL(frame.opcode, HX_BINARY);
		CU_ASSERT_EQUAL(frame.compressed, i % 2 != 0);
		CU_ASSERT_TRUE(frame.last);
	}
}

static void
test_a_mask_is_taken_away_from_any_byte_on(void)
{
	static const unsigned char key[HX_FRAME_KEY_BYTES] = { 0x37, 0xfa, 0x21, 0x3d };
	char plain[67], masked[67], out[67];

	for (size_t i = 0; i < sizeof(plain); i++) {
		plain[i] = (char)('a' + i % 26);
		masked[i] = (char)((unsigned char)plain[i] ^ key[i % HX_FRAME_KEY_BYTES]);
	}
	for (size_t at = 0; at <= sizeof(plain); at++)
		for (size_t len = 0; at + len <= sizeof(plain); len++) {
			memset(out, 0, sizeof(out));
			CU_ASSERT_TRUE(hx_frame_unmask(out, masked + at, len, key, at));
			CU_ASSERT_EQUAL(memcmp(out, plain + at, len), 0);
			CU_ASSERT_TRUE(at + len == sizeof(plain) || out[len] == 0);
		}
	CU_ASSERT_TRUE(hx_frame_unmask(masked, masked, sizeof(masked), key, 0));
	CU_ASSERT_EQUAL(memcmp(masked, plain, sizeof(plain)), 0);
}

static void
test_what_is_not_ascii_is_seen_at_each_place(void)
{
	static const unsigned char key[HX_FRAME_KEY_BYTES] = { 0x80, 0, 0xff, 1 };
	char masked[33], out[33];

	for (size_t place = 0; place < sizeof(masked); place++) {
		for (size_t i = 0; i < sizeof(masked); i++)
			masked[i] = (char)(((i == place ? 0xc3 : 'x')) ^ key[i % HX_FRAME_KEY_BYTES]);
		CU_ASSERT_FALSE(hx_frame_unmask(out, masked, sizeof(masked), key, 0));
		CU_ASSERT_TRUE(hx_frame_unmask(out, masked, place, key, 0));
	}
}

static void
test_codes_that_close(void)
{
	static const unsigned yes[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1014, 3000, 3999, 4000, 4999 };
	static const unsigned no[] = { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535 };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		CU_ASSERT_TRUE(hx_frame_close_code_is_valid(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		CU_ASSERT_FALSE(hx_frame_close_code_is_valid(no[i]));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "heads are read however they arrive", test_heads_are_read_however_they_arrive },
		{ "what is reserved is refused", test_what_is_reserved_is_refused },
		{ "heads that are written are read", test_heads_that_are_written_are_read },
		{ "a mask is taken away from any byte on", test_a_mask_is_taken_away_from_any_byte_on },
		{ "what is not ASCII is seen at each place", test_what_is_not_ascii_is_seen_at_each_place },
		{ "codes that close", test_codes_that_close },
		CU_TEST_INFO_NULL,
	};

	return suite_run("frame", tests);
}
