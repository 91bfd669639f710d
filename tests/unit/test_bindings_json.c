/*
 * The encoder for plain data against jsonable_encoder() and json.dumps() as
 * JSONResponse calls it.
 */
#include "tests/unit/python_fixture.h"

#include "bindings/json.h"

static struct pyb_json out;

/* The text, or None for what is left to Python. */
static PyObject *
encoded(PyObject *value)
{
	enum pyb_json_verdict verdict = pyb_json_encode(&out, value);

	CU_ASSERT_PTR_NULL(PyErr_Occurred());
	if (verdict == PYB_JSON_LEAVE)
		Py_RETURN_NONE;
	return PyBytes_FromStringAndSize(out.bytes, (Py_ssize_t)out.len);
}

/* Does the encoder give what Python gives, or leave what it must? */
static bool
agrees(const char *name, PyObject *value)
{
	PyObject *got = encoded(value), *want = py_call(name, value);
	bool same = got != NULL && want != NULL &&
	    PyObject_RichCompareBool(got, want, Py_EQ) == 1;

	if (!same) {
		PyErr_Print();
		fprintf(stderr, "\nvalue ");
		PyObject_Print(value, stderr, 0);
		fprintf(stderr, "\nwant  ");
		PyObject_Print(want, stderr, 0);
		fprintf(stderr, "\ngot   ");
		PyObject_Print(got, stderr, 0);
	}
	Py_XDECREF(got);
	Py_XDECREF(want);
	return same;
}

static bool
text_is(const char *expression, const char *text)
{
	PyObject *value = py(expression), *got = encoded(value);
	bool same = got != Py_None && strcmp(PyBytes_AS_STRING(got), text) == 0;

	if (!same)
		fprintf(stderr, "%s: got %s, want %s\n", expression,
		    got != Py_None ? PyBytes_AS_STRING(got) : "nothing", text);
	Py_DECREF(value);
	Py_DECREF(got);
	return same;
}

static bool
left(const char *expression)
{
	PyObject *value = py(expression);
	bool is = pyb_json_encode(&out, value) == PYB_JSON_LEAVE && PyErr_Occurred() == NULL;

	if (!is)
		fprintf(stderr, "%s is not left to Python\n", expression);
	Py_DECREF(value);
	return is;
}

static void
define_oracle(void)
{
	py_do(
	    "import json, random, collections, decimal, enum, fractions\n"
	    "def dumps(value):\n"
	    "    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=None,\n"
	    "                      separators=(',', ':')).encode()\n"
	    "def full(value):\n"
	    "    from fastapi.encoders import jsonable_encoder\n"
	    "    return dumps(jsonable_encoder(value))\n");
}

static void
test_plain_values(void)
{
	static const struct { const char *expression, *text; } rows[] = {
		{ "None", "null" }, { "True", "true" }, { "False", "false" },
		{ "0", "0" }, { "-1", "-1" }, { "2**63 - 1", "9223372036854775807" },
		{ "-2**63", "-9223372036854775808" },
		{ "0.0", "0.0" }, { "-0.0", "-0.0" }, { "1.0", "1.0" }, { "1e16", "1e+16" },
		{ "1e22", "1e+22" }, { "123456789012345.0", "123456789012345.0" },
		{ "0.1", "0.1" }, { "1e-5", "1e-05" }, { "5e-324", "5e-324" },
		{ "1.7976931348623157e308", "1.7976931348623157e+308" },
		{ "''", "\"\"" }, { "'a'", "\"a\"" }, { "'a\"b\\\\c/'", "\"a\\\"b\\\\c/\"" },
		{ "'\\n\\r\\t\\f\\b'", "\"\\n\\r\\t\\f\\b\"" },
		{ "'\\0\\x1f\\x7f\\x0b'", "\"\\u0000\\u001f\x7f\\u000b\"" },
		{ "'\\x80\\xe9\\u20ac\\U0001f600\\u2028'",
		    "\"\xc2\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\xa8\"" },
		{ "[]", "[]" }, { "()", "[]" }, { "{}", "{}" }, { "[[], {}, ()]", "[[],{},[]]" },
		{ "(1, 'a', None)", "[1,\"a\",null]" },
		{ "{'b': 1, 'a': [True, {}]}", "{\"b\":1,\"a\":[true,{}]}" },
		{ "{'': {'': ''}}", "{\"\":{\"\":\"\"}}" },
		{ "{'_sa_x': 1, 'a': 2, '_sa': 3}", "{\"a\":2}" },
		{ "{'_sa': 1}", "{}" }, { "{'a': 1, '_sab': 2, '_s': 3}", "{\"a\":1,\"_s\":3}" },
		{ "{'k\\n': 1}", "{\"k\\n\":1}" },
	};

	define_oracle();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *value = py(rows[i].expression);

		CU_ASSERT(text_is(rows[i].expression, rows[i].text));
		CU_ASSERT(agrees("full", value));
		Py_DECREF(value);
	}
}

