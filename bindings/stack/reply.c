/*
 * reply: the short way out of a dispatch layer.
 *
 * Called by layer_run.c. Where dispatch returns call_next()'s own response, what Starlette's
 * _StreamingResponse would send goes out from here, message for message: without a turn of
 * the loop where all of its content has come, else as the messages come. Between two
 * dispatch layers a complete answer moves at once.
 */
#include "bindings/stack/reply.h"

#include "bindings/loop/local.h"
#include "bindings/loop/turn.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/call_next.h"
#include "bindings/stack/carry.h"
#include "bindings/stack/send.h"
#include "bindings/stack/sink.h"
#include "bindings/truth.h"

/* Has the last message come, whose sender waits for the end? */
static bool
is_parked(struct pyb_passage *p)
{
	Py_ssize_t n = p->senders != NULL ? PyList_GET_SIZE(p->senders) : 0;

	return n > 0 && pyb_passage_has(p->parked,
	    PyTuple_GET_ITEM(PyList_GET_ITEM(p->senders, n - 1), 1));
}

int
pyb_reply_fits(struct pyb_reply *r, struct pyb_passage *p, PyObject *response)
{
	struct pyb_module_state *st = p->layer->st;
	PyObject *iterator, *frame;
	int is;

	if (response != p->response || response == NULL || p->begun ||
	    (PyObject *)Py_TYPE(response) != p->layer->response_class)
		return 0;
	r->streams = p->answer == NULL && !is_parked(p);
	iterator = PyObject_GetAttr(response, st->n_body_iterator);
	if (iterator == NULL)
		return -1;
	is = iterator == p->chunks;
	Py_DECREF(iterator);
	if (!is)
		return 0;
	/* None: user code has closed it. */
	frame = PyObject_GetAttr(p->chunks, st->n_ag_frame);
	is = frame == NULL ? -1 : frame != Py_None;
	Py_XDECREF(frame);
	return is;
}

/* http.response.start; new reference, NULL with an exception set. */
static PyObject *
start_new(struct pyb_passage *p)
{
	struct pyb_module_state *st = p->layer->st;
	PyObject *status = PyObject_GetAttr(p->response, st->n_status_code);
	PyObject *fields = status != NULL ?
	    PyObject_GetAttr(p->response, st->n_raw_headers) : NULL;

	if (fields == NULL) {
		Py_XDECREF(status);
		return NULL;
	}
	return pyb_messages_new(st, st->t_http_response_start, st->n_status, status,
	    st->n_headers, fields);
}

