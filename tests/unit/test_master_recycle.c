/*
 * test_master_recycle: workers that are to end, and who takes their place.
 */
#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master_fixture.h"
#include "shm/board.h"
#include "tests/unit/suite.h"

#define TERM WIRE_LEAVING " " WIRE_CAUSE_TERM
#define LOOP WIRE_LEAVING " " WIRE_CAUSE_LOOP

static struct master *m;
static struct master_generation *g;

/* The last of those that `c` was given. Valid until the next call. */
static const char *
last_order(const struct master_child *c)
{
	static char text[64];
	const char *order;

	text[0] = '\0';
	for (order = fixture_order(m, c); *order != 0; order = fixture_order(m, c))
		snprintf(text, sizeof(text), "%s", order);
	return text;
}

/* A master whose workers have served for long. */
static void
begin(unsigned n_workers)
{
	struct master_child *c = NULL;

	m = fixture_new(n_workers);
	m->boards_fd = shm_boards_create("boards", MASTER_MAX_CHILDREN);
	g = fixture_serving(m);
	while ((c = master_child_next(&m->children, g, c)) != NULL) {
		c->serves_since_ms = 1;
		(void)last_order(c);
	}
}

static void
end(void)
{
	close(m->boards_fd);
	fixture_free(m);
}

static unsigned
children(void)
{
	struct master_child *c = NULL;
	unsigned n = 0;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		n++;
	return n;
}

/* The start that is due in `slot`; the child. */
static struct master_child *
started(unsigned slot)
{
	CU_ASSERT_NOT_EQUAL_FATAL(m->slots[slot].spawn_at_ms, 0);
	master_worker_add(m, slot);
	return fixture_worker(m, g, slot);
}

static void
test_one_that_was_sent_term_serves_until_another_does(void)
{
	struct master_child *old, *new;

	begin(1);
	old = fixture_worker(m, g, 0);
	fixture_say(m, old, TERM);
	CU_ASSERT_EQUAL(fixture_logged("info [master] worker 0 was sent SIGTERM: another takes its "
	    "place, then it drains\n"), 1);
	CU_ASSERT_EQUAL(old->state, CHILD_SERVING);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, old), "");
	new = started(0);
	CU_ASSERT_PTR_NOT_EQUAL(old, new);
	CU_ASSERT_EQUAL(old->state, CHILD_SERVING);
	fixture_say(m, new, WIRE_READY);
	CU_ASSERT_STRING_EQUAL(last_order(new), WIRE_SERVE);
	CU_ASSERT_STRING_EQUAL(last_order(old), WIRE_GIVE " 30000");
	CU_ASSERT_EQUAL(old->state, CHILD_DRAINING);
	CU_ASSERT_NOT_EQUAL(old->kill_at_ms, 0);
	fixture_say(m, old, TERM);	/* the application hears of the end by it */
	CU_ASSERT_STRING_EQUAL(fixture_order(m, old), "");
	end();
}

static void
test_the_second_term_does_not_wait(void)
{
	struct master_child *old;

	begin(2);
	old = fixture_worker(m, g, 0);
	fixture_say(m, old, TERM);
	fixture_say(m, old, LOOP);	/* what comes first counts */
	CU_ASSERT_EQUAL(old->state, CHILD_SERVING);
	fixture_say(m, old, TERM);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 was sent SIGTERM again: it drains\n"), 1);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, old), WIRE_GIVE " 30000");
	CU_ASSERT_NOT_EQUAL(m->slots[0].spawn_at_ms, 0);
	end();
	begin(1);
	old = fixture_worker(m, g, 0);
	fixture_say(m, old, TERM);
	fixture_say(m, old, TERM);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, old), WIRE_DRAIN " 30000");	/* to nobody */
	end();
}

static void
test_one_without_a_loop_was_sent_nothing(void)
{
	begin(1);
	fixture_say(m, fixture_worker(m, g, 0), LOOP);
	CU_ASSERT_EQUAL(fixture_logged("the application in worker 0 has ended the event loop: "
	    "another takes its place, then it drains\n"), 1);
	CU_ASSERT_EQUAL(fixture_logged("SIGTERM"), 0);
	end();
}

/* It has nobody to wait for. */
static void
test_one_that_does_not_serve_yet_drains(void)
{
	struct master_generation *next;
	struct master_child *c;

	begin(2);
	next = fixture_loaded(m);
	c = fixture_worker(m, next, 0);
	fixture_say(m, c, WIRE_READY);
	fixture_say(m, c, TERM);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, c), WIRE_DRAIN " 30000");
	end();
}