static void
test_what_is_left_to_python(void)
{
	static const char *const rows[] = {
		"2**63", "-2**63 - 1", "10**5000", "float('nan')", "float('inf')", "-float('inf')",
		"[1, float('nan')]", "'\\ud800'", "'a\\udcffb'", "{'\\udc00': 1}", "{1: 2}",
		"{None: 2}", "{True: 2}", "{1.5: 2}", "{(1, 2): 3}", "{'a': 1, 2: 3}", "b'a'",
		"bytearray(b'a')", "{1, 2}", "frozenset()", "range(3)", "iter([])", "object()",
		"type('S', (str,), {})('a')", "type('I', (int,), {})(1)",
		"type('F', (float,), {})(1.0)", "type('L', (list,), {})([1])",
		"type('T', (tuple,), {})((1,))", "type('D', (dict,), {})()",
		"{type('K', (str,), {})('a'): 1}", "collections.OrderedDict(a=1)",
		"collections.namedtuple('P', 'x')(1)", "collections.deque([1])",
		"decimal.Decimal('1')", "fractions.Fraction(1, 2)", "enum.Enum('E', 'a').a",
		"enum.IntEnum('E', 'a').a", "json", "len", "...", "NotImplemented", "1j",
		"[[[{'a': [b'']}]]]", "{'a': {'b': object()}}",
	};

	define_oracle();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT(left(rows[i]));
}

/* A failed encoding leaves nothing behind for the next one. */
static void
test_the_buffer_starts_anew(void)
{
	CU_ASSERT(text_is("[1, 2]", "[1,2]"));
	CU_ASSERT(left("[1, 2, b'']"));
	CU_ASSERT(text_is("[3]", "[3]"));
}

/* Nests `value` in itself, depth times. */
static PyObject *
nested(int depth, bool dicts)
{
	PyObject *value = PyList_New(0);

	for (int i = 0; i < depth && value != NULL; i++) {
		PyObject *outer = dicts ? Py_BuildValue("{sN}", "a", value) :
		    Py_BuildValue("[N]", value);

		value = outer;
	}
	return value;
}

static void
test_nesting_is_bounded(void)
{
	define_oracle();
	for (int dicts = 0; dicts < 2; dicts++)
		for (int depth = 95; depth < 105; depth++) {
			PyObject *value = nested(depth, dicts);

			if (pyb_json_encode(&out, value) == PYB_JSON_OK)
				CU_ASSERT(agrees("dumps", value));
			CU_ASSERT_EQUAL(pyb_json_encode(&out, value),
			    depth <= 100 ? PYB_JSON_OK : PYB_JSON_LEAVE);
			Py_DECREF(value);
		}
	py_do("deep = []\nfor _ in range(200000): deep = [deep]\n"
	    "ring = []\nring.append(ring)\nloop = {}\nloop['a'] = [loop]\n");
	CU_ASSERT(left("deep"));
	CU_ASSERT(left("ring"));
	CU_ASSERT(left("loop"));
	py_do("while deep: deep = deep.pop()\nring.clear()\nloop.clear()\n");
}

/* Texts and lists of lengths around the buffer's sizes. */
static void
test_growing(void)
{
	define_oracle();
	for (Py_ssize_t n = 1; n < 9000; n = n < 1000 ? n + 37 : n + 255)
		for (int kind = 0; kind < 3; kind++) {
			static const char *const makers[] = {
				"lambda n: 'x' * n", "lambda n: '\\x01' * n",
				"lambda n: list(range(n))"
			};
			PyObject *maker = py(makers[kind]);
			PyObject *value = PyObject_CallFunction(maker, "n", n);

			CU_ASSERT(agrees("dumps", value));
			Py_XDECREF(value);
			Py_DECREF(maker);
			pyb_json_fini(&out);
		}
}

