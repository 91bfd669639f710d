/*
 * python_fixture: see python_fixture.h. The interpreter's allocators are wrapped:
 * the wrapper counts blocks and makes a chosen allocation fail.
 */
#include "tests/unit/python_fixture.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "bindings/compat.h"

enum { MAX_KEPT = 512, WARM_UPS = 8, RUNS = 64, MAX_FAILURES = 10000 };

PyMODINIT_FUNC PyInit__engine(void);

static struct { PyObject *object; Py_ssize_t refs; } kept[MAX_KEPT];
static size_t n_kept;
static PyObject *names, *engine;
static PyMemAllocatorEx real[2];
static long blocks, fail_in = -1;

#ifdef __SANITIZE_ADDRESS__
/* The interpreter and Rust extensions keep what they allocate to the end. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libpython\nleak:_pydantic_core\nleak:ld-linux\n";
}

enum { ALLOCATOR = PYMEM_ALLOCATOR_MALLOC };
#else
enum { ALLOCATOR = PYMEM_ALLOCATOR_DEBUG };
#endif

static bool
fails(void)
{
	return fail_in >= 0 && fail_in-- == 0;
}

static void *
counted(void *block)
{
	blocks += block != NULL;
	return block;
}

static void *
hook_malloc(void *ctx, size_t size)
{
	PyMemAllocatorEx *a = ctx;

	return fails() ? NULL : counted(a->malloc(a->ctx, size));
}

static void *
hook_calloc(void *ctx, size_t n, size_t size)
{
	PyMemAllocatorEx *a = ctx;

	return fails() ? NULL : counted(a->calloc(a->ctx, n, size));
}

static void *
hook_realloc(void *ctx, void *block, size_t size)
{
	PyMemAllocatorEx *a = ctx;

	if (fails())
		return NULL;
	return block == NULL ? counted(a->realloc(a->ctx, NULL, size)) :
	    a->realloc(a->ctx, block, size);
}

static void
hook_free(void *ctx, void *block)
{
	PyMemAllocatorEx *a = ctx;

	blocks -= block != NULL;
	a->free(a->ctx, block);
}

static void
allocators_wrap(void)
{
	static const PyMemAllocatorDomain domains[] = { PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ };

	for (size_t i = 0; i < 2; i++) {
		PyMemAllocatorEx hook = { &real[i], hook_malloc, hook_calloc, hook_realloc,
		    hook_free };

		PyMem_GetAllocator(domains[i], &real[i]);
		PyMem_SetAllocator(domains[i], &hook);
	}
}

static void
must_start(PyStatus status)
{
	if (PyStatus_Exception(status))
		Py_ExitStatusException(status);
}

static void
interpreter_start(void)
{
	PyPreConfig pre;
	PyConfig config;

	PyPreConfig_InitPythonConfig(&pre);
	pre.allocator = ALLOCATOR;
	pre.use_environment = 0;
	must_start(Py_PreInitialize(&pre));
	allocators_wrap();
	PyConfig_InitPythonConfig(&config);
	config.use_environment = 0;
	config.install_signal_handlers = 0;
	must_start(PyConfig_SetBytesString(&config, &config.program_name, FIXTURE_PYTHON));
	must_start(Py_InitializeFromConfig(&config));
	PyConfig_Clear(&config);
}

/* The package as it stands in the source tree, with the extension of this build. */
static int
package_make(void)
{
	static const char stub[] =
	    "import asyncio, sys, types\n"
	    "package = types.ModuleType('fastrapi')\n"
	    "package.__path__ = ['" FIXTURE_PACKAGE "']\n"
	    "sys.modules['fastrapi'] = package\n"
	    "sys.dont_write_bytecode = True\n"
	    "spec = types.SimpleNamespace(name='fastrapi._engine', loader=None)\n";
	PyModuleDef *def = (PyModuleDef *)PyInit__engine();
	PyObject *spec;

	names = PyDict_New();
	must(names != NULL && def != NULL);
	PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins());
	py_do(stub);
	spec = py("spec");
	engine = PyModule_FromDefAndSpec(def, spec);
	Py_DECREF(spec);
	if (engine == NULL || PyModule_ExecDef(engine, def) < 0) {
		PyErr_Print();
		return -1;
	}
	PyDict_SetItemString(names, "_engine", engine);
	py_do("sys.modules['fastrapi._engine'] = package._engine = _engine\n");
	return 0;
}

/* automake's word for a test that cannot run here. */
static void
skip_without_fastapi(void)
{
	if (PyRun_SimpleString("import fastapi") == 0)
		return;
	fprintf(stderr, "skipped: no FastAPI in " FIXTURE_PYTHON "; configure with another PYTHON\n");
	exit(77);
}

static int
suite_init(void)
{
	interpreter_start();
	skip_without_fastapi();
	return package_make();
}

