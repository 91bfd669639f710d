/*
 * task: where an application runs.
 *
 * Called by plan/cancel.c.
 */
#include "bindings/asgi/internal.h"

PyObject *
pyb_asgi_task(const struct pyb_asgi *a)
{
	return a->task;
}
