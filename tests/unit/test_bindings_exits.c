/*
 * Dependencies with `yield`: in which order they are entered and left, what is still
 * entered when one raises, and that each is left once when memory runs out.
 */
#include "tests/unit/plan_fixture.h"

#include <stdio.h>
#include <string.h>

#include "bindings/plan/exits.h"
#include "bindings/plan/phases.h"

enum { ENOUGH = 1000000 };	/* allocations: none fails */

#define MANAGERS \
	"from contextlib import asynccontextmanager, contextmanager\n" \
	"def plain(name, enters=None, leaves=None):\n" \
	"    @contextmanager\n" \
	"    def manager(*args):\n" \
	"        log.append(('enter', name, *args))\n" \
	"        if enters: raise enters\n" \
	"        yield name\n" \
	"        log.append(('leave', name))\n" \
	"        if leaves: raise leaves\n" \
	"    return obj(manager)\n" \
	"def waits(name, enters=None, leaves=None):\n" \
	"    @asynccontextmanager\n" \
	"    async def manager(*args):\n" \
	"        log.append(('enter', name, *args))\n" \
	"        if enters: raise enters\n" \
	"        yield name\n" \
	"        log.append(('leave', name))\n" \
	"        if leaves: raise leaves\n" \
	"    return obj(manager)\n" \
	"def enter(object, slot, flags=0, args=()):\n" \
	"    return step(ENTER, flags=flags, slot=slot, object=object, key=object, args=args)\n" \
	"def late(name, slot, **how): return enter(waits(name, **how), slot)\n" \
	"def early(name, slot, **how): return enter(plain(name, **how), slot, F_SYNC | F_EARLY)\n" \
	"def ends(*args):\n" \
	"    log.append(('end', *args))\n" \
	"    return 'end'\n" \
	"def exits(*steps, args=()):\n" \
	"    return plan([*steps, step(ENDPOINT, object=obj(ends), args=args)], flags=P_EXITS)\n"

static size_t
open_count(const struct pyb_exit *exit)
{
	size_t n = 0;

	for (; exit != NULL; exit = exit->next)
		n++;
	return n;
}

/* The steps, then both phases, until one raises: "returned", or where that was. */
static const char *
run_all(struct plan_rig *rig)
{
	static const struct {
		enum pyb_run_phase phase;
		const char *name;
	} phases[] = { { PYB_RUN_EARLY, "early" }, { PYB_RUN_LATE, "late" } };
	static char text[160];
	const char *outcome = plan_run(rig, PYB_RUN_INLINE);

	if (strcmp(outcome, "returned") != 0)
		return outcome;
	for (size_t i = 0; i < 2; i++) {
		rig->run->phase = phases[i].phase;
		if (pyb_phases_drive(rig->run, false))
			continue;
		snprintf(text, sizeof(text), "%s raised %s", phases[i].name,
		    ((PyTypeObject *)PyErr_Occurred())->tp_name);
		PyErr_Clear();
		return text;
	}
	return outcome;
}

