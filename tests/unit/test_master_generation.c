/*
 * test_master_generation: from load to burial, without a process: which generation
 * serves, what its workers are told, and what a failure leaves alone.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

static void
test_a_generation_serves_when_all_its_workers_have_started(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_loaded(m);
	struct master_child *a = fixture_worker(m, g, 0);
	struct master_child *b = fixture_worker(m, g, 1);

	CU_ASSERT_EQUAL(g->state, GENERATION_STARTING);
	CU_ASSERT_EQUAL(g->table_size, 5);
	CU_ASSERT_EQUAL(fcntl(g->table_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CU_ASSERT_STRING_EQUAL(g->framework, "0.165");
	fixture_say(m, a, WIRE_READY);
	CU_ASSERT_PTR_NULL(m->serving);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, a), "");
	fixture_say(m, b, WIRE_READY " from a private table");
	CU_ASSERT_PTR_EQUAL(m->serving, g);
	CU_ASSERT_PTR_NULL(m->coming);
	CU_ASSERT_EQUAL(fixture_banners(), 1);
	CU_ASSERT_EQUAL(fixture_logged("worker 1: from a private table"), 1);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, a), WIRE_SERVE);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, b), WIRE_SERVE);
	CU_ASSERT_EQUAL(a->state, CHILD_SERVING);
	fixture_free(m);
}

static void
test_a_reload_swaps_and_parks_the_old_one(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *old = fixture_serving(m), *g;
	struct master_child *worker = fixture_worker(m, old, 0);

	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_SERVE);
	m->slots[0].spawn_at_ms = 1;	/* of the old one's worker */
	g = fixture_serving(m);
	CU_ASSERT_PTR_NOT_EQUAL(g, old);
	CU_ASSERT_EQUAL(g->number, 2);
	CU_ASSERT_EQUAL(old->state, GENERATION_PARKED);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_PARK);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 0);
	CU_ASSERT_EQUAL(fixture_logged("generation 2 serves: 1 compiled, 2 through ASGI"), 1);
	CU_ASSERT_EQUAL(fixture_banners(), 1);
	/* It ends when the new one's worker has served for a second. */
	fixture_worker(m, g, 0)->serves_since_ms = clock_monotonic_ms() - 900;
	master_probation_look(m, clock_monotonic_ms());
	CU_ASSERT_EQUAL(old->state, GENERATION_PARKED);
	master_probation_look(m, clock_monotonic_ms() + 200);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_GIVE " 30000");
	CU_ASSERT_EQUAL(old->state, GENERATION_DRAINING);
	master_generations_bury(m);
	CU_ASSERT_EQUAL(old->state, GENERATION_DRAINING);	/* it has a child */
	fixture_gone(m, worker);
	master_generations_bury(m);
	CU_ASSERT_EQUAL(old->state, GENERATION_NONE);
	fixture_free(m);
}

static void
test_hups_that_come_too_early_become_one_reload(void)
{
	struct master *m = fixture_new(1);

	master_generation_load(m, m->conf);
	for (int i = 0; i < 3; i++)
		master_generation_reload(m);
	CU_ASSERT_EQUAL(m->generation_count, 1);
	CU_ASSERT_TRUE(m->reload_due);
	CU_ASSERT_EQUAL(fixture_logged("reload"), 0);
	fixture_free(m);

	m = fixture_new(1);
	fixture_serving(m);
	for (int i = 0; i < 3; i++)
		master_generation_reload(m);
	CU_ASSERT_EQUAL(m->generation_count, 2);
	CU_ASSERT_TRUE(m->reload_due);
	CU_ASSERT_EQUAL(fixture_logged("reloading"), 1);
	fixture_free(m);
}

/* As many as can drain: the next reload waits for a record, and says so once. */
static void
test_a_reload_waits_for_a_free_record(void)
{
	struct master *m = fixture_new(1);
	struct master_child *first;

	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		fixture_serving(m);
	for (int i = 0; i < 3; i++) {
		master_generations_bury(m);
		master_generation_reload(m);
	}
	CU_ASSERT_EQUAL(m->generation_count, MASTER_MAX_GENERATIONS);
	CU_ASSERT_PTR_NULL(m->coming);
	CU_ASSERT_EQUAL(fixture_logged("reload put off: earlier generations are still draining"), 1);
	first = fixture_worker(m, &m->generations[1], 0);	/* the first one is parked */
	fixture_gone(m, first);
	master_generations_bury(m);
	CU_ASSERT_TRUE(m->reload_due);
	master_generation_reload(m);
	CU_ASSERT_FALSE(m->reload_due);
	CU_ASSERT_PTR_EQUAL(m->coming, &m->generations[1]);
	CU_ASSERT_EQUAL(m->coming->number, MASTER_MAX_GENERATIONS + 1);
	fixture_free(m);
}

