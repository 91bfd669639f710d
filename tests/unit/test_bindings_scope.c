/*
 * What crosses the ASGI door: the scope of a request, byte for byte, and the
 * header fields of an answer.
 */
#include "tests/unit/source_fixture.h"

#include "base/must.h"
#include "bindings/asgi/fields.h"
#include "bindings/asgi/observer.h"
#include "bindings/asgi/scope.h"
#include "http/field.h"

static struct hx_exchange x;
static struct pyb_app *app;

static void
exchange_open(const char *fields)
{
	view_exchange(&x, "a=%41&b", fields, SLICE_NULL);
	x.req.path = SLICE_LIT("/caf\xc3\xa9 b");
	x.req.raw_path = SLICE_LIT("/caf%C3%A9%20b");
	x.origin.scheme = SLICE_LIT("http");
	x.origin.host = SLICE_LIT("192.0.2.1");
	x.origin.port = 65535;
	x.server_host = SLICE_LIT("::1");
	x.server_port = 80;
	app = (struct pyb_app *)python_keep(py("_engine.App(print, None)"));
}

/* The scope, and that it is right of itself: types and no shared parts. */
static bool
scope_is(const char *want)
{
	PyObject *scope = pyb_scope_new(app, &x);

	return py_equal(scope, want);
}

#define REST \
	"'type': 'http', 'asgi': {'version': '3.0', 'spec_version': '2.3'}, " \
	"'http_version': '1.1', 'scheme': 'http', 'method': 'GET', " \
	"'query_string': b'a=%41&b', 'state': {}, " \
	"'client': ('192.0.2.1', 65535), 'server': ('::1', 80), "
#define PATHS "'path': '/caf\\xe9 b', 'raw_path': b'/caf%C3%A9%20b', 'root_path': '', "

static void
test_a_request(void)
{
	exchange_open("host: a\nx: \xe4\xff\ncookie: a=1\nx: \ncookie: a=2\nx: 3\n");
	CU_ASSERT(scope_is("{" REST PATHS "'headers': [(b'host', b'a'), (b'x', b'\\xe4\\xff'), "
	    "(b'cookie', b'a=1'), (b'x', b''), (b'cookie', b'a=2'), (b'x', b'3')]}"));
	hx_exchange_fini(&x);
}

static void
test_bare_request(void)
{
	exchange_open("");
	x.req.h1.minor = 0;
	x.req.query = SLICE_NULL;
	x.req.method_name = SLICE_LIT("M-SEARCH");
	x.origin.host = x.server_host = SLICE_NULL;	/* a unix socket */
	CU_ASSERT(scope_is("{" REST PATHS "'headers': [], 'http_version': '1.0', "
	    "'query_string': b'', 'method': 'M-SEARCH', 'client': None, 'server': None}"));
	hx_exchange_fini(&x);
}

static void
test_root_path(void)
{
	exchange_open("");
	x.root_path = SLICE_LIT("/ap\xc3\xac");
	CU_ASSERT(scope_is("{" REST "'headers': [], 'root_path': '/ap\\xec', "
	    "'path': '/ap\\xec/caf\\xe9 b', 'raw_path': b'/ap\\xc3\\xac/caf%C3%A9%20b'}"));
	hx_exchange_fini(&x);
}

/* A connection whose targets begin with root_path as they come. */
static void
test_root_path_in_the_target(void)
{
	exchange_open("");
	x.root_path = SLICE_LIT("/api");
	x.root_in_path = true;
	CU_ASSERT(scope_is("{" REST PATHS "'headers': [], 'root_path': '/api'}"));
	hx_exchange_fini(&x);
}

/* The test client sets addresses and state itself. */
static void
test_under_observation(void)
{
	struct pyb_observer seen = { .client = py("('testclient', 50000)"),
	    .server = py("['testserver', 80]"), .state = py("{'own': 1}") };

	exchange_open("");
	x.upper.observer = &seen;
	CU_ASSERT(scope_is("{" REST PATHS "'headers': [], "
	    "'client': ('testclient', 50000), 'server': ['testserver', 80], "
	    "'state': {'own': 1}}"));
	hx_exchange_fini(&x);
	Py_DECREF(seen.client);
	Py_DECREF(seen.server);
	Py_DECREF(seen.state);
}

