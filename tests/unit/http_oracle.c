/*
 * http_oracle: the readers of texts in http/ behind a line protocol, for
 * tests/unit_py/test_http_text.py, test_http_forwarded.py and test_http_multipart.py,
 * which compare them with CPython, Starlette, uvicorn and python-multipart. One question
 * a line, bytes in hex:
 *
 *	path HEX	percent-decoded: HEX
 *	query HEX	decoded names and values: HEX=HEX ...
 *	cookie HEX	names and unquoted values: HEX=HEX ...
 *	multipart HEX	of "step NUL boundary NUL content", in pieces of so many bytes: what
 *			its parts are, as multipart_transcript.h says it, lines joined by ","
 *	options HEX	of "name NUL value": the parameter of that name, or "-"; and what
 *			stands before the parameters
 *	json HEX	is this content type plainly JSON: 1 or 0
 *	forwarded HEX	of "trust NUL peer NUL head": the client's HEX=port and the
 *			scheme. `trust` is --forwarded-allow-ips.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "http/content_type.h"
#include "http/cookie.h"
#include "http/forwarded.h"
#include "http/options.h"
#include "http/parse.h"
#include "http/target.h"
#include "tests/unit/http_limits.h"
#include "tests/unit/multipart_transcript.h"

enum { LINE = 65536 };

/* Decode hex in place. */
static struct slice
unhex(char *hex)
{
	size_t n = strspn(hex, "0123456789abcdef") / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;

		must(sscanf(hex + 2 * i, "%2x", &byte) == 1);
		hex[i] = (char)byte;
	}
	return (struct slice){ hex, n };
}

static void
print_hex(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		printf("%02x", (unsigned char)s.ptr[i]);
}

static void
print_pair(struct slice name, struct slice value)
{
	print_hex(name);
	putchar('=');
	print_hex(value);
	putchar(' ');
}

static void
print_query(struct arena *a, struct slice rest)
{
	struct slice name, value;

	while (hx_target_query_next(&rest, &name, &value)) {
		must(hx_target_query_decode(a, name, &name) == 0);
		must(hx_target_query_decode(a, value, &value) == 0);
		print_pair(name, value);
	}
}

static void
print_cookies(struct arena *a, struct slice rest)
{
	struct slice name, value;

	while (hx_cookie_next(&rest, &name, &value)) {
		must(hx_cookie_unquote(a, value, &value) == 0);
		print_pair(name, value);
	}
}

static void
print_forwarded(struct slice arg)
{
	static struct hx_exchange x;
	char *trust = (char *)(uintptr_t)arg.ptr, *peer = trust + strlen(trust) + 1;
	char *head = peer + strlen(peer) + 1;
	enum hx_refusal why;
	size_t scanned = 0;
	struct hx_trust t;

	must(head < arg.ptr + arg.len);
	hx_exchange_init(&x, NULL, NULL);
	must(hx_trust_init(&t, trust) == 0);
	x.peer.host = (struct slice){ peer, strlen(peer) };
	x.peer.port = 50000;
	must(hx_parse_head(&x, head, (size_t)(arg.ptr + arg.len - head), &scanned, &default_limits,
	    &why) > 0);
	hx_forwarded_read(&t, &x);
	print_hex(x.origin.host);
	printf("=%lld %.*s", (long long)x.origin.port, (int)x.origin.scheme.len,
	    x.origin.scheme.ptr);
	hx_trust_fini(&t);
	hx_exchange_fini(&x);
}

static void
print_multipart(struct slice arg)
{
	const char *step = arg.ptr, *boundary = step + strlen(step) + 1;
	const char *content = boundary + strlen(boundary) + 1;
	size_t size = strtoul(step, NULL, 10);
	char *text;

	must(content <= arg.ptr + arg.len);
	text = multipart_transcript((struct slice){ boundary, strlen(boundary) }, content,
	    (size_t)(arg.ptr + arg.len - content), size, size);
	for (char *p = text; *p != '\0'; p++)
		putchar(*p == '\n' ? ',' : *p);
	free(text);
}

static void
print_options(struct arena *a, struct slice arg)
{
	struct slice name = { arg.ptr, strlen(arg.ptr) };
	struct slice value = { arg.ptr + name.len + 1, arg.len - name.len - 1 }, out;

	must(hx_options_get(a, value, name, slice_equal(name, SLICE_LIT("filename")), &out) == 0);
	if (out.ptr == NULL)
		putchar('-');
	print_hex(out);
	putchar(' ');
	print_hex(hx_options_kind(value));
}

int
main(void)
{
	static char line[LINE];
	struct arena a;

	arena_init(&a, LINE);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *blank = strchr(line, ' ');
		struct slice arg, out;

		must(blank != NULL);
		*blank = '\0';
		arg = unhex(blank + 1);
		if (strcmp(line, "path") == 0) {
			must(hx_target_path_decode(&a, arg, &out) == 0);
			print_hex(out);
		} else if (strcmp(line, "query") == 0) {
			print_query(&a, arg);
		} else if (strcmp(line, "cookie") == 0) {
			print_cookies(&a, arg);
		} else if (strcmp(line, "multipart") == 0) {
			print_multipart(arg);
		} else if (strcmp(line, "options") == 0) {
			print_options(&a, arg);
		} else if (strcmp(line, "forwarded") == 0) {
			print_forwarded(arg);
		} else {
			must(strcmp(line, "json") == 0);
			putchar(hx_content_type_json(arg) ? '1' : '0');
		}
		putchar('\n');
		fflush(stdout);
		arena_fini(&a);
	}
	arena_fini(&a);
	return 0;
}