/* A HUP that came while a generation was coming is due already when the records run out. */
static void
test_each_reload_that_is_put_off_says_so(void)
{
	static const char text[] = "reload put off: earlier generations are still draining";
	struct master *m = fixture_new(1);
	struct master_generation *g;

	for (int i = 1; i < MASTER_MAX_GENERATIONS; i++)
		fixture_serving(m);
	g = fixture_loaded(m);
	master_generation_reload(m);
	fixture_say(m, fixture_worker(m, g, 0), WIRE_READY);
	CU_ASSERT_EQUAL(fixture_logged(text), 0);
	for (int i = 0; i < 3; i++)
		master_generation_reload(m);
	CU_ASSERT_EQUAL(fixture_logged(text), 1);
	fixture_gone(m, fixture_worker(m, &m->generations[1], 0));
	master_generations_bury(m);
	fixture_serving(m);
	master_generation_reload(m);
	CU_ASSERT_EQUAL(fixture_logged(text), 2);
	fixture_free(m);
}

static void
test_a_start_that_fails_keeps_the_old_one(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *old = fixture_serving(m), *g = fixture_loaded(m);
	struct master_child *worker = fixture_worker(m, g, 0);
	struct master_child *other = fixture_worker(m, g, 1);

	fixture_say(m, worker, WIRE_FAILED " 3 no database");
	fixture_say(m, other, WIRE_FAILED " 3 no database either");
	CU_ASSERT_EQUAL(g->state, GENERATION_FAILED);
	CU_ASSERT_PTR_NULL(m->coming);
	CU_ASSERT_PTR_EQUAL(m->serving, old);
	CU_ASSERT_EQUAL(fixture_logged("reload failed, generation 1 serves on: no database\n"), 1);
	CU_ASSERT_EQUAL(fixture_logged("either"), 0);
	CU_ASSERT_TRUE(worker->told_to_end && other->told_to_end);
	CU_ASSERT_FALSE(m->stopping);
	CU_ASSERT_EQUAL(m->exit_code, 0);
	fixture_free(m);
}

