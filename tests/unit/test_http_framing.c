/*
 * Request content: where it ends, which chunks are refused, and that neither
 * depends on how the bytes were cut.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "http/framing.h"
#include "tests/unit/http_limits.h"
#include "tests/unit/suite.h"

struct outcome {
	enum hx_framing_result result;	/* DONE, MORE or REFUSED */
	int status;
	size_t used;
	size_t len;
	char data[65536];
};

static struct outcome got;
static struct hx_limits limits;

/* Feed `bytes`, `step` at a time. */
static void
feed(struct slice bytes, bool chunked, uint64_t length, size_t step)
{
	struct hx_request req = { .h1.chunked = chunked, .content_length = length };
	struct hx_framing f;
	char *copy = malloc(bytes.len + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	hx_framing_init(&f, &req, &limits);
	got.result = HX_FRAMING_MORE;
	got.used = got.len = 0;
	got.status = 0;
	for (size_t at = 0; got.result == HX_FRAMING_MORE && at <= bytes.len;) {
		size_t n = bytes.len - at < step ? bytes.len - at : step, used;
		enum hx_refusal why = HX_ACCEPTED;
		struct slice data = SLICE_NULL;

		memcpy(copy, bytes.ptr + at, n);
		got.result = hx_framing_feed(&f, copy, n, &used, &data, &why);
		CU_ASSERT_FATAL(used <= n);
		at += used;
		got.used = at;
		if (got.result == HX_FRAMING_DATA) {
			CU_ASSERT_FATAL(data.len > 0 && got.len + data.len <= sizeof(got.data));
			memcpy(got.data + got.len, data.ptr, data.len);
			got.len += data.len;
			got.result = HX_FRAMING_MORE;
		} else if (got.result == HX_FRAMING_REFUSED) {
			CU_ASSERT_NOT_EQUAL_FATAL(why, HX_ACCEPTED);
			got.status = hx_refusal_status(why);
		} else if (got.result == HX_FRAMING_MORE) {
			CU_ASSERT_EQUAL(used, n);
			if (at == bytes.len)
				break;
		}
	}
	free(copy);
}

static bool
content_is(const char *want)
{
	return slice_equal((struct slice){ got.data, got.len },
	    (struct slice){ want, strlen(want) });
}

struct vector {
	const char *shows;
	const char *content;	/* NULL: refused with 400 */
	struct slice bytes;
};

#define GOOD(shows, content, s) { shows, content, { s, sizeof(s) - 1 } }
#define BAD(shows, s) { shows, NULL, { s, sizeof(s) - 1 } }

static const struct vector vectors[] = {
	GOOD("one chunk", "abc", "3\r\nabc\r\n0\r\n\r\n"),
	GOOD("two chunks", "abcde", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
	GOOD("no content", "", "0\r\n\r\n"),
	GOOD("hex in both cases", "0123456789abcdef0123456789",
	    "1a\r\n0123456789abcdef0123456789\r\n0\r\n\r\n"),
	GOOD("hex in capitals", "0123456789", "A\r\n0123456789\r\n0\r\n\r\n"),
	GOOD("leading zeros up to 16 digits", "a", "0000000000000001\r\na\r\n0\r\n\r\n"),
	GOOD("several zeros end it", "", "000\r\n\r\n"),
	GOOD("an extension", "a", "1;x\r\na\r\n0\r\n\r\n"),
	GOOD("an extension with a value", "a", "1;x=y;z\r\na\r\n0;end\r\n\r\n"),
	GOOD("a quoted extension", "a", "1;x=\"a; \\\" b\"\r\na\r\n0\r\n\r\n"),
	GOOD("a trailer is dropped", "a", "1\r\na\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"),
	GOOD("a tab in a quoted extension", "a", "1;x=\"\t\"\r\na\r\n0\r\n\r\n"),
	GOOD("high bytes in a quoted extension", "a", "1;x=\"\xC3\xA9\\\xFF\"\r\na\r\n0\r\n\r\n"),
	GOOD("a quoted tab behind a backslash", "a", "1;x=\"\\\t\"\r\na\r\n0\r\n\r\n"),
	GOOD("high bytes and tabs in a trailer", "", "0\r\nX:\t\xC3\xA9:\r\n\r\n"),
	GOOD("a trailing Content-Digest", "", "0\r\nContent-Digest: a\r\n\r\n"),
	GOOD("a trailing Content-Length", "", "0\r\nContent-Length: 3\r\n\r\n"),
	GOOD("a trailing Transfer-Encoding", "", "0\r\nTRANSFER-ENCODING: chunked\r\n\r\n"),
	GOOD("a trailing Host", "", "0\r\nhost: a\r\n\r\n"),
	GOOD("a trailing Authorization", "", "0\r\nAuthorization: a\r\n\r\n"),
	GOOD("a trailing Cookie", "", "0\r\nCookie: a\r\n\r\n"),
	GOOD("a trailing Content-Type", "", "0\r\nContent-Type: a\r\n\r\n"),
	GOOD("a trailing Trailer", "", "0\r\nTrailer: a\r\n\r\n"),
	GOOD("content like chunks", "0\r\n\r\n", "5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
	BAD("no size", "\r\nabc\r\n0\r\n\r\n"),
	BAD("no hex", "g\r\nabc\r\n0\r\n\r\n"),
	BAD("0x", "0x3\r\nabc\r\n0\r\n\r\n"),
	BAD("plus", "+3\r\nabc\r\n0\r\n\r\n"),
	BAD("minus", "-3\r\nabc\r\n0\r\n\r\n"),
	BAD("blank before the size", " 3\r\nabc\r\n0\r\n\r\n"),
	BAD("blank behind the size", "3 \r\nabc\r\n0\r\n\r\n"),
	BAD("tab behind the size", "3\t\r\nabc\r\n0\r\n\r\n"),
	BAD("underscore in the size", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
	BAD("17 digits", "00000000000000001\r\na\r\n0\r\n\r\n"),
	BAD("a size that overflows", "ffffffffffffffff\r\na"),
	BAD("LF alone behind the size", "3\nabc\r\n0\r\n\r\n"),
	BAD("CR alone behind the size", "3\rabc\r\n0\r\n\r\n"),
	BAD("CR CR LF", "3\r\r\nabc\r\n0\r\n\r\n"),
	BAD("LF alone behind the data", "3\r\nabc\n0\r\n\r\n"),
	BAD("CR alone behind the data", "3\r\nabc\r0\r\n\r\n"),
	BAD("nothing behind the data", "3\r\nabc0\r\n\r\n"),
	BAD("data longer than its size", "3\r\nabcd\r\n0\r\n\r\n"),
	BAD("a blank line behind the data", "3\r\nabc\r\n\r\n0\r\n\r\n"),
	BAD("LF ends the trailers", "0\r\n\n"),
	BAD("blank before an extension", "1 ;x\r\na\r\n0\r\n\r\n"),
	BAD("blank in an extension", "1; x\r\na\r\n0\r\n\r\n"),
	BAD("an empty extension", "1;\r\na\r\n0\r\n\r\n"),
	BAD("an extension without a name", "1;=x\r\na\r\n0\r\n\r\n"),
	BAD("an extension without its value", "1;x=\r\na\r\n0\r\n\r\n"),
	BAD("an open quote", "1;x=\"y\r\na\r\n0\r\n\r\n"),
	BAD("bytes behind a quote", "1;x=\"y\"z\r\na\r\n0\r\n\r\n"),
	BAD("a control byte in an extension", "1;x=\x01\r\na\r\n0\r\n\r\n"),
	BAD("NUL in an extension", "1;x=\0\r\na\r\n0\r\n\r\n"),
	BAD("CR in an extension", "1;x\rGET / HTTP/1.1\r\na\r\n0\r\n\r\n"),
	BAD("a trailer without colon", "0\r\nX\r\n\r\n"),
	BAD("a trailer without name", "0\r\n: x\r\n\r\n"),
	BAD("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n"),
	BAD("blank before a trailer's colon", "0\r\nX : a\r\n\r\n"),
	BAD("a control byte in a trailer", "0\r\nX: \x01\r\n\r\n"),
	BAD("a control byte in a quoted extension", "1;x=\"\x01\"\r\na\r\n0\r\n\r\n"),
	BAD("DEL in a quoted extension", "1;x=\"\x7F\"\r\na\r\n0\r\n\r\n"),
	BAD("a control byte behind a backslash", "1;x=\"\\\x01\"\r\na\r\n0\r\n\r\n"),
	BAD("a tab in an extension's name", "1;x\t=y\r\na\r\n0\r\n\r\n"),
	BAD("high bytes outside quotes", "1;x=\xC3\r\na\r\n0\r\n\r\n"),
	BAD("LF alone behind a trailer", "0\r\nX: a\n\r\n"),
	BAD("CR alone in a trailer", "0\r\nX: a\rb\r\n\r\n"),
	BAD("CR CR LF behind a trailer", "0\r\nX: a\r\r\n\r\n"),
	BAD("CR alone as the last line", "0\r\nX: a\r\n\rX"),
	BAD("a high byte in a trailer's name", "0\r\n\xC3: a\r\n\r\n"),
	BAD("NUL in a trailer", "0\r\nX: a\0\r\n\r\n"),
};

static void
chunks_have_their_verdicts(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];

		for (size_t step = v->bytes.len; step > 0; step--) {
			bool ok;

			feed(v->bytes, true, 0, step);
			ok = v->content != NULL ? got.result == HX_FRAMING_DONE &&
			    got.used == v->bytes.len && content_is(v->content) :
			    got.result == HX_FRAMING_REFUSED && got.status == 400;
			if (!ok) {
				printf("\n  %s, %zu at a time: result %d", v->shows, step,
				    got.result);
				CU_FAIL("verdict");
			}
		}
	}
}

static void
the_next_request_is_left_alone(void)
{
	feed(SLICE_LIT("3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), true, 0, 100);
	CU_ASSERT_EQUAL(got.result, HX_FRAMING_DONE);
	CU_ASSERT_EQUAL(got.used, 13);
	feed(SLICE_LIT("abcGET /"), false, 3, 100);
	CU_ASSERT_EQUAL(got.result, HX_FRAMING_DONE);
	CU_ASSERT_EQUAL(got.used, 3);
	CU_ASSERT_TRUE(content_is("abc"));
}

static void
lengths_are_counted(void)
{
	for (size_t step = 1; step <= 5; step++) {
		feed(SLICE_LIT("abcde"), false, 5, step);
		CU_ASSERT_EQUAL(got.result, HX_FRAMING_DONE);
		CU_ASSERT_TRUE(content_is("abcde"));
	}
	feed(SLICE_LIT("abcd"), false, 5, 2);
	CU_ASSERT_EQUAL(got.result, HX_FRAMING_MORE);
	feed(SLICE_LIT("GET"), false, 0, 3);
	CU_ASSERT_EQUAL(got.result, HX_FRAMING_DONE);
	CU_ASSERT_EQUAL(got.used, 0);
}

static void
incomplete_chunks_wait(void)
{
	static const char whole[] = "3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n";

	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		feed((struct slice){ whole, n }, true, 0, n > 0 ? n : 1);
		CU_ASSERT_EQUAL(got.result, HX_FRAMING_MORE);
	}
}

/* Wrong bytes behind a chunk are refused at once, not when a line ends. */
static void
garbage_behind_a_chunk_does_not_wait(void)
{
	feed(SLICE_LIT("3\r\nabcd"), true, 0, 100);
	CU_ASSERT_EQUAL(got.result, HX_FRAMING_REFUSED);
}

/* `n` times `piece`, then `end`, fed in one go. */
static enum hx_framing_result
repeated(const char *piece, size_t n, const char *end)
{
	size_t len = strlen(piece), total = n * len + strlen(end);
	char *s = malloc(total + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (size_t i = 0; i < n; i++)
		memcpy(s + i * len, piece, len);
	memcpy(s + n * len, end, strlen(end));
	feed((struct slice){ s, total }, true, 0, total);
	free(s);
	return got.result;
}

static void
lines_extensions_and_trailers_are_limited(void)
{
	CU_ASSERT_EQUAL(repeated("0", 300, "\r\n"), HX_FRAMING_REFUSED);
	CU_ASSERT_EQUAL(repeated("1;aaaaaaaaaaaaaaa\r\nx\r\n", 1000, "0\r\n\r\n"),
	    HX_FRAMING_DONE);
	CU_ASSERT_EQUAL(repeated("1;aaaaaaaaaaaaaaa\r\nx\r\n", 1025, "0\r\n\r\n"),
	    HX_FRAMING_REFUSED);
	CU_ASSERT_EQUAL(repeated("0\r\n", 1, "X: aaaaaaaaaaaaaaaaaaaaa\r\n\r\n"),
	    HX_FRAMING_DONE);
	CU_ASSERT_EQUAL(repeated("1\r\nx\r\n", 10000, "0\r\n\r\n"), HX_FRAMING_DONE);
	CU_ASSERT_EQUAL(got.len, 10000);
}

/* `n` trailer fields in lines of `width` bytes, in pieces of several sizes: 200 or 431. */
static int
trailers(size_t n, size_t width)
{
	size_t len = 3 + n * (width + 2) + 2;
	char *s = malloc(len), *p = s + 3;
	int status = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memcpy(s, "0\r\n", 3);
	for (size_t i = 0; i < n; i++, p += width + 2) {
		memset(p, 'x', width);
		p[1] = ':';
		memcpy(p + width, "\r\n", 2);
	}
	memcpy(p, "\r\n", 2);
	for (size_t step = len; step > 0; step /= 3) {
		int now;

		feed((struct slice){ s, len }, true, 0, step);
		now = got.result == HX_FRAMING_DONE ? 200 : got.status;
		CU_ASSERT_TRUE(status == 0 || status == now);
		status = now;
	}
	free(s);
	return status;
}

static void
trailers_have_the_limits_of_a_head(void)
{
	CU_ASSERT_EQUAL(trailers(1, 300), 200);
	CU_ASSERT_EQUAL(trailers(20, 500), 200);
	CU_ASSERT_EQUAL(trailers(1, 65532), 200);
	CU_ASSERT_EQUAL(trailers(1, 65533), 431);
	CU_ASSERT_EQUAL(trailers(1, 70000), 431);
	CU_ASSERT_EQUAL(trailers(1000, 20), 200);
	CU_ASSERT_EQUAL(trailers(1001, 20), 431);
	limits.field = 200;
	limits.fields = 3;
	CU_ASSERT_EQUAL(trailers(3, 200), 200);
	CU_ASSERT_EQUAL(trailers(1, 201), 431);
	CU_ASSERT_EQUAL(trailers(4, 10), 431);
	limits = default_limits;
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "chunks have their verdicts", chunks_have_their_verdicts },
		{ "the next request is left alone", the_next_request_is_left_alone },
		{ "lengths are counted", lengths_are_counted },
		{ "incomplete chunks wait", incomplete_chunks_wait },
		{ "garbage behind a chunk does not wait", garbage_behind_a_chunk_does_not_wait },
		{ "lines, extensions and trailers are limited",
		    lines_extensions_and_trailers_are_limited },
		{ "trailers have the limits of a head", trailers_have_the_limits_of_a_head },
		CU_TEST_INFO_NULL
	};

	limits = default_limits;
	return suite_run("http/framing", tests);
}
