/*
 * Whole requests on a running loop: each is answered or aborted once and given back
 * once, whatever fails on the way, and leaves no trace on the loop's thread.
 */
#include "tests/unit/plan_fixture.h"

#include <string.h>

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/request.h"
#include "http/serialize.h"

enum { MAX_FAILURES = 3000 };

static struct hx_exchange x;
static struct pyb_app *app;
static struct pyb_loop_local *local;
static struct slice path = SLICE_LIT("/");
static const char *methods = "()";	/* of the route */
static int answers, aborts, releases, status;
static long fail_at = -1;
static bool failed, pending, context_kept;

static int
note_head(struct hx_exchange *of, int code, const struct hx_header *fields, size_t n)
{
	char head[1024];

	answers++;
	of->status = status = code;
	return hx_serialize_head(head, sizeof(head), of, of->req.h1.keep_alive, code,
	    fields, n, SLICE_NULL, &of->promise) > 0 ? 0 : -1;
}

static int
note_body(struct hx_exchange *of, struct hx_piece piece, bool last)
{
	(void)last;
	if (of->promise.has_length)
		of->promise.left -= piece.bytes.len;
	hx_exchange_piece_drop(piece);
	return 0;
}

static int
note_answer(struct hx_exchange *of, int code, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	note_head(of, code, fields, n);
	return note_body(of, content, true);
}

static bool
never_full(struct hx_exchange *of)
{
	(void)of;
	return false;
}

static void
note_abort(struct hx_exchange *of)
{
	(void)of;
	aborts++;
}

static void
note_released(struct hx_exchange *of)
{
	CU_ASSERT_FALSE(pyb_request_active(of));
	releases++;
}

static const struct hx_calls calls = {
	.answer = note_answer, .head = note_head, .body = note_body, .full = never_full, .unsent = never_full,
	.want_read = note_abort, .abort = note_abort, .released = note_released,
};

/* start(): the request begins, in a callback of the loop. */
static PyObject *
start(PyObject *self, PyObject *ignored)
{
	PyObject *context = PyThreadState_Get()->context;

	(void)self, (void)ignored;
	python_fail_at(fail_at);
	pyb_request_start(app, &x);
	failed = python_fail_at(-1);
	pending = PyErr_Occurred() != NULL;
	PyErr_Clear();
	context_kept = context == PyThreadState_Get()->context;
	Py_RETURN_NONE;
}

/* An application on its loop. `more` defines `made`, and perhaps `check` and `answers`. */
static void
app_open(const char *more)
{
	static PyMethodDef def = { "start", start, METH_NOARGS, NULL };
	static const char before[] =
	    "import asyncio, sys\n"
	    "logged = []\n"
	    "async def fallback(scope, receive, send):\n"
	    "    await send({'type': 'http.response.start', 'status': 288})\n"
	    "    await send({'type': 'http.response.body'})\n"
	    "async def resume(scope, receive, send, outcome): raise outcome\n"
	    "def check(): return None\n"
	    "rebind = answers = None\n"
	    "table = '/'\n";
	static const char after[] =
	    "def serve():\n"
	    "    routes = [(table, ((0, table),), methods, 0, '', '', False)]\n"
	    "    bytes = _engine.build_table(routes, [made], {}, len(objects), 1 << 20)\n"
	    "    guards = SimpleNamespace(check=check, dicts=[], lists=[], empties=[],\n"
	    "                             contents=[])\n"
	    "    app = _engine.App(fallback, rebind)\n"
	    "    global fresh\n"
	    "    app.bind(_engine.Binding(bytes, tuple(objects), guards, resume, True,\n"
	    "        answers=answers))\n"
	    "    fresh = _engine.Binding(bytes, tuple(objects), guards, resume, True)\n"
	    "    objects.clear()\n"
	    "    return app\n"
	    "async def rest():\n"
	    "    for _ in range(20): await asyncio.sleep(0)\n"
	    "def once():\n"
	    "    loop.call_soon(start)\n"
	    "    loop.run_until_complete(rest())\n";
	struct pyb_module_state *st = python_state_fastapi();
	PyObject *names, *function = PyCFunction_New(&def, NULL), *loop, *word;
	struct plan_rig rig;

	/* For step(), plan() and the names of operations. */
	plan_open(&rig, "made = plan([step(ENDPOINT, object=obj(print))])", "", "", "");
	plan_close(&rig);
	py_do(before);
	py_do(more);
	py_do(after);
	py_do("loop = EventLoop()");
	names = py("globals()");
	word = py(methods);
	PyDict_SetItemString(names, "methods", word);
	Py_DECREF(word);
	PyDict_SetItemString(names, "start", function);
	Py_DECREF(function);
	Py_DECREF(names);
	Py_SETREF(st->log_exception, py("lambda message, exc, left, id: logged.append(type(exc).__name__)"));
	app = (struct pyb_app *)py("serve()");
	loop = py("loop");
	local = pyb_local_get(st, loop);
	must(local != NULL);
	Py_DECREF(loop);
}

