/*
 * mount: StaticFiles behind layers of the user's.
 *
 * Called by inner.c. What the room files is not sure of, the next application answers: nothing
 * has happened by then. The 404 and the 405 are exceptions in the original, answered outside the
 * outermost exit stack; all else is answered inside it.
 */
#include "bindings/stack/mount.h"

#include "base/must.h"
#include "bindings/plan/asked.h"
#include "bindings/plan/messages.h"
#include "bindings/plan/mounted.h"
#include "bindings/stack/answer.h"
#include "bindings/stack/deliver.h"
#include "bindings/stack/enter.h"

/* Let the scope be what StaticFiles leaves of it. 0, or -1 with an exception set. */
static int
scope_enter(struct pyb_inner *c, const struct pyb_found *found, enum files_verdict verdict)
{
	struct pyb_module_state *st = pyb_stack_state(c);

	c->place = Py_NewRef(found->place);
	if (pyb_enter_remember(st, c->scope, &c->before) < 0 ||
	    pyb_enter_router(st, c->scope, found->place, &c->outermost) < 0 ||
	    pyb_enter_mount(st, c->scope, found->place, found->path,
		found->params[found->n_params - 1].len) < 0)
		return -1;
	return verdict == FILES_REPLY ? pyb_enter_fields(st, c->scope) : 0;
}

/* The messages of the answer in the place of a file. 0, or -1 with an exception set. */
static int
instead_make(struct pyb_inner *c, const struct pyb_mount *mount, enum files_verdict verdict)
{
	struct pyb_binding *b = c->within->binding;
	PyObject *response = verdict == FILES_REDIRECT ?
	    PyObject_CallOneArg(b->mounts.redirect, c->scope) :
	    Py_XNewRef(pyb_mounted_exception(b, mount, verdict));
	int rc = response != NULL ?
	    pyb_messages_shared(pyb_stack_state(c), &c->messages, response) : -1;

	Py_XDECREF(response);
	if (verdict != FILES_REDIRECT)
		Py_CLEAR(c->outermost);
	return rc;
}

/* May the request be answered here, with this verdict? */
static bool
is_known(const struct pyb_binding *b, const struct pyb_mount *mount, enum files_verdict verdict)
{
	return verdict != FILES_LEFT && (verdict == FILES_REPLY || verdict == FILES_REDIRECT ||
	    pyb_mounted_exception(b, mount, verdict) != NULL);
}

/* Answer with `chunks`, whose reply is made where the verdict says so. They are taken. */
static enum pyb_coro_verdict
answer(struct pyb_inner *c, const struct pyb_found *found, enum files_verdict verdict,
    struct pyb_chunks *chunks, PyObject **out)
{
	int rc = scope_enter(c, found, verdict);

	if (rc == 0)
		rc = verdict == FILES_REPLY ? pyb_chunks_begin(chunks, NULL) :
		    instead_make(c, found->mount, verdict);
	if (rc < 0 || verdict != FILES_REPLY)
		Py_DECREF(chunks);
	if (rc < 0) {
		PyErr_Clear();
		return pyb_leave_on(c, c->receive, c->send, out);
	}
	if (verdict == FILES_REPLY &&
	    pyb_deliver(chunks, c->receive, c->send, &c->messages, &c->stream) < 0)
		return pyb_answer_fail(c, out);
	return pyb_answer_begin(c, out);
}

enum pyb_coro_verdict
pyb_mount_begin(struct pyb_inner *c, const struct pyb_found *found, PyObject **out)
{
	struct pyb_binding *b = c->within->binding;
	struct pyb_chunks *chunks = pyb_chunks_new(pyb_stack_state(c));
	enum files_verdict verdict = FILES_LEFT;
	struct files_asked asked;

	must(found->mount != NULL && found->n_params > 0);
	if (chunks != NULL && pyb_mounted_ready(b, found->mount) &&
	    pyb_asked_read(chunks->st, c->scope, &chunks->arena, &asked))
		verdict = files_mount_look(&found->mount->files, &asked,
		    found->params[found->n_params - 1], &chunks->reply);
	if (chunks != NULL && is_known(b, found->mount, verdict))
		return answer(c, found, verdict, chunks, out);
	if (chunks != NULL)
		Py_DECREF(chunks);
	return pyb_leave_on(c, c->receive, c->send, out);
}