static void
test_a_large_buffer_is_given_back(void)
{
	CU_ASSERT(text_is("'a'", "\"a\""));
	pyb_json_trim(&out);
	CU_ASSERT(out.cap > 0);
	CU_ASSERT(agrees("dumps", python_keep(py("'a' * 100000"))));
	CU_ASSERT(out.cap > 100000);
	pyb_json_trim(&out);
	CU_ASSERT_EQUAL(out.cap, 0);
	CU_ASSERT_PTR_NULL(out.bytes);
	pyb_json_trim(&out);
}

static void
test_generated_values(void)
{
	define_oracle();
	py_do(
	    "rng = random.Random(20240229)\n"
	    "alphabet = 'ab\"\\\\/\\n\\r\\t\\b\\f\\0\\x1f\\x7f\\x80\\xff\\u0100\\ud7ff\\ue000"
	    "\\uffff\\U0001f600'\n"
	    "def text():\n"
	    "    return ''.join(rng.choice(alphabet) for _ in range(rng.randrange(12)))\n"
	    "def number():\n"
	    "    return rng.choice([rng.randrange(-10, 10), rng.randrange(-2**63, 2**63),\n"
	    "        rng.uniform(-1, 1), rng.gauss(0, 1e300), rng.random() * 1e-300,\n"
	    "        float(rng.randrange(10**17)), rng.randrange(10**6) / 1000])\n"
	    "def generate(depth=4):\n"
	    "    kind = rng.randrange(8 if depth else 5)\n"
	    "    if kind < 2: return text()\n"
	    "    if kind < 4: return number()\n"
	    "    if kind == 4: return rng.choice([None, True, False])\n"
	    "    n = rng.randrange(5)\n"
	    "    if kind == 5: return [generate(depth - 1) for _ in range(n)]\n"
	    "    if kind == 6: return tuple(generate(depth - 1) for _ in range(n))\n"
	    "    return {rng.choice(['_s', '']) + text(): generate(depth - 1)\n"
	    "            for _ in range(n)}\n");
	for (int i = 0; i < 5000; i++) {
		PyObject *value = py("generate()");
		bool ok = agrees("full", value);

		CU_ASSERT(ok);
		Py_DECREF(value);
		if (!ok)
			break;
	}
}

/* No Python runs, so nothing can change a value while it is encoded: objects
 * whose methods would are not looked at. */
static void
test_no_code_of_the_users_runs(void)
{
	py_do("calls = []\n"
	    "class Meta(type):\n"
	    "    def __instancecheck__(cls, o): calls.append(o); return True\n"
	    "class Spy(metaclass=Meta):\n"
	    "    def __iter__(self): calls.append(self); return iter(())\n"
	    "    def __str__(self): calls.append(self); data.clear(); return ''\n"
	    "    __repr__ = __str__\n"
	    "    def __hash__(self): return hash('k')\n"
	    "    def __eq__(self, other): calls.append(self); return False\n"
	    "    def __getattribute__(self, name):\n"
	    "        calls.append(name); return object.__getattribute__(self, name)\n"
	    "    def __index__(self): calls.append(self); return 1\n"
	    "    def __float__(self): calls.append(self); return 1.0\n"
	    "class Text(str):\n"
	    "    def __eq__(self, other): calls.append(self); return False\n"
	    "    def __hash__(self): return hash('k')\n"
	    "data = {'k': 1, Text('k'): 2, 'l': [1, 2, Spy()], Spy(): 3}\n"
	    "listed = [1, Spy()]\ncalls.clear()\n");
	CU_ASSERT(left("data"));
	CU_ASSERT(left("listed"));
	CU_ASSERT(left("(Spy(), 1)"));
	CU_ASSERT(py_equal(py("len(calls)"), "0"));
}

static void
encode_once(void *value)
{
	enum pyb_json_verdict verdict = pyb_json_encode(&out, value);

	CU_ASSERT(verdict == PYB_JSON_OK || verdict == PYB_JSON_LEAVE);
}

static bool
encode_failing(void *value)
{
	encode_once(value);
	return PyErr_Occurred() == NULL;
}