static const struct {
	const char *plan, *outcome, *log;
	size_t early, late;	/* still entered */
} rows[] = {
	{ "exits(late('a', 0), early('b', 1), late('c', 2), early('d', 3), args=(0, 1, 2, 3))",
	    "returned", "[('enter', 'a'), ('enter', 'b'), ('enter', 'c'), ('enter', 'd'),\n"
	    "('end', 'a', 'b', 'c', 'd'), ('leave', 'd'), ('leave', 'b'), ('leave', 'c'),\n"
	    "('leave', 'a')]", 0, 0 },
	{ "exits(late('a', 0), enter(waits('b'), 1, args=(0,)), args=(1,))", "returned",
	    "[('enter', 'a'), ('enter', 'b', 'a'), ('end', 'b'), ('leave', 'b'), ('leave', 'a')]",
	    0, 0 },
	/* What did not enter is not left. */
	{ "exits(late('a', 0), early('b', 1), late('c', 2, enters=KeyError))", "raised KeyError",
	    "[('enter', 'a'), ('enter', 'b'), ('enter', 'c')]", 1, 1 },
	{ "exits(late('a', 0), early('b', 1, enters=KeyError))", "raised KeyError",
	    "[('enter', 'a'), ('enter', 'b')]", 0, 1 },
	/* What raises while it is left counts as left. */
	{ "exits(late('a', 0), early('b', 1), early('c', 2, leaves=KeyError))",
	    "early raised KeyError", "[('enter', 'a'), ('enter', 'b'), ('enter', 'c'), ('end',),\n"
	    "('leave', 'c')]", 1, 1 },
	{ "exits(late('a', 0), late('b', 1, leaves=KeyError), early('c', 2))",
	    "late raised KeyError", "[('enter', 'a'), ('enter', 'b'), ('enter', 'c'), ('end',),\n"
	    "('leave', 'c'), ('leave', 'b')]", 0, 1 },
	/* No context manager. */
	{ "exits(late('a', 0), enter(obj(object), 1))", "raised AttributeError",
	    "[('enter', 'a')]", 0, 1 },
	{ "exits(late('a', 0), enter(obj(lambda: 1 / 0), 1))", "raised ZeroDivisionError",
	    "[('enter', 'a')]", 0, 1 },
};

static void
test_order(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char statements[4096];
		struct plan_rig rig;
		const char *outcome;

		snprintf(statements, sizeof(statements), MANAGERS "made = %s", rows[i].plan);
		plan_open(&rig, statements, "", "", "");
		outcome = run_all(&rig);
		CU_ASSERT_STRING_EQUAL(outcome, rows[i].outcome);
		if (strcmp(outcome, rows[i].outcome) != 0)
			fprintf(stderr, "%s\ngives %s\n", rows[i].plan, outcome);
		CU_ASSERT(py_equal(py("log"), rows[i].log));
		CU_ASSERT_EQUAL(open_count(rig.run->early), rows[i].early);
		CU_ASSERT_EQUAL(open_count(rig.run->late), rows[i].late);
		plan_close(&rig);
	}
}

static void
run_once(void *arg)
{
	struct plan_rig *rig = arg;

	run_all(rig);
	plan_again(rig);
}

static void
test_nothing_is_left_behind(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char statements[4096];
		struct plan_rig rig;

		snprintf(statements, sizeof(statements), MANAGERS "made = %s", rows[i].plan);
		plan_open(&rig, statements, "", "", "");
		CU_ASSERT_EQUAL(python_leak(run_once, &rig), 0);
		plan_close(&rig);
	}
}

/* Whatever was entered is left once or still in a list, and nothing else is in one. */
static bool
balanced(const struct plan_rig *rig)
{
	size_t open = open_count(rig->run->early) + open_count(rig->run->late);
	char text[200];

	snprintf(text, sizeof(text), "len({e[1] for e in log if e[0] == 'leave'}) == "
	    "len([e for e in log if e[0] == 'leave']) and "
	    "len([e for e in log if e[0] == 'enter']) - "
	    "len([e for e in log if e[0] == 'leave']) - %zu in (0, 1)", open);
	return py_equal(py(text), "True");
}

static bool
run_failing(void *arg)
{
	struct plan_rig *rig = arg;
	bool in_order, failed;

	run_all(rig);
	failed = python_fail_at(-1);
	in_order = balanced(rig);
	plan_again(rig);
	python_fail_at(failed ? -1 : ENOUGH);
	return in_order;
}

static void
test_memory_runs_out(void)
{
	struct plan_rig rig;

	plan_open(&rig, MANAGERS "made = exits(late('a', 0), early('b', 1), late('c', 2))", "", "",
	    "");
	CU_ASSERT(python_survives(run_failing, &rig));
	plan_close(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "order", test_order },
		{ "nothing is left behind", test_nothing_is_left_behind },
		{ "memory runs out", test_memory_runs_out },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: exits", tests);
}
