/*
 * result: encoding and the answer's fields.
 *
 * Called by finish.c, give.c, messages.c and nested.c after the endpoint returned, and by
 * router.c, mounted.c and file.c. Field order and content-length rules are Starlette's
 * Response.init_headers; status rules are FastAPI's _build_response_args. When a result,
 * a status or a field is unusual, the route's helper builds the Response with FastAPI's
 * own functions instead.
 */
#include "bindings/plan/result.h"

#include "base/decimal.h"
#include "base/must.h"
#include "bindings/asgi/fields.h"
#include "bindings/compat.h"
#include "bindings/piece.h"
#include "bindings/plan/params.h"
#include "http/field.h"
#include "middleware/exchange.h"

enum {
	MAX_FIELDS = 64,
	MAX_KEYWORDS = 14	/* of to_json() */
};

struct fields {
	struct hx_header all[MAX_FIELDS];
	size_t n;
	char length[DECIMAL_MAX];
};

/* Append the (name, value) pairs of a list of raw headers. False when the list is not
 * made as Starlette makes it (pairs of bytes), or when a field must not go out as it is:
 * then send() refuses or changes the field. */
static bool
fields_add_raw(struct fields *f, PyObject *raw)
{
	if (!PyList_CheckExact(raw) ||
	    (size_t)PyList_GET_SIZE(raw) > MAX_FIELDS - f->n)
		return false;
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(raw); i++) {
		PyObject *pair = PyList_GET_ITEM(raw, i), *name, *value;
		struct hx_header *field;
		uint64_t length;

		if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
			return false;
		name = PyTuple_GET_ITEM(pair, 0);
		value = PyTuple_GET_ITEM(pair, 1);
		if (!PyBytes_CheckExact(name) || !PyBytes_CheckExact(value))
			return false;
		field = &f->all[f->n++];
		*field = (struct hx_header){
			{ PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name) },
			{ PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value) },
		};
		if (!pyb_field_name_plain(field->name) || !hx_field_value_ok(field->value) ||
		    (slice_equal(field->name, SLICE_LIT("content-length")) &&
		    !hx_field_length_read(field->value, &length)))
			return false;
	}
	return true;
}

static bool
is_response(struct pyb_run *r)
{
	return PyObject_TypeCheck(r->result, (PyTypeObject *)r->app->st->response_base);
}

/* The fields of a JSON answer of `len` bytes. */
static void
fields_json(struct fields *f, size_t len)
{
	size_t n = decimal_put(f->length, len);

	f->all[0] = (struct hx_header){ SLICE_LIT("content-length"),
	    { f->length, n } };
	f->all[1] = (struct hx_header){ SLICE_LIT("content-type"),
	    SLICE_LIT("application/json") };
	f->n = 2;
}

/* The status of the answer. 0 when the helper must make the answer: the status allows no
 * content, or is unusual. */
static int
status_of(struct pyb_module_state *st, const struct shm_plan *plan, PyObject *response)
{
	long status = plan->status != 0 ? (long)plan->status : 200;

	if (response != NULL) {
		PyObject *set = PyObject_GetAttr(response, st->n_status_code);

		if (set == NULL || (set != Py_None && !PyLong_CheckExact(set))) {
			PyErr_Clear();
			Py_XDECREF(set);
			return 0;
		}
		if (set != Py_None && PyLong_AsLong(set) != 0)
			status = PyLong_AsLong(set);
		Py_DECREF(set);
		if (status == -1 && PyErr_Occurred())
			PyErr_Clear();
	}
	if (status < 200 || status > 599 || status == 204 || status == 205 || status == 304)
		return 0;
	return (int)status;
}

/* Does the request have background tasks to run after the answer? */
static bool
background_waits(struct pyb_module_state *st, PyObject *background)
{
	PyObject *tasks;
	bool waits = true;

	if (background == NULL)
		return false;
	tasks = PyObject_GetAttr(background, st->n_tasks);
	if (tasks == NULL)
		PyErr_Clear();
	else
		waits = !PyList_CheckExact(tasks) || PyList_GET_SIZE(tasks) > 0;
	Py_XDECREF(tasks);
	return waits;
}

/* Is a Response's background None, or a BackgroundTasks without tasks? Any other object
 * may do something when it is called. */
static bool
background_empty(struct pyb_module_state *st, PyObject *background)
{
	return background == Py_None ||
	    ((PyObject *)Py_TYPE(background) == st->background_class &&
	    !background_waits(st, background));
}

/* Leave in r->encoded the bytes of validate_python(result, from_attributes=True) and to_json(...),
 * or the ValidationError: user code in the model runs once. NULL stays there when to_json() takes
 * more than there is room for. 0, or -1 with an exception set. */
