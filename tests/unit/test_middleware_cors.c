/*
 * CORS: which requests it answers, and what it adds to other answers.
 */
#include "middleware/list.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

/* The settings by name, as a binding reads them. */
static void *
setting(void *set, const char *name)
{
	for (size_t i = 0; i < mw_cors.n_options; i++)
		if (strcmp(mw_cors.options[i].name, name) == 0)
			return (char *)set + mw_cors.options[i].at;
	CU_FAIL_FATAL("no such setting");
	return NULL;
}

static const struct slice origins[] = { { "https://a", 9 } };
static const struct slice methods[] = { { "GET", 3 }, { "PUT", 3 } };
static const struct slice headers[] = { { "accept", 6 }, { "x-\xe9", 3 } };
static const struct hx_header preflight[] = { { { "vary", 4 }, { "Origin", 6 } } };
static const struct hx_header simple[] = { { { "x-simple", 8 }, { "1", 1 } } };

static char settings[512];

static void
settings_make(void)
{
	CU_ASSERT_FATAL(mw_cors.set_bytes <= sizeof(settings));
	memset(settings, 0, sizeof(settings));
	*(struct mw_texts *)setting(settings, "allow_origins") = (struct mw_texts){ origins, 1 };
	*(struct mw_texts *)setting(settings, "allow_methods") = (struct mw_texts){ methods, 2 };
	*(struct mw_texts *)setting(settings, "allow_headers") = (struct mw_texts){ headers, 2 };
	*(struct mw_fields *)setting(settings, "preflight_headers") =
	    (struct mw_fields){ preflight, 1 };
	*(struct mw_fields *)setting(settings, "simple_headers") =
	    (struct mw_fields){ simple, 1 };
	*(bool *)setting(settings, "preflight_explicit_allow_origin") = true;
	*(bool *)setting(settings, "always") = *(bool *)setting(settings, "knows_network") = true;
}

static const char *
says(const char *method, const char *text)
{
	struct hx_header fields[8];
	struct mw_request r = { .method = SLICE_OF(method), .fields = fields };

	r.n_fields = fields_of(text, fields, 8);
	return layer_says(&mw_cors, settings, &r);
}

#define PREFLIGHT "origin: https://a\naccess-control-request-method: GET\n"
#define PLAIN(length) "content-length: " length "\ncontent-type: text/plain; charset=utf-8\n"

static void
test_what_is_a_preflight(void)
{
	settings_make();
	CU_ASSERT_STRING_EQUAL(says("GET", PREFLIGHT), "pass");
	CU_ASSERT_STRING_EQUAL(says("options", PREFLIGHT), "pass");
	CU_ASSERT_STRING_EQUAL(says("OPTIONS", "origin: https://a\n"), "pass");
	CU_ASSERT_STRING_EQUAL(says("OPTIONS", "access-control-request-method: GET\n"), "pass");
	CU_ASSERT_STRING_EQUAL(says("OPTIONS", PREFLIGHT),
	    "200\nvary: Origin\naccess-control-allow-origin: https://a\n" PLAIN("2") "OK");
	answers_forget();
}

static void
test_what_a_preflight_may_not_have(void)
{
	settings_make();
	CU_ASSERT_STRING_EQUAL(says("OPTIONS", "origin: https://b\n"
	    "access-control-request-method: get\naccess-control-request-headers: x\n"
	    "access-control-request-private-network: \n"),
	    "400\nvary: Origin\n" PLAIN("56")
	    "Disallowed CORS origin, method, headers, private-network");
	CU_ASSERT_STRING_EQUAL(says("OPTIONS", PREFLIGHT
	    "access-control-request-headers: accept, \n"),
	    "400\nvary: Origin\naccess-control-allow-origin: https://a\n" PLAIN("23")
	    "Disallowed CORS headers");
	CU_ASSERT_STRING_EQUAL(says("OPTIONS", PREFLIGHT
	    "access-control-request-headers: ACCEPT ,\xa0X-\xc9\n"),
	    "200\nvary: Origin\naccess-control-allow-origin: https://a\n" PLAIN("2") "OK");
	answers_forget();
}

