/*
 * test_master_workers: the back-off of replacements, slots that come and go, boards.
 */
#include <CUnit/Basic.h>
#include <errno.h>

#include "base/wire.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

/* The worker in slot 0 dies at once, again and again. */
static void
test_replacements_wait_longer_and_longer(void)
{
	static const uint64_t waits[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct master *m = fixture_new(1);
	struct master_child *worker = fixture_worker(m, fixture_serving(m), 0);

	worker->serves_since_ms = 10000;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		master_worker_replace(m, worker, 10999);
		CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 10999 + waits[i]);
	}
	/* Never served: young whatever the time. */
	worker->state = CHILD_STARTING;
	master_worker_replace(m, worker, 90000);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 95000);
	/* Has served for a second: the next is due at once. */
	worker->state = CHILD_SERVING;
	master_worker_replace(m, worker, 11000);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 11000);
	master_worker_replace(m, worker, 10999);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 11099);
	fixture_free(m);
}

static void
test_a_replacement_serves_by_itself(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_serving(m);
	struct master_child *worker;

	fixture_gone(m, fixture_worker(m, g, 0));
	m->slots[0].spawn_at_ms = 1;
	master_worker_add(m, 0);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 0);
	worker = fixture_worker(m, g, 0);
	CU_ASSERT_EQUAL(worker->slot, 0);
	CU_ASSERT_NOT_EQUAL(worker->kill_at_ms, 0);	/* --timeout-startup is its own */
	fixture_say(m, worker, WIRE_READY);
	CU_ASSERT_EQUAL(worker->state, CHILD_SERVING);
	CU_ASSERT_EQUAL(worker->kill_at_ms, 0);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_TABLE " 5");
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_SERVE);
	fixture_free(m);
}

static void
test_a_worker_that_cannot_be_started_is_due_again(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *g = fixture_serving(m);

	fixture_gone(m, fixture_worker(m, g, 0));
	fixture_refuse_starts(EAGAIN);
	master_worker_add(m, 0);
	CU_ASSERT_NOT_EQUAL(m->slots[0].spawn_at_ms, 0);
	CU_ASSERT_EQUAL(fixture_logged("cannot start worker 0: Resource temporarily unavailable; "
	    "raise the limit of processes"), 1);
	fixture_free(m);
}

/* The workers of a reload take nothing from the slots of those that serve. */
static void
test_what_is_due_survives_a_reload_that_fails(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *g;

	fixture_serving(m);
	m->slots[0].spawn_at_ms = 12345;
	g = fixture_loaded(m);
	master_generation_failed(m, g, WIRE_EXIT_APP, "no");
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 12345);
	fixture_free(m);
}

static void
test_one_less_drains_the_last_slot_and_one_more_fills_it(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_serving(m);
	struct master_child *first = fixture_worker(m, g, 0);
	struct master_child *last = fixture_worker(m, g, 1), *more;

	CU_ASSERT_STRING_EQUAL(fixture_order(m, last), WIRE_SERVE);
	master_workers_scale(m, -1);
	CU_ASSERT_EQUAL(m->n_workers, 1);
	CU_ASSERT_EQUAL(first->state, CHILD_SERVING);
	CU_ASSERT_EQUAL(last->state, CHILD_DRAINING);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, last), WIRE_GIVE " 30000");
	master_workers_scale(m, 1);
	more = fixture_worker(m, g, 1);
	CU_ASSERT_EQUAL(more->slot, 1);
	CU_ASSERT_EQUAL(m->n_workers, 2);
	/* The one that drains keeps its deadline when its slot goes once more. */
	last->kill_at_ms = 777;
	master_workers_scale(m, -1);
	CU_ASSERT_EQUAL(last->kill_at_ms, 777);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, last), "");
	CU_ASSERT_TRUE(more->told_to_end);	/* it was starting */
	fixture_free(m);
}