static int
model_encode(struct pyb_run *r)
{
	const struct shm_plan *plan = r->plan;
	PyObject *const *objects = &PyTuple_GET_ITEM(r->binding->objects, 0);
	PyObject *value, *args[2 + MAX_KEYWORDS];
	PyObject *values = objects[plan->response_values];
	Py_ssize_t n = PyTuple_GET_SIZE(values);

	must(r->encoded == NULL);
	if (n > MAX_KEYWORDS)
		return 0;
	value = pyb_param_validate(r->app->st, objects[plan->response_validator], r->result);
	if (value == NULL) {
		if (!PyErr_ExceptionMatches(r->app->st->validation_error))
			return -1;
		r->encoded = PyErr_GetRaisedException();
		return 0;
	}
	args[0] = NULL;
	args[1] = value;
	for (Py_ssize_t i = 0; i < n; i++)
		args[2 + i] = PyTuple_GET_ITEM(values, i);
	r->encoded = PyObject_Vectorcall(objects[plan->response_serializer], args + 1,
	    1 | PY_VECTORCALL_ARGUMENTS_OFFSET, objects[plan->response_kwargs]);
	Py_DECREF(value);
	return r->encoded == NULL ? -1 : 0;
}

/* The Response that FastAPI makes: helper.encode(result, response, background, method, encoded).
 * New reference; NULL with an exception set. */
static PyObject *
helper_encode(struct pyb_run *r)
{
	PyObject *helper = pyb_run_helper(r);
	PyObject *method = pyb_run_method(r), *response = NULL;

	if (method != NULL)
		response = PyObject_CallMethodObjArgs(helper, r->app->st->n_encode, r->result,
		    r->response != NULL ? r->response : Py_None,
		    r->background != NULL ? r->background : Py_None, method,
		    r->encoded != NULL ? r->encoded : Py_None, NULL);
	Py_XDECREF(method);
	return response;
}

/* May `len` bytes of content go out with these fields and this status? If not, send()
 * must raise what uvicorn raises. */
static bool
length_fits(const struct fields *f, long code, size_t len)
{
	char text[DECIMAL_MAX];
	struct slice right = { text, decimal_put(text, len) };

	for (size_t i = 0; i < f->n; i++)
		if (slice_equal(f->all[i].name, SLICE_LIT("content-length")) &&
		    !slice_equal(f->all[i].value, right))
			return false;
	return len == 0 || (code != 204 && code != 304);
}

bool
pyb_result_background_empty(struct pyb_module_state *st, PyObject *response)
{
	PyObject *background = PyObject_GetAttr(response, st->n_background);
	bool empty = background != NULL && background_empty(st, background);

	PyErr_Clear();
	Py_XDECREF(background);
	return empty;
}

bool
pyb_result_is_plain(struct pyb_module_state *st, PyObject *response)
{
	PyObject *call = PyObject_GetAttr((PyObject *)Py_TYPE(response), st->n___call__);
	bool plain = call == st->response_call && pyb_result_background_empty(st, response);

	PyErr_Clear();
	Py_XDECREF(call);
	return plain;
}

bool
pyb_result_send(struct pyb_app *app, PyObject *response, struct hx_exchange *x)
{
	struct pyb_module_state *st = app->st;
	PyObject *body = NULL, *raw = NULL, *status = NULL;
	struct fields f = { .n = 0 };
	bool sent = false;
	long code;

	if (!pyb_result_is_plain(st, response))
		return false;
	body = PyObject_GetAttr(response, st->n_body);
	raw = PyObject_GetAttr(response, st->n_raw_headers);
	status = PyObject_GetAttr(response, st->n_status_code);
	if (body == NULL || !PyBytes_CheckExact(body) || raw == NULL ||
	    status == NULL || !PyLong_Check(status) || !fields_add_raw(&f, raw))
		goto done;
	code = PyLong_AsLong(status);
	if (code < 200 || code > 999 || code == 205 ||
	    !length_fits(&f, code, (size_t)PyBytes_GET_SIZE(body)) || !mw_exchange_is_ready(x))
		goto done;
	x->calls->answer(x, (int)code, f.all, f.n, pyb_piece_of(body));
	sent = true;
done:
	PyErr_Clear();
	Py_XDECREF(body);
	Py_XDECREF(raw);
	Py_XDECREF(status);
	return sent;
}

bool
pyb_result_send_json(struct pyb_app *app, PyObject *content, int status,
    struct hx_exchange *x)
{
	struct fields f;

	if (!mw_exchange_is_ready(x) || pyb_json_encode(&app->json, content) != PYB_JSON_OK)
		return false;
	fields_json(&f, app->json.len);
	x->calls->answer(x, status, f.all, f.n,
	    (struct hx_piece){ .bytes = { app->json.bytes, app->json.len } });
	pyb_json_trim(&app->json);
	return true;
}

