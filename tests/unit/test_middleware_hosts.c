/*
 * The value of Host, the URL of a request, and the two layers that look at them.
 */
#include "middleware/host.h"
#include "middleware/list.h"
#include "middleware/url.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

static void
test_host(void)
{
	static const struct { const char *value, *host, *port; unsigned number; bool ok; } rows[] = {
		{ "a", "a", NULL, 0, true },
		{ "A.b-c_d~%41!:80", "A.b-c_d~%41!", "80", 80, true },
		{ "a:0080", "a", "0080", 80, true },
		{ "a:65535", "a", "65535", 65535, true },
		{ "a:65536", "a", "65536", 65536, false },
		{ "a:99999999999999999999", "a", "99999999999999999999", 0, false },
		{ "[::1]:1", "[::1]", "1", 1, true },
		{ "[1:2:3:4:5:6:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]", NULL, 0, true },
		{ "[vF.x:y]", "[vF.x:y]", NULL, 0, true },
	};
	static const char *const wrong[] = {
		"", ":80", "a:", "a:8x", "a b", "a/b", "a@b", "[", "[]", "[::1", "[::g]", "[1.2.3.4]",
		"[::1.2.3.04]", "[::00001]", "[VF.x]", "[v.x]", "[v1.]", "[v1x]", "[::1]x", "[::1%0]",
		"caf\xe9", "a\\b", "a?b", "a#b",
	};
	struct mw_host host;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_FATAL(mw_host_read(SLICE_OF(rows[i].value), &host));
		CU_ASSERT(slice_equal(host.host, SLICE_OF(rows[i].host)));
		CU_ASSERT(rows[i].port == NULL ? host.port.ptr == NULL :
		    slice_equal(host.port, SLICE_OF(rows[i].port)));
		CU_ASSERT_EQUAL(mw_host_port(&host), rows[i].number);
		CU_ASSERT_EQUAL(mw_host_port_ok(&host), rows[i].ok);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CU_ASSERT(!mw_host_read(SLICE_OF(wrong[i]), &host));
	CU_ASSERT(!mw_host_read(SLICE_NULL, &host));
	/* A NUL ends nothing. */
	CU_ASSERT(!mw_host_read((struct slice){ "a\0b", 3 }, &host));
}

static struct hx_header field = { { "host", 4 }, { NULL, 0 } };

static struct mw_request
request(const char *host, const char *path, const char *query)
{
	field.value = host != NULL ? SLICE_OF(host) : SLICE_NULL;
	return (struct mw_request){
		.method = SLICE_LIT("GET"), .scheme = SLICE_LIT("http"), .path = SLICE_OF(path),
		.query = SLICE_OF(query), .fields = &field, .n_fields = host != NULL,
		.server_known = true, .server_host = SLICE_LIT("10.0.0.1"), .server_port = 8000,
	};
}

static bool redirects = true;	/* the only setting of HTTPSRedirectMiddleware */

static const char *
https(const char *host, const char *path, const char *query)
{
	struct mw_request r = request(host, path, query);

	return layer_says(&mw_https_redirect, &redirects, &r);
}

#define TO(url) "307\ncontent-length: 0\nlocation: " url "\n"

