/*
 * Sessions: which cookies give one, what is written for it, and base64.
 */
#include "middleware/base64.h"
#include "middleware/list.h"
#include "middleware/session.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

#define DATA "eyJ1c2VyIjogN30="
#define JSON "{\"user\": 7}"
#define SIGNED DATA ".ZVPxAA.FrgclA7eH5dVJr3PnrW2PN40ZDY"

enum { NOW = 1700000000 };

/* A keeper of one session at a time. */
static struct {
	int64_t now;
	int opened, closed, looked;
	bool refuses;
	char json[64];			/* what it was opened with */
	struct mw_session_use use;	/* what user code has done */
} kept;

static int64_t
keeper_now(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &kept);
	return kept.now;
}

static void *
keeper_open(void *arg, struct slice json, struct arena *arena)
{
	CU_ASSERT_PTR_NOT_NULL(arena);
	CU_ASSERT_FATAL(json.len < sizeof(kept.json));
	strcpy(kept.json, "none");
	if (json.ptr != NULL)
		snprintf(kept.json, sizeof(kept.json), "%.*s", (int)json.len, json.ptr);
	if (kept.refuses)
		return NULL;
	kept.opened++;
	return arg;
}

static int
keeper_look(void *session, struct mw_session_use *use)
{
	CU_ASSERT_PTR_EQUAL(session, &kept);
	kept.looked++;
	*use = kept.use;
	return kept.refuses ? -1 : 0;
}

static void
keeper_close(void *session)
{
	CU_ASSERT_PTR_EQUAL(session, &kept);
	kept.closed++;
}

static void *settings;

static void *
setting(const char *name)
{
	for (size_t i = 0; i < mw_session.n_options; i++)
		if (strcmp(mw_session.options[i].name, name) == 0)
			return (char *)settings + mw_session.options[i].at;
	CU_FAIL_FATAL("no such setting");
	return NULL;
}

/* Keys of the secrets "secret" and "older", derived as itsdangerous does. */
static const struct slice keys[] = {
	{ "\x3a\x1c\x28\xf7\xaa\xd5\xa0\x2f\xe6\x72\xd2\x4f\x10\x03\xfb\x52\xa7\x31\x2e\xd7", 20 },
	{ "\x2d\x2e\x1f\xde\x66\x7a\x44\x56\x96\x91\x1d\x49\x8f\x6a\x3d\xb8\x5f\x46\x08\x5b", 20 },
};

