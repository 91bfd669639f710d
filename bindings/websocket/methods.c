/*
 * methods: the Python type WebSocketMethods.
 *
 * Called by engine/ (the type), take.c and give.c. Its methods are what the functions of Starlette's
 * WebSocket call once python/fastrapi/compile/websockets.py has seen that they are as it knows them.
 * Whether the usual case is given is looked at when the coroutine makes its first step, as Starlette's
 * would; the call itself only looks whose socket it is.
 */
#include "bindings/websocket/methods.h"

#include <structmember.h>

#include "bindings/compat.h"
#include "bindings/loop/loop.h"
#include "bindings/websocket/internal.h"

static void
call_release(void *arg)
{
	struct pyb_method_call *call = arg;

	Py_DECREF(call->socket);
	Py_XDECREF(call->data);
	Py_XDECREF((PyObject *)call->w);
	Py_DECREF(call->m);
	PyMem_Free(call);
}

static int
call_traverse(void *of, visitproc visit, void *arg)
{
	struct pyb_method_call *call = of;

	Py_VISIT(call->m);
	Py_VISIT(call->socket);
	Py_VISIT(call->data);
	Py_VISIT(call->w);
	return 0;
}

#define TAKES(name) { "WebSocket." name, pyb_take_step, call_release, call_traverse }
#define GIVES(name) { "WebSocket." name, pyb_give_step, call_release, call_traverse }

static const struct pyb_coro_class classes[PYB_METHODS] = {
	[PYB_METHOD_RECEIVE] = TAKES("receive"),
	[PYB_METHOD_RECEIVE_TEXT] = TAKES("receive_text"),
	[PYB_METHOD_RECEIVE_BYTES] = TAKES("receive_bytes"),
	[PYB_METHOD_RECEIVE_JSON] = TAKES("receive_json"),
	[PYB_METHOD_SEND] = GIVES("send"),
	[PYB_METHOD_SEND_TEXT] = GIVES("send_text"),
	[PYB_METHOD_SEND_BYTES] = GIVES("send_bytes"),
	[PYB_METHOD_SEND_JSON] = GIVES("send_json"),
};

/* Is the socket one that C can serve, as far as a call has to know? */
static bool
is_served(const struct pyb_methods *m, enum pyb_method method, PyObject *socket)
{
	struct pyb_module_state *st = m->st;
	struct pyb_websocket *w;
	bool debug;

	if (!PyObject_TypeCheck(socket, m->class) ||
	    Py_TYPE(socket)->tp_getattro != PyObject_GenericGetAttr)
		return false;
	w = pyb_method_websocket(m, method, socket);
	if (w == NULL)
		return false;
	/* In debug mode a coroutine knows where it was made. */
	debug = w->local->loop == NULL || ((struct pyb_loop *)w->local->loop)->debug;
	Py_DECREF(w);
	if (debug)
		return false;
	/* Of these the first and the last message is Starlette's. */
	if (method == PYB_METHOD_RECEIVE)
		return pyb_method_has(socket, st->n_client_state, m->connected);
	return method != PYB_METHOD_SEND || pyb_method_has(socket, st->n_application_state, m->connected);
}

/* A call with these arguments, the socket first. */
static PyObject *
call(PyObject *self, enum pyb_method method, PyObject *const *args, Py_ssize_t n)
{
	struct pyb_methods *m = (struct pyb_methods *)self;
	struct pyb_method_call *made;
	bool json = method == PYB_METHOD_RECEIVE_JSON || method == PYB_METHOD_SEND_JSON;
	Py_ssize_t used = pyb_method_takes(method) ? 1 : 2;

	if (n != used + json || (json && !PyUnicode_CheckExact(args[used])) ||
	    (json && PyUnicode_Compare(args[used], m->st->n_text) != 0) ||
	    !is_served(m, method, args[0]) || (made = PyMem_Malloc(sizeof(*made))) == NULL) {
		m->handed_on++;
		return PyObject_Vectorcall(m->original[method], args, (size_t)n, NULL);
	}
	*made = (struct pyb_method_call){
		.m = (struct pyb_methods *)Py_NewRef(self),
		.method = method,
		.socket = Py_NewRef(args[0]),
		.data = used > 1 ? Py_NewRef(args[1]) : NULL,
	};
	return pyb_coro_new_like(m->st, &classes[method], made);
}

static PyObject *
methods_receive(PyObject *self, PyObject *socket)
{
	return call(self, PYB_METHOD_RECEIVE, &socket, 1);
}

static PyObject *
methods_receive_text(PyObject *self, PyObject *socket)
{
	return call(self, PYB_METHOD_RECEIVE_TEXT, &socket, 1);
}

static PyObject *
methods_receive_bytes(PyObject *self, PyObject *socket)
{
	return call(self, PYB_METHOD_RECEIVE_BYTES, &socket, 1);
}

static PyObject *
methods_receive_json(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return call(self, PYB_METHOD_RECEIVE_JSON, args, n);
}

