/*
 * give: alone or behind a layer.
 *
 * Called by finish.c, raised.c and tasks.c, which know what the answer is. Nothing here may
 * decide that, nor look at it. Where user code has begun an answer by itself, Starlette sends
 * the second one, and fails as it does.
 */
#include "bindings/plan/give.h"

#include "base/must.h"
#include "bindings/plan/file.h"
#include "bindings/plan/messages.h"

/* Of what is still to be done after the answer, `follows` may be a part. */
static bool
file_give(struct pyb_run *r, PyObject *response, bool follows)
{
	return r->x == NULL ? pyb_file_behind(r, response) :
	    pyb_file_give(r, response, follows || r->tasks != NULL || r->late != NULL);
}

enum pyb_result_verdict
pyb_give_result(struct pyb_run *r, PyObject **response)
{
	enum pyb_result_verdict verdict;

	must(r->x != NULL || r->send != NULL);
	if (r->x != NULL && pyb_run_has_begun(r)) {
		*response = pyb_result_response(r);
		return *response != NULL ? PYB_RESULT_RESPONSE : PYB_RESULT_ERROR;
	}
	verdict = r->x == NULL ? pyb_messages_result(r, response) : pyb_result_answer(r, response);
	if (verdict != PYB_RESULT_RESPONSE || !file_give(r, *response, false))
		return verdict;
	Py_CLEAR(*response);
	return PYB_RESULT_SENT;
}

bool
pyb_give_response(struct pyb_run *r, PyObject *response, bool follows)
{
	must(r->x != NULL || r->send != NULL);
	if (r->x != NULL && pyb_run_has_begun(r))
		return false;
	return (r->x == NULL ? pyb_messages_response(r, response) :
	    pyb_result_send(r->app, response, r->x)) || file_give(r, response, follows);
}

bool
pyb_give_json(struct pyb_run *r, PyObject *content, int status)
{
	must(r->x != NULL || r->send != NULL);
	return r->x != NULL ? pyb_result_send_json(r->app, content, status, r->x) :
	    pyb_messages_json(r, content, status);
}