static void
test_without_a_replacement_it_serves_on(void)
{
	struct master_child *old, *new;

	begin(1);
	old = fixture_worker(m, g, 0);
	fixture_say(m, old, TERM);
	for (int i = 0; i < 2; i++) {
		new = started(0);
		fixture_say(m, new, WIRE_FAILED " 3 it is broken");
		CU_ASSERT_TRUE(m->slots[0].spawn_at_ms > clock_monotonic_ms() + (i == 0 ? 4000 : 50000));
		CU_ASSERT_EQUAL(old->state, CHILD_SERVING);
		CU_ASSERT_FALSE(m->stranded.is);
		fixture_gone(m, new);
	}
	CU_ASSERT_EQUAL(fixture_logged("warning [master] worker 0 serves on: its replacement could "
	    "not start: it is broken; tried again in 5 s, then every 60 s\n"), 1);
	CU_ASSERT_EQUAL(fixture_logged(" error "), 0);
	end();
}

static void
test_one_that_dies_before_its_end_is_replaced_once(void)
{
	struct master_child *old;

	begin(1);
	old = fixture_worker(m, g, 0);
	fixture_say(m, old, TERM);
	started(0);
	CU_ASSERT_PTR_NOT_NULL(master_worker_successor(m, old));
	end();
}

static void
answers(struct master_child *c, uint64_t n)
{
	struct shm_board *b = shm_board_attach(m->boards_fd, c->board);

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	shm_board_add(b, SHM_COUNT_requests, n);
	shm_board_detach(b);
}

static void
test_requests_are_counted_from_its_own_first(void)
{
	struct master_child *old, *new;

	begin(1);
	fixture_settings(m)->limit_max_requests = 100;
	old = fixture_worker(m, g, 0);
	answers(old, 1000);	/* somebody else's, before it */
	master_recycle_serves(m, old);
	answers(old, 99);
	master_recycle_look(m, 1000);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 0);
	answers(old, 1);
	master_recycle_look(m, 1500);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 has had 100 requests: another takes its place"), 1);
	new = started(0);
	fixture_say(m, new, WIRE_READY);
	CU_ASSERT_EQUAL(old->state, CHILD_DRAINING);
	master_recycle_look(m, 2000);
	CU_ASSERT_EQUAL(new->state, CHILD_SERVING);
	CU_ASSERT_EQUAL(new->terms.retires, RETIRE_NOT);
	end();
}

static void
test_jitter_is_another_for_each_and_within_its_limits(void)
{
	struct master_child *c;
	bool differ = false;
	uint64_t first = 0;

	begin(1);
	fixture_settings(m)->limit_max_requests = 1000;
	fixture_settings(m)->limit_max_requests_jitter = 500;
	fixture_settings(m)->worker_lifetime_ms = 100000;
	c = fixture_worker(m, g, 0);
	for (int i = 0; i < 50; i++) {
		uint64_t now_ms = clock_monotonic_ms();

		master_recycle_serves(m, c);
		CU_ASSERT(c->terms.requests >= 1000 && c->terms.requests <= 1500);
		CU_ASSERT(c->terms.until_ms >= now_ms + 100000);
		CU_ASSERT(c->terms.until_ms <= clock_monotonic_ms() + 110000);
		first = i == 0 ? c->terms.requests : first;
		differ |= c->terms.requests != first;
	}
	CU_ASSERT_TRUE(differ);
	end();
}

static void
test_they_go_one_at_a_time(void)
{
	struct master_child *new;

	begin(3);
	for (unsigned i = 0; i < 3; i++)
		fixture_worker(m, g, i)->terms.until_ms = 1000;
	master_recycle_look(m, 999);
	CU_ASSERT_EQUAL(fixture_logged("another takes its place"), 0);
	for (int i = 0; i < 3; i++)
		master_recycle_look(m, 61001);
	CU_ASSERT_EQUAL(fixture_logged(" has served for 61 s: another takes its place"), 1);
	new = started(0);
	fixture_say(m, new, WIRE_READY);
	master_recycle_look(m, 61001);
	CU_ASSERT_EQUAL(fixture_logged("another takes its place"), 2);
	/* A generation that is coming replaces them all. */
	fixture_say(m, started(1), WIRE_READY);
	fixture_loaded(m);
	master_recycle_look(m, 61001);
	CU_ASSERT_EQUAL(fixture_logged("another takes its place"), 2);
	CU_ASSERT_EQUAL(children(), 3 + 2 + 3);
	end();
}

static CU_TestInfo tests[] = {
	{ "TERM", test_one_that_was_sent_term_serves_until_another_does },
	{ "second TERM", test_the_second_term_does_not_wait },
	{ "loop", test_one_without_a_loop_was_sent_nothing },
	{ "not serving", test_one_that_does_not_serve_yet_drains },
	{ "no replacement", test_without_a_replacement_it_serves_on },
	{ "dies", test_one_that_dies_before_its_end_is_replaced_once },
	{ "requests", test_requests_are_counted_from_its_own_first },
	{ "jitter", test_jitter_is_another_for_each_and_within_its_limits },
	{ "one at a time", test_they_go_one_at_a_time },
	CU_TEST_INFO_NULL,
};

int
main(void)
{
	log_open("master", LOG_LEVEL_INFO);
	return suite_run("recycle", tests);
}
