/*
 * mounted: a file, or what FastAPI makes of the HTTPException of StaticFiles.
 *
 * Called by bindings/request.c, by router.c and by bindings/stack/mount.c. The room files answers
 * with files; no Python runs for that. No user code may run here.
 */
#include "bindings/plan/mounted.h"

#include "base/must.h"
#include "bindings/asgi/scope.h"
#include "bindings/plan/result.h"
#include "files/give.h"
#include "middleware/exchange.h"

bool
pyb_mounted_ready(const struct pyb_binding *b, struct pyb_mount *mount)
{
	PyObject *checked;

	if (b->answers.http_handler == NULL)
		return false;
	if (mount->checked)
		return true;
	checked = PyObject_CallOneArg(b->mounts.check, mount->instance);
	mount->checked = checked == Py_True;
	PyErr_Clear();
	Py_XDECREF(checked);
	return mount->checked;
}

PyObject *
pyb_mounted_exception(const struct pyb_binding *b, const struct pyb_mount *mount,
    enum files_verdict verdict)
{
	PyObject *response = verdict == FILES_MISSING ? b->mounts.missing : b->mounts.not_allowed;
	long status = verdict == FILES_MISSING ? 404 : 405;

	must(verdict == FILES_MISSING || verdict == FILES_NOT_ALLOWED);
	if (mount->instead != NULL) {
		response = PyTuple_GET_ITEM(mount->instead, verdict == FILES_MISSING ? 0 : 1);
		return response != Py_None ? response : NULL;
	}
	return response != Py_None && pyb_answers_http(&b->answers, status) ? response : NULL;
}

static bool
exception_send(struct pyb_app *app, struct hx_exchange *x, const struct pyb_mount *mount,
    enum files_verdict verdict)
{
	PyObject *response = pyb_mounted_exception(app->binding, mount, verdict);

	return response != NULL && pyb_result_send(app, response, x);
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
pyb_mounted_answer(struct pyb_app *app, struct hx_exchange *x, struct pyb_mount *mount,
    struct slice rest)
{
	struct files_asked asked = files_give_asked(x);
	enum files_verdict verdict;
	struct files_reply reply;
	bool sent = false;

	if (!pyb_mounted_ready(app->binding, mount) || !mw_exchange_is_ready(x) ||
	    (x->root_in_path && x->root_path.len > 0))
		return false;
	verdict = files_mount_look(&mount->files, &asked, rest, &reply);
	switch (verdict) {
	case FILES_REPLY:
		files_give(x, &reply);
		sent = true;
		break;
	case FILES_NOT_ALLOWED:
		/* A frontend looks for the file first. */
		if (mount->files.fallback != FILES_FALL_PLAIN)
			break;
		sent = exception_send(app, x, mount, verdict);
		break;
	case FILES_MISSING:
		sent = exception_send(app, x, mount, verdict);
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
