/*
 * filter: the Python type Filter.
 *
 * Called by stretch.c, by carry.c and by engine/ (the type). A request goes forward once; each call
 * makes a coroutine that delivers one message. Nothing is done to a message before that is
 * awaited.
 */
#include "bindings/stack/filter.h"

#include <structmember.h>

#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/session.h"
#include "bindings/stack/edit.h"
#include "bindings/stack/work.h"

enum { ARENA_BYTES = 1024 };

/* Where Starlette's classes make the scope's list a new one, so does this. 0, or -1 with an
 * exception set. */
static int
scope_list_take(struct pyb_filter *f, PyObject *scope)
{
	struct pyb_module_state *st = f->stretch->st;
	PyObject *list = PyDict_GetItemWithError(scope, st->n_headers);

	if (f->pass.met < (size_t)f->stretch->copies) {
		f->list = Py_XNewRef(list);
		return 0;
	}
	f->list = pyb_compat_list(f->fields);
	return f->list == NULL ? -1 : PyDict_SetItem(scope, st->n_headers, f->list);
}

/* The answer of a layer as messages. False: only Starlette's class knows it. */
static bool
answer_make(struct pyb_filter *f, const struct mw_request *r, struct pyb_messages *m)
{
	struct hx_piece content = { .release = NULL };
	PyObject *status, *fields, *body = NULL;
	struct mw_answer a;

	if (mw_answer_init(&a, &f->arena, 0, NULL, 0) < 0 ||
	    mw_chain_answer(&f->pass, r, &a, &content.bytes) < 0 ||
	    !mw_chain_takes(&f->pass, &a, content.bytes.len) ||
	    mw_chain_piece(&f->pass, &a, &content, true) < 0) {
		hx_exchange_piece_drop(content);
		return false;
	}
	status = PyLong_FromLong(a.status);
	fields = status != NULL ? pyb_view_fields(&a, NULL) : NULL;
	if (fields != NULL)
		body = PyBytes_FromStringAndSize(content.bytes.ptr, (Py_ssize_t)content.bytes.len);
	hx_exchange_piece_drop(content);
	if (body != NULL)
		return pyb_messages_fill(f->stretch->st, m, status, fields, body) == 0;
	Py_XDECREF(status);
	Py_XDECREF(fields);
	return false;
}

enum mw_verdict
pyb_filter_forward(struct pyb_filter *f, PyObject *scope, struct pyb_messages *answer)
{
	enum mw_verdict verdict = MW_UNSURE;
	struct pyb_view v;

	if (pyb_view_open(f->stretch->st, scope, &f->arena, &v)) {
		f->fields = Py_NewRef(v.fields);
		verdict = mw_chain_forward(&f->pass, &f->stretch->layers.chain, &v.r, &f->arena);
	}
	if (verdict == MW_ANSWER && !answer_make(f, &v.r, answer))
		verdict = MW_UNSURE;
	if (verdict != MW_UNSURE && (scope_list_take(f, scope) < 0 ||
	    pyb_session_show(f->stretch->st, f->pass.session, scope) < 0))
		verdict = MW_UNSURE;
	f->scope = Py_NewRef(scope);
	pyb_view_close(&v);
	PyErr_Clear();
	return verdict;
}

bool
pyb_filter_is_bare(const struct pyb_filter *f)
{
	return f->begun && !f->stretch->holds && f->relay == NULL;
}

/* Let the relay have the message, after the start that was held. The awaitable; NULL with an
 * exception set. */
static PyObject *
relay_send(struct pyb_filter *f, PyObject *message)
{
	PyObject *args[] = { NULL, NULL }, *sent;
	size_t n = 0;

	if (f->relay == NULL)
		f->relay = PyObject_CallFunctionObjArgs(f->stretch->relay, f->scope, f->list,
		    f->fields, f->send, NULL);
	if (f->relay == NULL)
		return NULL;
	if (f->held != NULL)
		args[n++] = f->held;
	args[n++] = message;
	sent = PyObject_Vectorcall(f->relay, args, n, NULL);
	Py_CLEAR(f->held);
	return sent;
}

/* One call of a Filter. */
struct delivery {
	struct pyb_filter *filter;	/* strong */
	PyObject *message;
	enum { TAKE, TURN, WORK, HEAD, LAST } phase;
	bool works;			/* the filter's work is this call's */
};

