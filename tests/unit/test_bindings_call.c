/*
 * The steps of a plan: what is read before any user code, in which order user code
 * is called, and what becomes of what it raises.
 */
#include "tests/unit/plan_fixture.h"

#include <string.h>

#define JSON "content-type: application/json\n"
#define FORM "content-type: application/x-www-form-urlencoded\n"

/* Functions that note that they were called. */
#define CALLS \
	"def made_by(name, result=None, fails=None):\n" \
	"    def function(*args, **kwargs):\n" \
	"        log.append((name, *args, *sorted(kwargs.items())))\n" \
	"        if fails: raise fails\n" \
	"        return result if result is not None else name\n" \
	"    return obj(function)\n" \
	"def async_by(name, fails=None):\n" \
	"    async def function(*args, **kwargs):\n" \
	"        log.append((name, *args, *sorted(kwargs.items())))\n" \
	"        if fails: raise fails\n" \
	"        return name\n" \
	"    return obj(function)\n" \
	"def tagged(value, *, from_attributes): return ('ok', value)\n" \
	"def refused(value, *, from_attributes): raise ValueError(value)\n" \
	"number = pydantic_core.SchemaValidator({'type': 'int'}).validate_python\n"

struct row {
	const char *statements, *query, *fields, *content;
	const char *outcome, *log, *result;
};

static void
rows_run(const struct row *rows, size_t n, enum pyb_run_mode mode)
{
	for (size_t i = 0; i < n; i++) {
		char statements[4096];
		struct plan_rig rig;
		const char *outcome;

		snprintf(statements, sizeof(statements), "%s%s", CALLS, rows[i].statements);
		plan_open(&rig, statements, rows[i].query, rows[i].fields, rows[i].content);
		outcome = plan_run(&rig, mode);
		CU_ASSERT_STRING_EQUAL(outcome, rows[i].outcome);
		if (strcmp(outcome, rows[i].outcome) != 0)
			fprintf(stderr, "%s\ngives %s\n", rows[i].statements, outcome);
		CU_ASSERT(py_equal(py("log"), rows[i].log));
		if (rows[i].result != NULL)
			CU_ASSERT(py_equal(Py_XNewRef(rig.run->result), rows[i].result));
		plan_close(&rig);
	}
}

#define ROWS(rows, mode) rows_run(rows, sizeof(rows) / sizeof((rows)[0]), mode)

static void
test_order_of_calls(void)
{
	static const struct row rows[] = {
		{ "made = plan([step(ENDPOINT, object=made_by('end'))])", "", "", "", "returned",
		    "[('end',)]", "'end'" },
		{ "made = plan([step(CALL, slot=0, object=made_by('a')),\n"
		    "step(CALL, slot=1, object=made_by('b'), args=(0, 0)),\n"
		    "step(CALL, object=made_by('dropped')),\n"
		    "step(ENDPOINT, object=made_by('end'), object2=obj(('x', 'y')), args=(1, 0))])",
		    "", "", "", "returned",
		    "[('a',), ('b', 'a', 'a'), ('dropped',), ('end', ('x', 'b'), ('y', 'a'))]",
		    "'end'" },
		/* Coroutines are awaited before the next step begins. */
		{ "made = plan([step(CALL, slot=0, flags=F_AWAIT, object=async_by('a')),\n"
		    "step(CALL, slot=1, object=made_by('b'), args=(0,)),\n"
		    "step(ENDPOINT, flags=F_AWAIT, object=async_by('end'), args=(0, 1))])",
		    "", "", "", "returned", "[('a',), ('b', 'a'), ('end', 'a', 'b')]", "'end'" },
		/* More arguments than fit on the stack. */
		{ "made = plan([step(CALL, slot=0, object=made_by('a')),\n"
		    "step(ENDPOINT, object=made_by('end'), args=(0,) * 40)])",
		    "", "", "", "returned", "[('a',), ('end', *['a'] * 40)]", "'end'" },
		/* A slot is filled again. */
		{ "made = plan([step(CALL, slot=0, object=made_by('a')),\n"
		    "step(CALL, slot=0, object=made_by('b'), args=(0,)),\n"
		    "step(ENDPOINT, object=made_by('end'), args=(0,))])",
		    "", "", "", "returned", "[('a',), ('b', 'a'), ('end', 'b')]", "'end'" },
	};

	ROWS(rows, PYB_RUN_INLINE);
	ROWS(rows, PYB_RUN_THREAD);
}

