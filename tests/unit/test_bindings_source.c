/*
 * Where a plan reads its parameters from: pairs as Starlette sees them, limits,
 * and scopes that are not as the server made them.
 */
#include "tests/unit/source_fixture.h"

#include <stdlib.h>

#include "base/must.h"

#define FORM "content-type: application/x-www-form-urlencoded\n"

static void
define_oracles(void)
{
	py_do("from starlette.datastructures import FormData, QueryParams, UploadFile\n"
	    "from starlette.requests import Request\n"
	    "import asyncio, io\n"
	    "def query(text):\n"
	    "    return QueryParams(text).multi_items()\n"
	    "def cookies(fields):\n"
	    "    headers = [(b'cookie', f.encode('latin-1')) for f in fields]\n"
	    "    return Request({'type': 'http', 'headers': headers}).cookies\n"
	    "def form(content):\n"
	    "    async def receive():\n"
	    "        return {'type': 'http.request', 'body': content}\n"
	    "    async def read():\n"
	    "        headers = [(b'content-type', b'application/x-www-form-urlencoded')]\n"
	    "        request = Request({'type': 'http', 'headers': headers}, receive)\n"
	    "        return (await request.form()).multi_items()\n"
	    "    try: return asyncio.run(read())\n"
	    "    except Exception: return None\n"
	    "try: import python_multipart\n"
	    "except ImportError:\n"
	    "    print('no python-multipart: forms are compared with queries')\n"
	    "    form = lambda content: query(content) if len(content) <= 4000 else None\n");
}

static bool
same(PyObject *got, PyObject *want)
{
	bool is = got != NULL && want != NULL &&
	    PyObject_RichCompareBool(got, want, Py_EQ) == 1;

	if (!is) {
		fprintf(stderr, "\nwant ");
		PyObject_Print(want, stderr, 0);
		fprintf(stderr, "\ngot  ");
		PyObject_Print(got, stderr, 0);
	}
	Py_XDECREF(got);
	Py_XDECREF(want);
	return is;
}

/* The pairs of a query or a form, compared with Starlette's. */
static bool
query_agrees(const char *text)
{
	PyObject *arg = PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
	struct hx_exchange x;
	struct pyb_source v;
	bool is;

	view_exchange(&x, text, "", SLICE_NULL);
	pyb_source_exchange(&v, &x);
	is = same(view_pairs(pyb_source_query(&v), false), py_call("query", arg)) &&
	    pyb_source_query(&v) == pyb_source_query(&v);
	hx_exchange_fini(&x);
	Py_DECREF(arg);
	return is;
}

static PyObject *
form_pairs(const char *fields, struct slice content)
{
	struct hx_exchange x;
	struct pyb_source v;
	PyObject *got;

	view_exchange(&x, "", fields, content);
	pyb_source_exchange(&v, &x);
	got = view_pairs(pyb_source_form(&v), false);
	/* It says the same when it is asked again. */
	CU_ASSERT(same(view_pairs(pyb_source_form(&v), false), Py_NewRef(got)));
	hx_exchange_fini(&x);
	return got;
}

static bool
form_agrees(struct slice content)
{
	PyObject *bytes = PyBytes_FromStringAndSize(content.ptr, (Py_ssize_t)content.len);
	bool is = same(form_pairs(FORM, content), py_call("form", bytes));

	Py_DECREF(bytes);
	return is;
}

static const char *const urlencoded[] = {
	"", "a", "a=", "=a", "=", "&", "a=1&b=2", "a=1&a=2&a=3", "a&b&c=", "a=1&&&b=2&",
	"a=b=c", "a+b=c+d", "%61=%62", "%zz=%", "a=%e4", "a=%C3%A4", "a=%F0%9F%98%80",
	"a=%ed%a0%80", "a=%00", "%3d=%26", "a=1;b=2", "a[]=1&a[]=2", "a.b=c", "\xe4=\xe4",
	"a=%2B+%2b", "a=%%41", "a=+%", "plain=text&with=blanks+in",
};

static void
test_urlencoded_pairs(void)
{
	define_oracles();
	for (size_t i = 0; i < sizeof(urlencoded) / sizeof(urlencoded[0]); i++) {
		const char *text = urlencoded[i];

		CU_ASSERT(query_agrees(text));
		CU_ASSERT(form_agrees((struct slice){ text, strlen(text) }));
	}
}

