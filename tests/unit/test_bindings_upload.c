/*
 * Multipart forms as Starlette gives them: texts, files, what is left to Starlette, and that
 * nothing stays behind.
 */
#include "tests/unit/source_fixture.h"

#include <stdio.h>

#include "bindings/plan/upload.h"

#define TYPE "content-type: multipart/form-data; boundary=b\n"
#define TEXT(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_OF(name, filename, value) "--b\r\nContent-Disposition: form-data; name=\"" name \
	"\"; filename=\"" filename "\"\r\nX-One: 1\r\n\r\n" value "\r\n"
#define END "--b--\r\n"

/* What the form is, told by the namespace's function tell(): None when it is left to
 * Starlette. */
static PyObject *
form_told(const char *fields, struct slice content)
{
	struct pyb_source v;
	struct hx_exchange x;
	PyObject *items, *told;

	view_exchange(&x, "", fields, content);
	pyb_source_exchange(&v, &x);
	v.st = python_state_fastapi();
	if (pyb_source_form(&v) == NULL) {
		items = PyErr_Occurred() == NULL ? Py_NewRef(Py_None) : NULL;
	} else {
		items = pyb_source_form_items(&v);
	}
	told = items != NULL ? py_call("tell", items) : NULL;
	Py_XDECREF(items);
	Py_XDECREF(v.files);
	hx_exchange_fini(&x);
	return told;
}

static void
define_tell(void)
{
	py_do("def tell(items):\n"
	    "    if items is None:\n"
	    "        return None\n"
	    "    return [(n, v) if isinstance(v, str) else (n, v.filename, v.size,\n"
	    "        v.file.read(), v.headers.raw, v.file._rolled) for n, v in items]\n");
}

struct row {
	const char *fields, *content, *said;
};

static const struct row rows[] = {
	{ TYPE, END, "[]" },
	{ TYPE, "", "[]" },
	{ TYPE, TEXT("a", "1") TEXT("a", "") TEXT("b", "\xc3\xa9\xff") END,
	    "[('a', '1'), ('a', ''), ('b', '\\xc3\\xa9\\xff')]" },
	{ TYPE, FILE_OF("f", "a.txt", "con\r\n--tent") TEXT("a", "1") END,
	    "[('f', 'a.txt', 11, b'con\\r\\n--tent', [(b'content-disposition', "
	    "b'form-data; name=\"f\"; filename=\"a.txt\"'), (b'x-one', b'1')], False), "
	    "('a', '1')]" },
	{ TYPE, FILE_OF("f", "", "") END, "[('f', '', 0, b'', [(b'content-disposition', "
	    "b'form-data; name=\"f\"; filename=\"\"'), (b'x-one', b'1')], False)]" },
	/* A part that does not end is none. */
	{ TYPE, TEXT("a", "1") FILE_OF("f", "x", "y"), "[('a', '1')]" },
	/* Left to Starlette. */
	{ TYPE, "--b\r\nA: 1\r\n\r\n\r\n" END, "None" },
	{ TYPE, TEXT("a", "1") "--b\r\n:\r\n", "None" },
	{ TYPE, TEXT("\xff", "1") END, "None" },
	{ TYPE, FILE_OF("f", "\xff", "1") END, "None" },
	{ "content-type: multipart/form-data\n", END, "None" },
	{ "content-type: multipart/form-data; boundary=b; charset=utf-8\n", END, "None" },
	{ "content-type: multipart/mixed; boundary=b\n", END, "None" },
};

static void
test_forms(void)
{
	define_tell();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT(py_equal(form_told(rows[i].fields,
		    (struct slice){ rows[i].content, strlen(rows[i].content) }), rows[i].said));
}

/* So many parts of each kind. Is the form the plan's? */
static bool
parts_are_taken(unsigned texts, unsigned files)
{
	char *content = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&content, &len);
	PyObject *told;
	bool taken;

	for (unsigned i = 0; i < texts; i++)
		fputs(TEXT("a", "1"), out);
	for (unsigned i = 0; i < files; i++)
		fputs(FILE_OF("f", "x", "1"), out);
	fputs(END, out);
	fclose(out);
	told = form_told(TYPE, (struct slice){ content, len });
	taken = told != NULL && told != Py_None;
	Py_XDECREF(told);
	free(content);
	return taken;
}

static void
test_limits(void)
{
	define_tell();
	CU_ASSERT(parts_are_taken(1000, 0) && !parts_are_taken(1001, 0));
	CU_ASSERT(parts_are_taken(0, 1000) && !parts_are_taken(0, 1001));
}

