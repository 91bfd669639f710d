/*
 * edit: from a message to the layers, and back into the message.
 *
 * Called by filter.c, and by inner.c and answer.c for a complete answer. What the layers do to a
 * message is seen in the message itself, as with Starlette's classes. A message that
 * Starlette's class would refuse must not reach the native one: until the first has gone
 * on, a relay takes over; from then on it goes out as it is.
 */
#include "bindings/stack/edit.h"

#include "bindings/piece.h"
#include "bindings/stack/work.h"

static enum pyb_fate
out_of_memory(void)
{
	PyErr_NoMemory();
	return PYB_FATE_FAILED;
}

/* Does the answer say whether trailers follow, or can that not be found out? */
static bool
may_have_trailers(const struct pyb_filter *f, PyObject *start)
{
	int has = PyDict_Contains(start, f->stretch->st->n_trailers);

	if (has < 0)
		PyErr_Clear();
	return has != 0;
}

/* Read the head of an answer, as long as the request's fields are what the layers have seen:
 * Starlette's look again. False: the relay must have it. */
static bool
head_read(struct pyb_filter *f, PyObject *start)
{
	/* Starlette does not announce a length where trailers follow. */
	if (!pyb_view_same(f->list, f->fields) ||
	    (f->stretch->holds && may_have_trailers(f, start)))
		return false;
	pyb_view_head_drop(&f->head);
	return pyb_view_head_read(f->stretch->st, start, &f->arena, &f->head);
}

static int
head_write(struct pyb_filter *f, PyObject *start)
{
	return pyb_view_head_write(f->stretch->st, start, &f->head, f->stretch->replaces);
}

static enum pyb_fate
start_take(struct pyb_filter *f, PyObject *start)
{
	if (f->begun && f->stretch->holds)	/* one that comes again waits for content */
		return f->held_back ? PYB_FATE_KEPT : PYB_FATE_ON;
	if (!head_read(f, start) || (!f->stretch->holds &&
	    !mw_chain_takes(&f->pass, &f->head.answer, 0)))
		return PYB_FATE_RELAYED;
	if (mw_chain_head(&f->pass, &f->head.answer) < 0)
		return out_of_memory();
	Py_CLEAR(f->held);
	if (f->pass.holder > 0) {
		f->held = Py_NewRef(start);
		return PYB_FATE_KEPT;
	}
	f->begun = true;
	return head_write(f, start) < 0 ? PYB_FATE_FAILED : PYB_FATE_ON;
}

/* Does more content follow the message? 1 or 0; -1 with an exception set. */
static int
more_comes(struct pyb_module_state *st, PyObject *message)
{
	PyObject *more = Py_XNewRef(PyDict_GetItemWithError(message, st->n_more_body));
	int is = more != NULL ? PyObject_IsTrue(more) : 0;

	Py_XDECREF(more);
	return is < 0 || PyErr_Occurred() ? -1 : is;
}

/* What a message has of content. */
struct content {
	PyObject *bytes;	/* strong */
	bool missing;		/* the message has no "body" */
	bool last;
};

/* 0, or -1 with an exception set. Drop c->bytes in both cases. */
static int
content_read(struct pyb_module_state *st, PyObject *message, struct content *c)
{
	PyObject *body = PyDict_GetItemWithError(message, st->n_body);
	int again;

	*c = (struct content){ .missing = body == NULL };
	if (body != NULL)
		c->bytes = PyBytes_CheckExact(body) ? Py_NewRef(body) :
		    pyb_piece_copy(body);	/* zlib, too, wants it to be contiguous */
	else if (!PyErr_Occurred())
		c->bytes = PyBytes_FromStringAndSize(NULL, 0);
	if (c->bytes == NULL)
		return -1;
	again = more_comes(st, message);
	c->last = again == 0;
	return again < 0 ? -1 : 0;
}