static void
test_cookies(void)
{
	static const struct { const char *fields, *values; } rows[] = {
		{ "", "[]" },
		{ "cookie: a=1\n", "['a=1']" },
		{ "cookie: a=1; b=2\n", "['a=1; b=2']" },
		{ "cookie: a=1; a=2\n", "['a=1; a=2']" },
		{ "cookie: a=1\nx: y\ncookie: b=2; a=3\n", "['a=1', 'b=2; a=3']" },
		{ "cookie: \n", "['']" },
		{ "cookie: ;;; ;\n", "[';;; ;']" },
		{ "cookie: a; =b; c=; =\n", "['a; =b; c=; =']" },
		{ "cookie: a=\"x\\054y\\\"\"; b=\"\"; c=\"\n", "['a=\"x\\\\054y\\\\\"\"; b=\"\"; c=\"']" },
		{ "cookie: a=b=c;d = e ; f=\xe4\n", "['a=b=c;d = e ; f=\\xe4']" },
		{ "cookie: a=%41+b\n", "['a=%41+b']" },
	};

	define_oracles();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *values = py(rows[i].values), *list, *got;
		struct hx_exchange x;
		struct pyb_source v;

		view_exchange(&x, "", rows[i].fields, SLICE_NULL);
		pyb_source_exchange(&v, &x);
		list = view_pairs(pyb_source_cookies(&v), true);
		got = PyObject_CallOneArg((PyObject *)&PyDict_Type, list);
		CU_ASSERT(same(got, py_call("cookies", values)));
		CU_ASSERT_PTR_EQUAL(pyb_source_cookies(&v), pyb_source_cookies(&v));
		hx_exchange_fini(&x);
		Py_DECREF(list);
		Py_DECREF(values);
	}
}

static void
test_form_content_types(void)
{
	static const struct { const char *fields, *want; } rows[] = {
		{ "", "[]" },		/* no type: an empty form */
		{ FORM, "[('a', '1')]" },
		{ "content-type: Application/X-WWW-Form-URLencoded\n", "[('a', '1')]" },
		{ "content-type: application/x-www-form-urlencoded; charset=utf-8\n",
		    "[('a', '1')]" },
		{ "content-type: application/x-www-form-urlencoded ;x\n", "[('a', '1')]" },
		{ FORM "content-type: text/plain\n", "[('a', '1')]" },
		{ "content-type: text/plain\n" FORM, "None" },
		{ "content-type: multipart/form-data; boundary=x\n", "None" },
		{ "content-type: application/json\n", "None" },
		{ "content-type: application/x-www-form-urlencode\n", "None" },
		{ "content-type: application/x-www-form-urlencodedd\n", "None" },
		{ "content-type: \n", "[]" },
		{ "x-content-type: text/plain\n" FORM, "[('a', '1')]" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT(py_equal(form_pairs(rows[i].fields, SLICE_LIT("a=1")), rows[i].want));
}

/* "a=1&a=1&..." n times. */
static char *
repeated(size_t n)
{
	char *text = malloc(4 * n + 1);

	must(text != NULL);
	for (size_t i = 0; i < n; i++)
		memcpy(text + 4 * i, "a=1&", 4);
	text[4 * n] = '\0';
	return text;
}

static void
test_number_of_pairs(void)
{
	static const struct { size_t n; bool query, form; } rows[] = {
		{ 8, true, true }, { 9, true, true }, { 999, true, true }, { 1000, true, true },
		{ 1001, true, false }, { PYB_MAX_PAIRS, true, false },
		{ PYB_MAX_PAIRS + 1, false, false }, { 5000, false, false },
	};

	define_oracles();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = repeated(rows[i].n), *fields = malloc(4 * rows[i].n + 16);
		struct hx_exchange x;
		struct pyb_source v;

		CU_ASSERT(form_agrees((struct slice){ text, strlen(text) }));
		sprintf(fields, "cookie: %s\n", text);
		for (char *p = fields; *p != '\0'; p++)
			*p = *p == '&' ? ';' : *p;
		view_exchange(&x, text, fields, SLICE_NULL);
		pyb_source_exchange(&v, &x);
		for (int again = 0; again < 2; again++) {
			CU_ASSERT_EQUAL(pyb_source_query(&v) != NULL, rows[i].query);
			CU_ASSERT_EQUAL(pyb_source_cookies(&v) != NULL, rows[i].query);
		}
		if (rows[i].query)
			CU_ASSERT_EQUAL(pyb_source_query(&v)->n, rows[i].n);
		hx_exchange_fini(&x);
		free(fields);
		free(text);
	}
}

/* A form with a field of that many bytes behind `before` small ones. */
static struct slice
large_field(size_t before, size_t size)
{
	char *small = repeated(before), *text = malloc(4 * before + size + 8);
	size_t n;

	must(text != NULL);
	n = (size_t)sprintf(text, "%sbb=", small);
	memset(text + n, 'x', size - 2);
	free(small);
	return (struct slice){ text, n + size - 2 };
}

static void
test_size_of_a_form_field(void)
{
	static const size_t sizes[] = { 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1 };

	define_oracles();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct slice content = large_field(1, sizes[i]);

		CU_ASSERT(form_agrees(content));
		free((char *)content.ptr);
	}
}

