/*
 * Coroutines around a C step function: what Python may do with them, and that
 * each releases what it owns exactly once.
 */
#include "tests/unit/python_fixture.h"

#include "bindings/awaitable.h"
#include "bindings/compat.h"
#include "bindings/coro.h"

/* A step function that awaits what is written down and notes what it is given. */
struct script {
	PyObject *awaits;	/* list, in order */
	PyObject *log;		/* list: values, or exceptions */
	PyObject *result;
	PyObject *holds;	/* anything; visited */
	bool swallows;		/* exceptions do not end it */
	Py_ssize_t at;
	int steps, released;
};

static enum pyb_coro_verdict
script_step(void *arg, PyObject *value, PyObject **out)
{
	struct script *s = arg;
	PyObject *exc = value == NULL ? PyErr_GetRaisedException() : NULL;

	s->steps++;
	CU_ASSERT(value != NULL || exc != NULL);
	PyList_Append(s->log, value != NULL ? value : exc);
	if (exc != NULL && !s->swallows) {
		PyErr_SetRaisedException(exc);
		return PYB_CORO_ERROR;
	}
	Py_XDECREF(exc);
	if (s->at < PyList_GET_SIZE(s->awaits)) {
		*out = Py_NewRef(PyList_GET_ITEM(s->awaits, s->at++));
		return PYB_CORO_AWAIT;
	}
	*out = Py_NewRef(s->result);
	return PYB_CORO_RETURN;
}

static void
script_release(void *arg)
{
	struct script *s = arg;

	s->released++;
	Py_CLEAR(s->holds);
}

static int
script_traverse(void *arg, visitproc visit, void *varg)
{
	struct script *s = arg;

	return s->holds != NULL ? visit(s->holds, varg) : 0;
}

static const struct pyb_coro_class script_class = {
	"script", script_step, script_release, script_traverse
};

/* `coro` in the tests' namespace awaits what the expression lists. */
static void
script_open(struct script *s, const char *awaits)
{
	PyObject *main = py("globals()"), *coro;

	py_do("import asyncio, gc, types\n"
	    "class Waits:\n"
	    "    'Yields each text; its value is what was sent.'\n"
	    "    def __init__(self, *texts): self.texts = texts; self.ended = 0\n"
	    "    def __await__(self):\n"
	    "        sent = []\n"
	    "        try:\n"
	    "            for text in self.texts: sent.append((yield text))\n"
	    "            return sent\n"
	    "        finally: self.ended += 1\n"
	    "class Catches:\n"
	    "    'Goes on when an exception is thrown into it.'\n"
	    "    def __init__(self, yields=False): self.yields = yields\n"
	    "    def __await__(self):\n"
	    "        try: yield 'first'\n"
	    "        except BaseException as exc:\n"
	    "            if self.yields: yield type(exc).__name__\n"
	    "            return 'caught'\n"
	    "class Raises:\n"
	    "    def __await__(self):\n"
	    "        try: yield 'first'\n"
	    "        except BaseException: raise KeyError('other')\n"
	    "class Plain:\n"
	    "    def __await__(self): return iter(['p1', 'p2'])\n"
	    "async def native(value): return value\n"
	    "async def failing(): raise ValueError('failed')\n"
	    "@types.coroutine\n"
	    "def generator(): return (yield 'g')\n"
	    "def outcome(function, *args):\n"
	    "    try: return function(*args)\n"
	    "    except BaseException as exc:\n"
	    "        return (type(exc).__name__, *exc.args)\n");
	*s = (struct script){ .awaits = py(awaits), .log = PyList_New(0), .result = py("'done'") };
	PyDict_SetItemString(main, "log", s->log);
	coro = pyb_coro_new(python_state(), &script_class, s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(coro);
	PyDict_SetItemString(main, "coro", coro);
	Py_DECREF(coro);
	Py_DECREF(main);
}

/* Forgets the coroutine; it was released once, now or before. */
static void
script_close(struct script *s)
{
	py_do("coro = log = None\ngc.collect()\n");
	CU_ASSERT_EQUAL(s->released, 1);
	Py_CLEAR(s->awaits);
	Py_CLEAR(s->log);
	Py_CLEAR(s->result);
}

struct row {
	const char *awaits;	/* what the step awaits */
	const char *calls;	/* statements over `coro`, appending to `got` */
	const char *got, *log;
	int released;		/* before the coroutine is dropped */
	bool swallows;
};

static void
rows_run(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct script s;

		script_open(&s, rows[i].awaits);
		s.swallows = rows[i].swallows;
		py_do("got = []\n"
		    "def do(name, *args): got.append(outcome(getattr(coro, name), *args))\n"
		    "def send(value=None): do('send', value)\n"
		    "def throw(*args): do('throw', *args)\n"
		    "def close(): do('close')\n");
		py_do(rows[i].calls);
		CU_ASSERT(py_equal(py("got"), rows[i].got));
		CU_ASSERT(py_equal(py("[e if not isinstance(e, BaseException) else "
		    "type(e).__name__ for e in log]"), rows[i].log));
		CU_ASSERT_EQUAL(s.released, rows[i].released);
		script_close(&s);
	}
}

