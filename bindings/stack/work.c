/*
 * work: from the loop to a thread, and back.
 *
 * Called by edit.c and filter.c on the loop's thread. While a thread works it has the states of the
 * filter's layers, so that nobody else may touch them, also when the task that waits for it was
 * cancelled. On a loop that is not the server's the work is done at once.
 */
#include "bindings/stack/work.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/loop/offload.h"
#include "bindings/loop/waiters.h"

struct pyb_work {
	struct pyb_filter *filter;	/* strong while a thread works, else borrowed */
	PyObject *bytes;		/* strong */
	PyObject *waiters;		/* see waiters.h; or NULL */
	bool last;
	bool running;			/* a thread works */
	bool left;			/* nobody takes the piece */
};

int
pyb_work_new(struct pyb_filter *f, PyObject *bytes, bool last)
{
	struct pyb_work *w = PyMem_Calloc(1, sizeof(*w));

	must(f->work == NULL);
	if (w == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	w->filter = f;
	w->bytes = Py_NewRef(bytes);
	w->last = last;
	f->work = w;
	return 0;
}

static struct hx_piece
piece_of(const struct pyb_work *w)
{
	return (struct hx_piece){
		.bytes = { PyBytes_AS_STRING(w->bytes), (size_t)PyBytes_GET_SIZE(w->bytes) }
	};
}

/* Without the interpreter. */
static void
work_run(void *arg)
{
	struct pyb_work *w = arg;
	struct hx_piece piece = piece_of(w);

	mw_chain_work(&w->filter->pass, &piece, w->last);
}

/* The filter has no work any more, and those that wait go on. */
static void
work_free(struct pyb_work *w)
{
	PyObject *pending = PyErr_GetRaisedException();

	w->filter->work = NULL;
	pyb_waiters_wake(w->filter->stretch->st, &w->waiters);
	Py_DECREF(w->bytes);
	PyMem_Free(w);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

/* The thread is through. */
static void
work_done(void *arg)
{
	struct pyb_work *w = arg;
	struct pyb_filter *f = w->filter;

	w->running = false;
	if (w->left)
		pyb_work_leave(f);
	else
		pyb_waiters_wake(f->stretch->st, &w->waiters);
	Py_DECREF((PyObject *)f);
}

/* A future that is done when the work is. Cancel scopes of anyio's wait for it, as they do for
 * Starlette's thread. New reference; NULL with an exception set. */
static PyObject *
shielded_wait(struct pyb_work *w)
{
	struct pyb_module_state *st = w->filter->stretch->st;
	PyObject *future = pyb_waiters_wait(st, &w->waiters), *shielded;

	shielded = future != NULL ? PyObject_CallOneArg(st->shielded, future) : NULL;
	Py_XDECREF(future);
	return shielded;
}

/* Give it to a thread. 1; 0: there is none; -1 with an exception set. */
static int
elsewhere(struct pyb_work *w)
{
	struct pyb_module_state *st = w->filter->stretch->st;
	PyObject *loop = PyObject_CallNoArgs(st->get_running_loop);
	struct pyb_loop_local *local = NULL;
	int rc = 0;

	if (loop == NULL)
		PyErr_Clear();
	else if (PyObject_TypeCheck(loop, st->loop_type))
		rc = (local = pyb_local_get(st, loop)) == NULL ? -1 : 1;
	if (rc > 0 && pyb_offload(local, work_run, work_done, w) < 0)
		rc = 0;
	Py_XDECREF((PyObject *)local);
	Py_XDECREF(loop);
	return rc;
}

int
pyb_work_begin(struct pyb_filter *f, PyObject **out)
{
	struct pyb_work *w = f->work;
	int rc;

	must(w != NULL && !w->running);
	rc = elsewhere(w);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		work_run(w);
		return 1;
	}
	w->running = true;
	Py_INCREF((PyObject *)f);
	*out = shielded_wait(w);
	return *out != NULL ? 0 : -1;
}

PyObject *
pyb_work_wait(struct pyb_filter *f)
{
	return pyb_waiters_wait(f->stretch->st, &f->work->waiters);
}

int
pyb_work_take(struct pyb_filter *f, struct hx_piece *piece)
{
	struct pyb_work *w = f->work;
	PyObject *bytes;
	int rc;

	must(w != NULL && !w->running);
	bytes = Py_NewRef(w->bytes);
	*piece = piece_of(w);
	rc = mw_chain_piece_on(&f->pass, &f->head.answer, piece, w->last) == MW_PIECE_DONE ? 0 : -1;
	must(rc < 0 || piece->release != NULL);	/* it is no longer that of `bytes` */
	work_free(w);
	Py_DECREF(bytes);
	if (rc < 0)
		PyErr_NoMemory();
	return rc;
}

/* Not the filter: a thread that works keeps it. */
int
pyb_work_traverse(const struct pyb_work *w, visitproc visit, void *arg)
{
	Py_VISIT(w->waiters);
	return 0;
}

void
pyb_work_leave(struct pyb_filter *f)
{
	struct pyb_work *w = f->work;
	struct hx_piece piece = piece_of(w);

	if (w->running) {
		w->left = true;
		return;
	}
	/* What the thread has made is in a layer's state until that gives the piece. */
	if (f->pass.worked && mw_chain_piece_on(&f->pass, &f->head.answer, &piece,
	    w->last) == MW_PIECE_DONE)
		hx_exchange_piece_drop(piece);
	Py_CLEAR(f->held);
	work_free(w);
}
