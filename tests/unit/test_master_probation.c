/*
 * test_master_probation: a new generation whose workers keep dying gives way to the one
 * before; one that stays alive does not. The deaths are real, the processes do nothing.
 */
#include <CUnit/Basic.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "master/reap.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

/* The worker in `slot` of the generation that serves dies at once, or has served for long. */
static void
die(struct master *m, unsigned slot, bool young)
{
	struct master_child *c = fixture_worker(m, m->serving, slot);
	siginfo_t info;

	c->serves_since_ms = clock_monotonic_ms() - (young ? 0 : 5000);
	c->pid = fork();
	if (c->pid == 0)
		_exit(1);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOWAIT), 0);
	master_reap(m);
}

/* Its replacement serves. */
static void
replace(struct master *m, unsigned slot)
{
	master_worker_add(m, slot);
	fixture_say(m, fixture_worker(m, m->serving, slot), WIRE_READY);
}

static void
test_back_to_the_generation_before(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *good = fixture_serving(m), *bad;
	struct master_child *worker = fixture_worker(m, good, 0);

	bad = fixture_serving(m);
	for (int i = 0; i < 2; i++) {
		die(m, 0, true);
		CU_ASSERT_PTR_EQUAL(m->serving, bad);
		replace(m, 0);
	}
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_SERVE);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_PARK);
	die(m, 0, true);
	CU_ASSERT_PTR_EQUAL(m->serving, good);
	CU_ASSERT_EQUAL(good->state, GENERATION_SERVING);
	CU_ASSERT_EQUAL(bad->state, GENERATION_DRAINING);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_RESUME);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 0);
	CU_ASSERT_EQUAL(fixture_logged("crash loop: 3 workers of generation 2 died within a second of "
	    "serving; generation 1 serves again"), 1);
	fixture_free(m);
}

/* The one before lost a worker meanwhile: its slot is filled. */
static void
test_missing_workers_are_started(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *good = fixture_serving(m);

	fixture_serving(m);
	fixture_gone(m, fixture_worker(m, good, 1));
	for (int i = 0; i < 5; i++) {
		die(m, 0, true);
		if (m->serving != good)
			replace(m, 0);
	}
	CU_ASSERT_PTR_EQUAL(m->serving, good);
	CU_ASSERT_EQUAL(fixture_worker(m, good, 1)->state, CHILD_STARTING);
	fixture_free(m);
}

/* The one before was starting it when it was parked. */
static void
test_a_worker_that_is_ready_serves(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *good = fixture_serving(m);
	struct master_child *worker;

	fixture_gone(m, fixture_worker(m, good, 1));
	master_worker_add(m, 1);
	worker = fixture_worker(m, good, 1);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_TABLE " 5");
	fixture_serving(m);
	fixture_say(m, worker, WIRE_READY);
	CU_ASSERT_EQUAL(worker->state, CHILD_READY);
	for (int i = 0; i < 5; i++) {
		die(m, 0, true);
		if (m->serving != good)
			replace(m, 0);
	}
	CU_ASSERT_PTR_EQUAL(m->serving, good);
	CU_ASSERT_EQUAL(worker->state, CHILD_SERVING);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_SERVE);
	fixture_free(m);
}

/* Its last worker has died, and the next one says why it cannot start. */
static void
test_none_can_start(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *good = fixture_serving(m), *bad = fixture_serving(m);
	struct master_child *worker = fixture_worker(m, good, 0);

	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_SERVE);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_PARK);
	die(m, 0, true);
	master_worker_add(m, 0);
	fixture_say(m, fixture_worker(m, bad, 0), WIRE_FAILED " 3 no module named x");
	master_probation_look(m, clock_monotonic_ms());
	CU_ASSERT_PTR_EQUAL(m->serving, good);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, worker), WIRE_RESUME);
	CU_ASSERT_FALSE(m->stranded.is);
	CU_ASSERT_EQUAL(fixture_logged("worker 0: no module named x"), 1);
	CU_ASSERT_EQUAL(fixture_logged("requests get 503"), 0);
	CU_ASSERT_EQUAL(fixture_logged("no worker of generation 2 serves: generation 1 serves again"), 1);
	fixture_free(m);
}