static void
app_close(void)
{
	Py_CLEAR(app);
	Py_CLEAR(local);
	py_do("loop.close()\nloop = start = fresh = None\n");
}

/* One request, to its end. */
static void
request_once(void)
{
	answers = aborts = releases = status = 0;
	view_exchange(&x, "a=1", "", SLICE_NULL);
	x.req.path = x.req.raw_path = path;
	x.peer.scheme = x.origin.scheme = SLICE_LIT("http");
	x.calls = &calls;
	x.upper.local = local;
	x.state = HX_RUNNING;
	pyb_request_match(app, &x);
	py_do("once()");
}

/* The request in hand ended as requests must. */
static bool
ended(void)
{
	bool ok = answers + aborts >= 1 && answers <= 1 && releases == 1 && !pending &&
	    context_kept && !pyb_request_active(&x);

	if (!ok)
		fprintf(stderr, "answers %d, aborts %d, releases %d, pending %d, context %d\n",
		    answers, aborts, releases, pending, context_kept);
	hx_exchange_fini(&x);
	return ok;
}

/* The same request again and again, with one allocation after the other failing while it
 * begins, until none does: each ends as requests must. */
static void
allocations_fail(void)
{
	bool ok = true;

	request_once();		/* what is made once is there */
	CU_ASSERT(ended());
	for (fail_at = 0, failed = true; ok && failed && fail_at < MAX_FAILURES; fail_at++) {
		request_once();
		ok = ended();
		if (!ok)
			fprintf(stderr, "allocation %ld\n", fail_at);
	}
	CU_ASSERT(ok);
	CU_ASSERT_FALSE(failed);
	fail_at = -1;
}

static const char *const plans[] = {
	/* On the loop; in a task; and in a task that waits. */
	"made = plan([step(ENDPOINT, object=obj(lambda: {'a': 1}))], mode=PLAIN_JSON)\n",
	"async def end(a): return a\n"
	"made = plan([step(PARAM, QUERY, slot=0, name=b'a', flags=F_RAW | F_REQUIRED),\n"
	"    step(VALIDATE, BODY, flags=F_IMPURE | F_REQUIRED, slot=1, args=(0, 0)),\n"
	"    step(ENDPOINT, flags=F_AWAIT | F_SUSPENDS, object=obj(end), args=(1,))], 1,\n"
	"    flags=P_SUSPENDS, mode=PLAIN_JSON)\n",
	"async def end():\n"
	"    await asyncio.sleep(0)\n"
	"    return 1\n"
	"made = plan([step(ENDPOINT, flags=F_AWAIT | F_SUSPENDS, object=obj(end))],\n"
	"    flags=P_SUSPENDS, mode=PLAIN_JSON)\n",
};

enum { N_PLANS = sizeof(plans) / sizeof(plans[0]) };

static void
test_answered(void)
{
	for (size_t i = 0; i < N_PLANS; i++) {
		app_open(plans[i]);
		request_once();
		CU_ASSERT_EQUAL(status, 200);
		CU_ASSERT_EQUAL(aborts, 0);
		CU_ASSERT(ended());
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_compiled), 1);
		app_close();
	}
}

static void
test_exceptions(void)
{
	static const char *const raising[] = {
		"def end(): raise KeyError\nmade = plan([step(ENDPOINT, object=obj(end))])\n",
		"async def end():\n"
		"    await asyncio.sleep(0)\n"
		"    raise KeyError\n"
		"made = plan([step(ENDPOINT, flags=F_AWAIT | F_SUSPENDS, object=obj(end))],\n"
		"    flags=P_SUSPENDS)\n",
	};

	for (size_t i = 0; i < sizeof(raising) / sizeof(raising[0]); i++) {
		app_open(raising[i]);
		request_once();
		CU_ASSERT_EQUAL(answers, 0);
		CU_ASSERT(ended());
		CU_ASSERT(py_equal(py("logged"), "['KeyError']"));
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_exceptions), 1);
		app_close();
	}
}

