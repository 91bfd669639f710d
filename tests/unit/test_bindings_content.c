/*
 * Content as bytes objects that the kernel writes into: which object user code gets, what
 * stays in the exchange, and that nothing stays behind.
 */
#include "tests/unit/python_fixture.h"

#include <string.h>

#include "bindings/content.h"

enum { ROOM = 1000 };

static void
come(struct hx_exchange *x, const char *text)
{
	struct slice s = { text, strlen(text) };

	CU_ASSERT_EQUAL(hx_exchange_content_append(x, s), 0);
}

/* As a read from the socket does. */
static void
come_in_place(struct hx_exchange *x, size_t n)
{
	char *at = (char *)(uintptr_t)x->content.data + x->content.len;

	CU_ASSERT_TRUE_FATAL(x->content.lent && n <= x->content.cap - x->content.len);
	memset(at, 'k', n);
	CU_ASSERT_EQUAL(hx_exchange_content_append(x, (struct slice){ at, n }), 0);
}

static void
test_without_room_it_is_copied(void)
{
	struct hx_exchange x;

	hx_exchange_init(&x, NULL, NULL);
	CU_ASSERT(py_equal(pyb_content_bytes(&x), "b''"));
	CU_ASSERT(py_equal(pyb_content_take(&x), "b''"));
	come(&x, "abc");
	CU_ASSERT(py_equal(pyb_content_bytes(&x), "b'abc'"));
	CU_ASSERT_EQUAL(x.content.len, 3);
	CU_ASSERT(py_equal(pyb_content_take(&x), "b'abc'"));
	CU_ASSERT_EQUAL(x.content.len, 0);
	come(&x, "de");
	CU_ASSERT(py_equal(pyb_content_take(&x), "b'de'"));
	hx_exchange_fini(&x);
}

/* Also when something had come before there was room. */
static void
test_a_full_room_is_the_object(void)
{
	const char *written;
	struct hx_exchange x;
	PyObject *got;

	hx_exchange_init(&x, NULL, NULL);
	come(&x, "abc");
	pyb_content_room(&x, ROOM);
	written = x.content.data;
	come_in_place(&x, ROOM - 3);
	got = pyb_content_bytes(&x);
	CU_ASSERT_PTR_EQUAL(PyBytes_AS_STRING(got), written);
	CU_ASSERT(py_equal(Py_NewRef(got), "b'abc' + b'k' * 997"));
	CU_ASSERT_PTR_EQUAL(pyb_content_take(&x), got);
	CU_ASSERT_EQUAL(Py_REFCNT(got), 2);
	CU_ASSERT_TRUE(x.content.len == 0 && !x.content.lent);
	Py_DECREF(got);
	Py_DECREF(got);
	come(&x, "more");
	CU_ASSERT(py_equal(pyb_content_take(&x), "b'more'"));
	hx_exchange_fini(&x);
}

static void
test_what_is_taken_has_its_own_length(void)
{
	struct hx_exchange x;

	hx_exchange_init(&x, NULL, NULL);
	pyb_content_room(&x, ROOM);
	CU_ASSERT(py_equal(pyb_content_bytes(&x), "b''"));
	/* A little of it is copied, and the room stays. */
	come_in_place(&x, ROOM / 2 - 1);
	CU_ASSERT(py_equal(pyb_content_bytes(&x), "b'k' * 499"));
	CU_ASSERT(py_equal(pyb_content_take(&x), "b'k' * 499"));
	CU_ASSERT_TRUE(x.content.lent && x.content.len == 0 && x.content.cap == ROOM);
	come_in_place(&x, ROOM / 2);
	CU_ASSERT(py_equal(pyb_content_take(&x), "b'k' * 500"));
	CU_ASSERT_FALSE(x.content.lent);
	hx_exchange_fini(&x);
}

static void
test_room_grows_and_is_outgrown(void)
{
	struct hx_exchange x;

	hx_exchange_init(&x, NULL, NULL);
	pyb_content_room(&x, ROOM);
	come_in_place(&x, ROOM);
	pyb_content_room(&x, ROOM);
	CU_ASSERT_EQUAL(x.content.cap, ROOM);
	pyb_content_room(&x, 2 * ROOM);
	come_in_place(&x, 10);
	CU_ASSERT(py_equal(pyb_content_bytes(&x), "b'k' * 1010"));
	/* More than there is room for, without the interpreter. */
	for (int i = 0; i < 300; i++)
		come(&x, "outgrown");
	CU_ASSERT_FALSE(x.content.lent);
	CU_ASSERT(py_equal(pyb_content_bytes(&x), "b'k' * 1010 + b'outgrown' * 300"));
	CU_ASSERT(py_equal(pyb_content_take(&x), "b'k' * 1010 + b'outgrown' * 300"));
	pyb_content_room(&x, ROOM);
	come_in_place(&x, 1);
	hx_exchange_reset(&x);
	CU_ASSERT_FALSE(x.content.lent);
	hx_exchange_fini(&x);
}

static void
each_way(void *arg)
{
	struct hx_exchange *x = arg;

	for (int i = 0; i < 3; i++) {
		pyb_content_room(x, ROOM);
		come_in_place(x, i == 0 ? 1 : ROOM - 1);
		Py_XDECREF(pyb_content_bytes(x));
		Py_XDECREF(pyb_content_take(x));
		pyb_content_room(x, ROOM);
		come(x, "abc");
		pyb_content_room(x, 2 * ROOM);
		hx_exchange_reset(x);
	}
}

static bool
survives(void *arg)
{
	struct hx_exchange *x = arg;
	PyObject *got;
	bool told;

	pyb_content_room(x, ROOM);
	told = !PyErr_Occurred();
	come(x, "it comes all the same");
	if (x->content.lent)
		come_in_place(x, ROOM / 2);
	got = pyb_content_bytes(x);
	told = told && (got != NULL || py_raised("MemoryError"));
	Py_XDECREF(got);
	got = pyb_content_take(x);
	told = told && (got != NULL || py_raised("MemoryError"));
	Py_XDECREF(got);
	hx_exchange_reset(x);
	return told;
}

static void
test_nothing_stays_behind(void)
{
	struct hx_exchange x;

	hx_exchange_init(&x, NULL, NULL);
	CU_ASSERT_EQUAL(python_leak(each_way, &x), 0);
	CU_ASSERT(python_survives(survives, &x));
	hx_exchange_fini(&x);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "without room it is copied", test_without_room_it_is_copied },
		{ "a full room is the object", test_a_full_room_is_the_object },
		{ "what is taken has its own length", test_what_is_taken_has_its_own_length },
		{ "room grows and is outgrown", test_room_grows_and_is_outgrown },
		{ "nothing stays behind", test_nothing_stays_behind },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: content", tests);
}
