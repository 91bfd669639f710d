/*
 * carry: the coroutine that sends a file.
 *
 * Called by deliver.c and reply.c. It ends where Starlette's would: when the last of the content
 * was handed over; and no sooner than the client has all of a file that the server sends.
 */
#include "bindings/stack/carry.h"

#include "base/must.h"
#include "bindings/asgi/asgi.h"
#include "bindings/coro.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/filter.h"
#include "bindings/stack/sink.h"

struct carry {
	struct pyb_chunks *c;		/* strong */
	PyObject *send;			/* strong */
	struct pyb_asgi *server;	/* that sends the file; borrowed from `send`, or NULL */
	PyObject *end;			/* no bytes, for the end of the answer; or NULL */
	bool content;			/* only the content, and others follow */
	enum { START, FIRST, BEGIN, TURN, PIECE, DRAIN, END, DONE } phase;
};

static enum pyb_coro_verdict
await(struct carry *y, int phase, PyObject *awaitable, PyObject **out)
{
	y->phase = phase;
	*out = awaitable;
	return awaitable != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
message_send(struct carry *y, int phase, PyObject *message, PyObject **out)
{
	PyObject *sent = message != NULL ? PyObject_CallOneArg(y->send, message) : NULL;

	Py_XDECREF(message);
	return await(y, phase, sent, out);
}

/* Where Starlette waits for a thread others have their turn, and the client may be gone. */
static enum pyb_coro_verdict
turn(struct carry *y, int phase, PyObject **out)
{
	return await(y, phase, PyObject_CallNoArgs(y->c->st->turn), out);
}

static enum pyb_coro_verdict
done(PyObject **out)
{
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* Where content goes that is sent with `send`: past native layers that leave it alone. Borrowed. */
static PyObject *
behind_bare_filters(struct pyb_module_state *st, PyObject *send)
{
	while (Py_TYPE(send) == st->filter_type && pyb_filter_is_bare((struct pyb_filter *)send))
		send = ((struct pyb_filter *)send)->send;
	return send;
}

/* The end of the answer. */
static enum pyb_coro_verdict
end_send(struct carry *y, PyObject **out)
{
	int sent;

	if (y->content)
		return done(out);
	if (y->end == NULL && (y->end = PyBytes_FromStringAndSize(NULL, 0)) == NULL)
		return PYB_CORO_ERROR;
	sent = pyb_asgi_send_piece(y->server, y->end, true, out);
	if (sent > 0)
		return done(out);
	y->phase = END;
	return sent == 0 ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* The server has the file: wait for the client. */
static enum pyb_coro_verdict
drain(struct carry *y, PyObject **out)
{
	int drained = pyb_asgi_drain(y->server, out);

	y->phase = DRAIN;
	if (drained == 0)
		return PYB_CORO_AWAIT;
	if (drained > 0)
		return end_send(y, out);
	if (PyErr_ExceptionMatches(PyExc_RuntimeError))
		pyb_chunks_cut(y->c);
	return PYB_CORO_ERROR;
}

/* The next piece that is to be sent, new reference: who hands on messages leaves out empty ones.
 * NULL with an exception set, or without one when there is none. */
static PyObject *
piece_next(struct carry *y)
{
	PyObject *piece = pyb_chunks_piece(y->c);

	while (y->content && piece != NULL && PyBytes_GET_SIZE(piece) == 0)
		Py_SETREF(piece, pyb_chunks_piece(y->c));
	return piece;
}

static enum pyb_coro_verdict
piece_send(struct carry *y, PyObject **out)
{
	PyObject *piece = piece_next(y);

	if (piece == NULL)
		return PyErr_Occurred() ? PYB_CORO_ERROR : done(out);
	return message_send(y, PIECE, pyb_chunks_body(y->c->st, piece,
	    y->content || !pyb_chunks_over(y->c)), out);
}

/* Who has seen nothing of the content takes the file itself; else it is read. */
static enum pyb_coro_verdict
content_begin(struct carry *y, PyObject **out)
{
	struct pyb_module_state *st = y->c->st;
	PyObject *send = behind_bare_filters(st, y->send);

	y->server = pyb_asgi_of(st, send);
	if (y->server != NULL && pyb_asgi_give_file(y->server, &y->c->reply))
		return drain(y, out);
	/* Where one of several parts is missing the application itself must raise. */
	if (y->c->reply.heads == NULL && pyb_sink_takes_file(st, send)) {
		y->c->more = y->content;
		return await(y, DONE, PyObject_CallOneArg(send, (PyObject *)y->c), out);
	}
	return y->content ? turn(y, TURN, out) : piece_send(y, out);
}

static enum pyb_coro_verdict
carry_step(void *arg, PyObject *value, PyObject **out)
{
	struct carry *y = arg;

	*out = NULL;
	if (value == NULL)
		return PYB_CORO_ERROR;
	switch (y->phase) {
	case START:
		return message_send(y, FIRST, pyb_chunks_start(y->c), out);
	case FIRST:
		return turn(y, BEGIN, out);
	case BEGIN:
		return content_begin(y, out);
	case TURN:
		return piece_send(y, out);
	case PIECE:
		if (pyb_chunks_over(y->c))
			break;
		return turn(y, TURN, out);
	case DRAIN:
		return drain(y, out);
	case END:
		return end_send(y, out);
	case DONE:
		break;
	}
	return done(out);
}

static void
carry_release(void *arg)
{
	struct carry *y = arg;

	Py_CLEAR(y->c);
	Py_CLEAR(y->send);
	Py_CLEAR(y->end);
	PyMem_Free(y);
}

static int
carry_traverse(void *arg, visitproc visit, void *varg)
{
	struct carry *y = arg;

	return visit((PyObject *)y->c, varg) != 0 || visit(y->send, varg) != 0;
}

static PyObject *
carry_new(struct pyb_chunks *c, PyObject *send, bool content)
{
	static const struct pyb_coro_class class = {
		"file", carry_step, carry_release, carry_traverse
	};
	struct carry *y = PyMem_Calloc(1, sizeof(*y));

	if (y == NULL)
		return PyErr_NoMemory();
	y->c = (struct pyb_chunks *)Py_NewRef((PyObject *)c);
	y->send = Py_NewRef(send);
	y->content = content;
	y->phase = content ? BEGIN : START;
	return pyb_coro_new(c->st, &class, y);
}

PyObject *
pyb_carry_answer(struct pyb_chunks *c, PyObject *send)
{
	must(!pyb_chunks_bare(c));
	return carry_new(c, send, false);
}

PyObject *
pyb_carry_content(struct pyb_chunks *c, PyObject *send)
{
	return carry_new(c, send, true);
}