/* What no route takes: by FastAPI's own answers while its handler is in force, else by the
 * application. */
static void
test_no_route(void)
{
	static const char setup[] =
	    "from starlette.responses import Response\n"
	    "made = plan([step(ENDPOINT, object=obj(print))])\n"
	    "answers = SimpleNamespace(within=len, inside=(None,),\n"
	    "    exception_handlers={Exception: len}, status_handlers={},\n"
	    "    http_exception=KeyError, http_handler=len, not_found=Response(b'', 404),\n"
	    "    validation_error=ValueError, validation_handler=max, handled=len,\n"
	    "    json_text=True, forgets_traceback=True,\n"
	    "    not_allowed=(Response(b'', 405),),\n"
	    "    redirect=lambda scope: Response(scope['path'], 307))\n";
	static const struct { const char *more; struct slice path; int status; } rows[] = {
		{ "", SLICE_LIT("/a"), 404 },
		{ "", SLICE_LIT("/"), 405 },
		{ "table = '/b'\n", SLICE_LIT("/b/"), 307 },
		{ "table = '/b/'\n", SLICE_LIT("/b"), 307 },
		{ "table = '/b/'\nanswers.redirect = None\n", SLICE_LIT("/b"), 404 },
		/* Left to the application. */
		{ "answers.not_found = None\n", SLICE_LIT("/a"), 288 },
		{ "answers.not_allowed = (None,)\n", SLICE_LIT("/"), 288 },
		{ "answers.redirect = len\n", SLICE_LIT("/a"), 404 },
		{ "table = '/b'\nanswers.redirect = [].pop\n", SLICE_LIT("/b/"), 288 },
		{ "answers.exception_handlers[KeyError] = print\n", SLICE_LIT("/a"), 288 },
		{ "answers.status_handlers[404] = print\n", SLICE_LIT("/a"), 288 },
		{ "answers.status_handlers[404] = print\n", SLICE_LIT("/"), 405 },
		{ "answers.status_handlers[405] = print\n", SLICE_LIT("/"), 288 },
		{ "answers.exception_handlers.clear()\n", SLICE_LIT("/a"), 288 },
		{ "answers = None\n", SLICE_LIT("/a"), 288 },
		{ "", SLICE_LIT("/\n"), 288 }, { "", SLICE_LIT("//"), 288 },
		{ "", SLICE_LIT("*"), 288 }, { "", SLICE_LIT(""), 288 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text), "%s%s", setup, rows[i].more);
		path = rows[i].path;
		methods = "('POST',)";
		app_open(text);
		request_once();
		if (status != rows[i].status)
			fprintf(stderr, "row %zu: %d\n", i, status);
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT(ended());
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_compiled), status != 288);
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_asgi), status == 288);
		app_close();
	}
	methods = "()";
	path = SLICE_LIT("/");
}

/* Exceptions of the endpoint: answered as FastAPI's handlers do while they are in force,
 * else by the application's stack. */
#define RAISED \
	"from starlette.responses import Response\n" \
	"class Http(Exception):\n" \
	"    headers, detail, status_code = None, 'text', 404\n" \
	"class Invalid(Exception): pass\n" \
	"def handled(handler, exc):\n" \
	"    return Response(b'', exc.status_code if isinstance(exc, Http) else 422)\n" \
	"raised = Http()\n" \
	"def end(): raise raised\n" \
	"made = plan([step(ENDPOINT, object=obj(end))])\n" \
	"answers = SimpleNamespace(within=len, inside=(None,),\n" \
	"    exception_handlers={Http: len, Invalid: max},\n" \
	"    status_handlers={}, http_exception=Http, http_handler=len, not_found=None,\n" \
	"    validation_error=Invalid, validation_handler=max, handled=handled,\n" \
	"    json_text=True, forgets_traceback=True,\n" \
	"    not_allowed=(None,), redirect=None)\n"