static void
settings_make(void)
{
	settings = arena_alloc(answers_arena(), mw_session.set_bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(settings);
	memset(settings, 0, mw_session.set_bytes);
	memset(&kept, 0, sizeof(kept));
	kept.now = NOW;
	*(struct slice *)setting("session_cookie") = SLICE_LIT("name");
	*(struct slice *)setting("written") = SLICE_LIT("; w");
	*(struct slice *)setting("cleared") = SLICE_LIT("=null; c");
	*(struct mw_texts *)setting("keys") = (struct mw_texts){ keys, 2 };
	*(int64_t *)setting("max_age") = 10;
	*(bool *)setting("expires") = true;
	*(struct mw_keeper *)setting("keeper") = (struct mw_keeper){
		keeper_now, keeper_open, keeper_look, keeper_close, &kept,
	};
}

static struct mw_chain chain;
static struct mw_pass pass;

/* Take a request with these fields in: "pass", with what the session was opened with, or
 * "unsure". */
static const char *
entered(const char *text)
{
	struct hx_header fields[4];
	struct mw_request r = { .fields = fields, .n_fields = fields_of(text, fields, 4) };

	CU_ASSERT_EQUAL_FATAL(mw_chain_init(&chain, answers_arena(), 1), 0);
	CU_ASSERT_EQUAL_FATAL(mw_chain_add(&chain, &mw_session, settings), 0);
	CU_ASSERT_EQUAL(mw_chain_look(&chain, &r), MW_PASS);
	switch (mw_chain_forward(&pass, &chain, &r, answers_arena())) {
	case MW_PASS:
		CU_ASSERT_PTR_EQUAL(pass.session, &kept);
		return kept.json;
	case MW_UNSURE:
		CU_ASSERT_PTR_NULL(pass.session);
		return "unsure";
	case MW_ANSWER:
		break;
	}
	return "answer";
}

static void
left(void)
{
	mw_chain_end(&pass);
	CU_ASSERT_PTR_NULL(pass.session);
	mw_chain_fini(&chain);
	CU_ASSERT_EQUAL(kept.opened, kept.closed);
}

static void
test_which_cookies_give_a_session(void)
{
	static const struct { const char *fields, *says; } rows[] = {
		{ "", "none" }, { "cookie: a=b\n", "none" }, { "x-cookie: name=" SIGNED "\n", "none" },
		{ "cookie: name=" SIGNED "\n", JSON },
		{ "cookie: a=b; name=" SIGNED " ; c=d\n", JSON },
		{ "cookie: name=\"" SIGNED "\"\n", JSON },
		{ "cookie: name=1; name=" SIGNED "\n", JSON },
		{ "cookie: name=1\ncookie: name=" SIGNED "\n", JSON },
		{ "cookie: name=" SIGNED "\ncookie: name=\n", "none" },
		/* Of the older key. */
		{ "cookie: name=" DATA ".ZVPxAA.v_9wfi3bTz0kB8LQnwc2CgHvWEg\n", JSON },
		/* Python reads '+' and '/' in a signature, too. */
		{ "cookie: name=" DATA ".ZVPxAA.v/9wfi3bTz0kB8LQnwc2CgHvWEg\n", JSON },
		/* The last two bits of a signature do not count. */
		{ "cookie: name=" DATA ".ZVPxAA.FrgclA7eH5dVJr3PnrW2PN40ZDZ\n", JSON },
		/* As old as it may be, older, of the future, of the year 10000. */
		{ "cookie: name=" DATA ".ZVPw9g.se202pIULDzztHa13T_NhSCw2ko\n", JSON },
		{ "cookie: name=" DATA ".ZVPw9Q.Db79jaCVx-yVvtE8xhY7jfm-5qM\n", "none" },
		{ "cookie: name=" DATA ".ZVPxAQ.XcvkJPbEK75lPKycmDV0zCCdWMs\n", "none" },
		{ "cookie: name=" DATA ".Ov_0QYA._hUHTY79_dBKiOstvVCdCyHIp0k\n", "unsure" },
		/* Changed: data, time, signature; cut; dots. */
		{ "cookie: name=fyJ1c2VyIjogN30=.ZVPxAA.FrgclA7eH5dVJr3PnrW2PN40ZDY\n", "none" },
		{ "cookie: name=" DATA ".ZVPxAB.FrgclA7eH5dVJr3PnrW2PN40ZDY\n", "none" },
		{ "cookie: name=" DATA ".ZVPxAA.GrgclA7eH5dVJr3PnrW2PN40ZDY\n", "none" },
		{ "cookie: name=" DATA ".ZVPxAA.FrgclA7eH5dVJr3PnrW2PN40ZD\n", "none" },
		{ "cookie: name=" DATA ".ZVPxAA.FrgclA7eH5dVJr3PnrW2PN40ZDYA\n", "none" },
		{ "cookie: name=" DATA ".ZVPxAA.F\n", "none" }, { "cookie: name=.\n", "none" },
		{ "cookie: name=.." SIGNED "\n", "none" }, { "cookie: name=" SIGNED ".\n", "none" },
		{ "cookie: name=" DATA "\n", "none" }, { "cookie: name=\n", "none" },
		/* What Python may read in ways of its own. */
		{ "cookie: name=" SIGNED "=\n", "unsure" },
		{ "cookie: name=" DATA ".ZVPxAA.~FrgclA7eH5dVJr3PnrW2PN40ZDY\n", "unsure" },
		{ "cookie: name=\xe9\n", "unsure" },
		/* Signed, but no cookie of Starlette's. */
		{ "cookie: name=e-_=.ZVPxAA.znrEdM3E_8TTcwbnpMtNIXNhwZA\n", "unsure" },
		{ "cookie: name=eyJ1c2VyIjogN30.ZVPxAA.-QnX_A00uGDHKHC20ycwvu1Q9IM\n", "unsure" },
		{ "cookie: name=e30=.vI8Pue61qkKOpJekvsosbWp9g8Y\n", "none" },
		{ "cookie: name=e30=.A.OlFVMhO-1vdlt99IdxNUwqYMnKw\n", "none" },
		{ "cookie: name=e30=.AAAAAAAAAAAAAAAA.K63oNNNjWp-icQtCiYgUAdZ9L8U\n", "none" },
		{ "cookie: name=e30=.AA=.LZ2ZLo5dNxWzYTADCLLPOg6HZqI\n", "unsure" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		settings_make();
		CU_ASSERT_STRING_EQUAL(entered(rows[i].fields), rows[i].says);
		left();
	}
	answers_forget();
}

static void
test_times(void)
{
	settings_make();
	*(bool *)setting("expires") = false;
	CU_ASSERT_STRING_EQUAL(entered("cookie: name=" DATA
	    ".Ov_0QYA._hUHTY79_dBKiOstvVCdCyHIp0k\n"), JSON);
	left();
	CU_ASSERT_STRING_EQUAL(entered("cookie: name=" DATA
	    "..6OeZEQsDax_jA_bfQdNJgvcjzgU\n"), JSON);
	left();
	settings_make();
	kept.now = -1;
	CU_ASSERT_STRING_EQUAL(entered("cookie: name=" SIGNED "\n"), "unsure");
	left();
	settings_make();
	kept.refuses = true;
	CU_ASSERT_STRING_EQUAL(entered("cookie: name=" SIGNED "\n"), "unsure");
	CU_ASSERT_STRING_EQUAL(kept.json, JSON);
	left();
	answers_forget();
}

/* The head of an answer, asked before whether the layer takes it. */
static bool
edits(const char *fields, bool accessed, bool modified, const char *json, const char *after)
{
	struct mw_answer a = answer_of(200, "a: 1\n");
	bool edited;

	settings_make();
	entered(fields);
	kept.use = (struct mw_session_use){ accessed, modified, json != NULL, SLICE_NULL };
	if (json != NULL)
		kept.use.json = SLICE_OF(json);
	edited = mw_chain_takes(&pass, &a, 0) && mw_chain_head(&pass, &a) == 0 &&
	    answer_is(&a, after);
	CU_ASSERT_EQUAL(kept.looked, 1);
	left();
	return edited;
}

static void
test_what_is_written(void)
{
	const char *cookie = "cookie: name=" SIGNED "\n";
	struct mw_answer a;

	CU_ASSERT(edits("", false, false, NULL, "a: 1\n"));
	CU_ASSERT(edits(cookie, false, false, JSON, "a: 1\n"));
	CU_ASSERT(edits(cookie, true, false, JSON, "a: 1\nvary: Cookie\n"));
	CU_ASSERT(edits("", true, true, JSON,
	    "a: 1\nvary: Cookie\nset-cookie: name=" SIGNED "; w\n"));
	CU_ASSERT(edits(cookie, false, true, JSON, "a: 1\nset-cookie: name=" SIGNED "; w\n"));
	CU_ASSERT(edits(cookie, true, true, NULL,
	    "a: 1\nvary: Cookie\nset-cookie: name=null; c\n"));
	CU_ASSERT(edits("", true, true, NULL, "a: 1\nvary: Cookie\n"));
	/* What only Starlette's class could do, asked or not. */
	settings_make();
	entered("");
	kept.refuses = true;
	a = answer_of(200, "");
	CU_ASSERT(!mw_chain_takes(&pass, &a, 0));
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), -1);
	kept.refuses = false;
	kept.now = -1;
	kept.use = (struct mw_session_use){ true, true, true, SLICE_LIT("{}") };
	CU_ASSERT(!mw_chain_takes(&pass, &a, 0));
	kept.now = 0;
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT_EQUAL(a.n, 2);
	left();
	answers_forget();
}

