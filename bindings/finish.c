/*
 * finish: answers and resumptions.
 *
 * Called by direct.c on the loop's thread. After user code has begun there is
 * no replay.
 */
#include "bindings/finish.h"

#include "bindings/compat.h"
#include "bindings/result.h"

void
pyb_finish_answer(struct pyb_run *r, bool returned)
{
	PyObject *response = NULL;
	enum pyb_result_verdict verdict = PYB_RESULT_ERROR;

	if (returned)
		verdict = pyb_result_answer(r, &response);
	if (verdict == PYB_RESULT_RESPONSE)
		r->outcome = response;
	else if (verdict == PYB_RESULT_ERROR)
		r->outcome = PyErr_GetRaisedException();
}

static struct pyb_asgi *
asgi_get(struct pyb_run *r)
{
	if (r->asgi == NULL)
		r->asgi = pyb_asgi_new(r->app, r->x);
	return r->asgi;
}

PyObject *
pyb_finish_resume(struct pyb_run *r)
{
	PyObject *receive = NULL, *send = NULL, *coro = NULL, *outcome = r->outcome;

	r->outcome = NULL;
	if (asgi_get(r) != NULL) {
		pyb_asgi_begin(r->asgi);
		receive = pyb_asgi_receive(r->asgi);
		send = pyb_asgi_send(r->asgi);
	}
	if (receive != NULL && send != NULL)
		coro = PyObject_CallFunctionObjArgs(r->binding->resume,
		    pyb_asgi_scope(r->asgi), receive, send, outcome, NULL);
	Py_XDECREF(receive);
	Py_XDECREF(send);
	Py_DECREF(outcome);
	return coro;
}

void
pyb_finish_resume_start(struct pyb_run *r)
{
	PyObject *outcome = r->outcome;

	r->outcome = NULL;
	if (asgi_get(r) != NULL)
		pyb_asgi_start((struct pyb_asgi *)Py_NewRef((PyObject *)r->asgi),
		    r->binding->resume, outcome, r->context);
	else
		pyb_asgi_lost(r->app, r->x);
	Py_DECREF(outcome);
}

void
pyb_finish_resumed(struct pyb_run *r, PyObject *value)
{
	if (r->asgi != NULL)
		pyb_asgi_finish(r->asgi, value);
	else
		pyb_asgi_lost(r->app, r->x);
}