#define ROWS(rows) rows_run(rows, sizeof(rows) / sizeof((rows)[0]))
#define REUSED "('RuntimeError', 'cannot reuse already awaited coroutine')"

static void
test_send(void)
{
	static const struct row rows[] = {
		{ "[]", "send()", "[('StopIteration', 'done')]", "[None]", 1, false },
		{ "[]", "send()\nsend()\nthrow(KeyError)",
		    "[('StopIteration', 'done'), " REUSED ", " REUSED "]", "[None]", 1, false },
		{ "[native(1), native(2)]", "send()", "[('StopIteration', 'done')]",
		    "[None, 1, 2]", 1, false },
		{ "[Waits('a', 'b'), Waits('c')]", "send()\nsend(1)\nsend(2)\nsend(3)",
		    "['a', 'b', 'c', ('StopIteration', 'done')]", "[None, [1, 2], [3]]", 1, false },
		{ "[Waits()]", "send()", "[('StopIteration', 'done')]", "[None, []]", 1, false },
		{ "[generator()]", "send()\nsend(5)", "['g', ('StopIteration', 'done')]",
		    "[None, 5]", 1, false },
		{ "[Plain()]", "send()\nsend()\nsend()", "['p1', 'p2', ('StopIteration', 'done')]",
		    "[None, None]", 1, false },
		{ "[failing()]", "send()", "[('ValueError', 'failed')]", "[None, 'ValueError']", 1,
		    false },
		{ "[failing(), native(1)]", "send()", "[('StopIteration', 'done')]",
		    "[None, 'ValueError', 1]", 1, true },
		{ "[1]", "send()",
		    "[('TypeError', \"object int can't be used in 'await' expression\")]",
		    "[None, 'TypeError']", 1, false },
		{ "[1, object, native(2)]", "send()", "[('StopIteration', 'done')]",
		    "[None, 'TypeError', 'TypeError', 2]", 1, true },
		{ "[type('A', (), {'__await__': lambda s: 1})()]", "send()",
		    "[('TypeError', \"__await__() returned non-iterator of type 'int'\")]",
		    "[None, 'TypeError']", 1, false },
		{ "[type('A', (), {'__await__': lambda s: generator()})()]", "send()",
		    "[('TypeError', '__await__() returned a coroutine')]",
		    "[None, 'TypeError']", 1, false },
		{ "[(i for i in 'ab')]", "send()",
		    "[('TypeError', \"object generator can't be used in 'await' expression\")]",
		    "[None, 'TypeError']", 1, false },
		{ "[Waits('a')]", "send()", "['a']", "[None]", 0, false },
		/* next() and iteration are send(None). */
		{ "[Waits('a')]", "got.append(next(coro))\nsend()",
		    "['a', ('StopIteration', 'done')]", "[None, [None]]", 1, false },
		{ "[Waits('a', 'b')]", "got += list(coro)", "['a', 'b']", "[None, [None, None]]", 1,
		    false },
	};

	ROWS(rows);
}

