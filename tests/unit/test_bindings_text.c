/*
 * Slices as str and bytes and back: what is refused, and that nothing stays behind.
 */
#include "tests/unit/python_fixture.h"

#include "bindings/text.h"

static void
test_text_and_bytes(void)
{
	CU_ASSERT(py_equal(pyb_text_utf8(SLICE_LIT("caf\xc3\xa9")), "'caf\\xe9'"));
	CU_ASSERT(py_equal(pyb_text_latin1(SLICE_LIT("caf\xc3\xa9")), "'caf\\xc3\\xa9'"));
	CU_ASSERT(py_equal(pyb_text_bytes(SLICE_LIT("a\0\xff")), "b'a\\0\\xff'"));
	CU_ASSERT(py_equal(pyb_text_utf8(SLICE_NULL), "''"));
	CU_ASSERT(py_equal(pyb_text_latin1(SLICE_NULL), "''"));
	CU_ASSERT(py_equal(pyb_text_bytes(SLICE_NULL), "b''"));
	CU_ASSERT_PTR_NULL(pyb_text_utf8(SLICE_LIT("\xc3")));
	CU_ASSERT(py_raised("UnicodeDecodeError"));
}

static void
test_tuples(void)
{
	static const struct slice good[] = { SLICE_LIT("a"), { NULL, 0 }, SLICE_LIT("\xc3\xa9") };
	static const struct slice bad[] = { SLICE_LIT("a"), SLICE_LIT("\xff") };

	CU_ASSERT(py_equal(pyb_text_tuple(good, 3), "('a', '', '\\xe9')"));
	CU_ASSERT(py_equal(pyb_text_tuple(good, 0), "()"));
	CU_ASSERT_PTR_NULL(pyb_text_tuple(bad, 2));
	CU_ASSERT(py_raised("UnicodeDecodeError"));
}

static bool
tuple_survives(void *texts)
{
	PyObject *tuple = pyb_text_tuple(texts, 2);
	bool told = tuple != NULL || py_raised("MemoryError");

	Py_XDECREF(tuple);
	return told;
}

static void
test_allocations_that_fail(void)
{
	struct slice texts[] = { SLICE_LIT("one text"), SLICE_LIT("another") };

	CU_ASSERT(python_survives(tuple_survives, texts));
}

static void
test_slices(void)
{
	PyObject *text = python_keep(py("'caf\\xe9' * 2"));
	struct slice s;

	CU_ASSERT_EQUAL(pyb_text_slice(text, &s), 0);
	CU_ASSERT(slice_equal(s, SLICE_LIT("caf\xc3\xa9" "caf\xc3\xa9")));
	CU_ASSERT_EQUAL(pyb_text_slice(python_keep(py("b'bytes'")), &s), -1);
	CU_ASSERT(py_raised("TypeError"));
	CU_ASSERT_EQUAL(pyb_text_slice(python_keep(py("'\\ud800' * 2")), &s), -1);
	CU_ASSERT(py_raised("UnicodeEncodeError"));
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "text and bytes", test_text_and_bytes },
		{ "tuples of texts", test_tuples },
		{ "allocations that fail", test_allocations_that_fail },
		{ "slices of str", test_slices },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: text", tests);
}
