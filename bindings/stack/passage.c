/*
 * passage: the Python type Passage.
 *
 * Called by layer_run.c, reply.c, call_next.c, application.c, send.c, receive.c, listen.c and
 * race.c, and by engine/ (the type). It runs nobody's code: who waits is woken through the loop.
 */
#include "bindings/stack/passage.h"

#include <structmember.h>

#include "bindings/compat.h"
#include "bindings/loop/future.h"
#include "bindings/stack/call_next.h"
#include "bindings/stack/race.h"
#include "bindings/truth.h"

int
pyb_passage_add(PyObject **list, PyObject *item)
{
	if (*list == NULL && (*list = PyList_New(0)) == NULL)
		return -1;
	return PyList_Append(*list, item);
}

int
pyb_passage_scope(struct pyb_passage *p, PyObject *name)
{
	PyObject *done;

	if (!pyb_passage_is_scoped(p))
		return 0;
	done = PyObject_CallMethodOneArg(p->layer->ends, name, (PyObject *)p);
	Py_XDECREF(done);
	return done != NULL ? 0 : -1;
}

bool
pyb_passage_has(PyObject *list, PyObject *item)
{
	for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++)
		if (PyList_GET_ITEM(list, i) == item)
			return true;
	return false;
}

PyObject *
pyb_passage_future(struct pyb_passage *p)
{
	PyObject *args[] = { p->loop };

	return PyObject_Vectorcall(p->layer->st->future_class, args, 0, p->layer->st->kw_loop);
}

int
pyb_passage_is_cancelled(struct pyb_passage *p)
{
	struct pyb_module_state *st = p->layer->st;
	PyObject *task = PyObject_CallOneArg(st->current_task, p->loop), *value;
	int is = -1;

	if (task == NULL)
		return -1;
	if (task == Py_None) {	/* who waits has none, see compile/streams.py */
		Py_DECREF(task);
		return 0;
	}
	if (PyDict_GET_SIZE(st->cancel_scopes) > 0)
		value = PyObject_CallMethodOneArg(p->layer->ends, st->n_is_cancelled, task);
	else
		value = PyObject_GetAttr(task, st->n__must_cancel);
	if (value != NULL)
		is = PyObject_IsTrue(value);
	Py_XDECREF(value);
	Py_DECREF(task);
	return is;
}

int
pyb_passage_host_is_cancelled(struct pyb_passage *p)
{
	return pyb_passage_is_scoped(p) ? pyb_passage_is_cancelled(p) :
	    pyb_truth_of(p->host, p->layer->st->n__must_cancel);
}

/* waiter.method(value) if it is not done. 1: it was called; 0; -1 with an exception set. */
static int
settle(struct pyb_passage *p, PyObject *waiter, PyObject *method, PyObject *value)
{
	return pyb_future_resolve(p->layer->st, waiter, method, value);
}

int
pyb_passage_wake(struct pyb_passage *p, PyObject *waiter)
{
	return settle(p, waiter, p->layer->st->n_set_result, Py_None) < 0 ? -1 : 0;
}

int
pyb_passage_give(struct pyb_passage *p, PyObject *message)
{
	int given = 0;

	while (given == 0 && p->receivers != NULL && PyList_GET_SIZE(p->receivers) > 0) {
		PyObject *waiter = Py_NewRef(PyList_GET_ITEM(p->receivers, 0));

		/* It stays in the list until it is woken: its end wakes those that are there. */
		given = settle(p, waiter, p->layer->st->n_set_result, message);
		if (given >= 0 && PyList_SetSlice(p->receivers, 0, 1, NULL) < 0)
			given = -1;
		Py_DECREF(waiter);
	}
	if (given > 0)
		p->answered = 1;
	return given;
}

/* The future of an item of a list: the item itself, or that of an entry of pyb_passage_offer().
 * Borrowed. */
static PyObject *
waiter_of(PyObject *item)
{
	return PyTuple_CheckExact(item) ? PyTuple_GET_ITEM(item, 1) : item;
}

int
pyb_passage_offer(struct pyb_passage *p, PyObject *message, PyObject *waiter)
{
	PyObject *entry = PyTuple_Pack(2, message, waiter);
	int rc = entry != NULL ? pyb_passage_add(&p->senders, entry) : -1;

	Py_XDECREF(entry);
	return rc;
}

