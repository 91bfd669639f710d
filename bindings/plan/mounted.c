/*
 * mounted: a file, or what FastAPI makes of the HTTPException of StaticFiles.
 *
 * Called by bindings/request.c. The room files answers with files; no Python runs for that.
 * No user code may run here.
 */
#include "bindings/plan/mounted.h"

#include "base/must.h"
#include "bindings/asgi/scope.h"
#include "bindings/plan/result.h"

/* At its first request StaticFiles looks at its directory, and raises if there is none. */
static bool
is_checked(struct pyb_app *app, struct pyb_mount *mount)
{
	PyObject *checked;

	if (mount->checked)
		return true;
	checked = PyObject_CallOneArg(app->binding->mounts.check, mount->instance);
	mount->checked = checked == Py_True;
	PyErr_Clear();
	Py_XDECREF(checked);
	return mount->checked;
}

/* Send the Response of an HTTPException that FastAPI's own handler answers. */
static bool
exception_send(struct pyb_app *app, struct hx_exchange *x, long status, PyObject *response)
{
	return response != Py_None && pyb_answers_http(&app->binding->answers, status) &&
	    pyb_result_send(app, response, x);
}

static bool
redirect_send(struct pyb_app *app, struct hx_exchange *x)
{
	PyObject *scope = pyb_scope_new(app, x), *response = NULL;
	bool sent = false;

	if (scope != NULL)
		response = PyObject_CallOneArg(app->binding->mounts.redirect, scope);
	if (response != NULL)
		sent = pyb_result_send(app, response, x);
	PyErr_Clear();
	Py_XDECREF(response);
	Py_XDECREF(scope);
	return sent;
}

bool
pyb_mounted_answer(struct pyb_app *app, struct hx_exchange *x, struct pyb_mount *mount)
{
	const struct pyb_mounts *mounts = &app->binding->mounts;
	bool sent = false;

	must(x->n_params > 0);
	if (app->binding->answers.http_handler == NULL || !is_checked(app, mount) ||
	    (x->root_in_path && x->root_path.len > 0))
		return false;
	switch (files_mount_answer(&mount->files, x, x->params[x->n_params - 1])) {
	case FILES_ANSWERED:
		sent = true;
		break;
	case FILES_MISSING:
		sent = exception_send(app, x, 404, mounts->missing);
		break;
	case FILES_NOT_ALLOWED:
		sent = exception_send(app, x, 405, mounts->not_allowed);
		break;
	case FILES_REDIRECT:
		sent = redirect_send(app, x);
		break;
	case FILES_LEFT:
		break;
	}
	if (sent)
		x->calls->released(x);
	return sent;
}
