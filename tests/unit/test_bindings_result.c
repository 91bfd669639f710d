/*
 * What an endpoint returned becomes the answer: in C where that is the same, through
 * the route's helper where it is not.
 */
#include "tests/unit/plan_fixture.h"

#include <string.h>

#include "bindings/compat.h"
#include "bindings/plan/result.h"

/* The endpoint returns `result`; `fill(response, background)` comes before. */
#define PLAN(more) \
	"import http\n" \
	"from fastapi import BackgroundTasks\n" \
	"from starlette.background import BackgroundTask\n" \
	"from starlette.responses import JSONResponse, Response, StreamingResponse\n" \
	"def fill(response, background): pass\n" \
	"def with_fields(*pairs):\n" \
	"    def fill(response, background): response.raw_headers.extend(pairs)\n" \
	"    return fill\n" \
	"def with_status(status):\n" \
	"    def fill(response, background): response.status_code = status\n" \
	"    return fill\n" \
	"def made_response(): return Response(b'helped', 299)\n" \
	"result, more = None, {}\n" \
	more "\n" \
	"given = dict(mode=PLAIN_JSON)\n" \
	"given.update(more)\n" \
	"made = plan([step(RESPONSE, slot=0), step(BACKGROUND, slot=1),\n" \
	"    step(CALL, object=obj(fill), args=(0, 1)),\n" \
	"    step(ENDPOINT, object=obj(lambda: result))], **given)\n"

#define JSON(length) "[(b'content-length', b'" length "'), (b'content-type', b'application/json')]"
#define HELPED "(299, [(b'content-length', b'6')], b'helped')"

struct row {
	const char *statements;
	const char *verdict;	/* "sent", "response" or "raised X" */
	const char *answer;
};

static const char *
verdict_of(struct plan_rig *rig)
{
	static char text[128];
	PyObject *response;

	if (strcmp(plan_run(rig, PYB_RUN_INLINE), "returned") != 0)
		return "not returned";
	switch (pyb_result_answer(rig->run, &response)) {
	case PYB_RESULT_SENT:
		CU_ASSERT_PTR_NULL(response);
		CU_ASSERT_PTR_NULL(PyErr_Occurred());
		return "sent";
	case PYB_RESULT_RESPONSE:
		CU_ASSERT_PTR_NOT_NULL(response);
		CU_ASSERT_PTR_NULL(PyErr_Occurred());
		CU_ASSERT_PTR_NULL(rig->answer);
		Py_XDECREF(response);
		return "response";
	case PYB_RESULT_ERROR:
		break;
	}
	CU_ASSERT_PTR_NULL(response);
	CU_ASSERT_PTR_NULL(rig->answer);
	snprintf(text, sizeof(text), "raised %s", PyErr_Occurred() != NULL ?
	    ((PyTypeObject *)PyErr_Occurred())->tp_name : "nothing");
	PyErr_Clear();
	return text;
}

static void
rows_run(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct plan_rig rig;
		const char *verdict;

		plan_open(&rig, rows[i].statements, "", "", "");
		verdict = verdict_of(&rig);
		CU_ASSERT_STRING_EQUAL(verdict, rows[i].verdict);
		if (strcmp(verdict, rows[i].verdict) != 0)
			fprintf(stderr, "%s\ngives %s\n", strstr(rows[i].statements, "more = None"),
			    verdict);
		if (rows[i].answer != NULL)
			CU_ASSERT(py_equal(Py_XNewRef(rig.answer), rows[i].answer));
		plan_close(&rig);
	}
}

#define ROWS(rows) rows_run(rows, sizeof(rows) / sizeof((rows)[0]))

static void
test_plain_data(void)
{
	static const struct row rows[] = {
		{ PLAN("result = {'a': [1, None]}"), "sent",
		    "(200, " JSON("14") ", b'{\"a\":[1,null]}')" },
		{ PLAN("result = None"), "sent", "(200, " JSON("4") ", b'null')" },
		{ PLAN("result = 'x' * 100000"), "sent",
		    "(200, " JSON("100002") ", b'\"' + b'x' * 100000 + b'\"')" },
		/* What the encoder leaves is the helper's. */
		{ PLAN("result = {1: 2}"), "sent", HELPED },
		{ PLAN("result = object()"), "sent", HELPED },
		{ PLAN("more = {'mode': HELPER}; result = 1"), "sent", HELPED },
		{ PLAN("def made_response(): return 1 // 0\nresult = object()"),
		    "raised ZeroDivisionError", NULL },
	};

	ROWS(rows);
}