int
pyb_passage_take(struct pyb_passage *p, PyObject **message)
{
	PyObject *entry, *waiter;
	int rc;

	if (p->senders == NULL || PyList_GET_SIZE(p->senders) == 0)
		return 0;
	entry = Py_NewRef(PyList_GET_ITEM(p->senders, 0));
	waiter = waiter_of(entry);
	rc = PyList_SetSlice(p->senders, 0, 1, NULL);
	if (rc == 0 && !pyb_passage_has(p->parked, waiter))
		rc = pyb_passage_wake(p, waiter);
	if (rc == 0)
		*message = Py_NewRef(PyTuple_GET_ITEM(entry, 0));
	Py_DECREF(entry);
	return rc == 0 ? 1 : -1;
}

/* Take `waiter` out of a list of futures, or of entries with one. */
static void
take_out(PyObject *list, PyObject *waiter)
{
	for (Py_ssize_t i = list != NULL ? PyList_GET_SIZE(list) : 0; i-- > 0;) {
		if (waiter_of(PyList_GET_ITEM(list, i)) == waiter &&
		    PyList_SetSlice(list, i, i + 1, NULL) < 0)
			PyErr_Clear();
	}
}

void
pyb_passage_forget(struct pyb_passage *p, PyObject *waiter)
{
	PyObject *pending = PyErr_GetRaisedException();

	take_out(p->senders, waiter);
	take_out(p->receivers, waiter);
	take_out(p->parked, waiter);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

/* All who wait in this list of the passage get an exception of this class, or the one that
 * kept it from being made, and leave it. An exception may be pending. 0, or -1 with one set. */
static int
fail_all(struct pyb_passage *p, PyObject **list, PyObject *class)
{
	PyObject *failed = PyErr_GetRaisedException(), *waiting = *list;

	*list = NULL;
	for (Py_ssize_t i = 0; waiting != NULL && i < PyList_GET_SIZE(waiting); i++) {
		PyObject *exc = PyObject_CallNoArgs(class);

		if (exc == NULL)
			exc = PyErr_GetRaisedException();
		if (settle(p, waiter_of(PyList_GET_ITEM(waiting, i)),
		    p->layer->st->n_set_exception, exc) < 0)
			Py_XSETREF(failed, PyErr_GetRaisedException());
		Py_DECREF(exc);
	}
	Py_XDECREF(waiting);
	if (failed != NULL)
		PyErr_SetRaisedException(failed);
	return failed != NULL ? -1 : 0;
}

int
pyb_passage_close(struct pyb_passage *p)
{
	int senders, receivers;

	p->open = 0;
	senders = fail_all(p, &p->senders, p->layer->closed);
	receivers = fail_all(p, &p->receivers, p->layer->end_of_stream);
	return senders < 0 || receivers < 0 ? -1 : 0;
}

int
pyb_passage_finish(struct pyb_passage *p)
{
	PyObject *message;
	int taken;

	p->sent = 1;
	if (fail_all(p, &p->receivers, p->layer->closed) < 0 || pyb_race_cancel(p) < 0)
		return -1;
	while ((taken = pyb_passage_take(p, &message)) > 0)
		Py_DECREF(message);
	return taken;
}

int
pyb_passage_resume(struct pyb_passage *p)
{
	int rc = 0;

	for (Py_ssize_t i = 0; rc == 0 && p->parked != NULL &&
	    i < PyList_GET_SIZE(p->parked); i++) {
		PyObject *waiter = Py_NewRef(PyList_GET_ITEM(p->parked, i));

		rc = pyb_passage_wake(p, waiter);
		Py_DECREF(waiter);
	}
	return rc;
}

void
pyb_passage_end(struct pyb_passage *p)
{
	p->ended = 1;
	Py_CLEAR(p->response);
	Py_CLEAR(p->chunks);
	Py_CLEAR(p->answer);
	Py_CLEAR(p->races);
}

#define PASSAGE_OBJECTS(X) \
	X(layer) X(app) X(scope) X(receive) X(send) X(request) X(loop) X(host) X(inbox) \
	X(answer) X(response) X(chunks) X(app_exc) X(joiner) X(cancel_scope) X(senders) X(receivers) \
	X(parked) X(races) X(tasks) X(fatal)

static int
passage_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_passage *p = (struct pyb_passage *)self;

	Py_VISIT(Py_TYPE(self));
#define X(member) Py_VISIT(p->member);
	PASSAGE_OBJECTS(X)
#undef X
	return 0;
}