static void
test_throw(void)
{
	static const struct row rows[] = {
		/* Before the start the step sees it. */
		{ "[]", "throw(KeyError('k'))", "[('KeyError', 'k')]", "['KeyError']", 1, false },
		{ "[native(1)]", "throw(KeyError)", "[('StopIteration', 'done')]",
		    "['KeyError', 1]", 1, true },
		/* While it waits, what it waits for. */
		{ "[Waits('a')]", "send()\nthrow(KeyError('k'))", "['a', ('KeyError', 'k')]",
		    "[None, 'KeyError']", 1, false },
		{ "[Catches()]", "send()\nthrow(KeyError)",
		    "['first', ('StopIteration', 'done')]", "[None, 'caught']", 1, false },
		{ "[Catches(True)]", "send()\nthrow(KeyError)\nsend()",
		    "['first', 'KeyError', ('StopIteration', 'done')]", "[None, 'caught']", 1, false },
		{ "[Raises()]", "send()\nthrow(ValueError)", "['first', ('KeyError', 'other')]",
		    "[None, 'KeyError']", 1, false },
		{ "[Raises(), native(1)]", "send()\nthrow(ValueError)",
		    "['first', ('StopIteration', 'done')]", "[None, 'KeyError', 1]", 1, true },
		/* An iterator without throw() is dropped. */
		{ "[Plain()]", "send()\nthrow(KeyError('k'))", "['p1', ('KeyError', 'k')]",
		    "[None, 'KeyError']", 1, false },
		{ "[Waits('a')]", "send()\nthrow(StopIteration(3))",
		    "['a', ('RuntimeError', 'generator raised StopIteration')]",
		    "[None, 'RuntimeError']", 1, false },
		/* Every spelling. */
		{ "[]", "throw(KeyError, 'k')", "[('KeyError', 'k')]", "['KeyError']", 1, false },
		{ "[]", "throw(KeyError, None, None)", "[('KeyError',)]", "['KeyError']", 1, false },
		{ "[]", "throw(KeyError, KeyError(1), None)", "[('KeyError', 1)]", "['KeyError']", 1,
		    false },
		{ "[Waits('a')]", "send()\nthrow(1)\nthrow()\nthrow(int)\nsend(2)",
		    "['a', ('TypeError', 'exceptions must be classes or instances deriving from "
		    "BaseException'), ('TypeError', 'throw() takes at least 1 argument (0 given)'), "
		    "('TypeError', 'exceptions must be classes or instances deriving from "
		    "BaseException'), ('StopIteration', 'done')]", "[None, [2]]", 1, false },
	};

	ROWS(rows);
}

static void
test_close(void)
{
	static const struct row rows[] = {
		{ "[Waits()]", "close()\nclose()\nsend()", "[None, None, " REUSED "]", "[]", 1,
		    false },
		{ "[]", "send()\nclose()", "[('StopIteration', 'done'), None]", "[None]", 1, false },
		{ "[Waits('a')]", "send()\nclose()\nclose()", "['a', None, None]",
		    "[None, 'GeneratorExit']", 1, false },
		{ "[Plain()]", "send()\nclose()", "['p1', None]", "[None, 'GeneratorExit']", 1,
		    false },
		{ "[Waits('a')]", "send()\nclose()", "['a', None]", "[None, 'GeneratorExit']", 1,
		    true },
		{ "[Raises()]", "send()\nclose()", "['first', ('KeyError', 'other')]",
		    "[None, 'KeyError']", 1, false },
		/* It goes on waiting: refused, but not broken. */
		{ "[Catches(True)]", "send()\nclose()\nsend()",
		    "['first', ('RuntimeError', 'coroutine ignored GeneratorExit'), "
		    "('StopIteration', 'done')]", "[None, 'caught']", 1, false },
		{ "[Waits('a'), Waits('b')]", "send()\nclose()\nsend(1)",
		    "['a', ('RuntimeError', 'coroutine ignored GeneratorExit'), "
		    "('StopIteration', 'done')]", "[None, 'GeneratorExit', [1]]", 1, true },
	};

	ROWS(rows);
}

/* From within what it waits for, the coroutine cannot be used. */
static void
test_a_running_coroutine_is_refused(void)
{
	static const struct row rows[] = {
		{ "[type('Own', (), {'__await__': lambda self: (yield [outcome(coro.send, None), "
		    "outcome(coro.throw, KeyError), outcome(coro.close)])})()]", "send()\nsend()",
		    "[[('ValueError', 'coroutine already executing')] * 3, "
		    "('StopIteration', 'done')]", "[None, None]", 1, false },
	};

	ROWS(rows);
}

static void
test_dropped_unfinished(void)
{
	struct script s;

	script_open(&s, "[Waits('a')]");
	py_do("waits = Waits('a')");
	Py_SETREF(s.awaits, py("[waits]"));
	py_do("coro.send(None)");
	PyErr_SetString(PyExc_LookupError, "kept");
	PyDict_SetItemString(PyEval_GetBuiltins(), "unused", Py_None);
	{
		PyObject *globals, *exc = PyErr_GetRaisedException();

		globals = py("globals()");
		PyErr_SetRaisedException(exc);
		/* The exception of the one who drops it is kept. */
		PyDict_DelItemString(globals, "coro");
		Py_DECREF(globals);
	}
	CU_ASSERT(py_raised("LookupError"));
	PyDict_DelItemString(PyEval_GetBuiltins(), "unused");
	CU_ASSERT_EQUAL(s.released, 1);
	CU_ASSERT(py_equal(py("waits.ended"), "1"));
	CU_ASSERT(py_equal(py("log"), "[None]"));	/* the step is not asked */
	script_close(&s);
}