/* Pairs read before the fault are not kept: a second look begins anew. */
static void
test_a_refused_form_stays_refused(void)
{
	struct slice content = large_field(7, 1024 * 1024 + 1);
	struct hx_exchange x;
	struct pyb_source v;

	view_exchange(&x, "", FORM, content);
	pyb_source_exchange(&v, &x);
	for (int again = 0; again < 3; again++) {
		CU_ASSERT_PTR_NULL(pyb_source_form(&v));
		CU_ASSERT_EQUAL(v.form_pairs.n, 0);
	}
	hx_exchange_fini(&x);
	free((char *)content.ptr);
}

static void
test_form_items(void)
{
	struct hx_exchange x;
	struct pyb_source v;

	view_exchange(&x, "", FORM, SLICE_LIT("a=1&b=%E4&a=%F0%9F%98%80"));
	pyb_source_exchange(&v, &x);
	CU_ASSERT(py_equal(pyb_source_form_items(&v),
	    "[('a', '1'), ('b', '\\ufffd'), ('a', '\\U0001f600')]"));
	hx_exchange_fini(&x);
	view_exchange(&x, "", "content-type: text/plain\n", SLICE_LIT("a=1"));
	pyb_source_exchange(&v, &x);
	CU_ASSERT_PTR_NULL(pyb_source_form_items(&v));
	CU_ASSERT(py_raised("MemoryError"));
	hx_exchange_fini(&x);
}

/* 0 or -1 for a FormData (or what stands for one), the pairs in `want`. */
static bool
form_data_gives(const char *expression, const char *want)
{
	PyObject *form = py(expression);
	struct pyb_source v = { 0 };
	struct arena arena;
	bool is;

	arena_init(&arena, 64);
	v.arena = &arena;
	if (pyb_source_form_data(&v, form, python_state_fastapi()) < 0)
		is = strcmp(want, "odd") == 0 && !v.form_pairs.loaded;
	else
		is = py_equal(view_pairs(pyb_source_form(&v), false), want);
	is = is && PyErr_Occurred() == NULL;
	arena_fini(&arena);
	Py_DECREF(form);
	return is;
}

static void
test_form_data(void)
{
	static const struct { const char *form, *want; } rows[] = {
		{ "FormData()", "[]" },
		{ "FormData([('a', '1'), ('b', ''), ('a', '\\xe4\\0')])",
		    "[('a', '1'), ('b', ''), ('a', '\\xe4\\0')]" },
		{ "FormData([('a', '1'), ('f', UploadFile(io.BytesIO(b'')))])",
		    "[('a', '1'), ('f', '')]" },
		{ "FormData([('a', '\\ud800')])", "odd" },
		{ "FormData([('a', type('S', (str,), {})('x'))])", "odd" },
		{ "FormData([('a', b'x')])", "odd" }, { "FormData([('a', None)])", "odd" },
		{ "FormData([('x', 'y')] * 1024)", "[('x', 'y')] * 1024" },
		{ "FormData([('x', 'y')] * 1025)", "odd" },
		{ "object()", "odd" }, { "{}", "odd" }, { "None", "odd" },
		{ "type('F', (), {'_list': (('a', 'b'),)})()", "odd" },
		{ "type('F', (), {'_list': [['a', 'b']]})()", "odd" },
		{ "type('F', (), {'_list': [('a',)]})()", "odd" },
		{ "type('F', (), {'_list': property(lambda self: 1 // 0)})()", "odd" },
	};

	define_oracles();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT(form_data_gives(rows[i].form, rows[i].want));
}