static int
passage_clear(PyObject *self)
{
	struct pyb_passage *p = (struct pyb_passage *)self;

#define X(member) Py_CLEAR(p->member);
	PASSAGE_OBJECTS(X)
#undef X
	return 0;
}

static void
passage_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	passage_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

struct pyb_passage *
pyb_passage_new(struct pyb_dispatch *layer, PyObject *const outer[3], PyObject *request,
    PyObject *loop, PyObject *host)
{
	PyTypeObject *type = layer->st->passage_type;
	struct pyb_passage *p = (struct pyb_passage *)type->tp_alloc(type, 0);

	if (p == NULL)
		return NULL;
	p->layer = (struct pyb_dispatch *)Py_NewRef((PyObject *)layer);
	p->scope = Py_NewRef(outer[0]);
	p->receive = Py_NewRef(outer[1]);
	p->send = Py_NewRef(outer[2]);
	p->request = Py_NewRef(request);
	p->loop = Py_NewRef(loop);
	p->host = Py_NewRef(host);
	p->open = 1;
	p->call = pyb_call_next;
	p->app = PyObject_GetAttr(layer->layer, layer->st->n_app);
	if (p->app == NULL)
		Py_CLEAR(p);
	return p;
}

/* What inspect and user code ask of a function is answered by one of Python. */
static PyObject *
passage_getattro(PyObject *self, PyObject *name)
{
	PyObject *value = PyObject_GenericGetAttr(self, name);

	if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
		return value;
	PyErr_Clear();
	return PyObject_GetAttr(((struct pyb_passage *)self)->layer->likeness, name);
}

/* resume() from Python. */
static PyObject *
passage_resume(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return pyb_passage_resume((struct pyb_passage *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef passage_methods[] = {
	{ "resume", passage_resume, METH_NOARGS,
	    "resume(): let applications go on that have sent their last message." },
	{ "take", pyb_call_next_take, METH_NOARGS,
	    "take() -> a coroutine of the stream's next message." },
	{ NULL, NULL, 0, NULL }
};

#define MEMBER(name, type, flags) { #name, type, offsetof(struct pyb_passage, name), flags, NULL }

static PyMemberDef passage_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct pyb_passage, call), READONLY,
	    NULL },
	MEMBER(app, T_OBJECT, READONLY), MEMBER(scope, T_OBJECT, READONLY),
	MEMBER(loop, T_OBJECT, READONLY), MEMBER(host, T_OBJECT, READONLY),
	MEMBER(answer, T_OBJECT, READONLY), MEMBER(tasks, T_OBJECT, READONLY),
	MEMBER(receive, T_OBJECT, READONLY), MEMBER(request, T_OBJECT, READONLY),
	MEMBER(fatal, T_OBJECT, READONLY), MEMBER(live, T_PYSSIZET, READONLY),
	MEMBER(cancel_scope, T_OBJECT, 0), MEMBER(joiner, T_OBJECT, 0), MEMBER(sent, T_BOOL, 0),
	MEMBER(ended, T_BOOL, 0), MEMBER(begun, T_BOOL, 0), MEMBER(aborting, T_BOOL, 0),
	MEMBER(revoked, T_BOOL, 0), MEMBER(listened, T_BOOL, 0),
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot passage_slots[] = {
	{ Py_tp_dealloc, passage_dealloc },
	{ Py_tp_traverse, passage_traverse },
	{ Py_tp_clear, passage_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_getattro, passage_getattro },
	{ Py_tp_methods, passage_methods },
	{ Py_tp_members, passage_members },
	{ Py_tp_doc, "call_next(request): let the layers within answer." },
	{ 0, NULL }
};

static PyType_Spec passage_spec = {
	.name = "fastrapi._engine.Passage",
	.basicsize = sizeof(struct pyb_passage),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = passage_slots,
};

PyTypeObject *
pyb_passage_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &passage_spec, NULL);
}