static void
test_a_cycle_is_collected(void)
{
	struct script s;

	script_open(&s, "[Waits('a')]");
	s.holds = py("[coro]");
	py_do("coro.send(None)\ncoro = None\n");
	CU_ASSERT_EQUAL(s.released, 0);
	py_do("gc.collect()");
	CU_ASSERT_EQUAL(s.released, 1);
	script_close(&s);
}

/* The collector clears it; what it waited for then looks at it again. */
static void
test_cleared_once(void)
{
	struct script s;
	PyObject *coro;

	script_open(&s, "[Waits('a')]");
	py_do("class Last:\n"
	    "    def __await__(self): return self\n"
	    "    def __next__(self): return 'waits'\n"
	    "    def __iter__(self): return self\n"
	    "    def __del__(self):\n"
	    "        got.append(outcome(coro.close))\n"
	    "        got.append(outcome(coro.send, None))\n"
	    "got = []\n");
	Py_SETREF(s.awaits, py("[Last()]"));
	py_do("coro.send(None)");
	PyList_SetSlice(s.awaits, 0, 1, NULL);
	coro = py("coro");
	Py_TYPE(coro)->tp_clear(coro);
	CU_ASSERT_EQUAL(s.released, 1);
	CU_ASSERT_EQUAL(s.steps, 1);
	CU_ASSERT(py_equal(py("got"), "[None, " REUSED "]"));
	Py_TYPE(coro)->tp_clear(coro);
	CU_ASSERT_EQUAL(s.released, 1);
	Py_DECREF(coro);
	script_close(&s);
}

/* Results of every kind survive StopIteration. */
static void
test_results(void)
{
	static const char *const results[] = {
		"None", "()", "(1, 2)", "ValueError('a result')", "StopIteration(1)", "StopIteration",
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct script s;

		script_open(&s, "[]");
		Py_SETREF(s.result, py(results[i]));
		PyDict_SetItemString(PyEval_GetBuiltins(), "expected", s.result);
		py_do("def ended():\n"
		    "    try: coro.send(None)\n"
		    "    except StopIteration as stop: return stop.value is expected\n");
		CU_ASSERT(py_equal(py("ended()"), "True"));
		PyDict_DelItemString(PyEval_GetBuiltins(), "expected");
		script_close(&s);
	}
}

/* asyncio takes it for a coroutine, with tasks, cancelling and await alike. */
static void
test_under_asyncio(void)
{
	static const struct row rows[] = {
		{ "[asyncio.sleep(0), native(1), asyncio.sleep(0.001, 'slept')]",
		    "got.append(asyncio.run(asyncio.wait_for(coro, 5)))", "['done']",
		    "[None, None, 1, 'slept']", 1, false },
		{ "[native(1)]",
		    "async def main():\n"
		    "    return [await coro]\n"
		    "got.append(asyncio.run(main()))", "[['done']]", "[None, 1]", 1, false },
		{ "[asyncio.sleep(60)]",
		    "async def main():\n"
		    "    task = asyncio.ensure_future(coro)\n"
		    "    await asyncio.sleep(0)\n"
		    "    task.cancel('why')\n"
		    "    await asyncio.wait([task])\n"
		    "    return task.cancelled()\n"
		    "got.append(asyncio.run(main()))", "[True]", "[None, 'CancelledError']", 1, false },
	};

	ROWS(rows);
	CU_ASSERT(py_equal(py("asyncio.iscoroutine(_engine.App)"), "False"));
}

static void
test_repr(void)
{
	struct script s;

	script_open(&s, "[]");
	CU_ASSERT(py_equal(py("repr(coro).split(' at ')[0]"), "'<fastrapi script coroutine'"));
	CU_ASSERT(py_equal(py("asyncio.iscoroutine(coro)"), "True"));
	py_do("outcome(coro.send, None)");
	CU_ASSERT(py_equal(py("repr(coro).split(' at ')[0]"), "'<fastrapi finished coroutine'"));
	script_close(&s);
}

