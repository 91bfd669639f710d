/*
 * serve: the Python type Worker.
 *
 * Called by module.c (the type). python/fastrapi/server.py makes one on its event loop,
 * gives it listeners and drains it at the end. The type only ties lifetimes together: the
 * work is worker/'s.
 */
#include "engine/serve.h"

#include <unistd.h>

#include "bindings/app.h"
#include "bindings/loop/local.h"
#include "bindings/module_state.h"
#include "engine/access.h"
#include "engine/settings.h"
#include "engine/watch.h"
#include "worker/accept.h"
#include "worker/worker.h"

struct engine_worker {
	PyObject_HEAD
	struct worker *w;
	struct pyb_app *app;		/* strong */
	struct pyb_loop_local *local;	/* strong */
	PyObject *drained;		/* called once without arguments */
	PyObject *settings;		/* owns the texts of the options */
	struct shm_board *board;	/* attached, or NULL */
	struct shm_boards boards;
	struct engine_watch *watch;	/* of the board's heartbeat, or NULL */
	struct io_job drained_job;
	struct engine_access access;
	unsigned generation;		/* 0: there is none */
};

/* (descriptor, index, generation): take this board, look at all. 0, or -1 with an exception
 * set; what is attached goes with the Worker in either case. */
static int
boards_take(struct engine_worker *self, PyObject *value)
{
	unsigned index, generation;
	int fd;

	if (!PyTuple_Check(value))
		PyErr_SetString(PyExc_TypeError, "boards are (descriptor, index, generation)");
	if (!PyTuple_Check(value) ||
	    !PyArg_ParseTuple(value, "iII;boards are (descriptor, index, generation)", &fd,
	    &index, &generation))
		return -1;
	self->board = shm_board_attach(fd, index);
	if (self->board == NULL || shm_boards_attach(&self->boards, fd) < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		return -1;
	}
	shm_board_claim(self->board, (uint32_t)getpid(), generation);
	self->generation = generation;
	return 0;
}

/* Worker(app, loop, settings, boards=None) */
static PyObject *
worker_type_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	struct pyb_module_state *st = PyType_GetModuleState(type);
	PyObject *app, *loop, *settings, *boards = Py_None;
	struct worker_options options;
	struct engine_worker *self;

	if (!PyArg_ParseTuple(args, "O!OO!|O:Worker", st->app_type, &app, &loop, &PyDict_Type,
	    &settings, &boards))
		return NULL;
	self = (struct engine_worker *)type->tp_alloc(type, 0);
	if (self == NULL)
		return NULL;
	worker_options_init(&options);
	if (engine_settings_read(settings, &options.conf, &self->settings) < 0 ||
	    (boards != Py_None && boards_take(self, boards) < 0) ||
	    (self->local = pyb_local_get(st, loop)) == NULL) {
		Py_DECREF(self);
		return NULL;
	}
	options.board = self->board;
	options.boards = self->boards;
	self->app = (struct pyb_app *)Py_NewRef(app);
	if (self->board != NULL)
		pyb_app_count_on(self->app, self->board);
	if (boards != Py_None)	/* the master's child: nobody else is in the process */
		worker_memory_keep_heap();
	self->w = worker_new(self->local->turn, self->app, self->local, &options);
	if (self->w == NULL) {
		Py_DECREF(self);
		return PyErr_NoMemory();
	}
	return (PyObject *)self;
}

static PyObject *
worker_type_listen(PyObject *obj, PyObject *arg)
{
	struct engine_worker *self = (struct engine_worker *)obj;
	int fd = PyObject_AsFileDescriptor(arg);

	if (fd < 0)
		return NULL;
	if (worker_accept_listen(self->w, fd) < 0)
		return PyErr_Format(PyExc_ValueError, "too many listeners");
	Py_RETURN_NONE;
}

static PyObject *
worker_type_admin(PyObject *obj, PyObject *arg)
{
	struct engine_worker *self = (struct engine_worker *)obj;
	int fd = PyObject_AsFileDescriptor(arg);

	if (fd < 0)
		return NULL;
	if (self->w->admin != NULL)
		return PyErr_Format(PyExc_ValueError, "admin() may be called once");
	if (worker_admin_listen(self->w, fd) < 0)
		return PyErr_NoMemory();
	Py_RETURN_NONE;
}

static PyObject *
worker_type_unready(PyObject *obj, PyObject *Py_UNUSED(ignored))
{
	worker_admin_unready(((struct engine_worker *)obj)->w);
	Py_RETURN_NONE;
}

static PyObject *
worker_type_take(PyObject *obj, PyObject *args)
{
	struct worker *w = ((struct engine_worker *)obj)->w;
	int take, give;

	if (!PyArg_ParseTuple(args, "ii:take", &take, &give))
		return NULL;
	if (take < 0 || give < 0 || w->handover.take_fd >= 0)
		return PyErr_Format(PyExc_ValueError, "take() wants two descriptors, once");
	worker_handover_take(w, take, give);
	Py_RETURN_NONE;
}

