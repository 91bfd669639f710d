/*
 * raised: from an exception to FastAPI's answer.
 *
 * Called by finish.c, in the request's context, and by alone.c, form.c and stack/ before user code.
 * The handler is looked for as Starlette's wrap_app_handling_exceptions() does. Only the commonest
 * answers of FastAPI's handlers are written here: a text as detail, a status of an error and no
 * headers; errors that are plain data. FastAPI's own functions make all others. It must never call
 * a handler of the user's.
 */
#include "bindings/plan/raised.h"

#include "base/must.h"
#include "bindings/plan/give.h"

enum { INVALID = 422 };

/* Has user code begun an answer, through the `send` of its Request? Starlette has rules of
 * its own for an exception then. */
static bool
begun(const struct pyb_run *r)
{
	/* Behind a layer the messages go out as Starlette's do: the layer sees both answers. */
	return r->scope == NULL && pyb_run_has_begun(r);
}

/* exc.status_code of an HTTPException. New reference; NULL without an exception: it is no
 * HTTPException; else with one set. */
static PyObject *
status_get(struct pyb_run *r, PyObject *exc)
{
	PyTypeObject *base = (PyTypeObject *)r->binding->answers.http_exception;

	if (!PyType_IsSubtype(Py_TYPE(exc), base))
		return NULL;
	return PyObject_GetAttr(exc, r->app->st->n_status_code);
}

/* {"detail": detail} with that status, if JSONResponse writes it as bindings/json.h does.
 * False: nothing was sent; an exception may be set. */
static bool
detail_answer(struct pyb_run *r, PyObject *detail, int status)
{
	PyObject *content = PyDict_New();
	bool sent = content != NULL &&
	    PyDict_SetItem(content, r->app->st->n_detail, detail) == 0 &&
	    pyb_give_json(r, content, status);

	Py_XDECREF(content);
	return sent;
}

/* exc.detail, when it is a text, the status is an error's and there are no
 * headers. False: nothing was sent; an exception may be set. */
static bool
text_answer(struct pyb_run *r, PyObject *exc, PyObject *status)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *detail = NULL, *headers = NULL;
	long code = PyLong_CheckExact(status) ? PyLong_AsLong(status) : 0;
	bool sent = false;

	if (code < 400 || code > 599)
		return false;
	headers = PyObject_GetAttr(exc, st->n_headers);
	if (headers != Py_None)
		goto done;
	detail = PyObject_GetAttr(exc, st->n_detail);
	if (detail != NULL && PyUnicode_CheckExact(detail))
		sent = detail_answer(r, detail, (int)code);
done:
	Py_XDECREF(detail);
	Py_XDECREF(headers);
	return sent;
}

/* The errors of a RequestValidationError, when they are plain data. False: nothing was
 * sent; an exception may be set. */
static bool
errors_answer(struct pyb_run *r, PyObject *exc)
{
	PyObject *errors;
	bool sent;

	if ((PyObject *)Py_TYPE(exc) != r->binding->answers.validation_error)
		return false;
	errors = PyObject_CallMethodNoArgs(exc, r->app->st->n_errors);
	sent = errors != NULL && detail_answer(r, errors, INVALID);
	Py_XDECREF(errors);
	return sent;
}

/* What the handler returns, sent. False: nothing was sent; an exception may be set. */
static bool
handler_answer(struct pyb_run *r, PyObject *handler, PyObject *exc)
{
	PyObject *args[] = { handler, exc };
	PyObject *response = PyObject_Vectorcall(r->binding->answers.handled, args, 2, NULL);
	bool sent = response != NULL && pyb_give_response(r, response, false);

	Py_XDECREF(response);
	return sent;
}

bool
pyb_raised_answer(struct pyb_run *r, PyObject *exc)
{
	const struct pyb_answers *a = &r->binding->answers;
	PyObject *status, *handler = NULL;
	bool sent = false;

	must(!PyErr_Occurred());
	if (a->handled == NULL || begun(r) || (r->plan->flags & SHM_PLAN_F_FOREIGN) ||
	    !PyErr_GivenExceptionMatches(exc, PyExc_Exception))
		return false;
	status = status_get(r, exc);
	if (!PyErr_Occurred())
		handler = Py_XNewRef(pyb_answers_handler(a, Py_TYPE(exc), status));
	if (a->json_text != Py_True)
		;	/* FastAPI's handlers write something else */
	else if (handler == a->http_handler && status != NULL)
		sent = text_answer(r, exc, status);
	else if (handler == a->validation_handler)
		sent = errors_answer(r, exc);
	PyErr_Clear();
	if (!sent && (handler == a->http_handler || handler == a->validation_handler))
		sent = handler_answer(r, handler, exc);
	PyErr_Clear();
	if (sent && a->forgets_traceback == Py_True &&
	    PyException_SetTraceback(exc, Py_None) < 0)
		PyErr_Clear();
	Py_XDECREF(handler);
	Py_XDECREF(status);
	return sent;
}

bool
pyb_raised_errors(struct pyb_run *r)
{
	const struct pyb_answers *a = &r->binding->answers;
	PyObject *errors, *exc = NULL;
	bool sent = false;

	must(r->errors != NULL && a->handled != NULL && !begun(r));
	errors = PyObject_CallMethodOneArg(pyb_run_helper(r), r->app->st->n_request_errors,
	    r->errors);
	if (errors != NULL && a->json_text == Py_True)
		sent = detail_answer(r, errors, INVALID);
	PyErr_Clear();
	if (!sent && errors != NULL)
		exc = PyObject_CallOneArg(a->validation_error, errors);
	if (exc != NULL)
		sent = handler_answer(r, a->validation_handler, exc);
	PyErr_Clear();
	Py_XDECREF(exc);
	Py_XDECREF(errors);
	return sent;
}