static void
test_https(void)
{
	struct mw_request r;

	CU_ASSERT_STRING_EQUAL(https("a", "/", ""), TO("https://a/"));
	CU_ASSERT_STRING_EQUAL(https("A.b:81", "/x y", "a=%20&b"),
	    TO("https://A.b:81/x%20y?a=%20&b"));
	CU_ASSERT_STRING_EQUAL(https("A.b:0080", "/", ""), TO("https://a.b/"));
	CU_ASSERT_STRING_EQUAL(https("A:443", "/?#\\\xc3\xa4", ""), TO("https://a/%3F%23%5C%C3%A4"));
	CU_ASSERT_STRING_EQUAL(https(NULL, "//x", ""), TO("https://10.0.0.1:8000//x"));
	CU_ASSERT_STRING_EQUAL(https("a b", "/", ""), TO("https://10.0.0.1:8000/"));
	CU_ASSERT_STRING_EQUAL(https("a:65536", "/", ""), TO("https://10.0.0.1:8000/"));
	CU_ASSERT_STRING_EQUAL(https("a", "/\n", ""), "unsure");
	CU_ASSERT_STRING_EQUAL(https("a", "*", ""), "unsure");
	CU_ASSERT_STRING_EQUAL(https("a", "/", "x#y"), "unsure");
	CU_ASSERT_STRING_EQUAL(https("a", "/", "\xff"), "unsure");
	CU_ASSERT_STRING_EQUAL(https("[::1]", "/", ""), "unsure");
	CU_ASSERT_STRING_EQUAL(https("%41:80", "/", ""), "unsure");
	r = request("a", "/", "");
	r.scheme = SLICE_LIT("https");
	CU_ASSERT_STRING_EQUAL(layer_says(&mw_https_redirect, &redirects, &r), "pass");
	r.scheme = SLICE_LIT("ws");
	CU_ASSERT_STRING_EQUAL(layer_says(&mw_https_redirect, &redirects, &r), TO("wss://a/"));
	answers_forget();
}

/* A server on a unix socket, on the scheme's own port, of IPv6, or not known. */
static void
test_the_servers_own_address(void)
{
	struct mw_request r = request(NULL, "/", "");

	r.root = SLICE_LIT("/root");
	r.server_port = 80;
	CU_ASSERT_STRING_EQUAL(layer_says(&mw_https_redirect, &redirects, &r),
	    TO("https://10.0.0.1/root/"));
	r.server_host = SLICE_LIT("::1");
	CU_ASSERT_STRING_EQUAL(layer_says(&mw_https_redirect, &redirects, &r), "unsure");
	r.server_host = SLICE_LIT("");
	CU_ASSERT_STRING_EQUAL(layer_says(&mw_https_redirect, &redirects, &r),
	    "400\ncontent-length: 19\ncontent-type: text/plain; charset=utf-8\n"
	    "Invalid host header");
	r.server_known = false;
	CU_ASSERT_STRING_EQUAL(layer_says(&mw_https_redirect, &redirects, &r), "unsure");
	answers_forget();
}

static void
test_trusted(void)
{
	static const struct slice hosts[] = {
		{ "a.b", 3 }, { "*.c", 3 }, { "www.d", 5 }, { "[::1]", 5 },
	};
	static const struct { const char *host, *says; } rows[] = {
		{ "a.b", "pass" }, { "A.B:1", "pass" }, { "x.C", "pass" }, { ".c", "pass" },
		{ "[::1]:80", "pass" }, { "www.D", "pass" }, { "d", TO("http://www.d/") },
		{ "D:81", TO("http://www.D:81/") }, { "c", "400" }, { "", "400" }, { "a.b:", "400" },
		{ "xa.b", "400" }, { NULL, "400" }, { "d:65536", TO("http://www.10.0.0.1:8000/") },
	};
	char set[64] = "";

	CU_ASSERT_FATAL(mw_trusted_host.set_bytes <= sizeof(set));
	CU_ASSERT_STRING_EQUAL(mw_trusted_host.options[0].name, "allowed_hosts");
	*(struct mw_texts *)(set + mw_trusted_host.options[0].at) = (struct mw_texts){ hosts, 4 };
	CU_ASSERT_STRING_EQUAL(mw_trusted_host.options[4].name, "redirects");
	*(bool *)(set + mw_trusted_host.options[4].at) = true;
	for (int redirect = 0; redirect < 2; redirect++) {
		CU_ASSERT_STRING_EQUAL(mw_trusted_host.options[2].name, "www_redirect");
		*(bool *)(set + mw_trusted_host.options[2].at) = redirect;
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct mw_request r = request(rows[i].host, "/", "");
			const char *said = layer_says(&mw_trusted_host, set, &r);
			const char *wanted = !redirect && rows[i].says[0] == '3' ? "400" :
			    rows[i].says;

			CU_ASSERT_EQUAL(strncmp(said, wanted, strlen(wanted)), 0);
		}
	}
	answers_forget();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "Host", test_host },
		{ "HTTPSRedirect", test_https },
		{ "the server's own address", test_the_servers_own_address },
		{ "TrustedHost", test_trusted },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: hosts", tests);
}