static PyObject *
worker_type_log_requests(PyObject *obj, PyObject *args)
{
	struct engine_worker *self = (struct engine_worker *)obj;
	PyObject *look, *take;

	if (!PyArg_ParseTuple(args, "OO:log_requests", &look, &take))
		return NULL;
	if (self->access.look != NULL)
		return PyErr_Format(PyExc_ValueError, "log_requests() once");
	if (engine_access_begin(&self->access, self->w, self->generation, look, take) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *
worker_type_reopen(PyObject *obj, PyObject *Py_UNUSED(ignored))
{
	engine_access_reopen(&((struct engine_worker *)obj)->access);
	Py_RETURN_NONE;
}

static PyObject *
worker_type_end_log(PyObject *obj, PyObject *Py_UNUSED(ignored))
{
	engine_access_end(&((struct engine_worker *)obj)->access);
	Py_RETURN_NONE;
}

/* The last connection is gone, perhaps without the interpreter, or the last run of
 * the application has ended: see from the FIFO. */
static void
on_drained(void *arg)
{
	struct engine_worker *self = arg;

	io_turn_push(self->local->turn, &self->drained_job);
}

static void
drained_run(struct io_job *job)
{
	struct engine_worker *self = container_of(job, struct engine_worker, drained_job);
	PyObject *drained = self->drained, *done;

	/* Background tasks go on without a connection. */
	if (self->w->open > 0 || self->app->running > 0)
		return;
	self->drained = NULL;
	shm_board_state(self->w->board, SHM_BOARD_ENDING);
	done = drained != NULL ? PyObject_CallNoArgs(drained) : NULL;
	if (drained != NULL && done == NULL)
		PyErr_WriteUnraisable(drained);
	Py_XDECREF(done);
	Py_XDECREF(drained);
}

static PyObject *
worker_type_watch(PyObject *obj, PyObject *report)
{
	struct engine_worker *self = (struct engine_worker *)obj;

	if (self->board == NULL || self->watch != NULL)
		return PyErr_Format(PyExc_ValueError, "watch() wants a board, once");
	self->watch = engine_watch_start(self->board, report,
	    self->w->options.conf.blocked_warning_ms);
	if (self->watch == NULL)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *
worker_type_drain(PyObject *obj, PyObject *args)
{
	struct engine_worker *self = (struct engine_worker *)obj;
	PyObject *callback;
	double seconds = 0;
	int give = false;

	if (!PyArg_ParseTuple(args, "Od|p:drain", &callback, &seconds, &give))
		return NULL;
	if (!(seconds >= 0 && seconds <= UINT32_MAX))
		return PyErr_Format(PyExc_ValueError, "seconds are out of range");
	Py_XSETREF(self->drained, Py_NewRef(callback));
	self->drained_job.run = drained_run;
	pyb_app_on_idle(self->app, on_drained, self);
	worker_on_empty(self->w, on_drained, self);
	worker_drain(self->w, (uint64_t)(seconds * 1000), give);
	Py_RETURN_NONE;
}

/* A method that tells the worker what to do, and no more. */
#define TELL(name) \
	static PyObject * \
	worker_type_##name(PyObject *obj, PyObject *Py_UNUSED(ignored)) \
	{ \
		worker_##name(((struct engine_worker *)obj)->w); \
		Py_RETURN_NONE; \
	}
	TELL(park)
	TELL(resume)
	TELL(end_websockets)
#undef TELL

static PyObject *
worker_type_abort(PyObject *obj, PyObject *Py_UNUSED(ignored))
{
	struct engine_worker *self = (struct engine_worker *)obj;

	worker_abort(self->w);
	shm_board_state(self->w->board, SHM_BOARD_ENDING);
	Py_RETURN_NONE;
}

/* What runs behind answers that were sent is counted only when it is all there is: while
 * there are requests nobody knows which runs are theirs. */
static PyObject *
worker_type_in_hand(PyObject *obj, PyObject *Py_UNUSED(ignored))
{
	struct engine_worker *self = (struct engine_worker *)obj;
	char text[SHM_HANDS_TEXT_BYTES];
	size_t running = self->app->running, websockets = (size_t)self->w->websockets;

	/* Those are told of where they are closed. */
	running = running > websockets ? running - websockets : 0;
	if (self->w->active > 0)
		return PyUnicode_FromString(shm_hands_text(&self->w->board->hands,
		    self->w->active, text));
	if (running > 0)
		return PyUnicode_FromFormat("what follows %zu answer%s", running,
		    running == 1 ? "" : "s");
	return PyUnicode_FromString("");
}

static int
worker_type_traverse(PyObject *obj, visitproc visit, void *arg)
{
	struct engine_worker *self = (struct engine_worker *)obj;

	Py_VISIT(Py_TYPE(obj));
	Py_VISIT(self->app);
	Py_VISIT(self->local);
	Py_VISIT(self->drained);
	Py_VISIT(self->settings);
	Py_VISIT(self->access.look);
	Py_VISIT(self->access.take);
	return 0;
}

/* Connections need the rest until they are gone: see worker_type_dealloc(). */
static int
worker_type_clear(PyObject *obj)
{
	Py_CLEAR(((struct engine_worker *)obj)->drained);
	return 0;
}

/* What the worker needs as long as it has connections. */
static void
worker_release(struct engine_worker *self)
{
	if (self->w != NULL)
		worker_free(self->w);
	if (self->app != NULL && self->app->board == self->board)
		pyb_app_count_on(self->app, NULL);
	shm_board_detach(self->board);
	shm_boards_detach(&self->boards);
	Py_XDECREF(self->settings);
	Py_XDECREF(self->app);
	Py_XDECREF(self->local);
}

/* Connections that an application still holds keep the worker, and what it needs:
 * they are then left to the end of the process. */
static void
worker_type_dealloc(PyObject *obj)
{
	struct engine_worker *self = (struct engine_worker *)obj;
	PyTypeObject *type = Py_TYPE(obj);

	PyObject_GC_UnTrack(obj);
	engine_watch_stop(self->watch);
	io_turn_remove(&self->drained_job);
	if (self->app != NULL && self->app->idle_arg == self)
		pyb_app_on_idle(self->app, NULL, NULL);
	worker_type_clear(obj);
	engine_access_end(&self->access);
	if (self->w != NULL && !list_is_empty(&self->w->conns)) {
		worker_accept_stop(self->w);
		worker_on_empty(self->w, NULL, NULL);
	} else {
		worker_release(self);
	}
	type->tp_free(obj);
	Py_DECREF(type);
}

static PyMethodDef worker_methods[] = {
	{ "listen", worker_type_listen, METH_O, "Accept from this listening descriptor." },
	{ "log_requests", worker_type_log_requests, METH_VARARGS,
	    "log_requests(look, take): begin the access log, if the settings want it. look() says\n"
	    "whether requests go to take(host, port, minor, status, method, target) (1, 2, 3; 2: even if\n"
	    "no setting wants them), which says whether the line is written all the same." },
	{ "reopen_log", worker_type_reopen, METH_NOARGS, "Open the access log's file again." },
	{ "end_log", worker_type_end_log, METH_NOARGS, "Write what is left of the access log." },
	{ "admin", worker_type_admin, METH_O, "Answer probes on this listening descriptor." },
	{ "unready", worker_type_unready, METH_NOARGS, "Answer them that the server is ending." },
	{ "take", worker_type_take, METH_VARARGS,
	    "take(take, give): take connections from the one descriptor; drain() gives into the\n"
	    "other." },
	{ "watch", worker_type_watch, METH_O,
	    "watch(report): call report(seconds, held, delayed, doing, more) in another thread when the\n"
	    "loop is blocked for --blocked-warning." },
	{ "drain", worker_type_drain, METH_VARARGS,
	    "drain(done, seconds, give=False): stop accepting, finish what runs, background tasks\n"
	    "too; give the connections to workers that serve, or close them; call the function\n"
	    "when nothing is left. Whatever is left after `seconds` is the caller's to abort." },
	{ "park", worker_type_park, METH_NOARGS,
	    "Stop accepting, give the connections to workers that serve, and go on." },
	{ "resume", worker_type_resume, METH_NOARGS, "After park(): serve as before." },
	{ "abort", worker_type_abort, METH_NOARGS, "Cut every connection." },
	{ "end_websockets", worker_type_end_websockets, METH_NOARGS,
	    "Close every WebSocket with 1012, and accept no more." },
	{ "in_hand", worker_type_in_hand, METH_NOARGS,
	    "What abort() would cut, in words; empty when there is nothing." },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot worker_slots[] = {
	{ Py_tp_new, worker_type_new },
	{ Py_tp_dealloc, worker_type_dealloc },
	{ Py_tp_traverse, worker_type_traverse },
	{ Py_tp_clear, worker_type_clear },
	{ Py_tp_methods, worker_methods },
	{ Py_tp_doc, "Worker(app, loop, settings, boards=None): HTTP for one event loop." },
	{ 0, NULL }
};

static PyType_Spec worker_spec = {
	.name = "fastrapi._engine.Worker",
	.basicsize = sizeof(struct engine_worker),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = worker_slots,
};

int
engine_serve_register(PyObject *module)
{
	PyObject *type = PyType_FromModuleAndSpec(module, &worker_spec, NULL);
	int rc = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);

	Py_XDECREF(type);
	return rc;
}
