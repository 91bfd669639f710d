/*
 * offload: a queue in front of the pool.
 *
 * Called by bindings/front.c, bindings/stack/work.c and local.c. Nothing here may wait.
 */
#include "bindings/loop/offload.h"

#include "bindings/loop/pool.h"

enum { AT_A_TIME = 4 };

struct work {
	struct list_node node;		/* while it waits */
	struct pyb_job job;
	struct pyb_loop_local *local;	/* strong */
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void
work_run(struct pyb_job *job)
{
	struct work *w = container_of(job, struct work, job);

	Py_BEGIN_ALLOW_THREADS
	w->run(w->arg);
	Py_END_ALLOW_THREADS
}

/* Let the pool have as much as may run. */
static void
next(struct pyb_loop_local *local)
{
	struct list_node *node;

	while (local->offload.running < AT_A_TIME && local->pool != NULL &&
	    (node = list_take(&local->offload.waiting)) != NULL) {
		local->offload.running++;
		pyb_pool_submit(local->pool, &container_of(node, struct work, node)->job);
	}
}

/* It was run, or will not be. */
static void
work_end(struct work *w)
{
	struct pyb_loop_local *local = w->local;

	w->done(w->arg);
	PyMem_Free(w);
	Py_DECREF((PyObject *)local);
}

static void
work_done(struct pyb_job *job)
{
	struct work *w = container_of(job, struct work, job);

	w->local->offload.running--;
	next(w->local);
	work_end(w);
}

static void
work_dropped(struct pyb_job *job)
{
	work_end(container_of(job, struct work, job));
}

void
pyb_offload_close(struct pyb_loop_local *local)
{
	struct list_node *node;

	while ((node = list_take(&local->offload.waiting)) != NULL)
		work_end(container_of(node, struct work, node));
}

int
pyb_offload(struct pyb_loop_local *local, void (*run)(void *arg), void (*done)(void *arg),
    void *arg)
{
	struct work *w;

	if (pyb_local_pool(local) == NULL) {
		PyErr_Clear();
		return -1;
	}
	w = PyMem_Calloc(1, sizeof(*w));
	if (w == NULL)
		return -1;
	w->job = (struct pyb_job){ .work = work_run, .done = work_done,
	    .dropped = work_dropped, .beyond = true };
	w->local = (struct pyb_loop_local *)Py_NewRef((PyObject *)local);
	w->run = run;
	w->done = done;
	w->arg = arg;
	list_append(&local->offload.waiting, &w->node);
	next(local);
	return 0;
}
