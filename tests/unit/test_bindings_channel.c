/*
 * A channel between two coroutines, each stepped by hand: the order of what happens is that of
 * anyio's memory stream with room for one item, and no reference is lost at any of its ends.
 */
#include "tests/unit/python_fixture.h"

#include "bindings/plan/channel.h"

/* Who sends or receives: how far it is, what it awaits, what it got. */
struct side {
	enum pyb_channel_at at;
	enum pyb_coro_verdict said;
	PyObject *out;
};

static struct pyb_module_state *st;
static struct pyb_channel channel;
static PyObject *loop;

static void
begin(void)
{
	st = python_state_fastapi();
	channel = (struct pyb_channel){ .no_sender = false };
	py_do("import asyncio\nloop = asyncio.new_event_loop()");
	loop = py("loop");
}

static void
end(void)
{
	pyb_channel_clear(&channel);
	Py_CLEAR(loop);
	py_do("loop.close()\ndel loop");
}

/* What a step awaits is done. */
static bool
is_done(PyObject *future)
{
	PyObject *done = PyObject_CallMethod(future, "done", NULL);
	bool is = done == Py_True;

	Py_XDECREF(done);
	return is;
}

/* One step; with `value` NULL what was awaited has raised CancelledError. */
static enum pyb_coro_verdict
step_send(struct side *s, const char *item, PyObject *value)
{
	PyObject *sent = py(item);

	Py_CLEAR(s->out);
	if (value == NULL)
		PyErr_SetNone(st->cancelled_error);
	s->said = pyb_channel_send(&channel, st, loop, &s->at, sent, value, &s->out);
	Py_DECREF(sent);
	return s->said;
}

static enum pyb_coro_verdict
step_receive(struct side *s, PyObject *value)
{
	Py_CLEAR(s->out);
	if (value == NULL)
		PyErr_SetNone(st->cancelled_error);
	s->said = pyb_channel_receive(&channel, st, loop, &s->at, value, &s->out);
	return s->said;
}