static void
test_raised(void)
{
	static const struct { const char *more; int status; } rows[] = {
		{ "", 404 }, { "Http.detail = {1: 2}\n", 404 }, { "Http.status_code = 204\n", 204 },
		{ "Http.headers = {}\n", 404 }, { "del Http.headers\n", 404 },
		{ "raised = Invalid()\n", 422 }, { "class Http2(Http): pass\nraised = Http2()\n", 404 },
		/* Left to the stack, which raises it again. */
		{ "Http.status_code = 205\n", 0 }, { "Http.status_code = '404'\n", 0 },
		{ "Http.status_code = []\n", 0 }, { "del Http.status_code\n", 0 },
		{ "raised = KeyError()\n", 0 }, { "raised = SystemExit()\n", 0 },
		{ "answers.status_handlers[404] = print\n", 0 },
		{ "answers.exception_handlers[Http] = print\n", 0 },
		{ "answers.handled = [].pop\nHttp.headers = {}\n", 0 }, { "answers = None\n", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2048];

		snprintf(text, sizeof(text), RAISED "%s", rows[i].more);
		app_open(text);
		request_once();
		if (status != rows[i].status)
			fprintf(stderr, "row %zu: %d\n", i, status);
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT(ended());
		CU_ASSERT(py_equal(py("raised.__traceback__ is None"), status ? "True" : "False"));
		app_close();
	}
}

static void
test_raised_out_of_memory(void)
{
	static const char *const more[] = { "", "Http.headers = {}\n" };

	for (size_t i = 0; i < 2; i++) {
		char text[2048];

		snprintf(text, sizeof(text), RAISED "sys.unraisablehook = print\n%s", more[i]);
		app_open(text);
		allocations_fail();
		CU_ASSERT_EQUAL(status, 404);
		app_close();
	}
}

/* What the pure steps find: FastAPI's errors, answered while its handler is in force, else
 * the application gets the untouched request. */
#define ERRORS \
	RAISED \
	"called = []\n" \
	"helper.request_errors = lambda failed: [n if exc is None else [n] for n, exc in failed]\n" \
	"def raise_errors(failed, content, method):\n" \
	"    called.append(len(failed))\n" \
	"    raise Invalid\n" \
	"helper.raise_request_errors = raise_errors\n" \
	"number = pydantic_core.SchemaValidator({'type': 'int', 'lt': 1}).validate_python\n" \
	"def read(name, slot, how=number):\n" \
	"    return step(PARAM, QUERY, F_REQUIRED, slot, name, obj(how))\n" \
	"def made_of(*steps, n=2):\n" \
	"    end = step(ENDPOINT, object=obj(called.append), args=(0,))\n" \
	"    return plan([*steps, end], n, flags=P_ERRORS)\n" \
	"made = made_of(read(b'z', 0), read(b'a', 1))\n"

static void
test_errors(void)
{
	static const struct { const char *more; int status; const char *called; } rows[] = {
		{ "", 422, "[]" },
		{ "helper.request_errors = lambda failed: [object()]\n", 422, "[]" },
		/* A dependency that lacks nothing is called first. */
		{ "made = made_of(read(b'z', 0), read(b'a', 1, keep), step(CALL, slot=2,\n"
		    "    object=obj(called.append), args=(1,)))\n", 422, "['1', 1]" },
		{ "made = made_of(read(b'z', 0), read(b'a', 1), step(CALL, slot=2,\n"
		    "    object=obj(called.append), args=(1,)))\n", 422, "[2]" },
		/* Left to the application. */
		{ "helper.request_errors = [].pop\n", 288, "[]" },
		{ "answers.exception_handlers[Invalid] = print\n", 288, "[]" },
		{ "answers.handled = [].pop\nhelper.request_errors = lambda failed: [object()]\n", 288,
		    "[]" },
		{ "answers = None\n", 288, "[]" },
		{ "made = made_of(read(b'z', 0), read(b'a', 1, [].pop))\n", 288, "[]" },
		{ "P_ERRORS = 0\nmade = made_of(read(b'z', 0), read(b'a', 1))\n", 288, "[]" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[4096];

		snprintf(text, sizeof(text), ERRORS "keep = lambda value, **_: value\n%s", rows[i].more);
		app_open(text);
		request_once();
		if (status != rows[i].status)
			fprintf(stderr, "row %zu: %d\n", i, status);
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT(ended());
		CU_ASSERT(py_equal(py("called"), rows[i].called));
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_compiled), status == 422);
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_replayed), status == 288);
		app_close();
	}
}

static void
test_errors_out_of_memory(void)
{
	app_open(ERRORS "sys.unraisablehook = print\n");
	allocations_fail();
	CU_ASSERT_EQUAL(status, 422);
	app_close();
}

