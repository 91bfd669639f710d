/*
 * A chain: its order both ways, and how it stands in front of an exchange's calls.
 */
#include "middleware/exchange.h"
#include "middleware/list.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

/* A layer that answers requests for its own path and adds a field with its letter. Its
 * state holds the method that it has seen. */
struct letter {
	const char *text;
};

static enum mw_verdict
letter_request(const void *set, void *state, const struct mw_request *r)
{
	CU_ASSERT_PTR_NULL(*(const char **)state);
	*(const char **)state = r->method.ptr;
	return slice_equal(r->path, SLICE_OF(((const struct letter *)set)->text)) ?
	    MW_ANSWER : MW_PASS;
}

static int
letter_answer(const void *set, void *state, const struct mw_request *r, struct mw_answer *a,
    struct slice *content)
{
	(void)state;
	(void)r;
	*content = SLICE_OF(((const struct letter *)set)->text);
	return slice_equal(*content, SLICE_LIT("/unsure")) ? -1 :
	    mw_answer_plain(a, 299, *content);
}

static enum mw_flow
letter_head(const void *set, void *state, struct mw_answer *a)
{
	CU_ASSERT_PTR_NOT_NULL(*(const char **)state);
	return mw_answer_append(a, SLICE_LIT("x"),
	    SLICE_OF(((const struct letter *)set)->text)) == 0 ? MW_ON : MW_FAIL;
}

static const struct mw_class letter = {
	.name = "Letter", .set_bytes = sizeof(struct letter), .state_bytes = sizeof(char *),
	.request = letter_request, .answer = letter_answer, .head = letter_head,
};
static struct letter sets[] = { { "/a" }, { "/b" }, { "/unsure" } };

/* What the exchange's own calls were given. */
static struct {
	struct mw_answer answer;
	size_t bodies, others;
	bool answered, head, aborted, released;
} seen;

static int
take_head(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n)
{
	(void)x;
	CU_ASSERT_EQUAL(mw_answer_init(&seen.answer, answers_arena(), status, fields, n), 0);
	seen.head = true;
	return 0;
}

static int
take_answer(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	seen.answered = true;
	seen.bodies += content.bytes.len;
	return take_head(x, status, fields, n);
}

static int
take_body(struct hx_exchange *x, struct hx_piece piece, bool last)
{
	(void)x;
	(void)last;
	seen.bodies += piece.bytes.len;
	return 0;
}

static bool
take_full(struct hx_exchange *x)
{
	(void)x;
	seen.others++;
	return true;
}

static void
take_want_read(struct hx_exchange *x)
{
	(void)x;
	seen.others++;
}

static void
take_abort(struct hx_exchange *x)
{
	(void)x;
	seen.aborted = true;
}

static const struct hx_calls calls;

static void
take_released(struct hx_exchange *x)
{
	CU_ASSERT_PTR_EQUAL(x->calls, &calls);
	seen.released = true;
}

static const struct hx_calls calls = {
	take_answer, take_head, take_body, take_full, take_full, take_want_read, take_abort, take_released,
};

static struct mw_chain chain;
static struct hx_exchange x;

static enum mw_verdict
begin(const char *path)
{
	memset(&seen, 0, sizeof(seen));
	hx_exchange_init(&x, &calls, NULL);
	x.req.path = SLICE_OF(path);
	x.req.method_name = SLICE_LIT("GET");
	CU_ASSERT_EQUAL_FATAL(mw_chain_init(&chain, answers_arena(), 3), 0);
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(mw_chain_add(&chain, &letter, &sets[i]), 0);
	return mw_exchange_begin(MW_INSIDE, &(struct mw_front){ &chain, NULL, NULL }, &x, true);
}

static void
end(void)
{
	hx_exchange_fini(&x);
	answers_forget();
}

