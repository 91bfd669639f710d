/*
 * A chain in front of an exchange's calls, one of whose layers works on another thread: what
 * waits, in which order it goes on, and what becomes of it when the request ends before.
 */
#include "middleware/exchange.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

enum { PART = 64 * 1024 };

/* A layer that replaces each piece by "<" and the number of bytes that work() has seen, modulo
 * ten. Pieces of one byte are quick, and pass as they are. */
struct state {
	bool worked;
	char text[2];
};

static enum mw_flow
slow_head(const void *set, void *state, struct mw_answer *a)
{
	(void)set;
	(void)state;
	return mw_answer_append(a, SLICE_LIT("x"), SLICE_LIT("1")) == 0 ? MW_HOLD : MW_FAIL;
}

static bool
slow_heavy(const void *set, const void *state, const struct hx_piece *piece, bool last)
{
	(void)set;
	(void)state;
	(void)last;
	return piece->bytes.len > 1;
}

static void
slow_work(const void *set, void *state, const struct hx_piece *piece, bool last)
{
	struct state *s = state;

	(void)set;
	(void)last;
	s->worked = true;
	s->text[0] = '<';
	s->text[1] = (char)('0' + piece->bytes.len % 10);
}

static int
slow_piece(const void *set, void *state, struct mw_answer *a, struct hx_piece *piece, bool last)
{
	struct state *s = state;

	(void)set;
	(void)a;
	(void)last;
	if (piece->bytes.len <= 1)
		return 0;
	CU_ASSERT(s->worked);
	s->worked = false;
	hx_exchange_piece_drop(*piece);
	*piece = (struct hx_piece){ .bytes = { s->text, 2 } };
	return 0;
}

static int ended;

static void
slow_end(const void *set, void *state)
{
	(void)set;
	(void)state;
	ended++;
}

static const struct mw_class slow = {
	.name = "Slow", .set_bytes = 1, .state_bytes = sizeof(struct state), .head = slow_head,
	.heavy = slow_heavy, .work = slow_work, .piece = slow_piece, .end = slow_end,
};

/* What the exchange's own calls were given, and who was told what. */
static struct {
	char text[4096];
	size_t len;
	int heads, aborts, released, writable, held, dropped;
	bool full, gone, refuses;
	void (*run)(void *);
	void (*done)(void *);
	void *arg;
} seen;

static int
take_body(struct hx_exchange *x, struct hx_piece piece, bool last)
{
	(void)x;
	if (!seen.gone && piece.file == NULL) {
		memcpy(seen.text + seen.len, piece.bytes.ptr, piece.bytes.len);
		seen.len += piece.bytes.len;
	} else if (!seen.gone) {
		seen.text[seen.len++] = 'F';
	}
	if (last)
		seen.text[seen.len++] = '.';
	hx_exchange_piece_drop(piece);
	return seen.gone ? -1 : 0;
}

static int
take_head(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n)
{
	(void)x;
	(void)status;
	CU_ASSERT(slice_equal(fields[n - 1].name, SLICE_LIT("x")) || n == 0);
	seen.heads++;
	return 0;
}

static int
take_answer(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	(void)take_head(x, status, fields, n);
	return take_body(x, content, true);
}

static bool
take_full(struct hx_exchange *x)
{
	(void)x;
	return seen.full;
}

static void
take_abort(struct hx_exchange *x)
{
	(void)x;
	seen.aborts++;
}

static void
take_released(struct hx_exchange *x)
{
	CU_ASSERT(x->upper.layers == NULL && x->upper.edge == NULL);
	seen.released++;
}

static const struct hx_calls calls = {
	take_answer, take_head, take_body, take_full, take_full, NULL, take_abort, take_released,
};

static int
elsewhere(struct hx_exchange *x, void (*run)(void *), void (*done)(void *), void *arg)
{
	(void)x;
	CU_ASSERT_PTR_NULL(seen.run);
	if (seen.refuses)
		return -1;
	seen.run = run;
	seen.done = done;
	seen.arg = arg;
	return 0;
}

static void
writable(struct hx_exchange *x)
{
	(void)x;
	seen.writable++;
}

static void
hold(void *owner)
{
	(void)owner;
	seen.held++;
}

static void
let_go(void *owner)
{
	(void)owner;
	seen.held--;
}

static const struct mw_means means = { elsewhere, writable, hold, let_go };
static struct mw_chain chain;
static struct hx_exchange x;

