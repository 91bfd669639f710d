/*
 * stream: StreamingResponse and what FastAPI makes of generator endpoints.
 *
 * Called by finish.c (an answer is a stream, or was sent), by phases.c (phase SEND) and by
 * exits.c. What streams is decided in Python; here is only what the run and its exchange have
 * to do with it. The exchange may be gone after each call but pyb_stream_give().
 */
#include "bindings/plan/stream.h"

#include "bindings/asgi/fields.h"
#include "bindings/plan/after.h"
#include "middleware/exchange.h"

/* May the native layers in front of the exchange edit such an answer? */
static bool
layers_take(struct pyb_run *r, PyObject *response)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *status, *raw = NULL;
	struct pyb_fields f = { 0 };
	bool take = false;

	if (r->x->upper.layers == NULL)
		return true;
	status = PyObject_GetAttr(response, st->n_status_code);
	if (status != NULL && PyLong_CheckExact(status))
		raw = PyObject_GetAttr(response, st->n_raw_headers);
	if (raw != NULL && pyb_fields_take(&f, raw) == 0 &&
	    pyb_fields_read(&f, &r->x->arena) == 0) {
		long code = PyLong_AsLong(status);

		take = code >= 200 && code <= 599 && mw_exchange_is_ready(r->x);
	}
	pyb_fields_fini(&f);
	Py_XDECREF(status);
	Py_XDECREF(raw);
	return take;
}

/* Alone: give the run what a layer would have passed on. False: it cannot stream, or an exception
 * is set. */
static bool
sides_make(struct pyb_run *r, PyObject *response)
{
	if (pyb_run_has_begun(r) || !layers_take(r, response))
		return false;
	if (r->asgi == NULL && (r->asgi = pyb_asgi_new(r->app, r->x)) == NULL)
		return false;
	Py_XSETREF(r->receive, pyb_asgi_receive(r->asgi));
	Py_XSETREF(r->send, pyb_asgi_send(r->asgi));
	return r->receive != NULL && r->send != NULL;
}

bool
pyb_stream_give(struct pyb_run *r, PyObject *response)
{
	PyObject *stream = NULL;

	if (r->scope != NULL || sides_make(r, response))
		stream = PyObject_CallFunctionObjArgs(r->app->st->streaming, response,
		    r->scope != NULL ? r->scope : pyb_asgi_scope(r->asgi), r->receive, r->send, NULL);
	PyErr_Clear();
	r->streams = stream != NULL && stream != Py_None;
	if (r->streams) {
		r->stream = Py_NewRef(stream);
		Py_XSETREF(r->made, Py_NewRef(response));
	}
	Py_XDECREF(stream);
	return r->streams;
}

enum pyb_coro_verdict
pyb_stream_send(struct pyb_run *r, PyObject *value, PyObject **out)
{
	*out = NULL;
	if (value == NULL)
		return PYB_CORO_ERROR;
	if (r->stream == NULL)
		return PYB_CORO_RETURN;
	*out = r->stream;
	r->stream = NULL;
	return PYB_CORO_AWAIT;
}

bool
pyb_stream_has_begun(const struct pyb_run *r)
{
	return r->x == NULL || r->x->state != HX_RUNNING || mw_exchange_is_busy(r->x) ||
	    pyb_asgi_is_answered(r->asgi);
}

void
pyb_stream_sent(struct pyb_run *r)
{
	if (r->x != NULL && r->arena == &r->own &&
	    (pyb_asgi_is_answered(r->asgi) || r->x->state == HX_DONE))
		pyb_after_begin(r);
}
