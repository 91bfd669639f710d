/*
 * Messages of a WebSocket client: the order of frames, limits, and that it does not matter how the
 * bytes arrive.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/closing.h"
#include "tests/unit/suite.h"

#define BYTES(text) { (text), sizeof(text) - 1 }
#define ZERO "\0\0\0\0"		/* a mask that changes nothing */

struct row {
	struct slice sent;
	const char *told;
};

/* `t`ext, `b`inary, `c`lose, ping `p`, pong `q` with what they carry; a message ends with '.', a compressed
 * one begins with 'z'; how it ends: ! broken, + too large. The limit is 8 bytes. */
static const struct row rows[] = {
	{ BYTES(""), "" },
	{ BYTES("\x81\x82" ZERO "hi"), "thi." },
	{ BYTES("\x82\x80" ZERO), "b." },
	{ BYTES("\x01\x81" ZERO "a" "\x00\x81" ZERO "b" "\x80\x81" ZERO "c"), "tabc." },
	{ BYTES("\x01\x81" ZERO "a" "\x89\x81" ZERO "x" "\x80\x81" ZERO "b"), "ta[px]b." },
	{ BYTES("\x01\x80" ZERO "\x00\x80" ZERO "\x80\x80" ZERO), "t." },
	{ BYTES("\x82\x88" ZERO "12345678" "\x82\x81" ZERO "9"), "b12345678.b9." },
	{ BYTES("\x8a\x81" ZERO "y" "\x88\x82" ZERO "\x03\xe8"), "[qy][c\x03\xe8]" },
	{ BYTES("\xc1\x81" ZERO "a" "\x81\x81" ZERO "b"), "zta.tb." },
	{ BYTES("\x41\x81" ZERO "a" "\x80\x81" ZERO "b"), "ztab." },
	{ BYTES("\x80\x81" ZERO), "!" },
	{ BYTES("\x81\x81" ZERO "a" "\x80\x80" ZERO), "ta.!" },
	{ BYTES("\x01\x81" ZERO "a" "\x81\x80" ZERO), "ta!" },
	{ BYTES("\x01\x81" ZERO "a" "\xc0\x80" ZERO), "ta!" },
	{ BYTES("\x81\x81" ZERO "a" "\x81\x01"), "ta.!" },
	{ BYTES("\x82\x89" ZERO), "+" },
	{ BYTES("\x02\x85" ZERO "12345" "\x80\x84" ZERO), "b12345+" },
	{ BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" ZERO), "+" },
	{ BYTES("\x02\x88" ZERO "12345678" "\x89\x80" ZERO "\x80\x80" ZERO), "b12345678[p]." },
};

struct told {
	char text[128];
	size_t n;
	bool inside;			/* a message */
};

static void
tell(struct told *told, const char *format, const char *bytes, size_t len)
{
	told->n += (size_t)snprintf(told->text + told->n, sizeof(told->text) - told->n, format, (int)len,
	    bytes);
}

static void
part_tell(struct told *told, const struct hx_part *part)
{
	static const char letters[] = { [HX_CLOSE] = 'c', [HX_PING] = 'p', [HX_PONG] = 'q' };
	char bytes[32];

	CU_ASSERT_FATAL(part->payload.len <= sizeof(bytes));
	hx_frame_unmask(bytes, part->payload.ptr, part->payload.len, part->key, part->at);
	if (part->opcode >= HX_CLOSE) {
		char format[] = "[?%.*s]";

		format[1] = letters[part->opcode];
		tell(told, format, bytes, part->payload.len);
		return;
	}
	CU_ASSERT_EQUAL(part->first, !told->inside);
	if (part->first)
		tell(told, part->compressed ? part->opcode == HX_TEXT ? "zt%.*s" : "zb%.*s" :
		    part->opcode == HX_TEXT ? "t%.*s" : "b%.*s", "", 0);
	if (part->first && part->whole > 0)
		CU_ASSERT_TRUE(part->whole >= part->payload.len);
	tell(told, part->last ? "%.*s." : "%.*s", bytes, part->payload.len);
	told->inside = !part->last;
}

/* Give the first `len` bytes. False: nothing more may be read. *at: how far they were read. */
static bool
feed(struct hx_messages *m, const char *bytes, size_t len, size_t *at, struct told *told)
{
	for (;;) {
		/* Of its own size, so that a read behind its end is seen. */
		size_t left = len - *at, used;
		char *copy = malloc(left + 1);
		struct hx_part part;
		enum hx_messages_verdict verdict;

		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, bytes + *at, left);
		verdict = hx_messages_next(m, copy, left, &used, &part);
		CU_ASSERT_FATAL(used <= left);
		*at += used;
		if (verdict == HX_MESSAGES_PART)
			part_tell(told, &part);
		free(copy);
		if (verdict == HX_MESSAGES_MORE)
			return true;
		if (verdict == HX_MESSAGES_PART)
			continue;
		tell(told, verdict == HX_MESSAGES_BROKEN ? "!%.*s" : "+%.*s", "", 0);
		return false;
	}
}