/* Any allocation may fail meanwhile. */
static void
test_no_route_out_of_memory(void)
{
	path = SLICE_LIT("/b");
	app_open("from starlette.responses import Response\n"
	    "table = '/b/'\n"
	    "made = plan([step(ENDPOINT, object=obj(print))])\n"
	    "answers = SimpleNamespace(within=len, inside=(None,),\n"
	    "    exception_handlers={Exception: len}, status_handlers={},\n"
	    "    http_exception=KeyError, http_handler=len, not_found=Response(b'', 404),\n"
	    "    validation_error=ValueError, validation_handler=max, handled=len,\n"
	    "    json_text=True, forgets_traceback=True,\n"
	    "    not_allowed=(None,), redirect=lambda scope: Response(scope['path'], 307))\n");
	allocations_fail();
	CU_ASSERT_EQUAL(status, 307);
	app_close();
	path = SLICE_LIT("/");
}

/* No one is there who would compile the application again. */
static void
test_tripped_guard_without_rebind(void)
{
	app_open("def check(): return 'changed'\n"
	    "made = plan([step(ENDPOINT, object=obj(lambda: 1))], mode=PLAIN_JSON)\n");
	for (int again = 0; again < 2; again++) {
		request_once();
		CU_ASSERT_EQUAL(status, 288);
		CU_ASSERT(ended());
	}
	CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_asgi), 2);
	CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_rebinds), 0);
	CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_private_table), 0);
	CU_ASSERT_PTR_NULL(app->binding);
	app_close();
}

static void
test_tripped_guard_with_rebind(void)
{
	static const struct { const char *rebind; int status; } rows[] = {
		{ "def rebind(app): app.bind(None)\n", 288 },
		{ "def rebind(app): app.bind(fresh)\n", 200 },
		/* The old plan is never served, whatever becomes of compiling. */
		{ "def rebind(app): pass\n", 288 },
		{ "def rebind(app): raise KeyError('rebind')\n", 288 },
		{ "def rebind(app):\n    app.bind(None)\n    raise KeyError('rebind')\n", 288 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), "def check(): return 'changed'\n"
		    "sys.unraisablehook = lambda what: None\n"
		    "made = plan([step(ENDPOINT, object=obj(lambda: 1))], mode=PLAIN_JSON)\n%s",
		    rows[i].rebind);
		app_open(text);
		request_once();
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_rebinds), 1);
		CU_ASSERT_EQUAL(shm_board_get(app->board, SHM_COUNT_private_table),
		    app->binding != NULL);
		CU_ASSERT(ended());
		app_close();
	}
}

/* Another task is current already: the request fails, and its context is left. */
static void
test_context_is_left_when_the_task_cannot_be_entered(void)
{
	struct pyb_module_state *st = python_state();
	PyObject *enter, *tasks;

	app_open(plans[0]);
	enter = Py_NewRef(st->enter_task);
	tasks = st->current_tasks;
	st->current_tasks = NULL;
	Py_SETREF(st->enter_task, py("lambda *args: [].pop()"));
	request_once();
	CU_ASSERT(ended());
	CU_ASSERT(py_equal(py("logged"), "['IndexError']"));
	Py_SETREF(st->enter_task, enter);
	st->current_tasks = tasks;
	app_close();
}

/* A stand-in that is dropped was never meant to finish: asyncio says nothing. */
static void
test_the_stand_in_goes_silently(void)
{
	app_open(plans[0]);
	py_do("import gc, logging\n"
	    "from fastrapi import hooks\n"
	    "said = []\n"
	    "class Listens(logging.Handler):\n"
	    "    def emit(self, record): said.append(record.getMessage())\n"
	    "listener = Listens()\n"
	    "logging.getLogger('asyncio').addHandler(listener)\n");
	request_once();
	CU_ASSERT(ended());
	py_do("loop.run_until_complete(rest())\n"
	    "loop._fastrapi_local.close()\n"
	    "del loop._fastrapi_local\n"
	    "gc.collect()\n"
	    "assert not [o for o in gc.get_objects() if type(o) is hooks.RequestTask]\n"
	    "logging.getLogger('asyncio').removeHandler(listener)\n");
	CU_ASSERT(py_equal(py("said"), "[]"));
	app_close();
}

