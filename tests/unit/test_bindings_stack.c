/*
 * What the compiled stack makes of a scope and of an endpoint's result: complete, without a
 * leak, and whole or not at all when memory ends.
 */
#include "tests/unit/plan_fixture.h"

#include <string.h>

#include "bindings/compat.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/stacks.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/enter.h"

#define PLAN(result) \
	"from starlette.background import BackgroundTask\n" \
	"from starlette.responses import PlainTextResponse, Response, StreamingResponse\n" \
	"def fill(response):\n" \
	"    response.raw_headers.append((b'x-a', b'b'))\n" \
	"result = " result "\n" \
	"made = plan([step(RESPONSE, slot=0), step(CALL, object=obj(fill), args=(0,)),\n" \
	"    step(ENDPOINT, object=obj(lambda: result))], mode=PLAIN_JSON)\n"

#define START(status, fields) \
	"{'type': 'http.response.start', 'status': " status ", 'headers': [" fields "]}"
#define BODY(content) "{'type': 'http.response.body', 'body': " content "}"
#define JSON(length) "(b'content-length', b'" length "'), (b'content-type', b'application/json')"
#define TEXT "(b'content-length', b'4'), (b'content-type', b'text/plain; charset=utf-8')"

static void
messages_drop(struct pyb_messages *m)
{
	Py_CLEAR(m->start);
	Py_CLEAR(m->body);
}

static void
test_messages(void)
{
	static const struct {
		const char *statements, *start, *body;
	} rows[] = {
		{ PLAN("{'a': 1}"), START("200", JSON("7") ", (b'x-a', b'b')"),
		    BODY("b'{\"a\":1}'") },
		{ PLAN("PlainTextResponse('text', 201)"), START("201", TEXT), BODY("b'text'") },
		{ PLAN("Response(status_code=204)"), START("204", ""), BODY("b''") },
		{ PLAN("StreamingResponse(iter(()))"), NULL, NULL },
		{ PLAN("Response(background=BackgroundTask(len, ''))"), NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_rig rig;
		struct pyb_messages *m;
		PyObject *response;

		plan_open(&rig, rows[i].statements, "", "", "");
		CU_ASSERT_STRING_EQUAL(plan_run(&rig, PYB_RUN_INLINE), "returned");
		m = &rig.run->messages;
		CU_ASSERT_EQUAL(pyb_messages_result(rig.run, &response),
		    rows[i].start != NULL ? PYB_RESULT_SENT : PYB_RESULT_RESPONSE);
		CU_ASSERT((response == NULL) == (rows[i].start != NULL));
		if (rows[i].start != NULL) {
			CU_ASSERT(py_equal(Py_XNewRef(m->start), rows[i].start));
			CU_ASSERT(py_equal(Py_XNewRef(m->body), rows[i].body));
			CU_ASSERT(py_equal(PySequence_List(m->start), "['type', 'status', 'headers']"));
		}
		Py_XDECREF(response);
		messages_drop(m);
		plan_close(&rig);
	}
}

static bool
messages_failing(void *arg)
{
	struct plan_rig *rig = arg;
	struct pyb_messages *m = &rig->run->messages;
	PyObject *response;
	enum pyb_result_verdict verdict = pyb_messages_result(rig->run, &response);
	bool whole = (m->start != NULL) == (verdict == PYB_RESULT_SENT) &&
	    (m->body != NULL) == (verdict == PYB_RESULT_SENT) &&
	    (response != NULL) == (verdict == PYB_RESULT_RESPONSE) &&
	    (PyErr_Occurred() != NULL) == (verdict == PYB_RESULT_ERROR);

	PyErr_Clear();
	Py_XDECREF(response);
	messages_drop(m);
	return whole;
}

static void
messages_once(void *arg)
{
	CU_ASSERT(messages_failing(arg));
}

static void
test_messages_without_memory(void)
{
	static const char *const results[] = { PLAN("{'a': [1] * 50}"), PLAN("Response(b'x')") };

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct plan_rig rig;

		plan_open(&rig, results[i], "", "", "");
		CU_ASSERT_STRING_EQUAL(plan_run(&rig, PYB_RUN_INLINE), "returned");
		CU_ASSERT_EQUAL(python_leak(messages_once, &rig), 0);
		CU_ASSERT(python_survives(messages_failing, &rig));
		plan_close(&rig);
	}
}

static const struct slice params[] = { SLICE_LIT("a b"), SLICE_LIT("7") };

