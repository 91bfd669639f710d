/*
 * A stretch of native layers: what reaches `send`, who answers instead, and that nothing is
 * left behind, also when memory ends.
 */
#include "tests/unit/plan_fixture.h"

static const char *const NAMES[] = {
	"import gzip, zlib\n"
	"made = plan([step(ENDPOINT, object=obj(lambda: 1))], mode=PLAIN_JSON)\n"
	"CORS = ('CORSMiddleware', dict(allow_origins=(b'https://a',), allow_methods=(b'GET',),\n"
	"    allow_headers=(), allow_all_origins=False, allow_all_headers=False,\n"
	"    allow_credentials=False, preflight_explicit_allow_origin=True,\n"
	"    allow_private_network=False, allow_origin_regex=None, simple_headers=(),\n"
	"    preflight_headers=((b'vary', b'Origin'),), always=True, by_cookie=False,\n"
	"    knows_network=True, first_vary=False))\n"
	"GZIP = ('GZipMiddleware', dict(minimum_size=5, compresslevel=6,\n"
	"    thread_minimum_size=1000, exclude_content_types=(), identity=True, late=False,\n"
	"    flushes=True, prefix=False, grpc=True, partial=True, vary_last=False,\n"
	"    first_vary=False))\n"
	"HOSTS = ('TrustedHostMiddleware', dict(allowed_hosts=(b'a',), allow_any=False,\n"
	"    www_redirect=False, old=False, redirects=True))\n"
	"TYPE = (b'content-type', b'text/plain')\n"
	"def scope(**more):\n"
	"    return {'type': 'http', 'method': 'GET', 'scheme': 'http', 'path': '/',\n"
	"        'query_string': b'', 'server': ('h', 80), 'headers': [(b'origin', b'https://a'),\n"
	"        (b'host', b'a'), (b'accept-encoding', b'gzip')], **more}\n"
	"def start(*fields):\n"
	"    return {'type': 'http.response.start', 'status': 200, 'headers': [TYPE, *fields]}\n"
	"def body(content, **more):\n"
	"    return {'type': 'http.response.body', 'body': content, **more}\n",
	"async def original(scope, receive, send): await send('original')\n"
	"def relay(scope, now, then, send):\n"
	"    async def relayed(*messages):\n"
	"        for message in messages: await send(('relayed', message['type']))\n"
	"    return relayed\n"
	"def drive(coro):\n"
	"    try: coro.send(None)\n"
	"    except StopIteration as stop: return stop.value\n"
	"    raise AssertionError('it waits')\n"
	"def request(app, layers, messages, given, copies=0, replaces=True):\n"
	"    sent = []\n"
	"    async def send(message): sent.append(message)\n"
	"    async def inner(scope, receive, send):\n"
	"        for message in messages: await send(message)\n"
	"    stretch = _engine.Stretch(app, layers, original, inner, relay, copies, replaces)\n"
	"    drive(stretch(given, None, send))\n"
	"    return [unpacked(message) for message in sent]\n"
	"def unpacked(message):\n"
	"    content = message.get('body') if type(message) is dict else None\n"
	"    if content and content[:2] == b'\\x1f\\x8b':\n"
	"        return {**message, 'body': ('packed', zlib.decompressobj(31).decompress(content))}\n"
	"    if type(message) is dict and (b'content-encoding', b'gzip') in message.get('headers', ()):\n"
	"        return {**message, 'headers': [pair for pair in message['headers']\n"
	"            if pair[0] != b'content-length']}\n"
	"    return message\n"
	"def right(got, expected):\n"
	"    return got in (expected, ['original']) or all(m[0] == 'relayed' for m in got)\n",
};

/* Have the names, and a bound application as `app`. */
static void
names_make(struct plan_rig *rig)
{
	plan_open(rig, "made = plan([step(ENDPOINT, object=obj(lambda: 1))], mode=PLAIN_JSON)\n",
	    "", "", "");
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		py_do(NAMES[i]);
	py_do("app = bind()");
}

static void
names_drop(struct plan_rig *rig)
{
	py_do("del app");
	plan_close(rig);
}

#define LONG "b'long enough' * 20"
#define VARY(value) "(b'vary', b'" value "')"
#define ALLOWED "(b'access-control-allow-origin', b'https://a')"

