/*
 * http_text: what reading a request's texts and writing an answer's head cost.
 *
 * Prints the best of several rounds, in ns of CPU time per piece of work. Heads
 * are copied afresh each time, as a read would, and the exchange is reset.
 */
#include <stdio.h>
#include <time.h>

#include "base/must.h"
#include "http/cookie.h"
#include "http/parse.h"
#include "http/serialize.h"
#include "http/target.h"
#include "tests/unit/http_limits.h"

enum { ROUNDS = 7, TIMES = 200000 };

static const char small[] = "GET /items/12345?q=abc&limit=10 HTTP/1.1\r\n"
    "Host: 127.0.0.1:8000\r\nUser-Agent: wrk/4.1.0\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n";

static const char browser[] = "GET /items/12345?q=abc&limit=10 HTTP/1.1\r\n"
    "Host: 127.0.0.1:8000\r\nConnection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\"\r\n"
    "sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/124.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n"
    "Sec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nCookie: session=abcdef0123456789\r\n\r\n";

static struct hx_exchange x;
static volatile size_t sink;	/* keeps the compiler from dropping the work */

static void
head_run(struct slice head)
{
	enum hx_refusal why;
	char bytes[4096];
	size_t scanned = 0;

	must(head.len <= sizeof(bytes));
	memcpy(bytes, head.ptr, head.len);
	must(hx_parse_head(&x, bytes, head.len, &scanned, &default_limits, &why) ==
	    (int)head.len);
	hx_exchange_reset(&x);
}

static void
query_run(struct slice rest)
{
	struct slice name, value;

	while (hx_target_query_next(&rest, &name, &value)) {
		must(hx_target_query_decode(&x.arena, name, &name) == 0);
		must(hx_target_query_decode(&x.arena, value, &value) == 0);
		sink += value.len;
	}
	arena_fini(&x.arena);
}

static void
cookie_run(struct slice rest)
{
	struct slice name, value;

	while (hx_cookie_next(&rest, &name, &value)) {
		must(hx_cookie_unquote(&x.arena, value, &value) == 0);
		sink += value.len;
	}
}

static void
answer_run(struct slice preset)
{
	static const struct hx_header fields[] = {
		{ { "content-length", 14 }, { "17", 2 } },
		{ { "content-type", 12 }, { "application/json", 16 } },
	};
	struct hx_promise promise;
	char out[512];

	x.req.h1.minor = 1;
	must(hx_serialize_head(out, sizeof(out), &x, true, 200, fields, 2, preset, &promise) > 0);
}

static void
measure(const char *what, void (*run)(struct slice), struct slice bytes)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		struct timespec from, to;
		double ns;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		for (int i = 0; i < TIMES; i++)
			run(bytes);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 +
		    (double)(to.tv_nsec - from.tv_nsec)) / TIMES;
		best = ns < best ? ns : best;
	}
	printf("%-32s %6.0f ns\n", what, best);
}

int
main(void)
{
	hx_exchange_init(&x, NULL, NULL);
	measure("head, 5 fields", head_run, SLICE_LIT(small));
	measure("head, 15 fields of a browser", head_run, SLICE_LIT(browser));
	measure("query, 3 pairs, 1 encoded", query_run,
	    SLICE_LIT("q=abc&limit=10&name=J%C3%BCrgen+M"));
	measure("cookies, 2", cookie_run,
	    SLICE_LIT("session=abcdef0123456789; csrftoken=zyxwvut"));
	measure("answer head, 2 fields", answer_run,
	    SLICE_LIT("date: Sat, 21 Nov 2026 06:00:00 GMT\r\nserver: fastrd\r\n"));
	hx_exchange_fini(&x);
	return 0;
}
