/*
 * http_oracle: the readers of texts in http/ behind a line protocol, for
 * tests/unit_py/test_http_text.py, which compares them with CPython and
 * Starlette. One question a line, bytes in hex:
 *
 *	path HEX	percent-decoded: HEX
 *	query HEX	decoded names and values: HEX=HEX ...
 *	cookie HEX	names and unquoted values: HEX=HEX ...
 *	json HEX	is this content type plainly JSON: 1 or 0
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "http/content_type.h"
#include "http/cookie.h"
#include "http/target.h"

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
		} else {
			must(strcmp(line, "json") == 0);
			putchar(hx_content_type_json(arg) ? '1' : '0');
		}
		putchar('\n');
		fflush(stdout);
		arena_reset(&a);
	}
	arena_fini(&a);
	return 0;
}