static PyObject *
methods_send(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return call(self, PYB_METHOD_SEND, args, n);
}

static PyObject *
methods_send_text(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return call(self, PYB_METHOD_SEND_TEXT, args, n);
}

static PyObject *
methods_send_bytes(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return call(self, PYB_METHOD_SEND_BYTES, args, n);
}

static PyObject *
methods_send_json(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return call(self, PYB_METHOD_SEND_JSON, args, n);
}

/* The functions of a dict, by the names of the methods. 0, or -1 with an exception set. */
static int
functions_take(PyObject **functions, PyObject *by_name)
{
	for (int i = 0; i < PYB_METHODS; i++) {
		PyObject *found = PyMapping_GetItemString(by_name, strchr(classes[i].name, '.') + 1);

		if (found == NULL)
			return -1;
		functions[i] = found;
	}
	return 0;
}

/* WebSocketMethods(class, own, originals, relay, relayed, globals) */
static PyObject *
methods_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	PyObject *class, *own, *originals, *states, *relay, *globals;
	struct pyb_methods *m;
	Py_ssize_t relayed;

	if (!PyArg_ParseTuple(args, "O!OOO!nO!:WebSocketMethods", &PyType_Type, &class, &own, &originals,
	    &PyCode_Type, &relay, &relayed, &PyDict_Type, &globals))
		return NULL;
	m = (struct pyb_methods *)type->tp_alloc(type, 0);
	if (m == NULL)
		return NULL;
	m->st = PyType_GetModuleState(type);
	m->class = (PyTypeObject *)Py_NewRef(class);
	m->relay = Py_NewRef(relay);
	m->relayed = relayed;
	m->globals = Py_NewRef(globals);
	m->asks = PyObject_GetAttr(class, m->st->n__raise_on_disconnect);
	m->disconnect = PyMapping_GetItemString(globals, "WebSocketDisconnect");
	states = PyMapping_GetItemString(globals, "WebSocketState");
	if (states != NULL) {
		m->connected = PyObject_GetAttrString(states, "CONNECTED");
		m->disconnected = PyObject_GetAttrString(states, "DISCONNECTED");
		Py_DECREF(states);
	}
	if (m->asks == NULL || m->disconnect == NULL || m->connected == NULL || m->disconnected == NULL ||
	    functions_take(m->own, own) < 0 || functions_take(m->original, originals) < 0)
		Py_CLEAR(m);
	return (PyObject *)m;
}

static int
methods_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_methods *m = (struct pyb_methods *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(m->class);
	for (int i = 0; i < PYB_METHODS; i++) {
		Py_VISIT(m->own[i]);
		Py_VISIT(m->original[i]);
	}
	Py_VISIT(m->asks);
	Py_VISIT(m->connected);
	Py_VISIT(m->disconnected);
	Py_VISIT(m->disconnect);
	Py_VISIT(m->globals);
	return 0;
}

static int
methods_clear(PyObject *self)
{
	struct pyb_methods *m = (struct pyb_methods *)self;

	Py_CLEAR(m->class);
	for (int i = 0; i < PYB_METHODS; i++) {
		Py_CLEAR(m->own[i]);
		Py_CLEAR(m->original[i]);
	}
	Py_CLEAR(m->asks);
	Py_CLEAR(m->connected);
	Py_CLEAR(m->disconnected);
	Py_CLEAR(m->disconnect);
	Py_CLEAR(m->relay);
	Py_CLEAR(m->globals);
	return 0;
}

static void
methods_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	methods_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

#define OF_MORE(name) { #name, (PyCFunction)(void (*)(void))methods_##name, METH_FASTCALL, NULL }

static PyMethodDef methods_methods[] = {
	{ "receive", methods_receive, METH_O, NULL },
	{ "receive_text", methods_receive_text, METH_O, NULL },
	{ "receive_bytes", methods_receive_bytes, METH_O, NULL },
	OF_MORE(receive_json), OF_MORE(send), OF_MORE(send_text), OF_MORE(send_bytes), OF_MORE(send_json),
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef methods_members[] = {
	{ "done", T_ULONGLONG, offsetof(struct pyb_methods, done), READONLY, NULL },
	{ "handed_on", T_ULONGLONG, offsetof(struct pyb_methods, handed_on), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot methods_slots[] = {
	{ Py_tp_new, methods_new },
	{ Py_tp_dealloc, methods_dealloc },
	{ Py_tp_traverse, methods_traverse },
	{ Py_tp_clear, methods_clear },
	{ Py_tp_methods, methods_methods },
	{ Py_tp_members, methods_members },
	{ Py_tp_doc, "What the functions of Starlette's WebSocket call." },
	{ 0, NULL }
};

static PyType_Spec methods_spec = {
	.name = "fastrapi._engine.WebSocketMethods",
	.basicsize = sizeof(struct pyb_methods),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = methods_slots,
};

PyTypeObject *
pyb_methods_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &methods_spec, NULL);
}