static enum pyb_coro_verdict
send_on(struct delivery *d, PyObject *message, PyObject **out)
{
	*out = PyObject_CallOneArg(d->filter->send, message);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* Hand on the start that was held; the message follows. */
static enum pyb_coro_verdict
send_held(struct delivery *d, PyObject **out)
{
	PyObject *held = d->filter->held;
	enum pyb_coro_verdict verdict;

	d->filter->held = NULL;
	d->phase = HEAD;
	verdict = send_on(d, held, out);
	Py_DECREF(held);
	return verdict;
}

/* Starlette has a checkpoint before it asks a thread. */
static enum pyb_coro_verdict
work_wait(struct delivery *d, PyObject **out)
{
	d->works = true;
	d->phase = TURN;
	*out = PyObject_CallNoArgs(d->filter->stretch->st->turn);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
message_go(struct delivery *d, enum pyb_fate fate, PyObject **out)
{
	d->phase = LAST;
	switch (fate) {
	case PYB_FATE_ON:
		return send_on(d, d->message, out);
	case PYB_FATE_ON_HELD:
		return send_held(d, out);
	case PYB_FATE_KEPT:
		*out = Py_NewRef(Py_None);
		return PYB_CORO_RETURN;
	case PYB_FATE_WORK:
		return work_wait(d, out);
	case PYB_FATE_RELAYED:
		*out = relay_send(d->filter, d->message);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	case PYB_FATE_FAILED:
		break;
	}
	return PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
delivery_begin(struct delivery *d, PyObject **out)
{
	if (d->filter->work == NULL)
		return message_go(d, pyb_edit_message(d->filter, d->message), out);
	*out = pyb_work_wait(d->filter);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
worked(struct delivery *d, PyObject **out)
{
	d->works = false;
	return message_go(d, pyb_edit_worked(d->filter, d->message), out);
}

static enum pyb_coro_verdict
work_begin(struct delivery *d, PyObject **out)
{
	int done = pyb_work_begin(d->filter, out);

	d->phase = WORK;
	if (done > 0)
		return worked(d, out);
	return done == 0 ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
delivery_step(void *arg, PyObject *value, PyObject **out)
{
	struct delivery *d = arg;

	if (value == NULL)
		return PYB_CORO_ERROR;
	switch (d->phase) {
	case TAKE:
		return delivery_begin(d, out);
	case TURN:
		return work_begin(d, out);
	case WORK:
		return worked(d, out);
	case HEAD:
		d->phase = LAST;
		return send_on(d, d->message, out);
	case LAST:
		break;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

static void
delivery_release(void *arg)
{
	struct delivery *d = arg;

	if (d->works)
		pyb_work_leave(d->filter);
	Py_CLEAR(d->filter);
	Py_CLEAR(d->message);
	PyMem_Free(d);
}

static int
delivery_traverse(void *arg, visitproc visit, void *varg)
{
	struct delivery *d = arg;

	return visit((PyObject *)d->filter, varg) != 0 || visit(d->message, varg) != 0;
}

/* filter(message) */
static PyObject *
filter_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	static const struct pyb_coro_class class = {
		"send", delivery_step, delivery_release, delivery_traverse
	};
	struct delivery *d;

	if (PyVectorcall_NARGS(nargsf) + (names != NULL ? PyTuple_GET_SIZE(names) : 0) != 1)
		return PyErr_Format(PyExc_TypeError, "send() wants a message");
	d = PyMem_Calloc(1, sizeof(*d));
	if (d == NULL)
		return PyErr_NoMemory();
	d->filter = (struct pyb_filter *)Py_NewRef(self);
	d->message = Py_NewRef(args[0]);
	return pyb_coro_new(d->filter->stretch->st, &class, d);
}

struct pyb_filter *
pyb_filter_new(struct pyb_stretch *s, PyObject *send)
{
	struct pyb_filter *f = PyObject_GC_New(struct pyb_filter, s->st->filter_type);

	if (f == NULL)
		return NULL;
	memset((char *)f + sizeof(PyObject), 0, sizeof(*f) - sizeof(PyObject));
	arena_init(&f->arena, ARENA_BYTES);
	f->stretch = (struct pyb_stretch *)Py_NewRef((PyObject *)s);
	f->send = Py_NewRef(send);
	f->call = filter_call;
	PyObject_GC_Track((PyObject *)f);
	return f;
}

static int
filter_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_filter *f = (struct pyb_filter *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(f->stretch);
	Py_VISIT(f->send);
	Py_VISIT(f->fields);
	Py_VISIT(f->list);
	Py_VISIT(f->head.list);
	Py_VISIT(f->head.pairs);
	Py_VISIT(f->held);
	Py_VISIT(f->relay);
	Py_VISIT(f->scope);
	if (f->work != NULL && pyb_work_traverse(f->work, visit, arg) != 0)
		return 1;
	return pyb_session_traverse(f->pass.session, visit, arg);
}

/* The layers' states point into `fields`, and their settings are the stretch's. */
static int
filter_clear(PyObject *self)
{
	struct pyb_filter *f = (struct pyb_filter *)self;

	Py_CLEAR(f->send);
	Py_CLEAR(f->list);
	Py_CLEAR(f->held);
	Py_CLEAR(f->relay);
	Py_CLEAR(f->scope);
	mw_chain_end(&f->pass);
	return 0;
}

static void
filter_dealloc(PyObject *self)
{
	struct pyb_filter *f = (struct pyb_filter *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	filter_clear(self);
	pyb_view_head_drop(&f->head);
	Py_CLEAR(f->fields);
	Py_CLEAR(f->stretch);
	arena_fini(&f->arena);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef filter_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct pyb_filter, call), READONLY,
	    NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot filter_slots[] = {
	{ Py_tp_dealloc, filter_dealloc },
	{ Py_tp_traverse, filter_traverse },
	{ Py_tp_clear, filter_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_members, filter_members },
	{ 0, NULL }
};

static PyType_Spec filter_spec = {
	.name = "fastrapi._engine.Filter",
	.basicsize = sizeof(struct pyb_filter),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = filter_slots,
};

PyTypeObject *
pyb_filter_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &filter_spec, NULL);
}
