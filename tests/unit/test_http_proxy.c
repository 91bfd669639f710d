/*
 * Headers of the PROXY protocol: both versions, however they arrive, and nothing else.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "http/proxy.h"
#include "tests/unit/suite.h"

#define BEGIN "\r\n\r\n\0\r\nQUIT\n"
#define UNIX_ZEROS16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX_ZEROS72 UNIX_ZEROS16 UNIX_ZEROS16 UNIX_ZEROS16 UNIX_ZEROS16 "\0\0\0\0\0\0\0\0"
#define UNIX_ADDRESSES UNIX_ZEROS72 UNIX_ZEROS72 UNIX_ZEROS72
#define BYTES(text) { (text), sizeof(text) - 1 }

struct row {
	struct slice header;
	const char *client, *server;	/* NULL: not told */
	unsigned client_port, server_port;
	bool tls;
};

static const struct row good[] = {
	{ BYTES("PROXY TCP4 203.0.113.9 10.0.0.1 51234 443\r\n"), "203.0.113.9", "10.0.0.1",
	    51234, 443, false },
	{ BYTES("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0", "255.255.255.255", 0,
	    65535, false },
	{ BYTES("PROXY TCP6 2001:DB8:0::7 ::1 1 2\r\n"), "2001:db8::7", "::1", 1, 2, false },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 65535, false },
	{ BYTES("PROXY UNKNOWN\r\n"), NULL, NULL, 0, 0, false },
	{ BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), NULL, NULL, 0, 0, false },
	{ BYTES(BEGIN "\x21\x11\0\x0c" "\xcb\0\x71\x09" "\x0a\0\0\x01" "\xc8\x22" "\x01\xbb"),
	    "203.0.113.9", "10.0.0.1", 51234, 443, false },
	{ BYTES(BEGIN "\x21\x12\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"), "1.2.3.4", "5.6.7.8", 1, 2, false },
	{ BYTES(BEGIN "\x21\x21\0\x24" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" "\0\1\0\2"), "2001:db8::7", "::1", 1, 2, false },
	{ BYTES(BEGIN "\x21\x31\0\xd8" UNIX_ADDRESSES), "", "", 0, 0, false },
	/* A connection of the proxy's own, whatever else it says; a client of no known family. */
	{ BYTES(BEGIN "\x20\0\0\0"), NULL, NULL, 0, 0, false },
	{ BYTES(BEGIN "\x20\x11\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"), NULL, NULL, 0, 0, false },
	{ BYTES(BEGIN "\x20\xff\0\2" "ab"), NULL, NULL, 0, 0, false },
	{ BYTES(BEGIN "\x21\0\0\3" "abc"), NULL, NULL, 0, 0, false },
	/* Behind the addresses: what is not known, an empty one, TLS, TLS that the client does not
	 * speak. */
	{ BYTES(BEGIN "\x21\x11\0\x16" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\4\0\0" "\x05\0\4uniq"), "1.2.3.4",
	    "5.6.7.8", 1, 2, false },
	{ BYTES(BEGIN "\x21\x11\0\x14" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\x20\0\5\1\0\0\0\0"), "1.2.3.4",
	    "5.6.7.8", 1, 2, true },
	{ BYTES(BEGIN "\x21\x11\0\x14" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\x20\0\5\0\0\0\0\0"), "1.2.3.4",
	    "5.6.7.8", 1, 2, false },
};

static const struct slice bad[] = {
	BYTES("GET / HTTP/1.1\r\n"), BYTES("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), BYTES("\n"),
	BYTES("\r\n\r\n\r\n"),
	BYTES("PROXY \r\n"), BYTES("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n"), BYTES("PROXY UNKNOWNS\r\n"),
	BYTES("PROXY TCP4\r\n"), BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"),
	BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"),
	BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), BYTES("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"),
	BYTES("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"),
	BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"), BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"),
	BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n"), BYTES("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n"),
	BYTES("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n"), BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"),
	BYTES("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), BYTES("PROXY TCP6 ::1%lo ::1 1 2\r\n"),
	BYTES(BEGIN "\x11\x11\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),	/* version 1, in binary */
	BYTES(BEGIN "\x22\x11\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),	/* no such command */
	BYTES(BEGIN "\x21\x11\0\x0b" "\1\2\3\4\5\6\7\x8\0\1\0"),	/* addresses too short */
	BYTES(BEGIN "\x21\x21\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),
	BYTES(BEGIN "\x21\x31\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),
	BYTES(BEGIN "\x21\x41\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),	/* no such family */
	BYTES(BEGIN "\x21\x01\0\0"), BYTES(BEGIN "\x21\x10\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),
	BYTES(BEGIN "\x21\x13\0\x0c" "\1\2\3\4\5\6\7\x8\0\1\0\2"),
	BYTES(BEGIN "\x21\x11\0\x0e" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\4\0"),	/* cut short */
	BYTES(BEGIN "\x21\x11\0\x0f" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\4\0\1"),
	BYTES(BEGIN "\x21\x11\0\x0f" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\4\xff\xff"),
	BYTES(BEGIN "\x21\x11\0\x13" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\x20\0\4\1\0\0\0"),	/* no room for TLS */
	BYTES(BEGIN "\x21\x11\0\x12" "\1\2\3\4\5\6\7\x8\0\1\0\2" "\3\0\3\0\0\0"),
	BYTES(BEGIN "\x21\x11\x40\0"),	/* longer than HX_PROXY_MOST */
};

/* What was found in `header` has not changed by what stands behind it. */
static void
check_good(const struct row *row)
{
	char bytes[512];
	struct hx_proxy got;
	size_t len = row->header.len;

	memcpy(bytes, row->header.ptr, len);
	memcpy(bytes + len, "GET", 3);
	for (size_t n = 0; n < len; n++)
		CU_ASSERT_EQUAL(hx_proxy_read(bytes, n, &got), 0);
	for (size_t n = len; n <= len + 3; n++) {
		CU_ASSERT_EQUAL(hx_proxy_read(bytes, n, &got), (int)len);
		CU_ASSERT_EQUAL(got.told, row->client != NULL);
		CU_ASSERT_STRING_EQUAL(got.client, got.told ? row->client : "");
		CU_ASSERT_STRING_EQUAL(got.server, got.told ? row->server : "");
		CU_ASSERT_EQUAL(got.client_port, row->client_port);
		CU_ASSERT_EQUAL(got.server_port, row->server_port);
		CU_ASSERT_EQUAL(got.tls, row->tls);
	}
}

static void
test_good(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_good(&good[i]);
}

/* Once refused, a header stays so with each further byte. */
static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hx_proxy got;
		bool refused = false;

		for (size_t n = 0; n <= bad[i].len; n++) {
			int used = hx_proxy_read(bad[i].ptr, n, &got);

			CU_ASSERT_TRUE(used < 0 || (used == 0 && !refused));
			refused = used < 0;
		}
		if (!refused)
			printf("\n  row %zu is not refused", i);
		CU_ASSERT_TRUE(refused);
	}
}

/* A plain request is refused by its first byte: it would wait for the rest of a line else. */
static void
test_at_once(void)
{
	struct hx_proxy got;

	CU_ASSERT_EQUAL(hx_proxy_read("G", 1, &got), -1);
	CU_ASSERT_EQUAL(hx_proxy_read("POST", 4, &got), -1);
	CU_ASSERT_EQUAL(hx_proxy_read("\r\n\r\nG", 5, &got), -1);
}

/* A line of 107 bytes is the longest; a longer one is not waited for. */
static void
test_length(void)
{
	char line[200] = "PROXY UNKNOWN ";
	struct hx_proxy got;

	memset(line + 14, 'x', sizeof(line) - 14);
	CU_ASSERT_EQUAL(hx_proxy_read(line, 106, &got), 0);
	CU_ASSERT_EQUAL(hx_proxy_read(line, 107, &got), -1);
	memcpy(line + 105, "\r\n", 2);
	CU_ASSERT_EQUAL(hx_proxy_read(line, 107, &got), 107);
	memcpy(line + 105, "x\r\n", 3);
	CU_ASSERT_EQUAL(hx_proxy_read(line, 108, &got), -1);
}

/* The checksum is of the whole header, as if it were 0 itself. */
static void
test_checksum(void)
{
	static const char header[] = BEGIN "\x21\x11\0\x13" "\xcb\0\x71\x09" "\x0a\0\0\x01" "\xc8\x22"
	    "\x01\xbb" "\3\0\4" "\xf2\x36\x72\x86";
	char bytes[sizeof(header)];
	struct hx_proxy got;
	int len = sizeof(header) - 1;

	CU_ASSERT_EQUAL(hx_proxy_read(header, sizeof(header) - 1, &got), len);
	CU_ASSERT_STRING_EQUAL(got.client, "203.0.113.9");
	/* A bit of any byte that is a value: not of the signature, and not of lengths and types. */
	for (int at = 16; at < len; at++) {
		if (at >= 28 && at < 31)
			continue;
		memcpy(bytes, header, sizeof(header));
		bytes[at] ^= 1;
		CU_ASSERT_EQUAL(hx_proxy_read(bytes, sizeof(header) - 1, &got), -1);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "both versions, cut anywhere", test_good },
		{ "what is malformed", test_bad },
		{ "no header at all", test_at_once },
		{ "the longest line", test_length },
		{ "a checksum", test_checksum },
		CU_TEST_INFO_NULL,
	};

	return suite_run("http/proxy", tests);
}