/* Nothing that one request may change is another's. */
static void
test_each_scope_is_its_own(void)
{
	PyObject *first, *second, *names, *set;

	exchange_open("x: 1\n");
	set = PyObject_CallMethod((PyObject *)app, "set_state", "N", py("{'db': [1]}"));
	Py_XDECREF(set);
	first = pyb_scope_new(app, &x);
	second = pyb_scope_new(app, &x);
	names = py("globals()");
	PyDict_SetItemString(names, "first", first);
	PyDict_SetItemString(names, "second", second);
	CU_ASSERT(py_equal(py("[k for k in first if type(first[k]) in (dict, list) and "
	    "first[k] is second[k]]"), "[]"));
	CU_ASSERT(py_equal(py("first['state']['db'] is second['state']['db']"), "True"));
	CU_ASSERT(py_equal(py("[type(v).__name__ for k, v in sorted(first.items())]"),
	    "['dict', 'tuple', 'list', 'str', 'str', 'str', 'bytes', 'bytes', 'str', 'str', "
	    "'tuple', 'dict', 'str']"));
	PyDict_SetItemString(names, "first", Py_None);
	PyDict_SetItemString(names, "second", Py_None);
	Py_DECREF(first);
	Py_DECREF(second);
	Py_DECREF(names);
	Py_CLEAR(app->state);
	hx_exchange_fini(&x);
}

static void
scope_once(void *arg)
{
	(void)arg;
	Py_XDECREF(pyb_scope_new(app, &x));
}

static bool
scope_failing(void *arg)
{
	PyObject *scope = pyb_scope_new(app, &x);
	bool ok = scope != NULL ? !PyErr_Occurred() : PyErr_ExceptionMatches(PyExc_MemoryError);

	(void)arg;
	PyErr_Clear();
	Py_XDECREF(scope);
	return ok;
}

static void
test_scope_memory(void)
{
	exchange_open("host: a\nx: 1\n");
	x.root_path = SLICE_LIT("/ap\xc3\xac");
	CU_ASSERT_EQUAL(python_leak(scope_once, NULL), 0);
	CU_ASSERT(python_survives(scope_failing, NULL));
	hx_exchange_fini(&x);
}

/* The fields as a list of pairs, or the exception. */
static PyObject *
fields_got(PyObject *pairs)
{
	struct pyb_fields f = { 0 };
	struct arena arena;
	PyObject *list = NULL;

	arena_init(&arena, 64);
	if (pyb_fields_take(&f, pairs) < 0 || pyb_fields_read(&f, &arena) < 0) {
		PyObject *exc = PyErr_Occurred();

		list = PyUnicode_FromString(((PyTypeObject *)exc)->tp_name);
		PyErr_Clear();
	} else {
		list = PyList_New((Py_ssize_t)f.n);
		for (size_t i = 0; i < f.n; i++)
			PyList_SET_ITEM(list, (Py_ssize_t)i, Py_BuildValue("(y#y#)",
			    f.all[i].name.ptr, (Py_ssize_t)f.all[i].name.len,
			    f.all[i].value.ptr, (Py_ssize_t)f.all[i].value.len));
	}
	pyb_fields_fini(&f);
	pyb_fields_fini(&f);
	arena_fini(&arena);
	return list;
}

