/*
 * What C enters around user code it leaves here, whatever that code has done to the
 * thread's contexts. It must never leave an exception of its own behind.
 *
 * Called by plan/, loop/ and asgi/, which run user code.
 */
#include "bindings/context.h"

#include "bindings/compat.h"

void
pyb_context_leave(PyObject *context)
{
	PyObject *pending = PyErr_Occurred() == NULL ? NULL : PyErr_GetRaisedException();

	if (PyContext_Exit(context) < 0)
		PyErr_WriteUnraisable(context);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}
