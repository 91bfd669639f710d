/*
 * Tests of io/deadlines: order, removal from anywhere, and the timerfd.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "io/deadlines.h"
#include "io/turn.h"
#include "tests/unit/suite.h"

enum { MANY = 5000 };

static struct io_turn *turn;
static struct io_deadlines deadlines;
static struct io_deadline nodes[MANY];

static void
open_all(void)
{
	turn = io_turn_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(turn);
	CU_ASSERT_EQUAL_FATAL(io_deadlines_init(&deadlines, turn), 0);
}

static void
close_all(void)
{
	io_deadlines_fini(&deadlines);
	io_turn_free(turn);
}

static struct io_deadline *
take(void)
{
	struct io_deadline *first = io_deadlines_first(&deadlines);

	if (first != NULL)
		io_deadlines_remove(&deadlines, first);
	return first;
}

/* Times with many duplicates, the same in every run. */
static void
add_many(void)
{
	srand(1);
	for (int i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL_FATAL(io_deadlines_add(&deadlines, &nodes[i], rand() % 500), 0);
}

/* Takes all that wait; returns how many there were. */
static int
take_in_order(void)
{
	struct io_deadline *before = take(), *node;
	int n = before != NULL;

	while ((node = take()) != NULL) {
		CU_ASSERT(before->when < node->when ||
		    (before->when == node->when && before->order < node->order));
		before = node;
		n++;
	}
	return n;
}

static void
they_come_by_time_then_by_addition(void)
{
	open_all();
	add_many();
	CU_ASSERT_EQUAL(take_in_order(), MANY);
	CU_ASSERT_PTR_NULL(io_deadlines_first(&deadlines));
	close_all();
}

static void
any_may_be_removed_and_added_again(void)
{
	int left = 0;

	open_all();
	add_many();
	for (int i = 0; i < MANY; i++) {
		if (rand() % 3 == 0)
			continue;
		io_deadlines_remove(&deadlines, &nodes[i]);
		io_deadlines_remove(&deadlines, &nodes[i]);
		CU_ASSERT_FALSE(io_deadline_waits(&nodes[i]));
		if (rand() % 3 == 0)
			CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[i], rand() % 500), 0);
	}
	for (int i = 0; i < MANY; i++)
		left += io_deadline_waits(&nodes[i]);
	CU_ASSERT(left > 0 && left < MANY);
	CU_ASSERT_EQUAL(take_in_order(), left);
	close_all();
}

static void
the_end_forgets_those_that_wait(void)
{
	open_all();
	add_many();
	close_all();
	CU_ASSERT_FALSE(io_deadline_waits(&nodes[0]));
	open_all();
	CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[0], 1.0), 0);
	close_all();
}

static void
a_poll_ends_when_the_first_is_due_and_not_before(void)
{
	open_all();
	for (int i = 0; i < 20; i++) {
		double when = clock_monotonic_s() + 0.0007;

		CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[0], when + 1000), 0);
		CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[1], when), 0);
		io_deadlines_arm(&deadlines);
		must(io_turn_poll(turn, true) == 0);
		CU_ASSERT(clock_monotonic_s() >= when);
		io_deadlines_remove(&deadlines, &nodes[0]);
		io_deadlines_remove(&deadlines, &nodes[1]);
	}
	close_all();
}

static void
a_time_in_the_past_ends_the_poll_at_once(void)
{
	const double past[] = { -INFINITY, -1.0, 0.0, 1e-12, clock_monotonic_s() - 1 };

	open_all();
	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[0], past[i]), 0);
		io_deadlines_arm(&deadlines);
		must(io_turn_poll(turn, true) == 0);
		io_deadlines_remove(&deadlines, &nodes[0]);
	}
	close_all();
}

static void
the_timer_is_set_only_for_an_earlier_first(void)
{
	double now = clock_monotonic_s();

	open_all();
	CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[0], now + 1000), 0);
	io_deadlines_arm(&deadlines);
	CU_ASSERT_EQUAL(deadlines.set_to, now + 1000);
	CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[1], now + 2000), 0);
	io_deadlines_remove(&deadlines, &nodes[0]);
	io_deadlines_arm(&deadlines);
	CU_ASSERT_EQUAL(deadlines.set_to, now + 1000);
	CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[0], now + 0.001), 0);
	io_deadlines_arm(&deadlines);
	CU_ASSERT_EQUAL(deadlines.set_to, now + 0.001);
	must(io_turn_poll(turn, true) == 0);
	CU_ASSERT_EQUAL(deadlines.set_to, INFINITY);
	CU_ASSERT_EQUAL(io_deadlines_add(&deadlines, &nodes[2], INFINITY), 0);
	io_deadlines_remove(&deadlines, &nodes[0]);
	io_deadlines_remove(&deadlines, &nodes[1]);
	io_deadlines_arm(&deadlines);
	CU_ASSERT_EQUAL(deadlines.set_to, INFINITY);
	close_all();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "they come by time, then by addition", they_come_by_time_then_by_addition },
		{ "any may be removed and added again", any_may_be_removed_and_added_again },
		{ "the end forgets those that wait", the_end_forgets_those_that_wait },
		{ "a poll ends when the first is due and not before",
		    a_poll_ends_when_the_first_is_due_and_not_before },
		{ "a time in the past ends the poll at once",
		    a_time_in_the_past_ends_the_poll_at_once },
		{ "the timer is set only for an earlier first",
		    the_timer_is_set_only_for_an_earlier_first },
		CU_TEST_INFO_NULL,
	};

	return suite_run("io_deadlines", tests);
}