/* message["body"] = the piece, which is released. 0, or -1 with an exception set. */
static int
content_put(struct pyb_filter *f, PyObject *message, struct hx_piece piece)
{
	PyObject *bytes = PyBytes_FromStringAndSize(piece.bytes.ptr, (Py_ssize_t)piece.bytes.len);
	int rc = bytes == NULL ? -1 : PyDict_SetItem(message, f->stretch->st->n_body, bytes);

	hx_exchange_piece_drop(piece);
	Py_XDECREF(bytes);
	return rc;
}

static struct hx_piece
piece_of(const struct content *c)
{
	return (struct hx_piece){
		.bytes = { PyBytes_AS_STRING(c->bytes), (size_t)PyBytes_GET_SIZE(c->bytes) }
	};
}

/* Content goes on, behind a start that was `held` (NULL: none). */
static void
content_begin(struct pyb_filter *f, PyObject *held, const struct content *c)
{
	f->begun = true;
	f->over = c->last;
	f->held_back = f->held_back || held != NULL;
}

/* Write into the messages what the layers have made: the piece, if it is another one (`made`), and
 * the head that they have held back, into `held` (NULL: none). 0, or -1 with an exception set. */
static int
made_write(struct pyb_filter *f, PyObject *held, PyObject *message, struct hx_piece piece,
    bool made)
{
	if (made && content_put(f, message, piece) < 0)
		return -1;
	return held != NULL ? head_write(f, held) : 0;
}

static enum pyb_fate
made_send(struct pyb_filter *f, PyObject *message, struct hx_piece piece, bool made)
{
	if (made_write(f, f->held, message, piece, made) < 0)
		return PYB_FATE_FAILED;
	return f->held != NULL ? PYB_FATE_ON_HELD : PYB_FATE_ON;
}

/* Let the layers edit a message's content, and the start that they hold. */
static enum pyb_fate
content_edit(struct pyb_filter *f, PyObject *message, const struct content *c)
{
	struct hx_piece piece = piece_of(c);

	content_begin(f, f->held, c);
	switch (mw_chain_piece_begin(&f->pass, &f->head.answer, &piece, c->last)) {
	case MW_PIECE_DONE:
		return made_send(f, message, piece, c->missing ||
		    piece.bytes.ptr != PyBytes_AS_STRING(c->bytes));
	case MW_PIECE_HEAVY:
		return pyb_work_new(f, c->bytes, c->last) < 0 ? PYB_FATE_FAILED : PYB_FATE_WORK;
	case MW_PIECE_FAILED:
		break;
	}
	return out_of_memory();
}

enum pyb_fate
pyb_edit_worked(struct pyb_filter *f, PyObject *message)
{
	struct hx_piece piece;

	return pyb_work_take(f, &piece) < 0 ? PYB_FATE_FAILED : made_send(f, message, piece, true);
}

/* Has the layer that holds the start to decide about this piece? */
static bool
first_fits(struct pyb_filter *f, PyObject *message)
{
	struct pyb_module_state *st = f->stretch->st;
	PyObject *body = PyDict_GetItemWithError(message, st->n_body);

	return f->held != NULL && body != NULL && PyBytes_CheckExact(body) &&
	    pyb_view_head_holds(st, f->held, &f->head);
}

/* Content that no layer reads, whatever it is, goes on as it is. */
static enum pyb_fate
unread_take(struct pyb_filter *f, PyObject *message)
{
	int more = more_comes(f->stretch->st, message);

	f->over = more == 0;
	return more < 0 ? PYB_FATE_FAILED : PYB_FATE_ON;
}

static enum pyb_fate
piece_take(struct pyb_filter *f, PyObject *message)
{
	enum pyb_fate fate = PYB_FATE_FAILED;
	struct content c;

	if (!f->stretch->holds || f->over)
		return PYB_FATE_ON;
	if (!f->begun && !first_fits(f, message))
		return PYB_FATE_RELAYED;
	if (f->begun && !mw_chain_reads(&f->pass) &&
	    PyDict_Contains(message, f->stretch->st->n_body) > 0)
		return unread_take(f, message);
	if (content_read(f->stretch->st, message, &c) == 0)
		fate = content_edit(f, message, &c);
	Py_XDECREF(c.bytes);
	return fate;
}