/* Let the rig's run have this scope (stolen; NULL: none). */
static void
scope_give(struct plan_rig *rig, PyObject *scope)
{
	Py_XSETREF(rig->run->scope, scope);
	rig->run->source.params = params;
	rig->run->source.n_params = 2;
	for (int i = 0; i < PYB_EXIT_STACKS; i++)
		Py_CLEAR(rig->run->stacks[i]);
}

/* Enter the scope that `expression` is. */
static int
enter(const char *expression, PyObject **scope)
{
	PyObject *place = py("(('h', 's'), 'router', 'endpoint', 'route', 'included', 'effective',"
	    " (('name', None), ('number', int)), False, 3, '', None, None, None)");
	struct plan_rig rig;
	PyObject *raised;
	int rc;

	plan_open(&rig, PLAN("1"), "", "", "");
	*scope = py(expression);
	scope_give(&rig, Py_NewRef(*scope));
	rc = pyb_enter_scope(rig.run, place);
	if (rc == 0)
		rc = pyb_stacks_used(rig.run);
	raised = PyErr_GetRaisedException();
	scope_give(&rig, NULL);
	plan_close(&rig);
	Py_DECREF(place);
	if (raised != NULL)
		PyErr_SetRaisedException(raised);
	return rc;
}

static void
test_scope(void)
{
	static const char *const keys = "['starlette.exception_handlers', 'fastapi_middleware_astack',"
	    " 'router', 'fastapi', 'endpoint', 'path_params', 'route', 'fastapi_inner_astack',"
	    " 'fastapi_function_astack']";
	PyObject *scope;

	CU_ASSERT_EQUAL(enter("{}", &scope), 0);
	CU_ASSERT(py_equal(PySequence_List(scope), keys));
	CU_ASSERT(py_equal(PyMapping_GetItemString(scope, "path_params"),
	    "{'name': 'a b', 'number': 7}"));
	CU_ASSERT(py_equal(PyMapping_GetItemString(scope, "fastapi"),
	    "{'included_router': 'included', 'effective_route_context': 'effective'}"));
	Py_DECREF(scope);
	CU_ASSERT_EQUAL(enter("{'path_params': {'outer': 1}, 'router': 'outer', 'fastapi': {'x': 1}}",
	    &scope), 0);
	CU_ASSERT(py_equal(PyMapping_GetItemString(scope, "path_params"),
	    "{'outer': 1, 'name': 'a b', 'number': 7}"));
	CU_ASSERT(py_equal(PyMapping_GetItemString(scope, "router"), "'outer'"));
	CU_ASSERT(py_equal(PyMapping_GetItemString(scope, "fastapi"),
	    "{'x': 1, 'included_router': 'included', 'effective_route_context': 'effective'}"));
	Py_DECREF(scope);
	CU_ASSERT_EQUAL(enter("{'path_params': 1}", &scope), -1);
	CU_ASSERT(py_raised("(TypeError, AttributeError)"));
	Py_DECREF(scope);
}

static struct {
	PyObject *place, *scope;
} failing;

static bool
enter_failing(void *arg)
{
	struct plan_rig *rig = arg;
	PyObject *scope = PyDict_Copy(failing.scope);
	int rc;
	bool whole;

	if (scope == NULL) {
		PyErr_Clear();
		return true;
	}
	scope_give(rig, scope);
	rc = pyb_enter_scope(rig->run, failing.place);
	whole = (rc < 0) == (PyErr_Occurred() != NULL);
	if (rc == 0)
		whole = pyb_stacks_used(rig->run) <= 0;
	PyErr_Clear();
	scope_give(rig, NULL);
	return whole;
}

static void
enter_once(void *arg)
{
	CU_ASSERT(enter_failing(arg));
}

static void
test_scope_without_memory(void)
{
	struct plan_rig rig;

	plan_open(&rig, PLAN("1"), "", "", "");
	failing.scope = py("{'path_params': {'outer': 1}}");
	failing.place = py("((1, 2), 3, 4, 5, 6, 7, (('name', None), ('number', int)), False, 3, '',"
	    "'/m', 'app', None)");
	CU_ASSERT_EQUAL(python_leak(enter_once, &rig), 0);
	CU_ASSERT(python_survives(enter_failing, &rig));
	Py_CLEAR(failing.place);
	Py_CLEAR(failing.scope);
	plan_close(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "messages", test_messages },
		{ "messages_without_memory", test_messages_without_memory },
		{ "scope", test_scope },
		{ "scope_without_memory", test_scope_without_memory },
		CU_TEST_INFO_NULL,
	};

	return python_main("bindings: stack", tests);
}