static void
test_references_stay(void)
{
	PyObject *value = python_keep(
	    py("{'a': [1, 2.5, 'x\\u20ac', None, {'b': (True, 'y')}], 'c': 'd'}"));
	PyObject *odd = python_keep(
	    py("{'a': [1, 2.5, 'x\\u20ac', None, {'b': (True, b'y')}], 'c': 'd'}"));

	CU_ASSERT_EQUAL(python_leak(encode_once, value), 0);
	CU_ASSERT_EQUAL(python_leak(encode_once, odd), 0);
	CU_ASSERT(python_survives(encode_failing, value));
	CU_ASSERT(python_survives(encode_failing, odd));
}

static void
test_shapes(void)
{
	static const struct { const char *expression; bool is; } rows[] = {
		{ "bytes([1])", true }, { "bytes([255])", true }, { "bytes([64, 1])", true },
		{ "bytes([32 | 8, 64, 1 | 2])", true }, { "bytes([32] * 15 + [1])", true },
		{ "b''", false }, { "bytes([32])", false }, { "bytes([64, 32])", false },
		{ "bytes([1, 1])", false }, { "bytes([255, 1])", false },
		{ "bytes([32] * 16 + [1])", false }, { "bytearray([1])", false }, { "None", false },
		{ "'a'", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *shape = py(rows[i].expression);

		CU_ASSERT_EQUAL(pyb_json_is_shape(shape), rows[i].is);
		Py_DECREF(shape);
	}
}

/* Bytes of a shape and a value of it, or of none; the text, or NULL: it is left. */
static void
test_values_of_shapes(void)
{
	static const struct { const char *shape, *value, *text; } rows[] = {
		{ "[1]", "'a'", "\"a\"" }, { "[1]", "1", NULL }, { "[2]", "True", NULL },
		{ "[4]", "True", "true" }, { "[4]", "1", NULL }, { "[1 | 8]", "None", "null" },
		{ "[16]", "1e16", NULL }, { "[16]", "-1e-05", NULL }, { "[16]", "0.0001", "0.0001" },
		{ "[16]", "1", NULL }, { "[64, 1]", "{'_sa': 'b'}", "{\"_sa\":\"b\"}" },
		{ "[64, 1]", "{'a': 1}", NULL }, { "[64, 1]", "{1: 'a'}", NULL }, { "[64, 1]", "[]", NULL },
		{ "[32, 64, 2]", "[{}, {'a': 1}]", "[{},{\"a\":1}]" }, { "[32, 2]", "(1,)", NULL },
		{ "[255]", "[(1, {'a': [None]})]", "[[1,{\"a\":[null]}]]" },
		{ "[255]", "[{1: 2}]", NULL }, { "[64, 255]", "{'a': {'_sa': 1e300}}", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PyObject *numbers = py(rows[i].shape), *value = py(rows[i].value);
		PyObject *shape = PyBytes_FromObject(numbers);
		enum pyb_json_verdict verdict = pyb_json_encode_shape(&out, value, shape);

		CU_ASSERT_EQUAL(verdict, rows[i].text != NULL ? PYB_JSON_OK : PYB_JSON_LEAVE);
		if (verdict == PYB_JSON_OK)
			CU_ASSERT_EQUAL(strncmp(out.bytes, rows[i].text, out.len), 0);
		CU_ASSERT_PTR_NULL(PyErr_Occurred());
		Py_DECREF(shape);
		Py_DECREF(value);
		Py_DECREF(numbers);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "plain values", test_plain_values },
		{ "what is left to Python", test_what_is_left_to_python },
		{ "the buffer starts anew", test_the_buffer_starts_anew },
		{ "nesting is bounded", test_nesting_is_bounded },
		{ "growing", test_growing },
		{ "a large buffer is given back", test_a_large_buffer_is_given_back },
		{ "no code of the user's runs", test_no_code_of_the_users_runs },
		{ "references stay", test_references_stay },
		{ "5000 generated values", test_generated_values },
		{ "shapes", test_shapes },
		{ "values of shapes", test_values_of_shapes },
		CU_TEST_INFO_NULL
	};
	int failed = python_main("bindings: json", tests);

	pyb_json_fini(&out);
	return failed;
}
