/*
 * plan_fixture: see plan_fixture.h.
 */
#include "tests/unit/plan_fixture.h"

#include <stdio.h>

#include "base/must.h"
#include "bindings/awaitable.h"

static struct plan_rig *current;

static void
piece_release(struct plan_rig *rig)
{
	if (rig->kept.release != NULL)
		rig->kept.release(rig->kept.arg);
	rig->kept.release = NULL;
}

/* Notes the answer, as a connection would take it. */
static int
answer_note(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	PyObject *list = PyList_New((Py_ssize_t)n);

	must(x == &current->x && current->answer == NULL && !PyErr_Occurred());
	for (size_t i = 0; i < n; i++)
		PyList_SET_ITEM(list, (Py_ssize_t)i, Py_BuildValue("(y#y#)",
		    fields[i].name.ptr, (Py_ssize_t)fields[i].name.len,
		    fields[i].value.ptr, (Py_ssize_t)fields[i].value.len));
	current->answer = Py_BuildValue("(iNy#)", status, list, content.bytes.ptr,
	    (Py_ssize_t)content.bytes.len);
	current->kept = content;
	return 0;
}

static const struct hx_calls calls = { .answer = answer_note };

static void
names_define(void)
{
	static const char *const texts[] = {
		"import asyncio, contextvars, pydantic_core\n"
		"from types import SimpleNamespace\n"
		"from fastrapi.loop import EventLoop\n"
		"objects, log, made = [], [], None\n"
		"def obj(value): objects.append(value); return len(objects) - 1\n"
		"def step(op, source=0, flags=0, slot=-1, name=b'', object=-1, object2=-1,\n"
		"         args=(), key=-1):\n"
		"    return (op, source, flags, slot, name, object, object2, args, key)\n",
		"class Helper:\n"
		"    def encode(self, *args): log.append(('encode', *args)); return made_response()\n"
		"    def raise_request_errors(self, errors, content, method):\n"
		"        log.append(('errors', [(n, e.error_count()) for n, e in errors], content,\n"
		"                    method))\n"
		"        raise LookupError('request errors')\n"
		"def made_response(): raise NotImplementedError\n"
		"helper = Helper()\n"
		"def plan(steps, n_pure=0, n_slots=8, flags=0, status=0, mode=HELPER, validator=-1,\n"
		"         serializer=-1, kwargs=-1, values=-1, shape=-1):\n"
		"    return (steps, n_pure, n_slots, flags, status, mode, validator, serializer,\n"
		"            kwargs, values, shape, obj(helper))\n"
		"def bind():\n"
		"    routes = [('/{a}/{b}', ((0, '/'), (1, 'a'), (0, '/'), (1, 'b')), (), 0, '',\n"
		"               '', False)]\n"
		"    table = _engine.build_table(routes, [made], {}, len(objects), 1 << 20)\n"
		"    guards = SimpleNamespace(check=lambda: None, dicts=[], lists=[], empties=[],\n"
		"                             contents=[])\n"
		"    app = _engine.App(print, None)\n"
		"    app.bind(_engine.Binding(table, tuple(objects), guards, print, True))\n"
		"    objects.clear()\n"
		"    return app\n",
	};
	PyObject *names = py("globals()"), *number;

#define DEFINE(prefix, name, value) \
	number = PyLong_FromLong(value); \
	PyDict_SetItemString(names, prefix #name, number); \
	Py_DECREF(number);
#define OP(name, value) DEFINE("", name, value)
#define FLAG(name, value) DEFINE("F_", name, value)
#define KIND(name, value) DEFINE("K_", name, value)
#define PLAN_FLAG(name, value) DEFINE("P_", name, value)
	SHM_STEP_OPS(OP)
	SHM_SOURCES(OP)
	SHM_RESPONSE_MODES(OP)
	SHM_KINDS(KIND)
	SHM_STEP_FLAGS(FLAG)
	SHM_PLAN_FLAGS(PLAN_FLAG)
	Py_DECREF(names);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		py_do(texts[i]);
}

/* The request, in the arena that ends with a run. */
static void
request_make(struct plan_rig *rig)
{
	view_exchange(&rig->x, rig->query, rig->fields,
	    (struct slice){ rig->content, strlen(rig->content) });
	rig->x.calls = &calls;
	rig->x.params[0] = SLICE_LIT("first");
	rig->x.params[1] = SLICE_LIT("17");
	rig->x.n_params = 2;
}

static void
run_make(struct plan_rig *rig)
{
	struct pyb_app *app = (struct pyb_app *)rig->app;

	request_make(rig);
	rig->run = pyb_run_new(app, app->binding, &app->binding->table.plans[0], &rig->x.arena);
	must(rig->run != NULL);
	rig->run->x = &rig->x;
	rig->run->local = (struct pyb_loop_local *)Py_NewRef((PyObject *)rig->local);
	pyb_source_exchange(&rig->run->source, &rig->x);
	rig->run->context = PyContext_New();
}

static void
run_end(struct plan_rig *rig)
{
	pyb_run_clear(rig->run);
	piece_release(rig);
	Py_CLEAR(rig->answer);
	arena_fini(&rig->x.arena);
	py_do("log.clear()");
}

void
plan_again(struct plan_rig *rig)
{
	run_end(rig);
	run_make(rig);
}

void
plan_open(struct plan_rig *rig, const char *statements, const char *query,
    const char *fields, const char *content)
{
	memset(rig, 0, sizeof(*rig));
	current = rig;
	python_state_fastapi();
	names_define();
	py_do(statements);
	rig->app = py("bind()");
	rig->loop = py("EventLoop()");
	rig->local = pyb_local_get(python_state(), rig->loop);
	must(rig->local != NULL);
	rig->query = query;
	rig->fields = fields;
	rig->content = content;
	run_make(rig);
}

/* To its end: nothing that the tests await ever waits. */
static PyObject *
awaited(PyObject *awaitable)
{
	PyObject *iterator = pyb_awaitable_iterator(awaitable), *value = NULL;

	Py_DECREF(awaitable);
	must(iterator == NULL || PyIter_Send(iterator, Py_None, &value) != PYGEN_NEXT);
	Py_XDECREF(iterator);
	return value;
}

static const char *
raised_text(void)
{
	static char text[128];

	snprintf(text, sizeof(text), "raised %s", ((PyTypeObject *)PyErr_Occurred())->tp_name);
	PyErr_Clear();
	return text;
}

const char *
plan_run(struct plan_rig *rig, enum pyb_run_mode mode)
{
	static char text[128];
	PyObject *value = Py_NewRef(Py_None), *out;

	rig->run->mode = mode;
	if (!pyb_read_steps(rig->run)) {
		Py_DECREF(value);
		snprintf(text, sizeof(text), "replay: %s", rig->run->replay_reason);
		return text;
	}
	for (;;) {
		enum pyb_coro_verdict verdict = pyb_call_steps(rig->run, value, &out);

		Py_XDECREF(value);
		if (verdict == PYB_CORO_RETURN)
			return "returned";
		if (verdict == PYB_CORO_ERROR)
			return raised_text();
		value = awaited(out);
	}
}

void
plan_close(struct plan_rig *rig)
{
	run_end(rig);
	hx_exchange_fini(&rig->x);
	Py_CLEAR(rig->local);
	Py_CLEAR(rig->app);
	py_do("asyncio._set_running_loop(None)\nobjects.clear()\nmade = None\n");
	Py_XDECREF(PyObject_CallMethod(rig->loop, "close", NULL));
	Py_CLEAR(rig->loop);
}