static void
test_status(void)
{
#define STATUS(status) PLAN("fill = with_status(" status ")\nresult = 1")
#define SENT(status) "(" status ", " JSON("1") ", b'1')"
	static const struct row rows[] = {
		{ PLAN("more = {'status': 201}; result = 1"), "sent", SENT("201") },
		{ PLAN("more = {'status': 404}; result = 1"), "sent", SENT("404") },
		/* Those that carry no content, and none that answers at all. */
		{ PLAN("more = {'status': 204}; result = 1"), "sent", HELPED },
		{ PLAN("more = {'status': 304}; result = 1"), "sent", HELPED },
		{ PLAN("more = {'status': 100}; result = 1"), "sent", HELPED },
		{ PLAN("more = {'status': 999}; result = 1"), "sent", HELPED },
		{ PLAN("more = {'status': 201}\nfill = with_status(418)\nresult = 1"), "sent",
		    SENT("418") },
		{ PLAN("more = {'status': 201}\nfill = with_status(None)\nresult = 1"), "sent",
		    SENT("201") },
		{ PLAN("more = {'status': 201}\nfill = with_status(0)\nresult = 1"), "sent",
		    SENT("201") },
		{ STATUS("200"), "sent", SENT("200") }, { STATUS("599"), "sent", SENT("599") },
		{ STATUS("600"), "sent", HELPED }, { STATUS("199"), "sent", HELPED },
		{ STATUS("204"), "sent", HELPED }, { STATUS("205"), "sent", HELPED },
		{ STATUS("304"), "sent", HELPED }, { STATUS("-1"), "sent", HELPED },
		{ STATUS("10**30"), "sent", HELPED }, { STATUS("-10**30"), "sent", HELPED },
		{ STATUS("True"), "sent", HELPED }, { STATUS("'200'"), "sent", HELPED },
		{ STATUS("200.0"), "sent", HELPED }, { STATUS("http.HTTPStatus.CREATED"), "sent", HELPED },
		{ PLAN("def fill(response, background): del response.status_code\nresult = 1"),
		    "sent", HELPED },
	};
#undef STATUS
#undef SENT

	ROWS(rows);
}

static void
test_injected_fields(void)
{
#define FIELDS(pairs) PLAN("fill = with_fields(" pairs ")\nresult = 1")
	static const struct row rows[] = {
		{ FIELDS("(b'x-a', b'1'), (b'set-cookie', b'a'), (b'set-cookie', b'b')"), "sent",
		    "(200, " JSON("1") " + [(b'x-a', b'1'), (b'set-cookie', b'a'), "
		    "(b'set-cookie', b'b')], b'1')" },
		{ FIELDS("*[(b'x', b'y')] * 62"), "sent",
		    "(200, " JSON("1") " + [(b'x', b'y')] * 62, b'1')" },
		{ FIELDS("*[(b'x', b'y')] * 63"), "sent", HELPED },
		{ FIELDS("('x', b'y')"), "sent", HELPED }, { FIELDS("(b'x', 'y')"), "sent", HELPED },
		{ FIELDS("(b'x',)"), "sent", HELPED }, { FIELDS("[b'x', b'y']"), "sent", HELPED },
		{ FIELDS("None"), "sent", HELPED },
		{ PLAN("def fill(response, background): response.raw_headers = ((b'x', b'y'),)\n"
		    "result = 1"), "sent", HELPED },
		{ PLAN("def fill(response, background): del response.raw_headers\nresult = 1"),
		    "sent", HELPED },
		/* Refused or changed by the server's own door, which the helper leads to. */
		{ FIELDS("(b'x', b'a\\r\\nb: c')"), "sent", HELPED },
		{ FIELDS("(b'x y', b'a')"), "sent", HELPED },
		{ FIELDS("(b'X-A', b'a')"), "sent", HELPED },
	};
#undef FIELDS

	ROWS(rows);
}

