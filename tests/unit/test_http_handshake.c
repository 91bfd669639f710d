/*
 * A WebSocket's handshake: which requests ask for one, and what compression is agreed on.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "http/deflate_terms.h"
#include "http/handshake.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_limits.h"
#include "tests/unit/suite.h"

#define HEAD(fields) "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" fields "\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define OFFER(text) HEAD(KEY V13 "Sec-WebSocket-Extensions: " text "\r\n")
#define MADE "permessage-deflate; server_max_window_bits=12"

static void
test_what_a_handshake_must_have(void)
{
	static const struct {
		const char *head;
		enum hx_refusal why;
	} rows[] = {
		{ HEAD(KEY V13), HX_ACCEPTED },
		{ HEAD(V13), HX_REFUSE_websocket_key },
		{ HEAD(KEY KEY V13), HX_REFUSE_websocket_key },
		{ HEAD("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" V13), HX_REFUSE_websocket_key },
		{ HEAD("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n" V13), HX_REFUSE_websocket_key },
		{ HEAD(KEY), HX_REFUSE_websocket_version },
		{ HEAD(KEY V13 V13), HX_REFUSE_websocket_version },
		{ HEAD(KEY V13 "Content-Length: 1\r\n"), HX_REFUSE_websocket_content },
		{ HEAD(KEY V13 "Transfer-Encoding: chunked\r\n"), HX_REFUSE_websocket_content },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice bytes = { rows[i].head, strlen(rows[i].head) };
		struct head h;

		head_open(&h, bytes, &default_limits);
		CU_ASSERT_STRING_EQUAL_FATAL(h.verdict, "ok");
		CU_ASSERT_TRUE(hx_handshake_is_asked(&h.x));
		CU_ASSERT_EQUAL(hx_handshake_check(&h.x), rows[i].why);
		head_close(&h);
	}
}

/* RFC 6455 section 1.3. */
static void
test_the_answer_to_the_key(void)
{
	char answer[HX_HANDSHAKE_ANSWER_BYTES];
	struct head h;

	head_open(&h, (struct slice)SLICE_LIT(HEAD(KEY V13)), &default_limits);
	hx_handshake_answer(&h.x, answer);
	CU_ASSERT_NSTRING_EQUAL(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(answer));
	head_close(&h);
}

static void
test_compression_that_is_offered(void)
{
	static const struct {
		const char *head;
		const char *answer;	/* NULL: none of the offers is met */
	} rows[] = {
		{ HEAD(KEY V13), NULL },
		{ OFFER("permessage-deflate"), MADE },
		{ OFFER("PerMessage-Deflate; Client_Max_Window_Bits"), MADE "; client_max_window_bits=12" },
		{ OFFER("permessage-deflate; client_max_window_bits=15"), MADE "; client_max_window_bits=12" },
		{ OFFER("permessage-deflate; client_max_window_bits=9"), MADE "; client_max_window_bits=9" },
		{ OFFER("permessage-deflate; client_max_window_bits=\"10\""), MADE "; client_max_window_bits=10" },
		{ OFFER("permessage-deflate; server_max_window_bits=10"),
		    "permessage-deflate; server_max_window_bits=10" },
		{ OFFER("permessage-deflate ;server_no_context_takeover; client_no_context_takeover"),
		    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
		    "server_max_window_bits=12" },
		{ OFFER("x-other; a=\"b,c\", permessage-deflate"), MADE },
		{ OFFER("permessage-deflate; unknown, permessage-deflate"), MADE },
		{ OFFER("x-other\r\nSec-WebSocket-Extensions: permessage-deflate"), MADE },
		{ OFFER("permessage-deflate; unknown"), NULL },
		{ OFFER("permessage-deflate; server_max_window_bits"), NULL },
		{ OFFER("permessage-deflate; server_max_window_bits=8"), NULL },
		{ OFFER("permessage-deflate; server_max_window_bits=16"), NULL },
		{ OFFER("permessage-deflate; server_max_window_bits=010"), NULL },
		{ OFFER("permessage-deflate; server_max_window_bits=1x"), NULL },
		{ OFFER("permessage-deflate; client_max_window_bits="), NULL },
		{ OFFER("permessage-deflate; client_max_window_bits=7"), NULL },
		{ OFFER("permessage-deflate; server_no_context_takeover=1"), NULL },
		{ OFFER("permessage-deflate; client_max_window_bits; client_max_window_bits"), NULL },
		{ OFFER("permessage-deflate-2"), NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice bytes = { rows[i].head, strlen(rows[i].head) };
		struct hx_deflate_terms terms;
		char answer[HX_DEFLATE_ANSWER_MOST];
		struct head h;
		bool met;

		head_open(&h, bytes, &default_limits);
		CU_ASSERT_STRING_EQUAL_FATAL(h.verdict, "ok");
		met = hx_deflate_terms_choose(&h.x, &terms);
		CU_ASSERT_EQUAL(met, rows[i].answer != NULL);
		if (met && rows[i].answer != NULL) {
			CU_ASSERT_EQUAL(hx_deflate_terms_write(answer, &terms), strlen(rows[i].answer));
			CU_ASSERT_STRING_EQUAL(answer, rows[i].answer);
		}
		head_close(&h);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "what a handshake must have", test_what_a_handshake_must_have },
		{ "the answer to the key", test_the_answer_to_the_key },
		{ "compression that is offered", test_compression_that_is_offered },
		CU_TEST_INFO_NULL,
	};

	return suite_run("handshake", tests);
}
