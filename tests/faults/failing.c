/*
 * failing: one allocation of many fails.
 *
 * Python: fail(where, n) lets the n-th allocation from now fail (0: the next), came() -> has
 * it failed?, and stop() -> its C stack, and what Python ran. `where` is "python", for the
 * interpreter's allocators, or "c": malloc() and its like as the objects call them whose names
 * were given to watch(). One that would crash CPython itself or pydantic-core comes, but does
 * not fail.
 * Allocations of the thread that has called fail() are left alone.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NOWHERE, IN_PYTHON, IN_C };
enum { DEPTH = 64 };

static atomic_int where = NOWHERE;
static atomic_long left;
static pthread_t driver;
static void *stack[DEPTH];
static atomic_int depth;
static int dumped;	/* a file of no name, for what Python ran */

/* CPython's, for crashes: it needs no memory. */
extern void _Py_DumpTraceback(int fd, PyThreadState *thread);

/* Is the code a part of that object? */
static bool
is_of(void *code, const char *object)
{
	Dl_info found;

	return dladdr(code, &found) != 0 && strstr(found.dli_fname, object) != NULL;
}

/* Would pydantic-core end the process? It does where it has no memory for the text of an
 * exception that a function of it raises, from_json() for one: just above the function, where
 * a panic of pyo3 cannot become an exception. */
static bool
ends_process(int n)
{
	enum { ABOVE = 5 };
	int i = 2, first;

	while (i < n && is_of(stack[i], "libpython"))
		i++;
	for (first = i; i < n && is_of(stack[i], "_pydantic_core"); i++)
		;
	return i - first == ABOVE;
}

/* Is the code in that function of CPython's, which is about so long? */
static bool
is_in(void *code, void *function, uintptr_t length)
{
	return (uintptr_t)code - (uintptr_t)function < length;
}

/* Would CPython 3.11 crash? The iterator of dict.items() that has no memory for its tuple is
 * freed as if the collector knew it already. An object that is freed, with several weak references
 * that have callbacks, leaves them as they are when there is no memory for a tuple of them. */
static bool
crashes(int n)
{
	enum { ITERATOR = 320, REFERENCES = 1024, TUPLE = 192 };

	for (int i = 1; i < n && i < 8; i++) {
		if (is_in(stack[i], (void *)PyDictItems_Type.tp_iter, ITERATOR))
			return true;
		if (is_in(stack[i], (void *)PyObject_ClearWeakRefs, REFERENCES) &&
		    is_in(stack[i - 1], (void *)PyTuple_New, TUPLE))
			return true;
	}
	return ends_process(n);
}

static bool
fails(int here)
{
	int n;

	if (atomic_load(&where) != here || pthread_equal(pthread_self(), driver))
		return false;
	if (atomic_fetch_sub(&left, 1) != 0)
		return false;
	n = backtrace(stack, DEPTH);
	if (PyGILState_GetThisThreadState() != NULL)
		_Py_DumpTraceback(dumped, PyGILState_GetThisThreadState());
	atomic_store(&depth, n);
	return !crashes(n);
}

/* The interpreter's allocators. */
static PyMemAllocatorEx real[3];

static void *
py_malloc(void *ctx, size_t size)
{
	PyMemAllocatorEx *a = ctx;

	return fails(IN_PYTHON) ? NULL : a->malloc(a->ctx, size);
}

static void *
py_calloc(void *ctx, size_t n, size_t size)
{
	PyMemAllocatorEx *a = ctx;

	return fails(IN_PYTHON) ? NULL : a->calloc(a->ctx, n, size);
}

static void *
py_realloc(void *ctx, void *old, size_t size)
{
	PyMemAllocatorEx *a = ctx;

	return fails(IN_PYTHON) ? NULL : a->realloc(a->ctx, old, size);
}

static void
py_free(void *ctx, void *p)
{
	PyMemAllocatorEx *a = ctx;

	a->free(a->ctx, p);
}

static void
hook_python(void)
{
	static const PyMemAllocatorDomain domains[] = {
		PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ
	};

	for (int i = 0; i < 3; i++) {
		PyMemAllocatorEx mine = {
			&real[i], py_malloc, py_calloc, py_realloc, py_free
		};

		PyMem_GetAllocator(domains[i], &real[i]);
		PyMem_SetAllocator(domains[i], &mine);
	}
}

/* The C library's, as an object calls them. */
static void *
c_malloc(size_t size)
{
	return fails(IN_C) ? NULL : malloc(size);
}

static void *
c_calloc(size_t n, size_t size)
{
	return fails(IN_C) ? NULL : calloc(n, size);
}

static void *
c_realloc(void *old, size_t size)
{
	return fails(IN_C) ? NULL : realloc(old, size);
}

static void *
c_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	return (flags & MAP_ANONYMOUS) && fails(IN_C) ? MAP_FAILED :
	    mmap(at, size, prot, flags, fd, offset);
}

static const struct { const char *name; void *mine; } calls[] = {
	{ "malloc", (void *)c_malloc }, { "calloc", (void *)c_calloc },
	{ "realloc", (void *)c_realloc }, { "mmap", (void *)c_mmap },
};