static int
suite_cleanup(void)
{
	Py_CLEAR(names);
	Py_CLEAR(engine);
	return Py_FinalizeEx();
}

/* Does the whole interpreter use it? */
static bool
is_shared(PyObject *o)
{
	return o == Py_None || (PyTuple_CheckExact(o) && PyTuple_GET_SIZE(o) == 0);
}

static void
test_end(void)
{
	bool pending = PyErr_Occurred() != NULL;

	CU_ASSERT_FALSE(pending);
	if (pending)
		PyErr_Print();
	for (size_t i = 0; i < n_kept; i++) {
		Py_ssize_t refs = is_shared(kept[i].object) ? kept[i].refs :
		    Py_REFCNT(kept[i].object);

		CU_ASSERT_EQUAL(refs, kept[i].refs);
		if (refs != kept[i].refs)
			fprintf(stderr, "kept object %zu: %zd references, was %zd\n", i, refs,
			    kept[i].refs);
		Py_DECREF(kept[i].object);
	}
	n_kept = 0;
}

int
python_main(const char *suite, CU_TestInfo *tests)
{
	char name[64];
	CU_SuiteInfo suites[] = {
		{ name, suite_init, suite_cleanup, NULL, test_end, tests },
		CU_SUITE_INFO_NULL
	};

	snprintf(name, sizeof(name), "%s", suite);
	return suites_run(suites);
}

struct pyb_module_state *
python_state(void)
{
	struct pyb_module_state *st = PyModule_GetState(engine);

	if (pyb_module_state_load(st) < 0) {
		PyErr_Print();
		must(!"asyncio is there");
	}
	return st;
}

struct pyb_module_state *
python_state_fastapi(void)
{
	if (pyb_module_state_load_fastapi(python_state()) < 0) {
		PyErr_Print();
		must(!"FastAPI is there");
	}
	return python_state();
}

static PyObject *
evaluated(const char *text, int start)
{
	PyObject *value = PyRun_String(text, start, names, names);

	if (value == NULL) {
		fprintf(stderr, "in: %s\n", text);
		PyErr_Print();
		must(!"the test's own Python runs");
	}
	return value;
}

PyObject *
py(const char *expression)
{
	return evaluated(expression, Py_eval_input);
}

void
py_do(const char *statements)
{
	Py_DECREF(evaluated(statements, Py_file_input));
}

PyObject *
py_call(const char *name, PyObject *argument)
{
	PyObject *function = PyDict_GetItemString(names, name);

	must(function != NULL);
	return PyObject_CallOneArg(function, argument);
}

bool
py_equal(PyObject *got, const char *expression)
{
	PyObject *want = py(expression);
	int equal = got != NULL ? PyObject_RichCompareBool(got, want, Py_EQ) : 0;

	if (equal != 1) {
		fprintf(stderr, "want %s, got ", expression);
		PyObject_Print(got, stderr, 0);
		fprintf(stderr, "\n");
	}
	Py_DECREF(want);
	Py_XDECREF(got);
	return equal == 1;
}

bool
py_raised(const char *class)
{
	PyObject *exc = PyErr_GetRaisedException(), *type = py(class);
	bool is = exc != NULL && PyErr_GivenExceptionMatches(exc, type);

	if (!is) {
		fprintf(stderr, "want %s, got ", class);
		PyObject_Print(exc, stderr, 0);
		fprintf(stderr, "\n");
	}
	Py_XDECREF(exc);
	Py_DECREF(type);
	return is;
}

PyObject *
python_keep(PyObject *object)
{
	must(object != NULL && n_kept < MAX_KEPT);
	kept[n_kept].object = object;
	kept[n_kept++].refs = Py_REFCNT(object);
	return object;
}

/* Without garbage, and without the names that the cache of types keeps. */
static long
blocks_now(void)
{
	PyGC_Collect();
	PyType_ClearCache();
	return blocks;
}

long
python_leak(void (*run)(void *), void *arg)
{
	long before;

	for (int i = 0; i < WARM_UPS; i++)
		run(arg);
	before = blocks_now();
	for (int i = 0; i < RUNS; i++)
		run(arg);
	return (blocks_now() - before) / (RUNS / 2);
}

bool
python_fail_at(long n)
{
	bool came = fail_in < 0;

	fail_in = n;
	return came;
}

bool
python_survives(bool (*run)(void *), void *arg)
{
	for (long n = 0; n < MAX_FAILURES; n++) {
		bool ok, failed;

		python_fail_at(n);
		ok = run(arg);
		failed = python_fail_at(-1);
		if (!ok || PyErr_Occurred() != NULL) {
			fprintf(stderr, "allocation %ld failed\n", n);
			return false;
		}
		if (!failed)
			return true;
	}
	return false;
}