static void
test_background(void)
{
	static const struct row rows[] = {
		{ PLAN("result = 1"), "sent", "(200, " JSON("1") ", b'1')" },
		{ PLAN("def fill(response, background): background.add_task(print)\nresult = 1"),
		    "sent", HELPED },
		{ PLAN("def fill(response, background): background.tasks = ()\nresult = 1"),
		    "sent", HELPED },
		{ PLAN("def fill(response, background): del background.tasks\nresult = 1"),
		    "sent", HELPED },
		/* A Response of the endpoint's takes them along. */
		{ PLAN("def fill(response, background): background.add_task(print)\n"
		    "result = Response(b'x')"), "response", NULL },
		{ PLAN("result = Response(b'x', background=BackgroundTask(print))"), "response", NULL },
		{ PLAN("result = Response(b'x', background=BackgroundTasks())"), "sent",
		    "(200, [(b'content-length', b'1')], b'x')" },
		{ PLAN("result = Response(b'x', background=print)"), "response", NULL },
		/* A class of the user's own may do anything when it is called. */
		{ PLAN("class Own(BackgroundTasks):\n"
		    "    async def __call__(self): log.append('ran')\n"
		    "result = Response(b'x', background=Own())"), "response", NULL },
	};

	ROWS(rows);
}

static void
test_models(void)
{
#define MODEL(more) PLAN( \
	"def valid(value, *, from_attributes): return ('valid', value)\n" \
	"def dump(value, **given): log.append((value, given)); return b'dumped'\n" \
	"names, values, shape = ('by_alias',), (True,), None\n" \
	more "\n" \
	"more = dict(mode=MODEL_JSON, validator=obj(valid), serializer=obj(dump),\n" \
	"            kwargs=obj(names), values=obj(values),\n" \
	"            shape=obj(shape) if shape else -1)\nresult = 7")
	static const struct row rows[] = {
		{ MODEL(""), "sent", "(200, " JSON("6") ", b'dumped') if "
		    "log == [(('valid', 7), {'by_alias': True})] else log" },
		{ MODEL("names = values = ()"), "sent", "(200, " JSON("6") ", b'dumped')" },
		{ MODEL("names = tuple(f'n{i}' for i in range(14)); values = tuple(range(14))"),
		    "sent", "(200, " JSON("6") ", b'dumped')" },
		{ MODEL("names = tuple(f'n{i}' for i in range(15)); values = tuple(range(15))"),
		    "sent", HELPED },
		{ MODEL("def valid(value, *, from_attributes): raise ValueError"),
		    "raised ValueError", NULL },
		{ MODEL("from pydantic import TypeAdapter\n"
		    "def valid(value, *, from_attributes): TypeAdapter(int).validate_python('x')"),
		    "sent", HELPED },
		{ MODEL("def dump(value, **given): raise KeyError"), "raised KeyError", NULL },
		{ MODEL("def dump(value, **given): return 'text'"), "sent", HELPED },
		{ MODEL("def dump(value, **given): return b'x' * 9000"), "sent",
		    "(200, " JSON("9000") ", b'x' * 9000)" },
		/* A result of the plan's shape never meets them. */
		{ MODEL("dump, shape = None, bytes([K_INT])"), "sent",
		    "(200, " JSON("1") ", b'7')" },
		{ MODEL("shape = bytes([K_STR])"), "sent", "(200, " JSON("6") ", b'dumped')" },
		/* What goes wrong after the content is made. */
		{ MODEL("def dump(value, **given): return b'x' * 9000\n"
		    "fill = with_fields(('x', 'y'))"), "sent", HELPED },
	};
#undef MODEL

	ROWS(rows);
}