static void
test_exceptions(void)
{
	static const struct row rows[] = {
		{ "made = plan([step(CALL, slot=0, object=made_by('a', fails=KeyError(1))),\n"
		    "step(ENDPOINT, object=made_by('end'), args=(0,))])",
		    "", "", "", "raised KeyError", "[('a',)]", NULL },
		{ "made = plan([step(CALL, flags=F_AWAIT, object=async_by('a', ValueError())),\n"
		    "step(ENDPOINT, object=made_by('end'))])",
		    "", "", "", "raised ValueError", "[('a',)]", NULL },
		{ "made = plan([step(ENDPOINT, flags=F_SYNC, object=made_by('a', fails=OSError()))])",
		    "", "", "", "raised OSError", "[('a',)]", NULL },
		{ "made = plan([step(ENDPOINT, object=made_by('a', fails=SystemExit(3)))])",
		    "", "", "", "raised SystemExit", "[('a',)]", NULL },
		/* Promised a coroutine, got none. */
		{ "made = plan([step(ENDPOINT, flags=F_AWAIT, object=made_by('a'))])",
		    "", "", "", "raised TypeError", "[('a',)]", NULL },
		{ "made = plan([step(ENDPOINT, object=obj(None))])", "", "", "",
		    "raised TypeError", "[]", NULL },
		{ "made = plan([step(FRESH, slot=0, object=made_by('f', fails=KeyError())),\n"
		    "step(ENDPOINT, object=made_by('end'), args=(0,))])", "", "", "",
		    "raised KeyError", "[('f',)]", NULL },
	};

	ROWS(rows, PYB_RUN_INLINE);
}

/* Nothing of the user's has run when a request is replayed. */
static void
test_replays(void)
{
#define ONE(...) "made = plan([step(" __VA_ARGS__ "),\n" \
	"step(CALL, object=made_by('dep')), step(ENDPOINT, object=made_by('end'), args=(0,))], 1)"
#define Q "PARAM, QUERY, slot=0, name=b'a', "
	static const struct row rows[] = {
		{ ONE(Q "flags=F_REQUIRED, object=obj(tagged)"), "a=1", "", "", "returned",
		    "[('dep',), ('end', ('ok', '1'))]", "'end'" },
		{ ONE(Q "flags=F_REQUIRED, object=obj(tagged)"), "", "", "",
		    "replay: parameter missing", "[]", NULL },
		{ ONE(Q "flags=F_REQUIRED, object=obj(refused)"), "a=1", "", "",
		    "replay: parameter invalid", "[]", NULL },
		{ ONE(Q "flags=F_DEFAULT_FACTORY, object=obj(tagged), object2=obj(lambda: 1 // 0)"),
		    "", "", "", "replay: a default cannot be made", "[]", NULL },
		{ ONE("PARAM, PATH, slot=0, key=1, flags=F_REQUIRED | F_INT, object=obj(tagged)"),
		    "", "", "", "returned", "[('dep',), ('end', ('ok', 17))]", "'end'" },
		{ ONE("PARAM, PATH, slot=0, key=0, flags=F_REQUIRED | F_INT, object=obj(tagged)"),
		    "", "", "", "replay: unusual request", "[]", NULL },
		{ ONE("PARAM, FORM, slot=0, name=b'a', flags=F_REQUIRED"), "",
		    "content-type: text/plain\n", "a=1", "replay: unusual request", "[]", NULL },
	};
#undef Q
#undef ONE

	ROWS(rows, PYB_RUN_INLINE);
}