static void
test_the_answer_passes_outward(void)
{
	struct hx_header field = { SLICE_LIT("own"), SLICE_LIT("1") };

	CU_ASSERT_EQUAL(begin("/"), MW_PASS);
	CU_ASSERT(!mw_exchange_stops(&chain, &x));
	CU_ASSERT_EQUAL(x.calls->answer(&x, 201, &field, 1,
	    (struct hx_piece){ .bytes = SLICE_LIT("four") }), 0);
	CU_ASSERT_EQUAL(seen.answer.status, 201);
	CU_ASSERT(answer_is(&seen.answer, "own: 1\nx: /unsure\nx: /b\nx: /a\n"));
	CU_ASSERT(seen.answered && seen.bodies == 4);
	x.calls->released(&x);
	CU_ASSERT(seen.released && x.upper.layers == NULL);
	end();
}

static void
test_in_steps(void)
{
	CU_ASSERT_EQUAL(begin("/"), MW_PASS);
	CU_ASSERT_EQUAL(x.calls->head(&x, 200, NULL, 0), 0);
	CU_ASSERT(answer_is(&seen.answer, "x: /unsure\nx: /b\nx: /a\n") && !seen.answered);
	CU_ASSERT_EQUAL(x.calls->body(&x, (struct hx_piece){ .bytes = SLICE_LIT("12") },
	    true), 0);
	CU_ASSERT_EQUAL(seen.bodies, 2);
	CU_ASSERT(x.calls->full(&x));
	x.calls->want_read(&x);
	CU_ASSERT_EQUAL(seen.others, 2);
	x.calls->abort(&x);
	CU_ASSERT(seen.aborted);
	end();
}

/* A layer's own answer passes those around it and not those within. */
static void
test_a_layer_answers(void)
{
	CU_ASSERT_EQUAL(begin("/b"), MW_ANSWER);
	CU_ASSERT(mw_exchange_stops(&chain, &x));
	CU_ASSERT_PTR_EQUAL(x.calls, &calls);
	CU_ASSERT_EQUAL(seen.answer.status, 299);
	CU_ASSERT(answer_is(&seen.answer,
	    "content-length: 2\ncontent-type: text/plain; charset=utf-8\nx: /a\n"));
	CU_ASSERT(seen.answered && seen.bodies == 2);
	end();
}

static void
test_unsure(void)
{
	CU_ASSERT_EQUAL(begin("/unsure"), MW_UNSURE);
	CU_ASSERT(!seen.head && x.calls == &calls && x.upper.layers == NULL);
	end();
}

static void
test_leaving(void)
{
	CU_ASSERT_EQUAL(begin("/"), MW_PASS);
	CU_ASSERT(x.calls != &calls);
	mw_exchange_leave(&x);
	mw_exchange_leave(&x);
	CU_ASSERT_PTR_EQUAL(x.calls, &calls);
	CU_ASSERT_EQUAL(x.calls->answer(&x, 200, NULL, 0, (struct hx_piece){ .arg = NULL }), 0);
	CU_ASSERT(answer_is(&seen.answer, ""));
	end();
}

/* A chain that edits nothing does not stand in the way. */
static void
test_a_chain_that_only_answers(void)
{
	bool redirects = true;

	memset(&seen, 0, sizeof(seen));
	hx_exchange_init(&x, &calls, NULL);
	x.origin.scheme = SLICE_LIT("https");
	CU_ASSERT_EQUAL_FATAL(mw_chain_init(&chain, answers_arena(), 1), 0);
	CU_ASSERT_EQUAL(mw_chain_add(&chain, &mw_https_redirect, &redirects), 0);
	CU_ASSERT_EQUAL(mw_exchange_begin(MW_EDGE, &(struct mw_front){ &chain, NULL, NULL }, &x,
	    true), MW_PASS);
	CU_ASSERT_PTR_EQUAL(x.calls, &calls);
	end();
}

static void
test_names(void)
{
	CU_ASSERT_PTR_EQUAL(mw_list_find(SLICE_LIT("CORSMiddleware")), &mw_cors);
	CU_ASSERT_PTR_NULL(mw_list_find(SLICE_LIT("CORSMiddlewares")));
	CU_ASSERT_PTR_NULL(mw_list_find(SLICE_LIT("")));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "the answer passes outward", test_the_answer_passes_outward },
		{ "in steps", test_in_steps },
		{ "a layer answers", test_a_layer_answers },
		{ "unsure", test_unsure },
		{ "leaving", test_leaving },
		{ "a chain that only answers", test_a_chain_that_only_answers },
		{ "names", test_names },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: chain", tests);
}
