/*
 * Guards: which changes of an application are seen, and when the compiler's own
 * check is asked.
 */
#include "tests/unit/python_fixture.h"

#include "bindings/guards.h"

static struct pyb_guards guards;

static void
guards_open(const char *source)
{
	PyObject *object;

	py_do("from types import SimpleNamespace\n"
	    "class Class: kept = 1\n"
	    "answer, asked, plain, other, listed, empty = None, 0, {'a': 1}, {}, [1, 2], {}\n"
	    "texts, named = ['a', 'b'], {'a', 'b'}\n"
	    "def check():\n"
	    "    global asked\n"
	    "    asked += 1\n"
	    "    if isinstance(answer, Exception): raise answer\n"
	    "    return answer\n"
	    "def source(**changes):\n"
	    "    given = dict(check=check, dicts=[plain, other, Class], lists=[listed],\n"
	    "                 empties=[empty], contents=[(texts, tuple(texts)),\n"
	    "                                            (named, frozenset(named))])\n"
	    "    given.update(changes)\n"
	    "    return SimpleNamespace(**given)\n");
	object = py(source);
	CU_ASSERT_EQUAL(pyb_guards_init(&guards, object), 0);
	Py_DECREF(object);
}

static void
guards_close(void)
{
	pyb_guards_fini(&guards);
	CU_ASSERT_PTR_NULL(guards.check);
	pyb_guards_fini(&guards);
}

/* Look, and say how often the check was asked meanwhile. */
static bool
looks(bool full, enum pyb_guard_verdict verdict, const char *asked)
{
	enum pyb_guard_verdict got;

	py_do("asked = 0");
	got = pyb_guards_look(&guards, full);
	CU_ASSERT_PTR_NULL(PyErr_Occurred());
	return got == verdict && py_equal(py("asked"), asked);
}

static void
test_untouched(void)
{
	guards_open("source()");
	CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
	CU_ASSERT(looks(true, PYB_GUARD_HOLDS, "1"));
	py_do("plain['a'], other.get('x'), Class.kept, len(listed)");
	CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
	guards_close();
}

/* The check is asked once after each touch, and what it says is what holds. */
static void
test_touched(void)
{
	static const char *const touches[] = {
		"plain['a'] = 2", "plain['b'] = 1", "del plain['b']", "plain.clear()",
		"other.update(x=1)", "Class.kept = 2", "Class.added = 1", "del Class.added",
		"Class.method = lambda self: 1",
	};

	guards_open("source()");
	for (size_t i = 0; i < sizeof(touches) / sizeof(touches[0]); i++) {
		py_do(touches[i]);
		CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "1"));
		CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
	}
	py_do("answer = 'patched'\nplain['a'] = 3\n");
	CU_ASSERT(looks(false, PYB_GUARD_TRIPPED, "1"));
	py_do("answer = ValueError('check')\nplain['a'] = 4\n");
	CU_ASSERT(looks(false, PYB_GUARD_TRIPPED, "1"));
	CU_ASSERT(looks(true, PYB_GUARD_TRIPPED, "1"));
	py_do("answer = ''\n");
	CU_ASSERT(looks(true, PYB_GUARD_TRIPPED, "1"));
	guards_close();
}

static void
test_lists_and_empties(void)
{
	guards_open("source()");
	py_do("listed.append(3)");
	CU_ASSERT(looks(false, PYB_GUARD_TRIPPED, "0"));
	py_do("listed.pop(0)");
	CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
	py_do("listed.clear()");
	CU_ASSERT(looks(true, PYB_GUARD_TRIPPED, "0"));
	/* An override stands before everything. */
	py_do("empty['dependency'] = 1\nplain['a'] = 9\n");
	CU_ASSERT(looks(true, PYB_GUARD_OVERRIDDEN, "0"));
	py_do("empty.clear()\nlisted += [1, 2]\n");
	CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "1"));
	guards_close();
}