static void
test_json_content(void)
{
#define WHOLE(flags) "made = plan([step(BODY_PARSE, BODY, slot=1),\n" \
	"step(VALIDATE, BODY, flags=" flags ", slot=0, object=obj(tagged), object2=obj('d'),\n" \
	"     args=(1, 0)), step(ENDPOINT, object=made_by('end'), args=(0,))], 2)"
#define MEMBER(flags) "made = plan([step(BODY_PARSE, BODY, slot=1),\n" \
	"step(BODY_FIELD, BODY, flags=" flags ", slot=0, object=obj(tagged), object2=obj('d'),\n" \
	"     args=(1, 0), key=obj('m')), step(ENDPOINT, object=made_by('end'), args=(0,))], 2)"
	static const struct row rows[] = {
		{ WHOLE("0"), "", JSON, "[1, {\"a\": null}]", "returned",
		    "[('end', ('ok', [1, {'a': None}]))]", NULL },
		{ WHOLE("0"), "", "content-type: application/x+json; a=b\n", "null", "returned",
		    "[('end', ('ok', None))]", NULL },
		{ WHOLE("0"), "", JSON, "", "returned", "[('end', 'd')]", NULL },
		{ WHOLE("0"), "", "", "", "returned", "[('end', 'd')]", NULL },
		{ WHOLE("F_DEFAULT_VALIDATE"), "", "", "", "returned", "[('end', ('ok', 'd'))]", NULL },
		{ WHOLE("F_REQUIRED"), "", JSON, "", "replay: parameter missing", "[]", NULL },
		{ WHOLE("0"), "", JSON, "{", "replay: unusual request", "[]", NULL },
		{ WHOLE("0"), "", JSON, "[1] 2", "replay: unusual request", "[]", NULL },
		{ WHOLE("0"), "", JSON, "\"\xff\"", "replay: unusual request", "[]", NULL },
		{ WHOLE("0"), "", "", "1", "replay: unusual request", "[]", NULL },
		{ WHOLE("0"), "", "content-type: text/plain\n", "1", "replay: unusual request", "[]",
		    NULL },
		{ WHOLE("0"), "", "content-type: text/plain\n" JSON, "1", "replay: unusual request",
		    "[]", NULL },
		{ MEMBER("0"), "", JSON, "{\"m\": 1, \"n\": 2}", "returned", "[('end', ('ok', 1))]",
		    NULL },
		{ MEMBER("0"), "", JSON, "{\"m\": 1, \"m\": null}", "returned",
		    "[('end', ('ok', None))]", NULL },
		{ MEMBER("0"), "", JSON, "{}", "returned", "[('end', 'd')]", NULL },
		{ MEMBER("0"), "", JSON, "", "returned", "[('end', 'd')]", NULL },
		{ MEMBER("F_REQUIRED"), "", JSON, "{\"M\": 1}", "replay: parameter missing", "[]",
		    NULL },
		{ MEMBER("0"), "", JSON, "[]", "replay: unusual request", "[]", NULL },
		{ MEMBER("0"), "", JSON, "null", "replay: unusual request", "[]", NULL },
	};
#undef WHOLE
#undef MEMBER

	ROWS(rows, PYB_RUN_INLINE);
}

/* Validators that are user code: what lacks a value is not called, all errors are
 * told together, in the endpoint's place. */
static void
test_validators_among_the_calls(void)
{
#define READ(slot, name) "step(PARAM, QUERY, flags=F_RAW | F_REQUIRED, slot=" #slot \
	", name=b'" name "')"
#define CHECK(slot, raw) "step(VALIDATE, BODY, flags=F_IMPURE | F_REQUIRED, slot=" #slot \
	", object=obj(number), args=(" #raw ", 0))"
#define TWO "made = plan([" READ(0, "a") "," READ(1, "b") ",\n" CHECK(2, 0) ",\n" \
	"step(CALL, slot=4, object=made_by('on a'), args=(2,)), \n" CHECK(3, 1) ",\n" \
	"step(CALL, slot=5, object=made_by('on b'), args=(3,)),\n" \
	"step(CALL, slot=6, object=made_by('on it'), args=(4, 5)),\n" \
	"step(CALL, object=made_by('free')),\n" \
	"step(ENDPOINT, object=made_by('end'), args=(2, 3, 6))], 2)"
	static const struct row rows[] = {
		{ TWO, "a=1&b=2", "", "", "returned",
		    "[('on a', 1), ('on b', 2), ('on it', 'on a', 'on b'), ('free',), "
		    "('end', 1, 2, 'on it')]", "'end'" },
		{ TWO, "a=x&b=2", "", "", "raised LookupError",
		    "[('on b', 2), ('free',), ('errors', [(2, 1)], None, 'GET')]", NULL },
		{ TWO, "a=1&b=x", "", "", "raised LookupError",
		    "[('on a', 1), ('free',), ('errors', [(4, 1)], None, 'GET')]", NULL },
		{ TWO, "a=x&b=x", "", "", "raised LookupError",
		    "[('free',), ('errors', [(2, 1), (4, 1)], None, 'GET')]", NULL },
		{ TWO, "a=1", "", "", "replay: parameter missing", "[]", NULL },
		/* Any other exception is the user's own. */
		{ "made = plan([" READ(0, "a") ", step(VALIDATE, BODY, flags=F_IMPURE | F_REQUIRED,\n"
		    "slot=1, object=obj(refused), args=(0, 0)),\n"
		    "step(ENDPOINT, object=made_by('end'), args=(1,))], 1)", "a=1", "", "",
		    "raised ValueError", "[]", NULL },
		/* The errors come with the content. */
		{ "made = plan([step(BODY_PARSE, BODY, slot=0),\n"
		    "step(VALIDATE, BODY, flags=F_IMPURE | F_REQUIRED, slot=1, object=obj(number),\n"
		    "args=(0, 0)), step(ENDPOINT, object=made_by('end'), args=(1,))], 1)", "", JSON,
		    "{\"x\": []}", "raised LookupError", "[('errors', [(1, 1)], {'x': []}, 'GET')]",
		    NULL },
		{ "made = plan([step(PARAM, FORM, flags=F_RAW | F_REQUIRED, slot=0, name=b'a'),\n"
		    "step(VALIDATE, BODY, flags=F_IMPURE | F_REQUIRED, slot=1, object=obj(number),\n"
		    "args=(0, 0)), step(ENDPOINT, object=made_by('end'), args=(1,))], 1,\n"
		    "flags=P_FORM)", "", FORM, "a=x&b=", "raised LookupError",
		    "[('errors', [(1, 1)], [('a', 'x'), ('b', '')], 'GET')]", NULL },
		/* A helper that raises nothing is a mistake of ours. */
		{ "helper.raise_request_errors = lambda *args: None\n"
		    "made = plan([" READ(0, "a") "," CHECK(1, 0) ",\n"
		    "step(ENDPOINT, object=made_by('end'), args=(1,))], 1)", "a=x", "", "",
		    "raised SystemError", "[]", NULL },
	};
#undef READ
#undef CHECK
#undef TWO

	ROWS(rows, PYB_RUN_INLINE);
}