static void
test_messages_are_the_same_however_they_arrive(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t cut = 0; cut <= rows[i].sent.len; cut++) {
			struct hx_messages m = { .limit = 8, .compression = true };
			struct told told = { .n = 0 };
			size_t at = 0;

			if (feed(&m, rows[i].sent.ptr, cut, &at, &told))
				feed(&m, rows[i].sent.ptr, rows[i].sent.len, &at, &told);
			CU_ASSERT_STRING_EQUAL(told.text, rows[i].told);
		}
	}
}

static void
test_messages_byte_by_byte(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hx_messages m = { .limit = 8, .compression = true };
		struct told told = { .n = 0 };
		size_t at = 0;

		for (size_t len = 0; len <= rows[i].sent.len; len++)
			if (!feed(&m, rows[i].sent.ptr, len, &at, &told))
				break;
		CU_ASSERT_STRING_EQUAL(told.text, rows[i].told);
	}
}

static void
test_close_frames(void)
{
	static const struct {
		struct slice payload;
		unsigned wrong, code;
		const char *reason;
	} closes[] = {
		{ BYTES(""), 0, HX_CLOSE_NONE, "" },
		{ BYTES("\x03\xe8"), 0, 1000, "" },
		{ BYTES("\x0f\xa0" "why"), 0, 4000, "why" },
		{ BYTES("\x03\xe8" "\xce\xba"), 0, 1000, "\xce\xba" },
		{ BYTES("\x03"), HX_CLOSE_BROKEN, 0, NULL },
		{ BYTES("\x03\xed"), HX_CLOSE_BROKEN, 0, NULL },	/* 1005 */
		{ BYTES("\x03\xe8" "\xce"), HX_CLOSE_TEXT, 0, NULL },
	};

	for (size_t i = 0; i < sizeof(closes) / sizeof(closes[0]); i++) {
		struct hx_part part = { .opcode = HX_CLOSE, .payload = closes[i].payload };
		struct hx_closing closing;
		char frame[HX_FRAME_CONTROL_BYTES];

		CU_ASSERT_EQUAL(hx_closing_read(&part, &closing), closes[i].wrong);
		if (closes[i].wrong != 0)
			continue;
		CU_ASSERT_EQUAL(closing.code, closes[i].code);
		CU_ASSERT_EQUAL(closing.reason_len, strlen(closes[i].reason));
		CU_ASSERT_NSTRING_EQUAL(closing.reason, closes[i].reason, closing.reason_len);
		CU_ASSERT_EQUAL(hx_closing_write(frame, &closing), 2 + part.payload.len);
		CU_ASSERT_NSTRING_EQUAL(frame + 2, part.payload.ptr, part.payload.len);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "messages are the same however they arrive", test_messages_are_the_same_however_they_arrive },
		{ "messages byte by byte", test_messages_byte_by_byte },
		{ "close frames", test_close_frames },
		CU_TEST_INFO_NULL,
	};

	return suite_run("messages", tests);
}