static void
begin_with(enum mw_place place, const struct mw_means *given)
{
	static char set;

	memset(&seen, 0, sizeof(seen));
	ended = 0;
	hx_exchange_init(&x, &calls, NULL);
	CU_ASSERT_EQUAL_FATAL(mw_chain_init(&chain, answers_arena(), 1), 0);
	CU_ASSERT_EQUAL(mw_chain_add(&chain, &slow, &set), 0);
	CU_ASSERT_EQUAL(mw_exchange_begin(place, &(struct mw_front){ &chain, given, NULL }, &x,
	    true), MW_PASS);
}

static void
begin(enum mw_place place)
{
	begin_with(place, &means);
	CU_ASSERT_EQUAL(seen.held, 1);
}

static void
end(void)
{
	CU_ASSERT_EQUAL(seen.held, 0);
	CU_ASSERT_EQUAL(ended, 1);
	hx_exchange_fini(&x);
	answers_forget();
}

/* The other thread works, and is through. */
static void
work(void)
{
	void (*done)(void *) = seen.done;

	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.run);
	seen.run(seen.arg);
	seen.run = NULL;
	done(seen.arg);
}

static bool
says(const char *text)
{
	return seen.len == strlen(text) && memcmp(seen.text, text, seen.len) == 0;
}

static void
count_drop(void *arg)
{
	(void)arg;
	seen.dropped++;
}

static int
body(const char *text, bool last)
{
	return x.calls->body(&x, (struct hx_piece){ .bytes = SLICE_OF(text) }, last);
}

static void
test_the_answer_and_the_end_wait(void)
{
	char content[] = "123";

	begin(MW_EDGE);
	CU_ASSERT_EQUAL(x.calls->answer(&x, 200, NULL, 0,
	    (struct hx_piece){ .bytes = SLICE_OF(content) }), 0);
	content[0] = '!';	/* it was the caller's, and is copied */
	CU_ASSERT(mw_exchange_is_busy(&x) && seen.heads == 0);
	CU_ASSERT(x.calls->full(&x));
	x.calls->released(&x);
	CU_ASSERT_EQUAL(seen.released, 0);
	work();
	CU_ASSERT(says("<3."));
	CU_ASSERT_EQUAL(seen.heads, 1);
	CU_ASSERT_EQUAL(seen.released, 1);
	CU_ASSERT_PTR_EQUAL(x.calls, &calls);
	end();
}

static void
test_pieces_keep_their_order(void)
{
	begin(MW_INSIDE);
	CU_ASSERT_EQUAL(x.calls->head(&x, 200, NULL, 0), 0);
	CU_ASSERT(!x.calls->full(&x));
	CU_ASSERT_EQUAL(body("12", false), 0);
	CU_ASSERT_EQUAL(body("a", false), 0);
	CU_ASSERT_EQUAL(body("1234", false), 0);
	CU_ASSERT(x.calls->full(&x));
	work();
	CU_ASSERT(says("<2a"));
	CU_ASSERT_EQUAL(seen.writable, 0);
	work();
	CU_ASSERT(says("<2a<4"));
	CU_ASSERT_EQUAL(seen.writable, 1);
	CU_ASSERT_EQUAL(body("b", true), 0);
	CU_ASSERT(says("<2a<4b.") && seen.heads == 1);
	x.calls->released(&x);
	CU_ASSERT_EQUAL(seen.released, 1);
	end();
}

static void
test_a_failure_waits_too(void)
{
	begin(MW_EDGE);
	CU_ASSERT_EQUAL(x.calls->head(&x, 200, NULL, 0), 0);
	CU_ASSERT_EQUAL(body("12", false), 0);
	x.calls->abort(&x);
	x.calls->released(&x);
	CU_ASSERT_EQUAL(seen.aborts, 0);
	work();
	CU_ASSERT(says("<2") && seen.aborts == 1 && seen.released == 1);
	end();
}

static void
test_leaving_meanwhile(void)
{
	begin(MW_INSIDE);
	CU_ASSERT_EQUAL(x.calls->head(&x, 200, NULL, 0), 0);
	CU_ASSERT_EQUAL(x.calls->body(&x, (struct hx_piece){
	    .bytes = SLICE_LIT("12"), .release = count_drop }, false), 0);
	mw_exchange_leave(&x);
	CU_ASSERT(mw_exchange_is_busy(&x) && seen.dropped == 0);
	CU_ASSERT_EQUAL(body("plain", true), 0);
	CU_ASSERT(says("plain."));
	x.calls->released(&x);
	CU_ASSERT_EQUAL(seen.released, 0);
	work();
	CU_ASSERT(says("plain.") && seen.dropped == 1 && seen.released == 1);
	end();
}