/* A plain function on the loop's thread: a context of its own, no running loop. */
static void
test_plain_functions_inline(void)
{
	static const struct row rows[] = {
		{ "var = contextvars.ContextVar('var', default='unset')\n"
		    "def sets():\n"
		    "    log.append((var.get(), asyncio._get_running_loop()))\n"
		    "    var.set('set')\n"
		    "def gets(): return var.get()\n"
		    "made = plan([step(CALL, flags=F_SYNC, object=obj(sets)),\n"
		    "step(ENDPOINT, flags=F_SYNC, object=obj(gets))])",
		    "", "", "", "returned", "[('unset', None)]", "'unset'" },
	};
	struct plan_rig rig;

	ROWS(rows, PYB_RUN_INLINE);
	/* The running loop is there again, after an exception too. */
	plan_open(&rig, CALLS "made = plan([step(ENDPOINT, flags=F_SYNC, object=made_by('a', "
	    "fails=KeyError()))])", "", "", "");
	CU_ASSERT_STRING_EQUAL(plan_run(&rig, PYB_RUN_INLINE), "raised KeyError");
	CU_ASSERT(py_equal(py("type(asyncio._get_running_loop()).__name__"), "'EventLoop'"));
	plan_close(&rig);
}

/* A failure to hide the running loop, or to show it again, is reported; the function's
 * own outcome stays. */
static void
test_the_running_loop_stays(void)
{
	static const struct {
		const char *plan, *outcome;
	} rows[] = {
		{ CALLS "made = plan([step(ENDPOINT, flags=F_SYNC, object=made_by('a'))])",
		    "returned" },
		{ CALLS "made = plan([step(ENDPOINT, flags=F_SYNC, object=made_by('a', "
		    "fails=KeyError()))])", "raised KeyError" },
	};
	struct pyb_module_state *st = python_state();
	PyObject *real = st->set_running_loop;

	py_do("import sys\n"
	    "def refuse(loop): raise RuntimeError('refused')\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_rig rig;

		plan_open(&rig, rows[i].plan, "", "", "");
		py_do("unraised = []\n"
		    "sys.unraisablehook = lambda what: unraised.append(str(what.exc_value))\n");
		st->set_running_loop = py("refuse");
		CU_ASSERT_STRING_EQUAL(plan_run(&rig, PYB_RUN_INLINE), rows[i].outcome);
		Py_SETREF(st->set_running_loop, real);
		CU_ASSERT(py_equal(py("unraised"), "['refused', 'refused']"));
		py_do("sys.unraisablehook = sys.__unraisablehook__\n");
		plan_close(&rig);
	}
}