/* Let the object call `mine` where it calls the function of that name. */
static int
slots_set(ElfW(Addr) base, const ElfW(Rela) *rela, size_t n, const ElfW(Sym) *symbols,
    const char *names)
{
	long page = sysconf(_SC_PAGESIZE);
	int set = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = names + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;
		unsigned long type = ELF64_R_TYPE(rela[i].r_info);
		void **slot = (void **)(base + rela[i].r_offset);

		if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)
			continue;
		for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++) {
			if (strcmp(name, calls[c].name) != 0)
				continue;
			mprotect((void *)((uintptr_t)slot & ~(uintptr_t)(page - 1)),
			    (size_t)page, PROT_READ | PROT_WRITE);
			*slot = calls[c].mine;
			set++;
		}
	}
	return set;
}

struct search { const char *name; int set; };

static int
object_see(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	const ElfW(Dyn) *d = NULL;
	const ElfW(Sym) *symbols = NULL;
	const ElfW(Rela) *plt = NULL, *rela = NULL;
	const char *names = NULL;
	size_t n_plt = 0, n_rela = 0;

	(void)size;
	if (strstr(info->dlpi_name, s->name) == NULL)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; d != NULL && d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB: symbols = (const void *)d->d_un.d_ptr; break;
		case DT_STRTAB: names = (const void *)d->d_un.d_ptr; break;
		case DT_JMPREL: plt = (const void *)d->d_un.d_ptr; break;
		case DT_PLTRELSZ: n_plt = d->d_un.d_val / sizeof(*plt); break;
		case DT_RELA: rela = (const void *)d->d_un.d_ptr; break;
		case DT_RELASZ: n_rela = d->d_un.d_val / sizeof(*rela); break;
		default: break;
		}
	}
	if (symbols != NULL && names != NULL) {
		s->set += slots_set(info->dlpi_addr, plt, n_plt, symbols, names);
		s->set += slots_set(info->dlpi_addr, rela, n_rela, symbols, names);
	}
	return 0;
}

/* watch(name) -> how many calls were found in objects whose path has that name */
static PyObject *
failing_watch(PyObject *module, PyObject *args)
{
	struct search s = { NULL, 0 };

	(void)module;
	if (!PyArg_ParseTuple(args, "s", &s.name))
		return NULL;
	dl_iterate_phdr(object_see, &s);
	return PyLong_FromLong(s.set);
}

/* fail(where, n) */
static PyObject *
failing_fail(PyObject *module, PyObject *args)
{
	const char *name;
	long n;

	(void)module;
	if (!PyArg_ParseTuple(args, "sl", &name, &n))
		return NULL;
	driver = pthread_self();
	if (ftruncate(dumped, 0) < 0 || lseek(dumped, 0, SEEK_SET) < 0)
		return PyErr_SetFromErrno(PyExc_OSError);
	atomic_store(&depth, 0);
	atomic_store(&left, n);
	atomic_store(&where, strcmp(name, "c") == 0 ? IN_C : IN_PYTHON);
	Py_RETURN_NONE;
}

static void
append(PyObject *list, const char *text, size_t n)
{
	PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)n, "replace");

	if (line == NULL || PyList_Append(list, line) < 0)
		PyErr_Clear();
	Py_XDECREF(line);
}

/* stop() -> the C stack of the allocation that has failed, as texts, and then the lines of
 * Python's; None: it has not come */
static PyObject *
failing_stop(PyObject *module, PyObject *args)
{
	static char lines[1 << 14];
	char **texts, *line, *end;
	ssize_t length;
	PyObject *list;
	int n;

	(void)module;
	(void)args;
	atomic_store(&where, NOWHERE);
	n = atomic_load(&depth);
	if (n == 0)
		Py_RETURN_NONE;
	texts = backtrace_symbols(stack, n);
	list = PyList_New(0);
	for (int i = 0; texts != NULL && list != NULL && i < n; i++)
		append(list, texts[i], strlen(texts[i]));
	free(texts);
	length = pread(dumped, lines, sizeof(lines) - 1, 0);
	lines[length > 0 ? length : 0] = '\0';
	for (line = lines; list != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
		append(list, line, (size_t)(end - line));
	return list;
}

/* came() -> has it failed? */
static PyObject *
failing_came(PyObject *module, PyObject *args)
{
	(void)module;
	(void)args;
	return PyBool_FromLong(atomic_load(&depth) != 0);
}

static PyMethodDef functions[] = {
	{ "watch", failing_watch, METH_VARARGS, NULL },
	{ "fail", failing_fail, METH_VARARGS, NULL },
	{ "came", failing_came, METH_NOARGS, NULL },
	{ "stop", failing_stop, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL }
};

static PyModuleDef module_def = {
	PyModuleDef_HEAD_INIT, .m_name = "failing", .m_size = -1, .m_methods = functions
};

PyMODINIT_FUNC
PyInit_failing(void)
{
	void *first[2];

	(void)backtrace(first, 2);	/* which loads what it needs */
	dumped = memfd_create("dumped", 0);
	driver = pthread_self();
	hook_python();
	return PyModule_Create(&module_def);
}