/* The same number of other things is a change, too. */
static void
test_contents(void)
{
	static const char *const changes[] = {
		"texts[1] = 'c'", "texts.append('c')", "texts.pop()", "texts.reverse()",
		"named.add('c')", "named.remove('a')", "named.remove('a'), named.add('c')",
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		guards_open("source()");
		CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
		py_do(changes[i]);
		CU_ASSERT(looks(false, PYB_GUARD_TRIPPED, "0"));
		py_do("texts[:], named = ['a', 'b'], named.clear() or named.update('ab') or named");
		CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
		guards_close();
	}
}

static void
init_fini(void *source)
{
	if (pyb_guards_init(&guards, source) < 0)
		PyErr_Clear();
	pyb_guards_fini(&guards);
}

static void
test_wrong_sources(void)
{
	static const struct { const char *source, *raises; } rows[] = {
		{ "source(dicts=[1])", "TypeError" }, { "source(dicts=[plain, None])", "TypeError" },
		{ "source(lists=[()])", "TypeError" }, { "source(lists=[listed, {}])", "TypeError" },
		{ "source(empties=[[]])", "TypeError" }, { "source(empties=[empty, 'a'])", "TypeError" },
		{ "source(dicts=1)", "TypeError" }, { "source(lists=None)", "TypeError" },
		{ "source(empties=object())", "TypeError" }, { "object()", "AttributeError" },
		{ "SimpleNamespace(check=check)", "AttributeError" },
		{ "SimpleNamespace(check=check, dicts=[])", "AttributeError" },
		{ "SimpleNamespace(check=check, dicts=[], lists=[])", "AttributeError" },
		{ "SimpleNamespace(check=check, dicts=[], lists=[], empties=[])", "AttributeError" },
		{ "source(contents=[texts])", "TypeError" },
		{ "source(contents=[(texts, frozenset())])", "TypeError" },
		{ "source(contents=[(named, ())])", "TypeError" },
		{ "source(contents=[(plain, ())])", "TypeError" },
		{ "source(contents=[(texts, (), ())])", "TypeError" },
	};

	guards_open("source(dicts=[], lists=(), empties=iter([]), contents=())");
	CU_ASSERT(looks(false, PYB_GUARD_HOLDS, "0"));
	guards_close();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *source = python_keep(py(rows[i].source));

		CU_ASSERT_EQUAL(pyb_guards_init(&guards, source), -1);
		CU_ASSERT(py_raised(rows[i].raises));
		guards_close();
		CU_ASSERT_EQUAL(python_leak(init_fini, source), 0);
	}
}

static bool
init_failing(void *source)
{
	int rc = pyb_guards_init(&guards, source);
	bool ok = (rc < 0) == (PyErr_Occurred() != NULL);

	PyErr_Clear();
	pyb_guards_fini(&guards);
	return ok;
}

static void
test_references(void)
{
	static const char *const guarded[] = { "plain", "Class", "listed", "empty", "check" };
	PyObject *source;

	guards_open("source()");
	guards_close();
	for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++)
		python_keep(py(guarded[i]));
	source = py("source()");
	CU_ASSERT_EQUAL(python_leak(init_fini, source), 0);
	CU_ASSERT(python_survives(init_failing, source));
	Py_DECREF(source);
}

static int
visit_count(PyObject *object, void *arg)
{
	*(int *)arg += object != NULL;
	return 0;
}

static void
test_traverse(void)
{
	int n = 0;

	guards_open("source()");
	CU_ASSERT_EQUAL(pyb_guards_traverse(&guards, visit_count, &n), 0);
	CU_ASSERT_EQUAL(n, 1 + 3 + 1 + 1 + 4);
	guards_close();
	n = 0;
	CU_ASSERT_EQUAL(pyb_guards_traverse(&guards, visit_count, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "untouched", test_untouched },
		{ "touched", test_touched },
		{ "lists and empties", test_lists_and_empties },
		{ "contents", test_contents },
		{ "wrong sources", test_wrong_sources },
		{ "references", test_references },
		{ "traverse", test_traverse },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: guards", tests);
}