/* So has the one that was parked, before the master could order it to serve: that is told, later. */
static void
test_none_can_start_and_none_is_parked_any_more(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *good = fixture_serving(m), *bad = fixture_serving(m);

	die(m, 0, true);
	master_worker_add(m, 0);
	fixture_say(m, fixture_worker(m, bad, 0), WIRE_FAILED " 3 no module named x");
	fixture_gone(m, fixture_worker(m, bad, 0));
	fixture_gone(m, fixture_worker(m, good, 0));
	master_probation_look(m, clock_monotonic_ms());
	CU_ASSERT_PTR_EQUAL(m->serving, bad);
	CU_ASSERT_EQUAL(fixture_logged("requests get 503"), 0);
	master_worker_add(m, 0);
	fixture_say(m, fixture_worker(m, bad, 0), WIRE_FAILED " 3 no module named x");
	CU_ASSERT_EQUAL(fixture_logged("requests get 503"), 1);
	CU_ASSERT_TRUE(m->stranded.is);
	fixture_free(m);
}

/* The next one neither starts nor says why. */
static void
test_none_starts_in_time(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *good = fixture_serving(m), *bad = fixture_serving(m);

	die(m, 0, true);
	master_worker_add(m, 0);
	master_probation_look(m, clock_monotonic_ms());
	CU_ASSERT_PTR_EQUAL(m->serving, bad);
	master_probation_look(m, master_probation_next(m));
	CU_ASSERT_PTR_EQUAL(m->serving, good);
	fixture_free(m);
}

static void
test_no_generation_to_go_back_to(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *g = fixture_serving(m);

	for (int i = 0; i < 6; i++) {
		die(m, 0, true);
		CU_ASSERT_NOT_EQUAL(m->slots[0].spawn_at_ms, 0);
		replace(m, 0);
	}
	CU_ASSERT_PTR_EQUAL(m->serving, g);
	CU_ASSERT_EQUAL(fixture_logged("crash loop: 3 workers of generation 1 died within a second of "
	    "serving; no earlier generation is left, they are started again later and later"), 1);
	fixture_free(m);
}

/* Deaths now and then are none, nor are those of workers that have served for a while. */
static void
test_deaths_that_are_no_loop(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *old = fixture_serving(m), *g = fixture_serving(m);

	for (int i = 0; i < 6; i++) {
		die(m, 0, i % 2 == 0);
		replace(m, 0);
		if (i % 2 == 1) {
			fixture_worker(m, g, 0)->serves_since_ms -= 1000;
			master_probation_look(m, clock_monotonic_ms());
		}
	}
	CU_ASSERT_PTR_EQUAL(m->serving, g);
	CU_ASSERT_EQUAL(fixture_logged("crash loop"), 0);
	CU_ASSERT_EQUAL(old->state, GENERATION_DRAINING);
	fixture_free(m);
}

/* Two reloads within a second: what has not proved itself pushes out nobody. */
static void
test_one_is_parked_at_most(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *first = fixture_serving(m), *second = fixture_serving(m);

	fixture_serving(m);
	CU_ASSERT_EQUAL(first->state, GENERATION_PARKED);
	CU_ASSERT_EQUAL(second->state, GENERATION_DRAINING);
	CU_ASSERT_PTR_EQUAL(m->probation.parked, first);
	CU_ASSERT_NOT_EQUAL(master_probation_next(m), 0);
	master_generation_drain(m, first, 0);
	CU_ASSERT_PTR_NULL(m->probation.parked);
	CU_ASSERT_EQUAL(master_probation_next(m), 0);
	fixture_free(m);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_back_to_the_generation_before", test_back_to_the_generation_before },
		{ "test_missing_workers_are_started", test_missing_workers_are_started },
		{ "test_a_worker_that_is_ready_serves", test_a_worker_that_is_ready_serves },
		{ "test_none_can_start", test_none_can_start },
		{ "test_none_can_start_and_none_is_parked_any_more",
		    test_none_can_start_and_none_is_parked_any_more },
		{ "test_none_starts_in_time", test_none_starts_in_time },
		{ "test_no_generation_to_go_back_to", test_no_generation_to_go_back_to },
		{ "test_deaths_that_are_no_loop", test_deaths_that_are_no_loop },
		{ "test_one_is_parked_at_most", test_one_is_parked_at_most },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_probation", tests);
}
