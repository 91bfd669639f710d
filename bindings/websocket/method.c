/*
 * method: is a call of a method of Starlette's WebSocket as nearly all are?
 *
 * Called by broadcast.c, methods.c, take.c and give.c. All is looked up as Starlette's own code does it,
 * in the object first and then in its class, so that whatever user code has put there is found; nothing is
 * kept from one call to the next.
 */
#include "bindings/compat.h"
#include "bindings/websocket/internal.h"
#include "bindings/websocket/methods.h"

bool
pyb_method_has(PyObject *object, PyObject *name, PyObject *value)
{
	PyObject *found = NULL;

	if (PyObject_GetOptionalAttr(object, name, &found) < 0)
		PyErr_Clear();
	Py_XDECREF(found);
	return found == value;
}

bool
pyb_method_is(PyObject *socket, PyObject *name, PyObject *function)
{
	PyObject *found = NULL;
	bool is;

	if (PyObject_GetOptionalAttr(socket, name, &found) < 0)
		PyErr_Clear();
	is = found != NULL && PyMethod_Check(found) && PyMethod_GET_FUNCTION(found) == function &&
	    PyMethod_GET_SELF(found) == socket;
	Py_XDECREF(found);
	return is;
}

struct pyb_websocket *
pyb_method_server(PyObject *callable, PyCFunction own, PyObject *relay, Py_ssize_t relayed)
{
	while (callable != NULL && PyFunction_Check(callable) && PyFunction_GET_CODE(callable) == relay) {
		PyObject *cells = PyFunction_GET_CLOSURE(callable);

		callable = PyCell_GET(PyTuple_GET_ITEM(cells, relayed));
	}
	if (callable == NULL || !PyCFunction_CheckExact(callable) ||
	    PyCFunction_GET_FUNCTION(callable) != own)
		return NULL;
	return (struct pyb_websocket *)PyCFunction_GET_SELF(callable);
}

bool
pyb_method_takes(enum pyb_method method)
{
	return method <= PYB_METHOD_RECEIVE_JSON;
}

struct pyb_websocket *
pyb_method_websocket(const struct pyb_methods *m, enum pyb_method method, PyObject *socket)
{
	PyObject *found = NULL;
	struct pyb_websocket *w;
	bool takes = pyb_method_takes(method);
	PyCFunction own = takes ? pyb_websocket_method_receive : pyb_websocket_method_send;

	if (PyObject_GetOptionalAttr(socket, takes ? m->st->n__receive : m->st->n__send, &found) < 0)
		PyErr_Clear();
	w = pyb_method_server(found, own, m->relay, m->relayed);
	Py_XINCREF((PyObject *)w);
	Py_XDECREF(found);
	return w;
}

struct pyb_websocket *
pyb_method_usable(const struct pyb_method_call *call)
{
	const struct pyb_methods *m = call->m;
	struct pyb_module_state *st = m->st;
	PyObject *socket = call->socket;
	enum pyb_method method = call->method;
	bool takes = pyb_method_takes(method);

	if (takes && !pyb_method_has(socket, st->n_client_state, m->connected))
		return NULL;
	if (method == PYB_METHOD_RECEIVE)
		return pyb_method_websocket(m, method, socket);
	if (!pyb_method_has(socket, st->n_application_state, m->connected))
		return NULL;
	if (takes && !pyb_method_is(socket, st->n_receive, m->own[PYB_METHOD_RECEIVE]))
		return NULL;
	if (!takes && method != PYB_METHOD_SEND &&
	    !pyb_method_is(socket, st->n_send, m->own[PYB_METHOD_SEND]))
		return NULL;
	return pyb_method_websocket(m, method, socket);
}

bool
pyb_method_asks_itself(const struct pyb_method_call *call)
{
	return pyb_method_is(call->socket, call->m->st->n__raise_on_disconnect, call->m->asks);
}

enum pyb_coro_verdict
pyb_method_hand_on(struct pyb_method_call *call, PyObject **out)
{
	struct pyb_methods *m = call->m;
	PyObject *arguments[] = { call->socket, call->data };

	call->handed_on = true;
	m->handed_on++;
	*out = PyObject_Vectorcall(m->original[call->method], arguments, call->data != NULL ? 2 : 1, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

enum pyb_coro_verdict
pyb_method_handed_on(PyObject *value, PyObject **out)
{
	if (value == NULL)
		return PYB_CORO_ERROR;
	*out = Py_NewRef(value);
	return PYB_CORO_RETURN;
}

PyObject *
pyb_method_json(struct pyb_methods *m, PyObject *name)
{
	PyObject *json = PyDict_GetItemWithError(m->globals, m->st->n_json);

	if (json == NULL) {
		if (!PyErr_Occurred())
			PyErr_SetObject(PyExc_NameError, m->st->n_json);
		return NULL;
	}
	return PyObject_GetAttr(json, name);
}
