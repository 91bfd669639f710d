/*
 * handshake: is it one, does the application declare the route, the answer.
 *
 * Called by request.c when a request begins. fastrapi.handshakes knows the application's
 * routes; it is asked for handshakes only.
 */
#include "bindings/handshake.h"

#include "base/decimal.h"
#include "bindings/asgi/scope.h"
#include "http/refusal.h"

/* As uvicorn looks for one: Upgrade is websocket, in any case, and Connection names it. */
static bool
is_handshake(const struct hx_exchange *x)
{
	return slice_equal(x->req.method_name, SLICE_LIT("GET")) &&
	    slice_equal_lower(hx_exchange_known(x, HX_UPGRADE), SLICE_LIT("websocket")) &&
	    hx_exchange_has_token(x, HX_CONNECTION, SLICE_LIT("upgrade"));
}

static bool
is_declared(struct pyb_app *app, struct hx_exchange *x)
{
	PyObject *scope = pyb_scope_new(app, x), *found = NULL;
	int truth = -1;

	if (scope != NULL)
		found = PyObject_CallOneArg(app->websockets, scope);
	if (found != NULL)
		truth = PyObject_IsTrue(found);
	if (truth < 0)
		PyErr_WriteUnraisable(app->asgi);
	Py_XDECREF(found);
	Py_XDECREF(scope);
	return truth == 1;
}

bool
pyb_handshake_refuse(struct pyb_app *app, struct hx_exchange *x)
{
	struct slice text = hx_refusal_text(HX_REFUSE_websocket);
	char length[DECIMAL_MAX];
	struct hx_header fields[] = {
		{ SLICE_LIT("content-type"), SLICE_LIT("text/plain; charset=utf-8") },
		{ SLICE_LIT("content-length"), { length, decimal_put(length, text.len) } },
	};

	if (app->websockets == NULL || !is_handshake(x) || !is_declared(app, x))
		return false;
	shm_board_add(app->board, SHM_COUNT_refused, 1);
	/* -1: the peer is gone, and needs no answer. */
	if (x->calls->answer(x, hx_refusal_status(HX_REFUSE_websocket), fields, 2,
	    (struct hx_piece){ .bytes = text }) < 0)
		PyErr_Clear();
	return true;
}