/* The generation that is coming has started a worker for every slot there was. */
static void
test_changes_wait_for_a_generation_that_is_coming(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g;

	fixture_serving(m);
	g = fixture_loaded(m);
	for (int i = 0; i < 3; i++)
		master_workers_scale(m, 1);
	master_workers_scale(m, -1);
	CU_ASSERT_EQUAL(m->n_workers, 2);
	CU_ASSERT_EQUAL(fixture_logged("5 workers as soon as the generation that is starting has"), 1);
	master_workers_scale(m, 0);
	CU_ASSERT_EQUAL(m->n_workers, 2);
	fixture_say(m, fixture_worker(m, g, 0), WIRE_READY);
	fixture_say(m, fixture_worker(m, g, 1), WIRE_READY);
	master_workers_scale(m, 0);
	CU_ASSERT_EQUAL(m->n_workers, 4);
	CU_ASSERT_EQUAL(fixture_worker(m, g, 3)->state, CHILD_STARTING);
	CU_ASSERT_EQUAL(fixture_logged("4 workers\n"), 1);
	fixture_free(m);
}

static void
test_the_number_of_workers_has_limits(void)
{
	struct master *m = fixture_new(1);

	fixture_serving(m);
	master_workers_scale(m, -1);
	CU_ASSERT_EQUAL(m->n_workers, 1);
	CU_ASSERT_EQUAL(fixture_logged("info [master] 1 worker is the least: TTOU does nothing\n"), 1);
	for (int i = 0; i < MASTER_MAX_WORKERS + 5; i++)
		master_workers_scale(m, 1);
	CU_ASSERT_EQUAL(m->n_workers, MASTER_MAX_WORKERS);
	CU_ASSERT_EQUAL(fixture_logged("64 workers is the most: TTIN does nothing\n"), 6);
	fixture_free(m);
}

/* A reload has lowered the number meanwhile: there is nothing left to take away. */
static void
test_fewer_than_one_is_one(void)
{
	struct master *m = fixture_new(3);
	struct master_generation *g;

	fixture_serving(m);
	g = fixture_loaded(m);
	for (int i = 0; i < 2; i++)
		master_workers_scale(m, -1);
	CU_ASSERT_EQUAL(m->scale_due, -2);
	for (unsigned i = 1; i < 3; i++)
		fixture_gone(m, fixture_worker(m, g, i));
	g->n_workers = 1;
	fixture_say(m, fixture_worker(m, g, 0), WIRE_READY);
	CU_ASSERT_PTR_EQUAL_FATAL(m->serving, g);
	master_workers_scale(m, 0);
	CU_ASSERT_EQUAL(m->n_workers, 1);
	CU_ASSERT_EQUAL(m->scale_due, 0);
	CU_ASSERT_EQUAL(fixture_worker(m, g, 0)->state, CHILD_SERVING);
	fixture_free(m);
}

/* The board of a living worker is nobody else's; one that is free is used again. */
static void
test_boards(void)
{
	struct master *m = fixture_new(3);
	struct master_generation *old = fixture_serving(m), *g = fixture_loaded(m);

	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(fixture_worker(m, old, i)->board, i);
		CU_ASSERT_EQUAL(fixture_worker(m, g, i)->board, 3 + i);
	}
	fixture_gone(m, fixture_worker(m, old, 1));
	master_worker_add(m, 1);
	CU_ASSERT_EQUAL(fixture_worker(m, old, 1)->board, 1);
	fixture_free(m);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_replacements_wait_longer_and_longer",
		    test_replacements_wait_longer_and_longer },
		{ "test_a_replacement_serves_by_itself", test_a_replacement_serves_by_itself },
		{ "test_a_worker_that_cannot_be_started_is_due_again",
		    test_a_worker_that_cannot_be_started_is_due_again },
		{ "test_what_is_due_survives_a_reload_that_fails",
		    test_what_is_due_survives_a_reload_that_fails },
		{ "test_one_less_drains_the_last_slot_and_one_more_fills_it",
		    test_one_less_drains_the_last_slot_and_one_more_fills_it },
		{ "test_changes_wait_for_a_generation_that_is_coming",
		    test_changes_wait_for_a_generation_that_is_coming },
		{ "test_the_number_of_workers_has_limits", test_the_number_of_workers_has_limits },
		{ "test_fewer_than_one_is_one", test_fewer_than_one_is_one },
		{ "test_boards", test_boards },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_workers", tests);
}
