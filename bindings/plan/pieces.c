/*
 * pieces: the coroutine that steps the iterator of a StreamingResponse.
 *
 * Called by engine/ (send_pieces()). It does what Starlette's stream_response() does, in its
 * order: one piece is taken from the iterator, and sent, before the next one is asked for. Where
 * `send` is the server's own, the content goes to it without a message.
 */
#include "bindings/plan/pieces.h"

#include "bindings/asgi/asgi.h"
#include "bindings/coro.h"
#include "bindings/module_state.h"
#include "bindings/plan/iterate.h"
#include "bindings/plan/messages.h"

enum phase {
	NEW,
	ASK,		/* what was sent last is sent: ask for a piece, or end */
	TAKE,		/* waits for the iterator */
	FULL		/* the connection is full: `piece` waits */
};

struct pieces {
	struct pyb_module_state *st;
	PyObject *response, *send;	/* strong */
	struct pyb_asgi *server;	/* whose `send` it is, borrowed from that; or NULL */
	PyObject *iterator;		/* NULL until the start is sent */
	PyObject *piece;		/* strong, while FULL; else NULL */
	enum phase phase;
	bool last;			/* the last one is being sent */
};

static enum pyb_coro_verdict
message_send(struct pieces *p, PyObject *message, PyObject **out)
{
	p->phase = ASK;
	if (message != NULL)
		*out = PyObject_CallOneArg(p->send, message);
	Py_XDECREF(message);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
start_send(struct pieces *p, PyObject **out)
{
	struct pyb_module_state *st = p->st;
	PyObject *status = PyObject_GetAttr(p->response, st->n_status_code);
	PyObject *fields = status != NULL ? PyObject_GetAttr(p->response, st->n_raw_headers) : NULL;

	if (fields == NULL) {
		Py_XDECREF(status);
		return PYB_CORO_ERROR;
	}
	return message_send(p, pyb_messages_new(st, st->t_http_response_start, st->n_status, status,
	    st->n_headers, fields), out);
}

static enum pyb_coro_verdict taken(struct pieces *p, PyObject *chunk, PyObject **out);

/* What `async for` does first. 0, or -1 with an exception set. */
static int
iterator_make(struct pieces *p)
{
	PyObject *content = PyObject_GetAttr(p->response, p->st->n_body_iterator);

	if (content != NULL)
		p->iterator = pyb_iterate_begin(content);
	Py_XDECREF(content);
	return p->iterator != NULL ? 0 : -1;
}

/* Ask the iterator for its next piece. */
static enum pyb_coro_verdict
piece_ask(struct pieces *p, PyObject **out)
{
	if (p->iterator == NULL && iterator_make(p) < 0)
		return PYB_CORO_ERROR;
	p->phase = TAKE;
	*out = pyb_iterate_next(p->iterator);
	return *out != NULL ? PYB_CORO_AWAIT : taken(p, NULL, out);
}

/* After what was sent. */
static enum pyb_coro_verdict
go_on(struct pieces *p, PyObject **out)
{
	if (!p->last)
		return piece_ask(p, out);
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* Send a piece (stolen; NULL with an exception set). */
static enum pyb_coro_verdict
piece_send(struct pieces *p, PyObject *piece, PyObject **out)
{
	struct pyb_module_state *st = p->st;
	int sent;

	if (piece == NULL)
		return PYB_CORO_ERROR;
	if (p->server == NULL)
		return message_send(p, pyb_messages_new(st, st->t_http_response_body, st->n_body,
		    piece, st->n_more_body, Py_NewRef(p->last ? Py_False : Py_True)), out);
	sent = pyb_asgi_send_piece(p->server, piece, p->last, out);
	if (sent == 0) {
		p->phase = FULL;
		p->piece = piece;
		return PYB_CORO_AWAIT;
	}
	Py_DECREF(piece);
	return sent > 0 ? go_on(p, out) : PYB_CORO_ERROR;
}

/* chunk.encode(response.charset); new reference, NULL with an exception set. */
static PyObject *
encoded(struct pieces *p, PyObject *chunk)
{
	PyObject *charset = PyObject_GetAttr(p->response, p->st->n_charset), *bytes;

	if (charset == NULL)
		return NULL;
	bytes = PyObject_CallMethodOneArg(chunk, p->st->n_encode, charset);
	Py_DECREF(charset);
	return bytes;
}

/* The iterator has given `chunk`; NULL: it has raised. */
static enum pyb_coro_verdict
taken(struct pieces *p, PyObject *chunk, PyObject **out)
{
	if (chunk == NULL && !PyErr_ExceptionMatches(PyExc_StopAsyncIteration))
		return PYB_CORO_ERROR;
	if (chunk == NULL) {
		PyErr_Clear();
		p->last = true;
		return piece_send(p, PyBytes_FromStringAndSize(NULL, 0), out);
	}
	return piece_send(p, PyBytes_Check(chunk) || PyMemoryView_Check(chunk) ?
	    Py_NewRef(chunk) : encoded(p, chunk), out);
}

static enum pyb_coro_verdict
pieces_step(void *arg, PyObject *value, PyObject **out)
{
	struct pieces *p = arg;
	PyObject *piece;

	*out = NULL;
	if (p->phase == TAKE)
		return taken(p, value, out);
	if (value == NULL)
		return PYB_CORO_ERROR;
	switch (p->phase) {
	case NEW:
		return start_send(p, out);
	case FULL:
		piece = p->piece;
		p->piece = NULL;
		return piece_send(p, piece, out);
	case ASK:
	case TAKE:
		break;
	}
	return go_on(p, out);
}

static void
pieces_release(void *arg)
{
	struct pieces *p = arg;

	Py_CLEAR(p->piece);
	Py_CLEAR(p->iterator);
	Py_CLEAR(p->send);
	Py_CLEAR(p->response);
	PyMem_Free(p);
}

static int
pieces_traverse(void *own, visitproc visit, void *arg)
{
	struct pieces *p = own;

	Py_VISIT(p->piece);
	Py_VISIT(p->iterator);
	Py_VISIT(p->send);
	return visit(p->response, arg);
}

/* send_pieces(response, send) -> a coroutine */
static PyObject *
send_pieces(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	static const struct pyb_coro_class class = {
		"pieces", pieces_step, pieces_release, pieces_traverse
	};
	struct pyb_module_state *st = PyModule_GetState(module);
	struct pieces *p;

	if (n != 2)
		return PyErr_Format(PyExc_TypeError, "send_pieces() wants a response and send");
	p = PyMem_Calloc(1, sizeof(*p));
	if (p == NULL)
		return PyErr_NoMemory();
	p->st = st;
	p->response = Py_NewRef(args[0]);
	p->send = Py_NewRef(args[1]);
	p->server = pyb_asgi_of(st, p->send);
	return pyb_coro_new(st, &class, p);
}

int
pyb_pieces_register(PyObject *module)
{
	static PyMethodDef functions[] = {
		{ "send_pieces", (PyCFunction)(void (*)(void))send_pieces, METH_FASTCALL,
		    "send_pieces(response, send): what its stream_response(send) does." },
		{ NULL, NULL, 0, NULL }
	};

	return PyModule_AddFunctions(module, functions);
}