/* What a layer that let a request with this origin pass makes of an answer. */
static bool
edits(const char *origin, const char *before, const char *after)
{
	struct hx_header field = { SLICE_LIT("origin"), SLICE_NULL };
	struct mw_request r = { .method = SLICE_LIT("GET"), .fields = &field };
	struct mw_answer a = answer_of(200, before);
	struct mw_chain chain;
	struct mw_pass pass;

	if (origin != NULL) {
		field.value = SLICE_OF(origin);
		r.n_fields = 1;
	}
	return mw_chain_init(&chain, answers_arena(), 1) == 0 &&
	    mw_chain_add(&chain, &mw_cors, settings) == 0 && chain.edits &&
	    mw_chain_forward(&pass, &chain, &r, answers_arena()) == MW_PASS &&
	    mw_chain_head(&pass, &a) == 0 && answer_is(&a, after);
}

/* Counts its calls; the pattern is that of one origin. */
static int
matches(void *arg, struct slice text)
{
	++*(int *)arg;
	return slice_equal(text, SLICE_LIT("https://pattern"));
}

static void
test_other_answers(void)
{
	int asked = 0;

	settings_make();
	CU_ASSERT(edits(NULL, "a: 1\n", "a: 1\nvary: Origin\n"));
	CU_ASSERT(edits("https://b", "vary: X\n", "vary: X, Origin\nx-simple: 1\n"));
	CU_ASSERT(edits("https://a", "x-simple: 2\nx-simple: 3\n",
	    "x-simple: 1\naccess-control-allow-origin: https://a\nvary: Origin\n"));
	*(struct mw_pattern *)setting(settings, "allow_origin_regex") =
	    (struct mw_pattern){ matches, &asked };
	CU_ASSERT(edits("https://pattern", "",
	    "x-simple: 1\naccess-control-allow-origin: https://pattern\nvary: Origin\n"));
	CU_ASSERT(edits("https://b", "", "x-simple: 1\nvary: Origin\n"));
	CU_ASSERT_EQUAL(asked, 2);
	*(bool *)setting(settings, "allow_all_origins") = true;
	CU_ASSERT(edits("https://b", "", "x-simple: 1\nvary: Origin\n"));
	*(bool *)setting(settings, "allow_credentials") = true;
	CU_ASSERT(edits("https://b", "",
	    "x-simple: 1\naccess-control-allow-origin: https://b\nvary: Origin\n"));
	CU_ASSERT_EQUAL(asked, 2);
	answers_forget();
}

/* As before every answer varied, and as before credentials counted. */
static void
test_older_versions(void)
{
	struct hx_header fields[8];
	struct mw_request r = { .method = SLICE_LIT("GET"), .fields = fields };
	struct mw_answer a = answer_of(200, "");
	struct mw_chain chain;
	struct mw_pass pass;

	settings_make();
	*(bool *)setting(settings, "always") = *(bool *)setting(settings, "knows_network") = false;
	*(bool *)setting(settings, "by_cookie") = *(bool *)setting(settings, "first_vary") = true;
	CU_ASSERT(edits(NULL, "a: 1\n", "a: 1\n"));
	CU_ASSERT(edits("https://b", "", "x-simple: 1\n"));
	CU_ASSERT(edits("https://a", "vary: X\nvary: Y\n",
	    "vary: X, Origin\nx-simple: 1\naccess-control-allow-origin: https://a\n"));
	CU_ASSERT_EQUAL(strncmp(says("OPTIONS", PREFLIGHT
	    "access-control-request-private-network: true\n"), "200", 3), 0);
	*(bool *)setting(settings, "allow_all_origins") = true;
	*(bool *)setting(settings, "allow_credentials") = true;
	CU_ASSERT(edits("https://b", "", "x-simple: 1\n"));
	r.n_fields = fields_of("origin: https://b\ncookie: \n", fields, 8);
	CU_ASSERT_EQUAL(mw_chain_init(&chain, answers_arena(), 1), 0);
	CU_ASSERT_EQUAL(mw_chain_add(&chain, &mw_cors, settings), 0);
	CU_ASSERT_EQUAL(mw_chain_forward(&pass, &chain, &r, answers_arena()), MW_PASS);
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT(answer_is(&a, "x-simple: 1\naccess-control-allow-origin: https://b\n"
	    "vary: Origin\n"));
	answers_forget();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "older versions", test_older_versions },
		{ "what is a preflight", test_what_is_a_preflight },
		{ "what a preflight may not have", test_what_a_preflight_may_not_have },
		{ "other answers", test_other_answers },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: CORS", tests);
}