/* What send() says to each message: the exception's name, or None. */
static void
test_messages_sent(void)
{
#define START(rest) "{'type': 'http.response.start', " rest "}"
#define BODY(rest) "{'type': 'http.response.body'" rest "}"
	static const struct { const char *messages, *want; int status; } rows[] = {
		{ "[" START("'status': 200") ", " BODY("") "]", "[None, None]", 200 },
		{ "[" START("'status': 999, 'headers': [(b'A', b'b')]") "]", "[None]", 999 },
		{ "[" START("'status': -1") "]", "['KeyError']", 0 },
		{ "[" START("'status': 99") "]", "['KeyError']", 0 },
		{ "[" START("'status': 1000") "]", "['KeyError']", 0 },
		{ "[" START("'status': 10**30") "]", "['KeyError']", 0 },
		{ "[" START("'status': '200'") "]", "['KeyError']", 0 },
		{ "[" START("'status': None") "]", "['KeyError']", 0 },
		{ "[" START("") "]", "['KeyError']", 0 },
		{ "[" START("'status': 200, 'headers': [(b'a', b'\\n')]") "]", "['RuntimeError']", 0 },
		{ "[" START("'status': 200, 'headers': [(b'content-length', b'-1')]") "]",
		    "['RuntimeError']", 0 },
		{ "[" START("'status': 200, 'headers': [(b'content-length', b'x')]") "]",
		    "['ValueError']", 0 },
		{ "[" START("'status': 200, 'headers': None") "]", "['TypeError']", 0 },
		{ "[" BODY("") "]", "['RuntimeError']", 0 },
		{ "[{}]", "['KeyError']", 0 }, { "[None]", "['TypeError']", 0 },
		{ "[{'type': 1}]", "['RuntimeError']", 0 },
		{ "[" START("'status': 200") ", " START("'status': 200") "]", "[None, 'RuntimeError']",
		    200 },
		{ "[" START("'status': 200") ", " BODY(", 'body': 'text'") "]", "[None, 'TypeError']",
		    200 },
		{ "[" START("'status': 200") ", " BODY(", 'body': None") "]", "[None, None]",
		    200 },
		{ "[" START("'status': 200") ", " BODY(", 'body': memoryview(b'x')") "]",
		    "[None, None]", 200 },
		{ "[" START("'status': 200") ", " BODY(", 'more_body': True") ", " BODY("") ", "
		    BODY("") "]", "[None, None, None, 'RuntimeError']", 200 },
		{ "[" START("'status': 200, 'headers': [(b'content-length', b'2')]") ", "
		    BODY(", 'body': b'xxx'") "]", "[None, 'RuntimeError']", 200 },
		{ "[" START("'status': 200, 'headers': [(b'content-length', b'2')]") ", "
		    BODY(", 'body': b'x'") "]", "[None, 'RuntimeError']", 200 },
	};
#undef START
#undef BODY

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text), "said = []\n"
		    "async def fallback(scope, receive, send):\n"
		    "    for message in %s:\n"
		    "        try: said.append(await send(message))\n"
		    "        except Exception as exc: said.append(type(exc).__name__)\n"
		    "made = plan([step(ENDPOINT, object=obj(print))])\n", rows[i].messages);
		app_open(text);
		Py_CLEAR(app->binding);
		request_once();
		CU_ASSERT(py_equal(py("said"), rows[i].want));
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT(ended());
		app_close();
	}
}

/* Any allocation may fail while a request begins. (In a task, asyncio's own code
 * would have to survive that, too.) */
static void
test_out_of_memory(void)
{
	app_open(plans[0]);
	py_do("sys.unraisablehook = lambda what: None");
	allocations_fail();
	app_close();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "answered", test_answered },
		{ "exceptions", test_exceptions },
		{ "raised", test_raised },
		{ "raised, out of memory", test_raised_out_of_memory },
		{ "errors", test_errors },
		{ "errors, out of memory", test_errors_out_of_memory },
		{ "no route", test_no_route },
		{ "no route, out of memory", test_no_route_out_of_memory },
		{ "a tripped guard, nobody compiles again", test_tripped_guard_without_rebind },
		{ "a tripped guard, compiled again", test_tripped_guard_with_rebind },
		{ "context is left when the task cannot be entered",
		    test_context_is_left_when_the_task_cannot_be_entered },
		{ "the stand-in goes silently", test_the_stand_in_goes_silently },
		{ "messages sent", test_messages_sent },
		{ "out of memory", test_out_of_memory },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: request", tests);
}