static void
test_responses(void)
{
#define RESPONSE(expression) PLAN("result = " expression)
	static const struct row rows[] = {
		{ RESPONSE("Response(b'x', 201, {'X-A': 'b'}, 'text/html')"), "sent",
		    "(201, [(b'x-a', b'b'), (b'content-length', b'1'), "
		    "(b'content-type', b'text/html; charset=utf-8')], b'x')" },
		{ RESPONSE("JSONResponse([1])"), "sent",
		    "(200, [(b'content-length', b'3'), (b'content-type', b'application/json')], "
		    "b'[1]')" },
		{ RESPONSE("Response(b'y' * 10000)"), "sent",
		    "(200, [(b'content-length', b'10000')], b'y' * 10000)" },
		{ RESPONSE("Response(status_code=204)"), "sent", "(204, [], b'')" },
		{ RESPONSE("Response(b'', 999)"), "sent", "(999, [(b'content-length', b'0')], b'')" },
		{ RESPONSE("Response(b'', 205)"), "response", NULL },
		{ RESPONSE("Response(b'', 199)"), "response", NULL },
		{ RESPONSE("Response(b'', 1000)"), "response", NULL },
		{ RESPONSE("Response(b'', 10**30)"), "response", NULL },
		{ RESPONSE("Response(b'', http.HTTPStatus.CREATED)"), "sent",
		    "(201, [(b'content-length', b'0')], b'')" },
		{ RESPONSE("Response(memoryview(b'x'))"), "response", NULL },
		{ RESPONSE("StreamingResponse(iter([b'x']))"), "response", NULL },
		{ RESPONSE("type('Own', (Response,), {})(b'x')"), "sent",
		    "(200, [(b'content-length', b'1')], b'x')" },
		{ RESPONSE("type('Own', (Response,), {'__call__': print})(b'x')"), "response", NULL },
		{ PLAN("result = Response(b'x'); del result.body"), "response", NULL },
		/* Injected status and fields are not for it. */
		{ PLAN("def fill(response, background):\n"
		    "    response.status_code = 418; response.raw_headers.append((b'x', b'y'))\n"
		    "result = Response(b'x')"), "sent", "(200, [(b'content-length', b'1')], b'x')" },
		{ PLAN("result = Response(b'x'); result.raw_headers = [(b'x', b'y')] * 64"), "sent",
		    "(200, [(b'x', b'y')] * 64, b'x')" },
		{ PLAN("result = Response(b'x'); result.raw_headers = [(b'x', b'y')] * 65"),
		    "response", NULL },
		{ PLAN("result = Response(b'x'); result.raw_headers.append((b'x', b'a\\nb'))"),
		    "response", NULL },
		{ PLAN("result = Response(b'x', headers={'x': 'a\\r\\nb: c'})"), "response", NULL },
		{ PLAN("result = Response(b'x'); result.raw_headers.append((b'X', b'a'))"),
		    "response", NULL },
		{ PLAN("result = Response(b'x'); result.raw_headers.append((b'a:', b'a'))"),
		    "response", NULL },
		{ PLAN("result = Response(b'x'); del result.raw_headers"), "response", NULL },
		{ PLAN("result = Response(b'x'); del result.background"), "raised AttributeError",
		    NULL },
	};
#undef RESPONSE

	ROWS(rows);
}

/* For FastAPI's own wrapper: always a Response object. */
static void
test_as_a_response_object(void)
{
	static const struct { const char *statements, *want; } rows[] = {
		{ PLAN("result = 1"), "b'helped'" },
		{ PLAN("result = Response(b'own')"), "b'own'" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_rig rig;
		PyObject *response;

		plan_open(&rig, rows[i].statements, "", "", "");
		CU_ASSERT_STRING_EQUAL(plan_run(&rig, PYB_RUN_INLINE), "returned");
		response = pyb_result_response(rig.run);
		CU_ASSERT_PTR_NOT_NULL_FATAL(response);
		CU_ASSERT(py_equal(PyObject_GetAttrString(response, "body"), rows[i].want));
		Py_DECREF(response);
		CU_ASSERT_PTR_NULL(rig.answer);
		plan_close(&rig);
	}
}

static void
answer_once(void *arg)
{
	struct plan_rig *rig = arg;

	verdict_of(rig);
	plan_again(rig);
}

static void
test_nothing_is_left_behind(void)
{
	static const char *const statements[] = {
		PLAN("result = {'a': 1}"), PLAN("result = {1: 2}"),
		PLAN("result = Response(b'y' * 10000)"),
		PLAN("result = Response(b'x', background=BackgroundTask(print))"),
		PLAN("fill = with_fields(('x', 'y')); result = 1"),
		PLAN("def made_response(): raise KeyError\nresult = object()"),
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		struct plan_rig rig;

		plan_open(&rig, statements[i], "", "", "");
		CU_ASSERT_EQUAL(python_leak(answer_once, &rig), 0);
		plan_close(&rig);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "plain data", test_plain_data },
		{ "status", test_status },
		{ "injected fields", test_injected_fields },
		{ "background", test_background },
		{ "models", test_models },
		{ "responses", test_responses },
		{ "as a Response object", test_as_a_response_object },
		{ "nothing is left behind", test_nothing_is_left_behind },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: result", tests);
}