static bool
new_failing(void *arg)
{
	struct script *s = arg;
	PyObject *coro;

	s->released = 0;
	coro = pyb_coro_new(python_state(), &script_class, s);
	if (coro == NULL) {
		bool memory = PyErr_ExceptionMatches(PyExc_MemoryError);

		PyErr_Clear();
		return memory && s->released == 1;
	}
	Py_DECREF(coro);
	return s->released == 1;
}

static void
test_out_of_memory_releases_too(void)
{
	struct script s = { 0 };

	CU_ASSERT(python_survives(new_failing, &s));
}

/* The arguments of pyb_awaitable_throw(). */
struct thrown {
	PyObject *iterator, *name, *exc;
};

static bool
throw_failing(void *arg)
{
	struct thrown *t = arg;
	PyObject *value;
	PySendResult sent = pyb_awaitable_throw(t->iterator, t->name, t->exc, &value);
	bool right;

	if (sent == PYGEN_ERROR)
		right = PyErr_ExceptionMatches(PyExc_MemoryError);
	else
		right = PyUnicode_Check(value) &&
		    PyUnicode_CompareWithASCIIString(value, "done") == 0;
	PyErr_Clear();
	Py_XDECREF(value);
	return right;
}

/* A generator's return becomes an exception object only when somebody asks for it. */
static void
test_throw_without_memory(void)
{
	struct thrown t;

	py_do("def returns():\n"
	    "    try: yield\n"
	    "    except KeyError: return 'done'\n"
	    "class Returns:\n"
	    "    def throw(self, exc):\n"
	    "        generator = returns()\n"
	    "        next(generator)\n"
	    "        return generator.throw(exc)\n");
	t = (struct thrown){ py("Returns()"), py("'throw'"), py("KeyError()") };
	CU_ASSERT(python_survives(throw_failing, &t));
	Py_DECREF(t.iterator);
	Py_DECREF(t.name);
	Py_DECREF(t.exc);
}

static enum pyb_coro_verdict
plain_step(void *arg, PyObject *value, PyObject **out)
{
	*out = value != NULL ? Py_NewRef((PyObject *)arg) : NULL;
	return value != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static void
plain_release(void *Py_UNUSED(arg))
{
}

static int
plain_traverse(void *Py_UNUSED(arg), visitproc Py_UNUSED(visit), void *Py_UNUSED(varg))
{
	return 0;
}

static const struct pyb_coro_class plain_class = {
	"plain", plain_step, plain_release, plain_traverse
};

/* What is thrown in comes out, or there is no memory. `arg`: what to await, and the exception. */
static bool
throw_plain_failing(void *arg)
{
	PyObject **given = arg, *value = NULL;
	PyObject *coro = pyb_coro_new(python_state(), &plain_class, given[0]);
	bool right;

	if (coro != NULL)
		value = PyObject_CallMethod(coro, "send", "O", Py_None);
	if (value != NULL) {
		Py_DECREF(value);
		value = PyObject_CallMethod(coro, "throw", "O", given[1]);
	}
	right = value == NULL && (PyErr_ExceptionMatches(PyExc_MemoryError) ||
	    PyErr_ExceptionMatches(PyExc_KeyError));
	PyErr_Clear();
	Py_XDECREF(coro);
	return right;
}

static void
test_throw_past_a_plain_iterator_without_memory(void)
{
	PyObject *given[2];

	py_do("class Plain:\n"
	    "    def __await__(self): return iter(['p1', 'p2'])\n");
	given[0] = py("Plain()");
	given[1] = py("KeyError('k')");
	CU_ASSERT(python_survives(throw_plain_failing, given));
	Py_DECREF(given[0]);
	Py_DECREF(given[1]);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "send", test_send },
		{ "throw", test_throw },
		{ "close", test_close },
		{ "a running coroutine is refused", test_a_running_coroutine_is_refused },
		{ "dropped unfinished", test_dropped_unfinished },
		{ "a cycle is collected", test_a_cycle_is_collected },
		{ "cleared once", test_cleared_once },
		{ "results", test_results },
		{ "under asyncio", test_under_asyncio },
		{ "repr", test_repr },
		{ "out of memory releases too", test_out_of_memory_releases_too },
		{ "throw() without memory", test_throw_without_memory },
		{ "throw() past a plain iterator without memory",
		    test_throw_past_a_plain_iterator_without_memory },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: coro", tests);
}