/* Append the headers of the injected Response (NULL: none), as FastAPI does. False: the
 * helper must make the answer; no exception is set. The fields point into *raw, which is the
 * caller's: a class that the user has given to the response may make it anew each time. */
static bool
fields_add_injected(struct pyb_module_state *st, struct fields *f, PyObject *response,
    PyObject **raw)
{
	bool ok;

	*raw = NULL;
	if (response == NULL)
		return true;
	*raw = PyObject_GetAttr(response, st->n_raw_headers);
	ok = *raw != NULL && fields_add_raw(f, *raw);
	PyErr_Clear();
	return ok;
}

/* Encode the result in C: a plain one, or one of the plan's shape. False: it is another. */
static bool
plain_json(struct pyb_run *r)
{
	struct pyb_json *json = &r->app->json;

	if (r->plan->response_mode == SHM_RESPONSE_PLAIN_JSON)
		return pyb_json_encode(json, r->result) == PYB_JSON_OK;
	return r->plan->response_shape != SHM_NONE && pyb_json_encode_shape(json, r->result,
	    PyTuple_GET_ITEM(r->binding->objects, r->plan->response_shape)) == PYB_JSON_OK;
}

enum pyb_result_verdict
pyb_result_json(struct pyb_run *r, struct pyb_result_json *out)
{
	struct pyb_app *app = r->app;

	*out = (struct pyb_result_json){ .status = 0 };
	if (r->plan->response_mode == SHM_RESPONSE_HELPER || is_response(r))
		return PYB_RESULT_RESPONSE;
	out->status = status_of(app->st, r->plan, r->response);
	if (out->status == 0 || background_waits(app->st, r->background))
		return PYB_RESULT_RESPONSE;
	if (plain_json(r)) {
		out->text = (struct slice){ app->json.bytes, app->json.len };
		return PYB_RESULT_SENT;
	}
	pyb_json_trim(&app->json);
	if (r->plan->response_mode != SHM_RESPONSE_MODEL_JSON)
		return PYB_RESULT_RESPONSE;
	if (model_encode(r) < 0)
		return PYB_RESULT_ERROR;
	if (r->encoded == NULL || !PyBytes_CheckExact(r->encoded))
		return PYB_RESULT_RESPONSE;
	out->bytes = r->encoded;
	return PYB_RESULT_SENT;
}

/* Answer with JSON made here, without a Response object. PYB_RESULT_RESPONSE: the
 * helper must make one. */
static enum pyb_result_verdict
json_answer(struct pyb_run *r)
{
	struct pyb_app *app = r->app;
	struct fields f;
	struct pyb_result_json json;
	struct hx_piece piece;
	enum pyb_result_verdict verdict;
	PyObject *raw;

	/* Asked before user code serialises, which must do so once, and after it. */
	if (!mw_exchange_is_ready(r->x))
		return PYB_RESULT_RESPONSE;
	verdict = pyb_result_json(r, &json);
	if (verdict != PYB_RESULT_SENT)
		return verdict;
	piece = json.bytes != NULL ? pyb_piece_of(json.bytes) :
	    (struct hx_piece){ .bytes = json.text };
	fields_json(&f, piece.bytes.len);
	if (fields_add_injected(app->st, &f, r->response, &raw) && mw_exchange_is_ready(r->x)) {
		r->x->calls->answer(r->x, json.status, f.all, f.n, piece);
	} else {
		hx_exchange_piece_drop(piece);
		verdict = PYB_RESULT_RESPONSE;
	}
	Py_XDECREF(raw);
	pyb_json_trim(&app->json);
	return verdict;
}

enum pyb_result_verdict
pyb_result_answer(struct pyb_run *r, PyObject **response)
{
	enum pyb_result_verdict verdict;
	PyObject *made;

	must(r->x != NULL && r->result != NULL);
	*response = NULL;
	verdict = json_answer(r);
	if (verdict != PYB_RESULT_RESPONSE)
		return verdict;
	made = pyb_result_response(r);
	if (made == NULL)
		return PYB_RESULT_ERROR;
	if (!pyb_result_send(r->app, made, r->x)) {
		*response = made;
		return PYB_RESULT_RESPONSE;
	}
	Py_DECREF(made);
	return PYB_RESULT_SENT;
}

PyObject *
pyb_result_response(struct pyb_run *r)
{
	PyObject *n_background = r->app->st->n_background, *background;
	bool failed;

	must(r->result != NULL);
	if (!is_response(r))
		return helper_encode(r);
	/* As in FastAPI: a returned Response keeps its own headers and status, and gets
	 * the injected background tasks if it has none. */
	background = PyObject_GetAttr(r->result, n_background);
	if (background == NULL)
		return NULL;
	failed = background == Py_None && r->background != NULL &&
	    PyObject_SetAttr(r->result, n_background, r->background) < 0;
	Py_DECREF(background);
	return failed ? NULL : Py_NewRef(r->result);
}