static void
test_the_peer_is_gone(void)
{
	begin(MW_EDGE);
	CU_ASSERT_EQUAL(x.calls->head(&x, 200, NULL, 0), 0);
	CU_ASSERT_EQUAL(body("12", false), 0);
	CU_ASSERT_EQUAL(x.calls->body(&x, (struct hx_piece){
	    .bytes = SLICE_LIT("345"), .release = count_drop }, true), 0);
	seen.gone = true;
	x.calls->released(&x);
	work();
	CU_ASSERT(seen.dropped == 1 && seen.released == 1 && seen.len == 0);
	end();
}

/* A long file goes in parts, while those behind have room. */
static void
test_a_file(void)
{
	struct hx_file file = { .fd = -1, .size = 2 * PART + 7 };

	begin(MW_EDGE);
	seen.full = true;
	CU_ASSERT_EQUAL(x.calls->answer(&x, 200, NULL, 0, (struct hx_piece){
	    .bytes = { NULL, file.size }, .release = count_drop, .file = &file }), 0);
	x.calls->released(&x);
	work();
	CU_ASSERT(says("<6") && seen.run == NULL && seen.dropped == 0);
	mw_exchange_writable(&x);
	CU_ASSERT_PTR_NULL(seen.run);
	seen.full = false;
	mw_exchange_writable(&x);
	work();
	CU_ASSERT(says("<6<6") && seen.dropped == 0);
	work();
	CU_ASSERT(says("<6<6<7.") && seen.dropped == 1 && seen.released == 1);
	end();
}

/* Nobody tells a client that is gone that there is room. */
static void
test_a_file_for_nobody(void)
{
	struct hx_file file = { .fd = -1, .size = 2 * PART };

	begin(MW_INSIDE);
	seen.full = true;
	CU_ASSERT_EQUAL(x.calls->answer(&x, 200, NULL, 0, (struct hx_piece){
	    .bytes = { NULL, file.size }, .release = count_drop, .file = &file }), 0);
	x.calls->released(&x);
	work();
	x.content.aborted = seen.gone = true;
	mw_exchange_writable(&x);
	work();
	CU_ASSERT(seen.dropped == 1 && seen.released == 1);
	end();
}

static void
test_without_another_thread(void)
{
	begin(MW_EDGE);
	seen.refuses = true;
	CU_ASSERT_EQUAL(x.calls->answer(&x, 200, NULL, 0,
	    (struct hx_piece){ .bytes = SLICE_LIT("1234") }), 0);
	CU_ASSERT(says("<4.") && !mw_exchange_is_busy(&x));
	x.calls->released(&x);
	CU_ASSERT_EQUAL(seen.released, 1);
	end();
}

/* Nobody works elsewhere, and nobody is told that there is room. */
static void
test_without_means(void)
{
	struct hx_file file = { .fd = -1, .size = 2 * PART };

	begin_with(MW_EDGE, NULL);
	seen.full = true;
	CU_ASSERT_EQUAL(x.calls->answer(&x, 200, NULL, 0, (struct hx_piece){
	    .bytes = { NULL, file.size }, .release = count_drop, .file = &file }), 0);
	CU_ASSERT(x.calls->full(&x) && says("<6"));
	seen.full = false;
	mw_exchange_writable(&x);
	CU_ASSERT(says("<6<6.") && seen.dropped == 1);
	x.calls->released(&x);
	CU_ASSERT_EQUAL(seen.released, 1);
	end();
}

/* The loop is closed before the other thread has begun. */
static void
test_the_other_thread_never_begins(void)
{
	begin(MW_EDGE);
	CU_ASSERT_EQUAL(x.calls->head(&x, 200, NULL, 0), 0);
	CU_ASSERT_EQUAL(x.calls->body(&x, (struct hx_piece){
	    .bytes = SLICE_LIT("12"), .release = count_drop }, false), 0);
	CU_ASSERT_EQUAL(x.calls->body(&x, (struct hx_piece){
	    .bytes = SLICE_LIT("345"), .release = count_drop }, true), 0);
	x.calls->released(&x);
	seen.done(seen.arg);
	CU_ASSERT(seen.dropped == 2 && seen.len == 0);
	CU_ASSERT(seen.aborts == 1 && seen.released == 1);
	end();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "the answer and the end wait", test_the_answer_and_the_end_wait },
		{ "pieces keep their order", test_pieces_keep_their_order },
		{ "a failure waits, too", test_a_failure_waits_too },
		{ "leaving meanwhile", test_leaving_meanwhile },
		{ "the peer is gone", test_the_peer_is_gone },
		{ "a file", test_a_file },
		{ "a file for nobody", test_a_file_for_nobody },
		{ "without another thread", test_without_another_thread },
		{ "without means", test_without_means },
		{ "the other thread never begins", test_the_other_thread_never_begins },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: around", tests);
}