/* Send by the outer `send`. */
static enum pyb_coro_verdict
send(struct pyb_reply *r, struct pyb_passage *p, int phase, PyObject *message, PyObject **out)
{
	r->phase = phase;
	if (message != NULL)
		*out = PyObject_CallOneArg(p->send, message);
	Py_XDECREF(message);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
done(PyObject **out)
{
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* Give the layer around this one the whole answer, if it takes it and nothing is left to do
 * here. 1: done; 0; -1 with an exception set. */
static int
hand_over(struct pyb_passage *p, PyObject *start)
{
	struct pyb_module_state *st = p->layer->st;
	int busy;

	if (p->answer == NULL || Py_TYPE(p->send) != st->sink_type)
		return 0;
	if ((busy = pyb_truth_of(p->response, st->n_info)) != 0 ||
	    (busy = pyb_truth_of(p->response, st->n_background)) != 0 ||
	    (busy = pyb_passage_host_is_cancelled(p)) != 0)
		return busy < 0 ? -1 : 0;
	/* User code has run meanwhile, which may have called call_next() again. */
	return p->answer != NULL && pyb_sink_pass(st, p->send, start, pyb_sink_body(p->answer));
}

static enum pyb_coro_verdict
start_send(struct pyb_reply *r, struct pyb_passage *p, PyObject **out)
{
	PyObject *start = start_new(p);
	int over = start != NULL ? hand_over(p, start) : -1;

	if (over == 0)
		return send(r, p, PYB_REPLY_START, start, out);
	Py_XDECREF(start);
	return over > 0 ? done(out) : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
begin(struct pyb_reply *r, struct pyb_passage *p, PyObject **out)
{
	PyObject *info = PyObject_GetAttr(p->response, p->layer->st->n_info), *message;

	if (info == NULL)
		return PYB_CORO_ERROR;
	if (info == Py_None) {
		Py_DECREF(info);
		return start_send(r, p, out);
	}
	message = PyDict_New();
	if (message != NULL && (PyDict_SetItem(message, p->layer->st->n_type,
	    p->layer->st->t_http_response_debug) < 0 ||
	    PyDict_SetItem(message, p->layer->st->n_info, info) < 0))
		Py_CLEAR(message);
	Py_DECREF(info);
	return send(r, p, PYB_REPLY_DEBUG, message, out);
}

/* Does the dispatch of another layer come first? 1 or 0; -1 with an exception set. */
static int
is_nested(struct pyb_passage *p)
{
	struct pyb_module_state *st = p->layer->st;
	int is = pyb_passage_host_is_cancelled(p);
	const struct pyb_standin *standin;
	struct pyb_loop_local *h;
	PyObject *name;

	if (is != 0)
		return is;
	h = pyb_local_get(st, p->loop);
	if (h == NULL)
		return -1;
	standin = pyb_standin_of(h, p->host);
	Py_DECREF((PyObject *)h);
	if (standin != NULL)
		return standin->name == st->t_application_task;
	name = PyObject_CallMethodNoArgs(p->host, st->n_get_name);
	if (name == NULL)
		return -1;
	is = pyb_sink_is_text(name, st->t_application_task);
	Py_DECREF(name);
	return is;
}

/* Take the messages of the content. 0, or -1 with an exception set. */
static int
messages_take(struct pyb_reply *r, struct pyb_passage *p)
{
	PyObject *message;
	int taken;

	r->messages = PyList_New(0);
	if (r->messages == NULL)
		return -1;
	if (p->answer != NULL)
		return PyList_Append(r->messages, pyb_sink_body(p->answer));
	while ((taken = pyb_passage_take(p, &message)) > 0) {
		taken = PyList_Append(r->messages, message);
		Py_DECREF(message);
		if (taken < 0)
			break;
	}
	return taken;
}

/* message["body"], or b"". New reference; NULL with an exception set. */
static PyObject *
body_of(struct pyb_module_state *st, PyObject *message)
{
	PyObject *body = PyObject_GetItem(message, st->n_body);

	if (body == NULL && PyErr_ExceptionMatches(PyExc_KeyError)) {
		PyErr_Clear();
		body = PyBytes_FromStringAndSize(NULL, 0);
	}
	return body;
}

/* All of the content was sent: its end. */
static enum pyb_coro_verdict
end_send(struct pyb_reply *r, struct pyb_passage *p, PyObject **out)
{
	struct pyb_module_state *st = p->layer->st;
	PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
	PyObject *message = empty != NULL ? pyb_messages_new(st, st->t_http_response_body,
	    st->n_body, empty, st->n_more_body, Py_NewRef(Py_False)) : NULL;

	return send(r, p, PYB_REPLY_END, message, out);
}

/* Send a file. */
static enum pyb_coro_verdict
file_send(struct pyb_reply *r, struct pyb_passage *p, struct pyb_chunks *file, PyObject **out)
{
	r->last = !file->more;
	r->phase = PYB_REPLY_BODY;
	*out = pyb_carry_content(file, p->send);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* Send a message of the content, which may be all of a file's. *empty: it has none, and nothing
 * was sent. */
static enum pyb_coro_verdict
message_send(struct pyb_reply *r, struct pyb_passage *p, PyObject *message, bool *empty,
    PyObject **out)
{
	struct pyb_module_state *st = p->layer->st;
	PyObject *body, *type;
	bool is_body, is_path;
	int full, last;

	if (Py_TYPE(message) == st->chunks_type)
		return file_send(r, p, (struct pyb_chunks *)message, out);
	type = PyObject_GetItem(message, st->n_type);
	if (type == NULL)
		return PYB_CORO_ERROR;
	is_path = pyb_sink_is_text(type, st->t_http_response_pathsend);
	is_body = pyb_sink_is_text(type, st->t_http_response_body);
	Py_DECREF(type);
	if (is_path)	/* it stands for all of the content */
		return send(r, p, PYB_REPLY_END, Py_NewRef(message), out);
	if (!is_body) {
		PyErr_Format(PyExc_AssertionError, "Unexpected message: %S", message);
		return PYB_CORO_ERROR;
	}
	last = r->streams ? pyb_send_is_last(st, message) : 0;
	r->last = last != 0;
	body = last < 0 ? NULL : body_of(st, message);
	full = body != NULL ? PyObject_IsTrue(body) : -1;
	*empty = full == 0;
	message = full > 0 ? pyb_messages_new(st, st->t_http_response_body, st->n_body,
	    Py_NewRef(body), st->n_more_body, Py_NewRef(Py_True)) : NULL;
	Py_XDECREF(body);
	return *empty ? PYB_CORO_RETURN : send(r, p, PYB_REPLY_BODY, message, out);
}

/* Go on with the content after what was sent. */
static enum pyb_coro_verdict
content_send(struct pyb_reply *r, struct pyb_passage *p, PyObject **out)
{
	if (r->streams && !r->last) {
		r->phase = PYB_REPLY_TAKE;
		*out = pyb_call_next_take((PyObject *)p, NULL);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	while (!r->streams && r->next < PyList_GET_SIZE(r->messages)) {
		bool empty = false;
		enum pyb_coro_verdict verdict = message_send(r, p,
		    PyList_GET_ITEM(r->messages, r->next++), &empty, out);

		if (!empty)
			return verdict;
	}
	return end_send(r, p, out);
}

/* The next message was taken; NULL: there is none, or taking it raised. */
static enum pyb_coro_verdict
taken(struct pyb_reply *r, struct pyb_passage *p, PyObject *message, PyObject **out)
{
	bool empty = false;
	enum pyb_coro_verdict verdict;

	if (message == NULL && !PyErr_ExceptionMatches(p->layer->end_of_stream))
		return PYB_CORO_ERROR;
	if (message == NULL) {
		PyErr_Clear();
		return end_send(r, p, out);
	}
	verdict = message_send(r, p, message, &empty, out);
	return empty ? content_send(r, p, out) : verdict;
}

static enum pyb_coro_verdict
background_run(struct pyb_reply *r, struct pyb_passage *p, PyObject **out)
{
	PyObject *background = PyObject_GetAttr(p->response, p->layer->st->n_background);
	int is = background != NULL ? PyObject_IsTrue(background) : -1;

	r->phase = PYB_REPLY_BACKGROUND;
	if (is > 0)
		*out = PyObject_CallNoArgs(background);
	Py_XDECREF(background);
	if (is == 0)
		return done(out);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* http.response.start was sent. */
static enum pyb_coro_verdict
started(struct pyb_reply *r, struct pyb_passage *p, PyObject **out)
{
	int nested = r->streams ? 0 : is_nested(p);

	if (nested < 0)
		return PYB_CORO_ERROR;
	r->phase = PYB_REPLY_TURN;
	if (nested > 0) {
		*out = pyb_turn_new(p->layer->st);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	p->begun = r->streams;
	if (!r->streams && messages_take(r, p) < 0)
		return PYB_CORO_ERROR;
	return content_send(r, p, out);
}

enum pyb_coro_verdict
pyb_reply_step(struct pyb_reply *r, struct pyb_passage *p, PyObject *value, PyObject **out)
{
	if (r->phase == PYB_REPLY_TAKE)
		return taken(r, p, value, out);
	if (value == NULL)
		return PYB_CORO_ERROR;
	switch (r->phase) {
	case PYB_REPLY_NEW:
		return begin(r, p, out);
	case PYB_REPLY_DEBUG:
		return start_send(r, p, out);
	case PYB_REPLY_START:
		return started(r, p, out);
	case PYB_REPLY_TURN:
		return messages_take(r, p) < 0 ? PYB_CORO_ERROR : content_send(r, p, out);
	case PYB_REPLY_BODY:
	case PYB_REPLY_TAKE:
		return content_send(r, p, out);
	case PYB_REPLY_END:
		return background_run(r, p, out);
	case PYB_REPLY_BACKGROUND:
		break;
	}
	return done(out);
}