static void
test_fields(void)
{
	static const struct { const char *pairs, *want; } rows[] = {
		{ "[]", "[]" }, { "()", "[]" }, { "iter([])", "[]" },
		{ "[(b'a', b'1'), (b'a', b'2')]", "[(b'a', b'1'), (b'a', b'2')]" },
		{ "[[b'a', b'1']]", "[(b'a', b'1')]" },
		{ "((n, b'1') for n in (b'a', b'b'))", "[(b'a', b'1'), (b'b', b'1')]" },
		{ "[(b'X-Ab', b' v\\t\\xff')]", "[(b'x-ab', b' v\\t\\xff')]" },
		{ "[(b'a', b'')]", "[(b'a', b'')]" },
		{ "{(b'a', b'1'): 2}", "[(b'a', b'1')]" },
		{ "[(type('B', (bytes,), {})(b'A'), b'1')]", "[(b'a', b'1')]" },
		/* Any pair that unpacks, also one that makes its members. */
		{ "[(bytes([n]) * 40 for n in (97, 98))]", "[(b'a' * 40, b'b' * 40)]" },
		{ "[map(bytes, [[97] * 40, [98] * 40]) for _ in range(40)]",
		    "[(b'a' * 40, b'b' * 40)] * 40" },
		{ "[{b'a': 1, b'b': 2}]", "[(b'a', b'b')]" },
		{ "[(b'a', b'1\\r\\nx: y')]", "'RuntimeError'" }, { "[(b'a', b'\\0')]", "'RuntimeError'" },
		{ "[(b'a', b'\\x7f')]", "'RuntimeError'" }, { "[(b'a b', b'1')]", "'RuntimeError'" },
		{ "[(b'a:', b'1')]", "'RuntimeError'" }, { "[(b'A\\n', b'1')]", "'RuntimeError'" },
		{ "[(b'', b'1')]", "'RuntimeError'" }, { "[(b'a', b'1'), (b'', b'')]", "'RuntimeError'" },
		{ "[(b'a\\x7f', b'1')]", "'RuntimeError'" }, { "[(b'a\\0', b'1')]", "'RuntimeError'" },
		{ "[('a', b'1')]", "'TypeError'" }, { "[(b'a', '1')]", "'TypeError'" },
		{ "[(bytearray(b'A'), bytearray(b'1'))]", "[(b'a', b'1')]" },
		{ "[[memoryview(b'A-b'), memoryview(b'xyz')[1:]]]", "[(b'a-b', b'yz')]" },
		{ "[(b'a', __import__('array').array('B', [65]))]", "[(b'a', b'A')]" },
		{ "[(bytearray(b'a b'), b'1')]", "'RuntimeError'" }, { "[(bytearray(), b'1')]", "'RuntimeError'" },
		{ "[(b'a', memoryview(b'1\\r\\n'))]", "'RuntimeError'" },
		{ "[(b'a', memoryview(b'abc')[::2])]", "'TypeError'" },
		{ "[(b'a b', b'1'), (memoryview(b'abc')[::2], b'1')]", "'RuntimeError'" },
		{ "[(b'a', bytearray(b'1'), b'2')]", "'ValueError'" }, { "[(b'a', None)]", "'TypeError'" },
		{ "[(bytearray(b'a'), '1')]", "'TypeError'" },
		{ "[(b'a',)]", "'ValueError'" }, { "[(b'a', b'1', b'2')]", "'ValueError'" },
		{ "[None]", "'TypeError'" }, { "None", "'TypeError'" }, { "3", "'TypeError'" },
		{ "[b'ab']", "'TypeError'" }, { "[(1 // 0 for _ in 'a')]", "'ZeroDivisionError'" },
		{ "(1 // 0 for _ in 'a')", "'ZeroDivisionError'" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *pairs = python_keep(py(rows[i].pairs));

		CU_ASSERT(py_equal(fields_got(pairs), rows[i].want));
	}
}

/* Reading one pair may change another that was read before. */
static void
test_fields_that_change_each_other(void)
{
	py_do("first = [bytes([65]) * 100, bytes([66]) * 100]\n"
	    "class Second:\n"
	    "    def __iter__(self):\n"
	    "        first.clear()\n"
	    "        return iter([b'x' * 100, b'y' * 100])\n");
	CU_ASSERT(py_equal(fields_got(python_keep(py("[first, Second()]"))),
	    "[(b'a' * 100, b'B' * 100), (b'x' * 100, b'y' * 100)]"));
}

static void
test_plain_bytes(void)
{
	CU_ASSERT_FALSE(pyb_field_name_plain(SLICE_LIT("")));
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		struct slice s = { &byte, 1 };
		bool token = c > 0x20 && c != 0x7f && strchr("()<>@,;:[]={}\\\"", c) == NULL;

		CU_ASSERT_EQUAL(pyb_field_name_plain(s), token && !(c >= 'A' && c <= 'Z'));
		CU_ASSERT_EQUAL(hx_field_value_ok(s), (c >= 0x20 || c == '\t') && c != 0x7f);
	}
}

static void
fields_once(void *pairs)
{
	Py_XDECREF(fields_got(pairs));
}

static bool
fields_failing(void *pairs)
{
	struct pyb_fields f = { 0 };
	struct arena arena;
	bool ok;

	arena_init(&arena, 64);
	ok = pyb_fields_take(&f, pairs) == 0 && pyb_fields_read(&f, &arena) == 0;
	ok = ok ? f.n == 1 && !PyErr_Occurred() : PyErr_ExceptionMatches(PyExc_MemoryError);
	PyErr_Clear();
	pyb_fields_fini(&f);
	arena_fini(&arena);
	return ok;
}

static void
test_fields_memory(void)
{
	CU_ASSERT_EQUAL(python_leak(fields_once, python_keep(py("[[b'Ab', b'1']] * 9"))), 0);
	CU_ASSERT_EQUAL(python_leak(fields_once, python_keep(py("[[b'Ab', 1]] * 9"))), 0);
	CU_ASSERT_EQUAL(python_leak(fields_once, python_keep(py("[(bytearray(b'A'), memoryview(b'1'))] * 9"))), 0);
	CU_ASSERT_EQUAL(python_leak(fields_once, python_keep(py("[(b'A', memoryview(b'abc')[::2])]"))), 0);
	CU_ASSERT(python_survives(fields_failing, python_keep(py("[(bytearray(b'A'), memoryview(b'1'))]"))));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "a request", test_a_request },
		{ "a bare request", test_bare_request },
		{ "root path", test_root_path },
		{ "root path in the target", test_root_path_in_the_target },
		{ "under observation", test_under_observation },
		{ "each scope is its own", test_each_scope_is_its_own },
		{ "memory of scopes", test_scope_memory },
		{ "fields", test_fields },
		{ "fields that change each other", test_fields_that_change_each_other },
		{ "bytes that may go out", test_plain_bytes },
		{ "memory of fields", test_fields_memory },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: scope and fields", tests);
}
