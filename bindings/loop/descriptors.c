/*
 * descriptors: the loop's methods that watch descriptors: add_reader() and its like.
 *
 * Called by loop.c, whose type has these methods. asyncio's transports and sock_*()
 * methods use them. Each descriptor has one persistent, level-triggered libevent event
 * per direction. Its callback runs without the interpreter and may only queue the handle.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/must.h"
#include "bindings/loop/loop.h"

static void
on_event(evutil_socket_t Py_UNUSED(fd), short what, void *arg)
{
	struct pyb_watch *w = arg;

	if ((what & EV_READ) && w->reader != NULL)
		pyb_handle_fire(w->reader);
	if ((what & EV_WRITE) && w->writer != NULL)
		pyb_handle_fire(w->writer);
}

static struct pyb_watch *
watch_find(struct pyb_loop *loop, int fd)
{
	return fd >= 0 && fd < loop->n_watches ? loop->watches[fd] : NULL;
}

static struct pyb_watch *
watch_get(struct pyb_loop *loop, int fd)
{
	struct pyb_watch *w = watch_find(loop, fd);

	if (w != NULL)
		return w;
	if (fd >= loop->n_watches) {
		int n = fd + 64;
		struct pyb_watch **all = realloc(loop->watches, (size_t)n * sizeof(*all));

		if (all == NULL)
			return NULL;
		for (int i = loop->n_watches; i < n; i++)
			all[i] = NULL;
		loop->watches = all;
		loop->n_watches = n;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	event_assign(&w->read_event, io_turn_base(loop->turn), fd,
	    EV_READ | EV_PERSIST, on_event, w);
	event_assign(&w->write_event, io_turn_base(loop->turn), fd,
	    EV_WRITE | EV_PERSIST, on_event, w);
	loop->watches[fd] = w;
	return w;
}

/* Cancel and drop a direction's handle. True when there was one. */
static bool
direction_clear(struct pyb_handle **handle, struct event *event)
{
	struct pyb_handle *h = *handle;

	if (h == NULL)
		return false;
	event_del(event);
	*handle = NULL;
	io_turn_remove(&h->job);
	pyb_handle_cancel(h);
	Py_DECREF(h);
	return true;
}

static void
watch_free_if_idle(struct pyb_loop *loop, int fd)
{
	struct pyb_watch *w;

	must(fd < loop->n_watches && loop->watches[fd] != NULL);
	w = loop->watches[fd];
	if (w->reader != NULL || w->writer != NULL)
		return;
	loop->watches[fd] = NULL;
	free(w);
}

static PyObject *
direction_add(PyObject *self, PyObject *const *args, Py_ssize_t n, bool write)
{
	struct pyb_loop *loop = pyb_loop_alive(self);
	struct pyb_handle *h, **slot;
	struct pyb_watch *w;
	struct event *event;
	int fd;

	if (loop == NULL)
		return NULL;
	if (n < 2)
		return PyErr_Format(PyExc_TypeError, "a descriptor and a callback are wanted");
	fd = PyObject_AsFileDescriptor(args[0]);
	if (fd < 0)
		return NULL;
	h = pyb_handle_new(loop, args[1], args + 2, n - 2, NULL, loop->st->handle_type);
	if (h == NULL)
		return NULL;
	w = watch_get(loop, fd);
	if (w == NULL) {
		Py_DECREF(h);
		return PyErr_NoMemory();
	}
	slot = write ? &w->writer : &w->reader;
	event = write ? &w->write_event : &w->read_event;
	direction_clear(slot, event);
	*slot = (struct pyb_handle *)Py_NewRef((PyObject *)h);
	if (event_add(event, NULL) < 0) {
		int error = errno;

		direction_clear(slot, event);
		watch_free_if_idle(loop, fd);
		Py_DECREF(h);
		errno = error;
		return PyErr_SetFromErrno(PyExc_OSError);
	}
	return (PyObject *)h;
}

static PyObject *
direction_remove(PyObject *self, PyObject *fileobj, bool write)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;
	struct pyb_watch *w;
	bool had = false;
	int fd;

	if (loop->turn == NULL)
		Py_RETURN_FALSE;
	fd = PyObject_AsFileDescriptor(fileobj);
	if (fd < 0)
		return NULL;
	w = watch_find(loop, fd);
	if (w != NULL) {
		had = direction_clear(write ? &w->writer : &w->reader,
		    write ? &w->write_event : &w->read_event);
		watch_free_if_idle(loop, fd);
	}
	return PyBool_FromLong(had);
}

static PyObject *
add_reader(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return direction_add(self, args, n, false);
}

static PyObject *
add_writer(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return direction_add(self, args, n, true);
}

static PyObject *
remove_reader(PyObject *self, PyObject *fileobj)
{
	return direction_remove(self, fileobj, false);
}

static PyObject *
remove_writer(PyObject *self, PyObject *fileobj)
{
	return direction_remove(self, fileobj, true);
}

void
pyb_descriptors_clear(struct pyb_loop *loop)
{
	for (int fd = 0; fd < loop->n_watches; fd++) {
		struct pyb_watch *w = loop->watches[fd];

		if (w == NULL)
			continue;
		direction_clear(&w->reader, &w->read_event);
		direction_clear(&w->writer, &w->write_event);
		watch_free_if_idle(loop, fd);
	}
	free(loop->watches);
	loop->watches = NULL;
	loop->n_watches = 0;
}

PyMethodDef pyb_descriptors_methods[] = {
	{ "_add_reader", PYB_LOOP_FASTCALL(add_reader), METH_FASTCALL, NULL },
	{ "_add_writer", PYB_LOOP_FASTCALL(add_writer), METH_FASTCALL, NULL },
	{ "_remove_reader", remove_reader, METH_O, NULL },
	{ "_remove_writer", remove_writer, METH_O, NULL },
	{ NULL, NULL, 0, NULL }
};