static const struct row {
	const char *layers, *messages, *scope, *sent;
} ROWS[] = {
	{ "(CORS,)", "start(), body(b'x')", "scope()",
	    "start(" ALLOWED ", " VARY("Origin") "), body(b'x')" },
	{ "(HOSTS, CORS)", "start(), body(b'x'), {'type': 'other'}", "scope()",
	    "start(" ALLOWED ", " VARY("Origin") "), body(b'x'), {'type': 'other'}" },
	{ "(CORS,)", "{'type': 'http.response.start'},", "scope()",
	    "('relayed', 'http.response.start')," },
	{ "(GZIP,)", "start((b'content-length', b'220')), body(" LONG ")", "scope()",
	    "start(" VARY("Accept-Encoding") ","
	    " (b'content-encoding', b'gzip')), body(('packed', " LONG "))" },
	{ "(GZIP,)", "start(), body(b'tiny')", "scope()", "start(), body(b'tiny')" },
	{ "(GZIP,)", "start(), body(" LONG " * 9)", "scope()", "start(" VARY("Accept-Encoding") ","
	    " (b'content-encoding', b'gzip')), body(('packed', " LONG " * 9))" },
	{ "(GZIP,)", "body(b'x'),", "scope()", "('relayed', 'http.response.body')," },
	{ "(GZIP,)", "start(), body(" LONG "), body(b'late'), start()", "scope(headers=[])",
	    "start(" VARY("Accept-Encoding") "), body(" LONG "), body(b'late')" },
	{ "(GZIP,)", "start(), body(b'a', more_body=True), {'type': 'http.response.trailers'},"
	    " {'type': 'http.response.debug'}, {'type': 'http.response.body'}", "scope(headers=[])",
	    "start(" VARY("Accept-Encoding") "), body(b'a', more_body=True),"
	    " {'type': 'http.response.trailers'}, body(b'')" },
	{ "(HOSTS,)", "start(), body(b'x')", "scope(headers=[(b'host', b'b')])",
	    "{'type': 'http.response.start', 'status': 400, 'headers': [(b'content-length', b'19'),"
	    " (b'content-type', b'text/plain; charset=utf-8')]}, body(b'Invalid host header')" },
	{ "(CORS,)", "start(),", "scope(method='OPTIONS', headers=[(b'origin', b'https://a'),"
	    " (b'access-control-request-method', b'GET')])",
	    "{'type': 'http.response.start', 'status': 200, 'headers': [" VARY("Origin") ", "
	    ALLOWED ", (b'content-length', b'2'), (b'content-type', b'text/plain; charset=utf-8')]},"
	    " body(b'OK')" },
	{ "(CORS,)", "start(),", "scope(type='websocket')", "'original'," },
	{ "(CORS,)", "start(),", "scope(headers=())", "'original'," },
	{ "(CORS,)", "start(),", "scope(headers=[[b'a', b'b']])", "'original'," },
	{ "(CORS,)", "start(),", "scope(path=None)", "'original'," },
};

enum { N_ROWS = sizeof(ROWS) / sizeof(ROWS[0]) };

/* What reaches `send`. New reference; NULL with an exception set. */
static PyObject *
row_run(const struct row *row)
{
	char text[1024];

	snprintf(text, sizeof(text), "request(app, %s, [%s], %s)", row->layers, row->messages,
	    row->scope);
	return py(text);
}

static void
test_messages(void)
{
	struct plan_rig rig;
	char expected[1024];

	names_make(&rig);
	for (size_t i = 0; i < N_ROWS; i++) {
		snprintf(expected, sizeof(expected), "[%s]", ROWS[i].sent);
		CU_ASSERT(py_equal(row_run(&ROWS[i]), expected));
	}
	names_drop(&rig);
}

/* The list of a message, and that of a scope, stay or not as with Starlette's class. */
static void
test_lists(void)
{
	struct plan_rig rig;

	names_make(&rig);
	py_do("message = start()\nfields, given = message['headers'], scope()\nasked = given['headers']\n"
	    "request(app, (CORS,), [message], given, 0, True)");
	CU_ASSERT(py_equal(py("(message['headers'] is fields, given['headers'] is asked, "
	    "message['headers'][0] is TYPE)"), "(False, False, True)"));
	py_do("message = start()\nfields, given = message['headers'], scope()\nasked = given['headers']\n"
	    "request(app, (GZIP,), [message, body(" LONG ")], given, 9, False)");
	CU_ASSERT(py_equal(py("(message['headers'] is fields, given['headers'] is asked, len(fields))"),
	    "(True, True, 4)"));
	py_do("del message, fields, given, asked");
	names_drop(&rig);
}

/* The application is bound anew: what was made before hands on to the original. */
static void
test_another_binding(void)
{
	struct plan_rig rig;

	names_make(&rig);
	py_do("sent = []\n"
	    "async def send(message): sent.append(message)\n"
	    "stretch = _engine.Stretch(app, (CORS,), original, original, relay, 0, True)\n"
	    "made = plan([step(ENDPOINT, object=obj(lambda: 1))], mode=PLAIN_JSON)\n"
	    "app.bind(None)\n"
	    "drive(stretch(scope(), None, send))");
	CU_ASSERT(py_equal(py("sent"), "['original']"));
	py_do("del stretch, send, sent");
	names_drop(&rig);
}

/* Memory may end at any step: then an exception leaves, Starlette's class takes over, or the
 * messages are right. */
static bool
row_failing(void *arg)
{
	PyObject *got = PyObject_CallNoArgs(arg);
	bool whole = got != NULL ? got == Py_True : PyErr_Occurred() != NULL;

	Py_XDECREF(got);
	PyErr_Clear();
	return whole;
}

static void
row_once(void *arg)
{
	CU_ASSERT(row_failing(arg));
}

static void
test_without_memory(void)
{
	struct plan_rig rig;
	char text[2048];

	names_make(&rig);
	for (size_t i = 0; i < N_ROWS; i++) {
		PyObject *run;

		snprintf(text, sizeof(text), "lambda: right(request(app, %s, [%s], %s), [%s])",
		    ROWS[i].layers, ROWS[i].messages, ROWS[i].scope, ROWS[i].sent);
		run = py(text);
		CU_ASSERT_EQUAL(python_leak(row_once, run), 0);
		CU_ASSERT(python_survives(row_failing, run));
		Py_DECREF(run);
	}
	names_drop(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "messages", test_messages },
		{ "lists", test_lists },
		{ "another binding", test_another_binding },
		{ "without memory", test_without_memory },
		CU_TEST_INFO_NULL,
	};

	return python_main("bindings/stack: stretches", tests);
}