/* A form with one part of `len` bytes. Is it the plan's? */
static bool
size_is_taken(const char *head, size_t len)
{
	char *content = NULL;
	size_t all = 0;
	FILE *out = open_memstream(&content, &all);
	PyObject *told;
	bool taken;

	fputs(head, out);
	for (size_t i = 0; i < len; i++)
		fputc('x', out);
	fputs("\r\n" END, out);
	fclose(out);
	told = form_told(TYPE, (struct slice){ content, all });
	taken = told != NULL && told != Py_None;
	Py_XDECREF(told);
	free(content);
	return taken;
}

static void
test_sizes(void)
{
	static const char text[] = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n";
	static const char file[] = "--b\r\nContent-Disposition: form-data; name=a; "
	    "filename=b\r\n\r\n";

	define_tell();
	CU_ASSERT(size_is_taken(text, PYB_UPLOAD_MOST) && !size_is_taken(text, PYB_UPLOAD_MOST + 1));
	CU_ASSERT(size_is_taken(file, PYB_UPLOAD_MOST) && !size_is_taken(file, PYB_UPLOAD_MOST + 1));
	/* The application has told Starlette to keep less in memory. */
	py_do("from starlette.formparsers import MultiPartParser\n"
	    "MultiPartParser.spool_max_size = 10\n");
	CU_ASSERT(size_is_taken(file, 10) && !size_is_taken(file, 11));
	py_do("MultiPartParser.spool_max_size = 1024 * 1024\n");
}

static void
test_what_waits_for_its_content(void)
{
	static const struct {
		const char *name, *value;
		bool parts, pairs;	/* is it small, as a multipart form and as another? */
	} sizes[] = {
		{ "content-length", "1048576", true, true },
		{ "content-length", "1048577", false, true },
		{ "content-length", "x", false, true },
		{ "transfer-encoding", "chunked", false, true },
		{ "x-none", "1", true, true },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hx_header fields[] = {
			{ SLICE_LIT("content-type"), SLICE_LIT("multipart/form-data; boundary=b") },
			{ { sizes[i].name, strlen(sizes[i].name) },
			    { sizes[i].value, strlen(sizes[i].value) } },
		};

		CU_ASSERT_EQUAL(pyb_upload_is_small(fields, 2), sizes[i].parts);
		fields[0].value = SLICE_LIT("application/x-www-form-urlencoded");
		CU_ASSERT_EQUAL(pyb_upload_is_small(fields, 2), sizes[i].pairs);
	}
}

#define SOME FILE_OF("f", "a.txt", "content") TEXT("a", "1") FILE_OF("g", "b", "") END

static void
each(void *arg)
{
	(void)arg;
	Py_XDECREF(form_told(TYPE, SLICE_LIT(SOME)));
	Py_XDECREF(form_told(TYPE, SLICE_LIT(SOME "--b\r\n")));
	Py_XDECREF(form_told(TYPE, SLICE_LIT(FILE_OF("f", "a", "b") "--b\r\n:")));
}

/* Without memory a form is left to Starlette, or an exception is set. */
static bool
survives(void *arg)
{
	struct pyb_source v;
	struct hx_exchange x;
	PyObject *items = NULL;
	bool told = true;

	(void)arg;
	view_exchange(&x, "", TYPE, SLICE_LIT(SOME));
	pyb_source_exchange(&v, &x);
	v.st = python_state();
	if (pyb_source_form(&v) != NULL) {
		items = pyb_source_form_items(&v);
		told = items != NULL || py_raised("MemoryError");
	}
	told = told && !PyErr_Occurred();
	Py_XDECREF(items);
	Py_XDECREF(v.files);
	hx_exchange_fini(&x);
	return told;
}

static void
test_nothing_stays_behind(void)
{
	define_tell();
	CU_ASSERT_EQUAL(python_leak(each, NULL), 0);
	/* Its __del__ warns, and CPython's warnings do not survive what follows. */
	py_do("from starlette import formparsers\n"
	    "class Quiet(formparsers.SpooledTemporaryFile):\n"
	    "    def __del__(self):\n"
	    "        pass\n"
	    "formparsers.SpooledTemporaryFile = Quiet\n");
	CU_ASSERT(python_survives(survives, NULL));
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "forms, and what is left to Starlette", test_forms },
		{ "limits of their number", test_limits },
		{ "limits of their size", test_sizes },
		{ "what waits for its content", test_what_waits_for_its_content },
		{ "nothing stays behind", test_nothing_stays_behind },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: upload", tests);
}