static void
test_a_first_start_that_fails_is_the_end(void)
{
	static const struct {
		const char *reply, *printed;
		int code;
	} rows[] = {
		{ "FAILED 3 no database", "fastrd: no database\n", WIRE_EXIT_APP },
		{ "FAILED 0 that is no failure", "fastrd: that is no failure\n", WIRE_EXIT_BUG },
		{ "FAILED 77 so many codes", "fastrd: so many codes\n", WIRE_EXIT_BUG },
		{ "FAILED", "fastrd: no reason given\n", WIRE_EXIT_BUG },
		{ "DONE", "fastrd: what the first worker says of the table is not understood\n", WIRE_EXIT_BUG },
		{ "DONE 1 2", "fastrd: what the first worker says of the table is not understood\n", WIRE_EXIT_BUG },
		{ "DONE 6 3.11 0.165",
		    "fastrd: the route table has another size than was announced\n", WIRE_EXIT_TABLE },
		{ "DONE -1 3.11 0.165",
		    "fastrd: the route table is larger than --table-limit\n", WIRE_EXIT_TABLE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct master *m = fixture_new(1);
		struct master_child *first;

		master_generation_load(m, m->conf);
		first = fixture_worker(m, m->coming, 0);
		fixture_say(m, first, rows[i].reply);
		CU_ASSERT_TRUE(m->stopping);
		CU_ASSERT_EQUAL(m->exit_code, rows[i].code);
		CU_ASSERT_EQUAL(fixture_logged(rows[i].printed), 1);
		CU_ASSERT_TRUE(first->told_to_end);
		fixture_free(m);
	}
}

static void
test_a_generation_that_cannot_begin_leaves_nothing(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *old = fixture_serving(m), *g;

	fixture_refuse_starts(EAGAIN);
	master_generation_reload(m);
	CU_ASSERT_PTR_NULL(m->coming);
	CU_ASSERT_EQUAL(fixture_logged("generation 1 serves on: cannot load the application: Resource "
	    "temporarily unavailable; raise the limit of processes"), 1);
	fixture_refuse_starts(0);
	master_generation_reload(m);
	g = m->coming;
	fixture_refuse_starts(EMFILE);
	fixture_say(m, fixture_worker(m, g, 0), WIRE_IMPORTED);
	CU_ASSERT_EQUAL(g->state, GENERATION_FAILED);
	CU_ASSERT_EQUAL(fixture_logged("cannot start the workers: Too many open files"), 1);
	fixture_gone(m, fixture_worker(m, g, 0));
	master_generations_bury(m);
	CU_ASSERT_PTR_EQUAL(m->serving, old);
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		CU_ASSERT(&m->generations[i] == old ||
		    m->generations[i].state == GENERATION_NONE);
	fixture_free(m);
}

/* The application's code can write to the channel of its process. */
static void
test_words_out_of_turn_change_nothing(void)
{
	static const char *const words[] = { "DONE 5 3.11 0.165", "DONE", "READY", "BEGUN",
	    "SERVE", "READY again", " ", "FAILED 3 first", "FAILED 3 second" };
	struct master *m = fixture_new(1);
	struct master_generation *g = fixture_serving(m);
	struct master_child *worker = fixture_worker(m, g, 0);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		fixture_say(m, worker, words[i]);
	CU_ASSERT_PTR_EQUAL(m->serving, g);
	CU_ASSERT_EQUAL(g->state, GENERATION_SERVING);
	CU_ASSERT_FALSE(worker->told_to_end);
	CU_ASSERT_EQUAL(fixture_logged("reload"), 0);
	CU_ASSERT_EQUAL(fixture_logged("worker 0: first"), 1);
	CU_ASSERT_EQUAL(fixture_logged("second"), 0);
	fixture_free(m);

	m = fixture_new(1);
	master_generation_load(m, m->conf);
	fixture_say(m, fixture_worker(m, m->coming, 0), WIRE_READY);
	CU_ASSERT_EQUAL(m->coming->state, GENERATION_LOADING);
	fixture_free(m);
}

static void
test_at_the_end_nothing_serves_or_comes(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *old = fixture_serving(m), *g = fixture_loaded(m);
	struct master_child *starting = fixture_worker(m, g, 0);

	master_generation_drain(m, g, 1000);
	master_generation_drain(m, old, 1000);
	CU_ASSERT_PTR_NULL(m->serving);
	CU_ASSERT_PTR_NULL(m->coming);
	CU_ASSERT_TRUE(starting->told_to_end);
	/* Told to end while it starts: that it fails is nobody's failure. */
	fixture_say(m, starting, WIRE_FAILED " 3 interrupted");
	CU_ASSERT_EQUAL(fixture_logged("worker 0: interrupted"), 1);
	CU_ASSERT_EQUAL(fixture_logged("reload failed"), 0);
	CU_ASSERT_EQUAL(fixture_worker(m, old, 0)->state, CHILD_DRAINING);
	m->stopping = true;
	master_generation_reload(m);
	CU_ASSERT_FALSE(m->reload_due);
	fixture_free(m);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_a_generation_serves_when_all_its_workers_have_started",
		    test_a_generation_serves_when_all_its_workers_have_started },
		{ "test_a_reload_swaps_and_parks_the_old_one",
		    test_a_reload_swaps_and_parks_the_old_one },
		{ "test_hups_that_come_too_early_become_one_reload",
		    test_hups_that_come_too_early_become_one_reload },
		{ "test_a_reload_waits_for_a_free_record", test_a_reload_waits_for_a_free_record },
		{ "test_each_reload_that_is_put_off_says_so",
		    test_each_reload_that_is_put_off_says_so },
		{ "test_a_start_that_fails_keeps_the_old_one",
		    test_a_start_that_fails_keeps_the_old_one },
		{ "test_a_first_start_that_fails_is_the_end",
		    test_a_first_start_that_fails_is_the_end },
		{ "test_a_generation_that_cannot_begin_leaves_nothing",
		    test_a_generation_that_cannot_begin_leaves_nothing },
		{ "test_words_out_of_turn_change_nothing", test_words_out_of_turn_change_nothing },
		{ "test_at_the_end_nothing_serves_or_comes",
		    test_at_the_end_nothing_serves_or_comes },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_generation", tests);
}