static void
test_scopes(void)
{
	static const struct { const char *scope; bool taken; } rows[] = {
		{ "{'headers': [], 'query_string': b''}", true },
		{ "{'headers': [(b'a', b'1'), (b'a', b'2')], 'query_string': b'a=b'}", true },
		{ "{'headers': [(b'a', b'')] * 40000, 'query_string': b''}", true },
		{ "{'headers': [(b'a', b'')] * 40001, 'query_string': b''}", false },
		{ "{'headers': ((b'a', b'1'),), 'query_string': b''}", false },
		{ "{'headers': [[b'a', b'1']], 'query_string': b''}", false },
		{ "{'headers': [(b'a', b'1', b'2')], 'query_string': b''}", false },
		{ "{'headers': [(b'a', '1')], 'query_string': b''}", false },
		{ "{'headers': [('a', b'1')], 'query_string': b''}", false },
		{ "{'headers': [(b'a', b'1'), None], 'query_string': b''}", false },
		{ "{'headers': [(b'a', type('B', (bytes,), {})(b'1'))], 'query_string': b''}",
		    false },
		{ "{'headers': type('L', (list,), {})(), 'query_string': b''}", false },
		{ "{'headers': iter([]), 'query_string': b''}", false },
		{ "{'headers': None, 'query_string': b''}", false },
		{ "{'query_string': b''}", false }, { "{'headers': []}", false }, { "{}", false },
		{ "{'headers': [], 'query_string': ''}", false },
		{ "{'headers': [], 'query_string': bytearray(b'')}", false },
		{ "{'headers': [], 'query_string': None}", false },
	};
	struct pyb_module_state *st = python_state();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *scope = python_keep(py(rows[i].scope));
		struct arena arena;
		struct pyb_source v;

		arena_init(&arena, 64);
		CU_ASSERT_EQUAL(pyb_source_scope(&v, scope, &arena, st->n_headers,
		    st->n_query_string), rows[i].taken ? 0 : -1);
		CU_ASSERT_PTR_NULL(PyErr_Occurred());
		if (rows[i].taken) {
			PyObject *headers = PyDict_GetItemString(scope, "headers");

			CU_ASSERT_EQUAL(v.n_headers, (size_t)PyList_GET_SIZE(headers));
			CU_ASSERT_PTR_NOT_NULL(pyb_source_query(&v));
		}
		arena_fini(&arena);
	}
}

static void
test_scope_values(void)
{
	PyObject *scope = python_keep(py("{'headers': [(b'cookie', b'a=1'), (b'x', b'y\\0z'), "
	    "(b'cookie', b'b=2')], 'query_string': b'q=%41&q'}"));
	struct pyb_module_state *st = python_state();
	struct arena arena;
	struct pyb_source v;

	arena_init(&arena, 64);
	CU_ASSERT_EQUAL(pyb_source_scope(&v, scope, &arena, st->n_headers, st->n_query_string), 0);
	CU_ASSERT(py_equal(view_pairs(pyb_source_query(&v), false), "[('q', 'A'), ('q', '')]"));
	CU_ASSERT(py_equal(view_pairs(pyb_source_cookies(&v), true), "[('a', '1'), ('b', '2')]"));
	CU_ASSERT(slice_equal(v.headers[1].value, SLICE_LIT("y\0z")));
	arena_fini(&arena);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "urlencoded pairs are Starlette's", test_urlencoded_pairs },
		{ "cookies are Starlette's", test_cookies },
		{ "content types of a form", test_form_content_types },
		{ "number of pairs", test_number_of_pairs },
		{ "size of a form's field", test_size_of_a_form_field },
		{ "a refused form stays refused", test_a_refused_form_stays_refused },
		{ "form items", test_form_items },
		{ "FormData, with and without files", test_form_data },
		{ "scopes, plain and odd", test_scopes },
		{ "values of a scope", test_scope_values },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: source", tests);
}
