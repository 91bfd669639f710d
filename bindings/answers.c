/*
 * answers: take the compiler's answers, and look for handlers as Starlette does.
 *
 * Called by bindings/binding.c, which owns them, and by plan/read.c, plan/raised.c, plan/mounted.c
 * and plan/router.c. Handlers are looked up at each request, because an application can change its
 * dicts at any time. Nothing here may call a handler.
 */
#include "bindings/answers.h"

#include <stdlib.h>

#include "base/must.h"

/* Is it what the members are taken for without a look? 0, or -1 with an exception set. */
static int
answers_check(const struct pyb_answers *a, uint32_t n_routes)
{
	if (PyDict_Check(a->exception_handlers) && PyDict_Check(a->status_handlers) &&
	    PyType_Check(a->http_exception) && PyType_Check(a->validation_error) &&
	    PyTuple_CheckExact(a->not_allowed) &&
	    (size_t)PyTuple_GET_SIZE(a->not_allowed) == n_routes)
		return 0;
	PyErr_SetString(PyExc_TypeError, "the answers are not the compiler's");
	return -1;
}

/* Take (first, redirects, layered) of each mount. 0, or -1 with an exception set. */
static int
inside_take(struct pyb_answers *a, PyObject *source, uint32_t n_routes)
{
	PyObject *all = PyObject_GetAttrString(source, "inside");
	int rc = 0;

	if (all == NULL)
		return -1;
	a->inside = calloc((size_t)n_routes + 1, sizeof(*a->inside));
	if (a->inside == NULL)
		PyErr_NoMemory();
	else if (!PyTuple_CheckExact(all) || (size_t)PyTuple_GET_SIZE(all) != n_routes)
		PyErr_SetString(PyExc_TypeError, "the mounts are not the compiler's");
	for (uint32_t i = 0; !PyErr_Occurred() && i < n_routes; i++) {
		PyObject *item = PyTuple_GET_ITEM(all, (Py_ssize_t)i);
		int redirects, layered;

		if (item == Py_None)
			continue;
		if (PyArg_Parse(item, "(Ipp)", &a->inside[i].first, &redirects, &layered)) {
			a->inside[i].redirects = redirects != 0;
			a->inside[i].layered = layered != 0;
			a->inside[i].known = a->inside[i].first <= i;
		}
	}
	if (PyErr_Occurred())
		rc = -1;
	Py_DECREF(all);
	return rc;
}

int
pyb_answers_init(struct pyb_answers *a, PyObject *source, uint32_t n_routes)
{
	*a = (struct pyb_answers){ 0 };
	if (source == Py_None)
		return 0;
#define TAKE(member) ((a->member = PyObject_GetAttrString(source, #member)) == NULL)
	if (TAKE(exception_handlers) || TAKE(status_handlers) || TAKE(http_exception) ||
	    TAKE(http_handler) || TAKE(validation_error) ||
	    TAKE(validation_handler) || TAKE(handled) ||
	    TAKE(json_text) || TAKE(forgets_traceback) || TAKE(not_found) ||
	    TAKE(not_allowed) || TAKE(redirect) ||
	    TAKE(within) || inside_take(a, source, n_routes) < 0)
		return -1;
#undef TAKE
	return answers_check(a, n_routes);
}

void
pyb_answers_fini(struct pyb_answers *a)
{
	Py_CLEAR(a->exception_handlers);
	Py_CLEAR(a->status_handlers);
	Py_CLEAR(a->http_exception);
	Py_CLEAR(a->http_handler);
	Py_CLEAR(a->validation_error);
	Py_CLEAR(a->validation_handler);
	Py_CLEAR(a->handled);
	Py_CLEAR(a->json_text);
	Py_CLEAR(a->forgets_traceback);
	Py_CLEAR(a->not_found);
	Py_CLEAR(a->not_allowed);
	Py_CLEAR(a->redirect);
	Py_CLEAR(a->within);
	free(a->inside);
	a->inside = NULL;
}

int
pyb_answers_traverse(struct pyb_answers *a, visitproc visit, void *arg)
{
	Py_VISIT(a->exception_handlers);
	Py_VISIT(a->status_handlers);
	Py_VISIT(a->http_exception);
	Py_VISIT(a->http_handler);
	Py_VISIT(a->validation_error);
	Py_VISIT(a->validation_handler);
	Py_VISIT(a->handled);
	Py_VISIT(a->json_text);
	Py_VISIT(a->forgets_traceback);
	Py_VISIT(a->not_found);
	Py_VISIT(a->not_allowed);
	Py_VISIT(a->redirect);
	Py_VISIT(a->within);
	return 0;
}

PyObject *
pyb_answers_handler(const struct pyb_answers *a, PyTypeObject *class, PyObject *status)
{
	PyObject *handler = NULL, *mro = class->tp_mro;

	must(a->exception_handlers != NULL && mro != NULL);
	if (status != NULL)
		handler = PyDict_GetItemWithError(a->status_handlers, status);
	for (Py_ssize_t i = 0; handler == NULL && !PyErr_Occurred() &&
	    i < PyTuple_GET_SIZE(mro); i++)
		handler = PyDict_GetItemWithError(a->exception_handlers,
		    PyTuple_GET_ITEM(mro, i));
	PyErr_Clear();
	return handler;
}

bool
pyb_answers_http(const struct pyb_answers *a, long status)
{
	PyObject *number = PyLong_FromLong(status);
	bool own;

	if (number == NULL) {
		PyErr_Clear();
		return false;
	}
	own = pyb_answers_handler(a, (PyTypeObject *)a->http_exception, number) ==
	    a->http_handler;
	Py_DECREF(number);
	return own;
}

bool
pyb_answers_invalid(const struct pyb_answers *a)
{
	return a->validation_error != NULL &&
	    pyb_answers_handler(a, (PyTypeObject *)a->validation_error, NULL) ==
	    a->validation_handler;
}