static void
test_injected_objects(void)
{
	static const struct row rows[] = {
		{ "made = plan([step(RESPONSE, slot=0), step(RESPONSE, slot=1),\n"
		    "step(BACKGROUND, slot=2), step(BACKGROUND, slot=3),\n"
		    "step(FRESH, slot=4, object=obj(list)), step(FRESH, slot=5, object=obj(list)),\n"
		    "step(ENDPOINT, object=obj(lambda a, b, c, d, e, f: (a is b, a.raw_headers,\n"
		    "a.status_code, type(a).__name__, c is d, c.tasks, type(c).__name__, e, f,\n"
		    "e is f)), args=(0, 1, 2, 3, 4, 5))])", "", "", "", "returned", "[]",
		    "(True, [], None, 'Response', True, [], 'BackgroundTasks', [], [], False)" },
	};

	ROWS(rows, PYB_RUN_INLINE);
}

static const char *const whole_plan = CALLS
    "made = plan([step(PARAM, QUERY, flags=F_LIST, slot=0, name=b'a', object=obj(tagged),\n"
    "     object2=obj([])), step(BODY_PARSE, BODY, slot=1),\n"
    "step(PARAM, QUERY, flags=F_RAW | F_REQUIRED, slot=2, name=b'n'),\n"
    "step(VALIDATE, BODY, flags=F_IMPURE | F_REQUIRED, slot=3, object=obj(number),\n"
    "     args=(2, 0)),\n"
    "step(CALL, flags=F_SYNC, slot=4, object=obj(lambda x: [x]), args=(3,)),\n"
    "step(RESPONSE, slot=5), step(FRESH, slot=6, object=obj(dict)),\n"
    "step(ENDPOINT, object=obj(lambda *args: args), args=(0, 3, 4, 5, 6))], 3)";

static void
run_once(void *arg)
{
	struct plan_rig *rig = arg;

	plan_run(rig, PYB_RUN_INLINE);
	plan_again(rig);
}

static void
test_nothing_is_left_behind(void)
{
	static const char *const queries[] = { "a=1&a=2&n=3", "a=1&n=x", "a=1" };

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct plan_rig rig;

		plan_open(&rig, whole_plan, queries[i], JSON, "[1, [2]]");
		CU_ASSERT_EQUAL(python_leak(run_once, &rig), 0);
		plan_close(&rig);
	}
}

/* With asyncio's dictionary of current tasks, and without. */
static void
test_the_stand_in_is_entered_once(void)
{
	struct pyb_module_state *st = python_state();
	PyObject *tasks = st->current_tasks;

	for (int round = 0; round < 2; round++) {
		struct plan_rig rig;

		plan_open(&rig, CALLS "made = plan([step(ENDPOINT, flags=F_SYNC, object=obj(print))])",
		    "", "", "");
		st->current_tasks = round == 0 ? tasks : NULL;
		CU_ASSERT_EQUAL(pyb_standin_enter(rig.local, Py_None, NULL), 0);
		CU_ASSERT_EQUAL(pyb_standin_enter(rig.local, Py_None, NULL), -1);
		CU_ASSERT(PyErr_ExceptionMatches(PyExc_RuntimeError));
		pyb_standin_end(rig.local, pyb_standin_leave(rig.local), NULL);
		CU_ASSERT(PyErr_ExceptionMatches(PyExc_RuntimeError));
		PyErr_Clear();
		CU_ASSERT_EQUAL(pyb_standin_enter(rig.local, Py_None, NULL), 0);
		pyb_standin_end(rig.local, pyb_standin_leave(rig.local), NULL);
		CU_ASSERT_PTR_NULL(PyErr_Occurred());
		st->current_tasks = tasks;
		plan_close(&rig);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "order of calls", test_order_of_calls },
		{ "exceptions", test_exceptions },
		{ "replays", test_replays },
		{ "JSON content", test_json_content },
		{ "validators among the calls", test_validators_among_the_calls },
		{ "plain functions inline", test_plain_functions_inline },
		{ "the running loop stays", test_the_running_loop_stays },
		{ "injected objects", test_injected_objects },
		{ "the stand-in is entered once", test_the_stand_in_is_entered_once },
		{ "nothing is left behind", test_nothing_is_left_behind },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: call", tests);
}