/* The first step is a turn of the loop; what the second does. */
static enum pyb_coro_verdict
send_all(struct side *s, const char *item)
{
	*s = (struct side){ .at = PYB_CHANNEL_NEW };
	CU_ASSERT_EQUAL(step_send(s, item, Py_None), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(s->at, PYB_CHANNEL_TURN);
	return step_send(s, item, Py_None);
}

static enum pyb_coro_verdict
receive_all(struct side *s)
{
	*s = (struct side){ .at = PYB_CHANNEL_NEW };
	CU_ASSERT_EQUAL(step_receive(s, Py_None), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(s->at, PYB_CHANNEL_TURN);
	return step_receive(s, Py_None);
}

/* It has received that item. */
static bool
got(struct side *s, const char *item)
{
	PyObject *out = s->out;

	s->out = NULL;
	return s->said == PYB_CORO_RETURN && py_equal(out, item);
}

static void
test_one_item_stays_and_the_next_waits(void)
{
	struct side first, second, reader;

	begin();
	CU_ASSERT_EQUAL(send_all(&first, "'one'"), PYB_CORO_RETURN);
	CU_ASSERT_PTR_NULL(first.out);
	CU_ASSERT_EQUAL(send_all(&second, "'two'"), PYB_CORO_AWAIT);
	CU_ASSERT_FALSE(is_done(second.out));
	receive_all(&reader);
	CU_ASSERT_TRUE(got(&reader, "'one'"));
	CU_ASSERT_TRUE(is_done(second.out));
	CU_ASSERT_EQUAL(step_send(&second, "'two'", Py_None), PYB_CORO_RETURN);
	receive_all(&reader);
	CU_ASSERT_TRUE(got(&reader, "'two'"));
	end();
}

static void
test_who_waits_to_receive_is_handed_the_item(void)
{
	struct side reader, writer;

	begin();
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(send_all(&writer, "'one'"), PYB_CORO_RETURN);
	CU_ASSERT_TRUE(is_done(reader.out));
	/* There is room again before it has gone on. */
	CU_ASSERT_EQUAL(send_all(&writer, "'two'"), PYB_CORO_RETURN);
	step_receive(&reader, Py_None);
	CU_ASSERT_TRUE(got(&reader, "'one'"));
	receive_all(&reader);
	CU_ASSERT_TRUE(got(&reader, "'two'"));
	end();
}

/* What was handed to who is cancelled is lost; what who is cancelled has offered was not sent. */
static void
test_who_waits_is_cancelled(void)
{
	struct side reader, writer;

	begin();
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(send_all(&writer, "'lost'"), PYB_CORO_RETURN);
	CU_ASSERT_EQUAL(step_receive(&reader, NULL), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("asyncio.CancelledError"));
	CU_ASSERT_EQUAL(send_all(&writer, "'one'"), PYB_CORO_RETURN);
	CU_ASSERT_EQUAL(send_all(&writer, "'never'"), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(step_send(&writer, "'never'", NULL), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("asyncio.CancelledError"));
	receive_all(&reader);
	CU_ASSERT_TRUE(got(&reader, "'one'"));
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_AWAIT);
	Py_CLEAR(reader.out);
	/* In the turn before, nothing has begun. */
	writer = (struct side){ .at = PYB_CHANNEL_NEW };
	step_send(&writer, "'no'", Py_None);
	CU_ASSERT_EQUAL(step_send(&writer, "'no'", NULL), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("asyncio.CancelledError"));
	end();
}

static void
test_nobody_sends_any_more(void)
{
	struct side reader, writer;

	begin();
	CU_ASSERT_EQUAL(send_all(&writer, "'last'"), PYB_CORO_RETURN);
	CU_ASSERT_EQUAL(pyb_channel_close_sender(&channel, st), 0);
	receive_all(&reader);
	CU_ASSERT_TRUE(got(&reader, "'last'"));
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_RETURN);
	CU_ASSERT_PTR_NULL(reader.out);
	end();
	begin();
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(pyb_channel_close_sender(&channel, st), 0);
	CU_ASSERT_TRUE(is_done(reader.out));
	CU_ASSERT_EQUAL(step_receive(&reader, Py_None), PYB_CORO_RETURN);
	CU_ASSERT_PTR_NULL(reader.out);
	end();
}

static void
test_nobody_receives_any_more(void)
{
	struct side reader, writer;

	begin();
	CU_ASSERT_EQUAL(send_all(&writer, "'one'"), PYB_CORO_RETURN);
	CU_ASSERT_EQUAL(send_all(&writer, "'two'"), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(pyb_channel_close_receiver(&channel, st), 0);
	CU_ASSERT_TRUE(is_done(writer.out));
	CU_ASSERT_EQUAL(step_send(&writer, "'two'", Py_None), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("__import__('anyio').BrokenResourceError"));
	CU_ASSERT_EQUAL(send_all(&writer, "'three'"), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("__import__('anyio').BrokenResourceError"));
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("__import__('anyio').ClosedResourceError"));
	end();
	begin();
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(pyb_channel_close_receiver(&channel, st), 0);
	CU_ASSERT_TRUE(is_done(reader.out));
	CU_ASSERT_EQUAL(step_receive(&reader, Py_None), PYB_CORO_ERROR);
	CU_ASSERT_TRUE(py_raised("__import__('anyio').ClosedResourceError"));
	end();
}

static void
test_who_waits_to_receive_goes_on_without_an_item(void)
{
	struct side reader;

	begin();
	CU_ASSERT_EQUAL(pyb_channel_interrupt(&channel, st), 0);
	CU_ASSERT_EQUAL(receive_all(&reader), PYB_CORO_AWAIT);
	CU_ASSERT_EQUAL(pyb_channel_interrupt(&channel, st), 1);
	CU_ASSERT_EQUAL(pyb_channel_interrupt(&channel, st), 0);
	CU_ASSERT_EQUAL(step_receive(&reader, Py_None), PYB_CORO_RETURN);
	CU_ASSERT_PTR_NULL(reader.out);
	end();
}

/* Two steps of one who sends, or with `item` NULL receives: the last verdict. */
static enum pyb_coro_verdict
two_steps(struct side *s, PyObject *item)
{
	*s = (struct side){ .at = PYB_CHANNEL_NEW };
	for (int i = 0; i < 2; i++) {
		Py_CLEAR(s->out);
		s->said = item != NULL ?
		    pyb_channel_send(&channel, st, loop, &s->at, item, Py_None, &s->out) :
		    pyb_channel_receive(&channel, st, loop, &s->at, Py_None, &s->out);
		if (s->said == PYB_CORO_ERROR)
			break;
	}
	return s->said;
}

/* An item through it, behind which another waits. All came, or an exception is set. */
static bool
pass_two(void *item)
{
	struct side first = { .out = NULL }, second = first, reader = first;
	bool fine = two_steps(&first, item) == PYB_CORO_RETURN &&
	    two_steps(&second, item) == PYB_CORO_AWAIT &&
	    two_steps(&reader, NULL) == PYB_CORO_RETURN;

	fine = fine ? reader.out == item && channel.held == item : PyErr_Occurred() != NULL;
	PyErr_Clear();
	Py_CLEAR(first.out);
	Py_CLEAR(second.out);
	Py_CLEAR(reader.out);
	pyb_channel_clear(&channel);
	return fine;
}

static void
pass_and_forget(void *arg)
{
	CU_ASSERT_TRUE(pass_two(arg));
}

static void
test_nothing_is_left_and_memory_may_fail(void)
{
	PyObject *item = python_keep(py("object()"));

	begin();
	CU_ASSERT_EQUAL(python_leak(pass_and_forget, item), 0);
	CU_ASSERT_TRUE(python_survives(pass_two, item));
	end();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "one item stays, the next waits", test_one_item_stays_and_the_next_waits },
		{ "who waits is handed the item", test_who_waits_to_receive_is_handed_the_item },
		{ "who waits is cancelled", test_who_waits_is_cancelled },
		{ "nobody sends any more", test_nobody_sends_any_more },
		{ "nobody receives any more", test_nobody_receives_any_more },
		{ "interrupted", test_who_waits_to_receive_goes_on_without_an_item },
		{ "memory", test_nothing_is_left_and_memory_may_fail },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: channel", tests);
}