/* A message that is no part of an answer as the server knows it. A layer that looks at
 * content lets only these pass. */
static enum pyb_fate
other_take(struct pyb_filter *f, PyObject *type)
{
	static const char *const known[] = {
		"http.response.early_hint", "http.response.trailers", "http.response.pathsend"
	};

	if (!f->stretch->holds)
		return PYB_FATE_ON;
	if (!f->begun)
		return PYB_FATE_RELAYED;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (PyUnicode_CompareWithASCIIString(type, known[i]) == 0)
			return PYB_FATE_ON;
	return PYB_FATE_KEPT;
}

enum pyb_fate
pyb_edit_message(struct pyb_filter *f, PyObject *message)
{
	struct pyb_module_state *st = f->stretch->st;
	PyObject *type = PyDict_CheckExact(message) ?
	    PyDict_GetItemWithError(message, st->n_type) : NULL;

	if (type != NULL && PyUnicode_CheckExact(type) &&
	    PyUnicode_Compare(type, st->t_http_response_start) == 0)
		f->started = true;
	if (f->relay != NULL)
		return PYB_FATE_RELAYED;
	if (type == NULL || !PyUnicode_CheckExact(type))
		return f->begun ? PYB_FATE_ON : PYB_FATE_RELAYED;
	if (PyUnicode_Compare(type, st->t_http_response_start) == 0)
		return start_take(f, message);
	if (PyUnicode_Compare(type, st->t_http_response_body) == 0)
		return piece_take(f, message);
	return other_take(f, type);
}

/* What whole_edit() does when the layers take the answer. 0, or -1 with an exception set. */
static int
taken_edit(struct pyb_filter *f, struct pyb_messages *m, const struct content *c)
{
	struct hx_piece piece = piece_of(c);
	PyObject *held = NULL;

	if (mw_chain_head(&f->pass, &f->head.answer) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	if (f->pass.holder > 0)
		held = m->start;
	else if (head_write(f, m->start) < 0)
		return -1;
	content_begin(f, held, c);
	if (mw_chain_piece(&f->pass, &f->head.answer, &piece, true) == 0)
		return made_write(f, held, m->body, piece,
		    piece.bytes.ptr != PyBytes_AS_STRING(c->bytes));
	PyErr_NoMemory();
	return -1;
}

/* 1: the layers have edited the answer; 0: they cannot, and nothing has happened; -1 with an
 * exception set. */
static int
whole_edit(struct pyb_filter *f, struct pyb_messages *m)
{
	PyObject *body = PyDict_GetItemWithError(m->body, f->stretch->st->n_body);
	struct content c = { .last = true };
	int done = 0;

	if (f->begun || f->held != NULL || f->relay != NULL || body == NULL ||
	    !PyBytes_CheckExact(body) || !head_read(f, m->start))
		return 0;
	c.bytes = Py_NewRef(body);
	if (mw_chain_takes(&f->pass, &f->head.answer, (size_t)PyBytes_GET_SIZE(body)))
		done = taken_edit(f, m, &c) < 0 ? -1 : 1;
	f->started = f->started || done != 0;
	Py_DECREF(c.bytes);
	return done;
}

int
pyb_edit_whole(struct pyb_module_state *st, PyObject **send, struct pyb_messages *m)
{
	while (Py_TYPE(*send) == st->filter_type) {
		struct pyb_filter *f = (struct pyb_filter *)*send;
		int rc = whole_edit(f, m);

		if (rc <= 0)
			return rc;
		Py_SETREF(*send, Py_NewRef(f->send));
	}
	return 0;
}