static void
test_base64(void)
{
	static const struct { const char *bytes, *padded, *url; } rows[] = {
		{ "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" }, { "\xfb\xff\xbf?", "+/+/Pw==", "-_-_Pw" },
	};
	static const char *const odd[] = { "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Z g=", "-_-_" };
	char out[64];
	size_t len;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice bytes = SLICE_OF(rows[i].bytes), padded = SLICE_OF(rows[i].padded);
		struct slice url = SLICE_OF(rows[i].url);

		CU_ASSERT_EQUAL(mw_base64_text_room(bytes.len), padded.len);
		len = mw_base64_write(MW_BASE64_PADDED, bytes, out);
		CU_ASSERT(slice_equal((struct slice){ out, len }, padded));
		len = mw_base64_write(MW_BASE64_URL, bytes, out);
		CU_ASSERT(slice_equal((struct slice){ out, len }, url));
		CU_ASSERT(mw_base64_bytes_room(url.len) >= bytes.len);
		CU_ASSERT_EQUAL(mw_base64_read(MW_BASE64_PADDED, padded, out, &len),
		    MW_BASE64_READ);
		CU_ASSERT(slice_equal((struct slice){ out, len }, bytes));
		CU_ASSERT_EQUAL(mw_base64_read(MW_BASE64_URL, url, out, &len), MW_BASE64_READ);
		CU_ASSERT(slice_equal((struct slice){ out, len }, bytes));
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		CU_ASSERT_EQUAL(mw_base64_read(MW_BASE64_PADDED, SLICE_OF(odd[i]), out, &len),
		    MW_BASE64_ODD);
	CU_ASSERT_EQUAL(mw_base64_read(MW_BASE64_URL, SLICE_LIT("Zm9vA"), out, &len),
	    MW_BASE64_REFUSED);
	CU_ASSERT_EQUAL(mw_base64_read(MW_BASE64_URL, SLICE_LIT("Zg=="), out, &len),
	    MW_BASE64_ODD);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "which cookies give a session", test_which_cookies_give_a_session },
		{ "times", test_times },
		{ "what is written", test_what_is_written },
		{ "base64", test_base64 },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: session", tests);
}
