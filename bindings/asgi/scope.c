/*
 * scope: bytes to the dictionary that an ASGI application gets.
 *
 * Called by asgi.c, stack/inner.c, plan/mounted.c, plan/router.c and websocket/websocket.c. Keys,
 * types, values and their order follow uvicorn's httptools implementation, because applications
 * have come to depend on them: raw_path without the query, lower case header names, path with
 * root_path before it. No value may point into the exchange, which ends before the application may.
 */
#include "bindings/asgi/scope.h"

#include "bindings/asgi/observer.h"
#include "bindings/compat.h"
#include "bindings/text.h"
#include "http/field.h"

/* (first, second), both stolen. NULL with an exception set, also when one of them is NULL. */
static PyObject *
pair_of(PyObject *first, PyObject *second)
{
	PyObject *pair = first != NULL && second != NULL ? PyTuple_New(2) : NULL;

	if (pair == NULL) {
		Py_XDECREF(first);
		Py_XDECREF(second);
		return NULL;
	}
	PyTuple_SET_ITEM(pair, 0, first);
	PyTuple_SET_ITEM(pair, 1, second);
	return pair;
}

/* A new reference to these bytes; where `words` (may be NULL) has them, to its own: a WebSocket keeps its
 * scope for long. NULL with an exception set. */
static PyObject *
word_of(PyObject *words, struct slice text)
{
	PyObject *made = pyb_text_bytes(text);
	PyObject *known = made != NULL && words != NULL ? PyDict_GetItemWithError(words, made) : NULL;

	if (known != NULL)
		Py_SETREF(made, Py_NewRef(known));
	return made;
}

static PyObject *
headers_of(const struct hx_request *req, PyObject *words)
{
	PyObject *list = PyList_New(req->n_headers);

	if (list == NULL)
		return NULL;
	for (unsigned i = 0; i < req->n_headers; i++) {
		PyObject *pair = pair_of(word_of(words, req->headers[i].name),
		    word_of(words, req->headers[i].value));

		if (pair == NULL) {
			Py_DECREF(list);
			return NULL;
		}
		PyList_SET_ITEM(list, i, pair);
	}
	return list;
}

/* (host, port), or None on a unix socket. */
static PyObject *
address_of(struct slice host, int64_t port)
{
	if (host.len == 0)
		Py_RETURN_NONE;
	return pair_of(pyb_text_latin1(host), PyLong_FromLongLong(port));
}

/* The server's own, as a rule that of the request before. */
static PyObject *
server_of(struct pyb_app *app, const struct hx_exchange *x)
{
	PyObject *made, *host;

	if (app->server != NULL) {
		host = PyTuple_GET_ITEM(app->server, 0);
		if (PyUnicode_IS_COMPACT_ASCII(host) &&
		    slice_equal(x->server_host, (struct slice){ PyUnicode_DATA(host),
		    (size_t)PyUnicode_GET_LENGTH(host) }) &&
		    PyLong_AsLongLong(PyTuple_GET_ITEM(app->server, 1)) == x->server_port)
			return Py_NewRef(app->server);
	}
	made = address_of(x->server_host, x->server_port);
	if (made != NULL && made != Py_None)
		Py_XSETREF(app->server, Py_NewRef(made));
	return made;
}

/* dict[key] = value (stolen). 0; -1 with an exception set, also when value is NULL. */
static int
put(PyObject *dict, PyObject *key, PyObject *value)
{
	int rc = value == NULL ? -1 : PyDict_SetItem(dict, key, value);

	Py_XDECREF(value);
	return rc;
}

/* scope["path"] begins with root_path, as with uvicorn. */
static PyObject *
path_of(const struct hx_exchange *x)
{
	PyObject *path = pyb_text_utf8(x->req.path), *root, *full;

	if (path == NULL || x->root_path.len == 0 || x->root_in_path)
		return path;
	root = pyb_text_utf8(x->root_path);
	full = root != NULL ? PyUnicode_Concat(root, path) : NULL;
	Py_XDECREF(root);
	Py_DECREF(path);
	return full;
}

static PyObject *
raw_path_of(const struct hx_exchange *x)
{
	PyObject *raw;

	if (x->root_path.len == 0 || x->root_in_path)
		return pyb_text_bytes(x->req.raw_path);
	raw = pyb_text_bytes(x->root_path);
	PyBytes_ConcatAndDel(&raw, pyb_text_bytes(x->req.raw_path));
	return raw;
}

/* What the lifespan has left there, and the request's id, if it has one. */
static PyObject *
state_of(struct pyb_app *app, const struct hx_exchange *x)
{
	const struct pyb_observer *seen = x->upper.observer;
	PyObject *from = seen != NULL ? seen->state : app->state;
	PyObject *state = from != NULL ? PyDict_Copy(from) : PyDict_New();

	if (state != NULL && x->request_id.len > 0 &&
	    put(state, app->st->n_request_id, pyb_text_latin1(x->request_id)) < 0)
		Py_CLEAR(state);
	return state;
}

static int
peers_fill(struct pyb_app *app, struct hx_exchange *x, PyObject *scope)
{
	struct pyb_module_state *st = app->st;
	const struct pyb_observer *seen = x->upper.observer;

	if (seen != NULL)
		return PyDict_SetItem(scope, st->n_client, seen->client) < 0 ||
		    PyDict_SetItem(scope, st->n_server, seen->server) < 0 ? -1 : 0;
	return put(scope, st->n_server, server_of(app, x)) < 0 ||
	    put(scope, st->n_client, address_of(x->origin.host, x->origin.port)) < 0 ? -1 : 0;
}

/* Entries in uvicorn's order: an application can list them. */
PyObject *
pyb_scope_new(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_module_state *st = app->st;
	PyObject *scope = PyDict_Copy(st->scope);

	if (scope == NULL)
		return NULL;
	if (put(scope, st->n_asgi, PyDict_Copy(st->asgi_info)) < 0 ||
	    PyDict_SetItem(scope, st->n_http_version,
		x->req.h1.minor == 0 ? st->t_v10 : st->t_v11) < 0 ||
	    peers_fill(app, x, scope) < 0 ||
	    (!slice_equal(x->origin.scheme, SLICE_LIT("http")) &&
		put(scope, st->n_scheme, pyb_text_latin1(x->origin.scheme)) < 0) ||
	    put(scope, st->n_root_path, pyb_text_utf8(x->root_path)) < 0 ||
	    put(scope, st->n_headers, headers_of(&x->req, NULL)) < 0 ||
	    put(scope, st->n_state, state_of(app, x)) < 0 ||
	    put(scope, st->n_method, pyb_text_latin1(x->req.method_name)) < 0 ||
	    put(scope, st->n_path, path_of(x)) < 0 ||
	    put(scope, st->n_raw_path, raw_path_of(x)) < 0 ||
	    put(scope, st->n_query_string, pyb_text_bytes(x->req.query)) < 0)
		Py_CLEAR(scope);
	return scope;
}

/* "ws" or "wss", whatever a proxy calls it. */
static PyObject *
websocket_scheme_of(struct pyb_module_state *st, const struct hx_exchange *x)
{
	bool secure = slice_equal(x->origin.scheme, SLICE_LIT("https")) ||
	    slice_equal(x->origin.scheme, SLICE_LIT("wss"));

	return Py_NewRef(secure ? st->n_wss : st->n_ws);
}

/* What the client offers, in its order. */
static PyObject *
subprotocols_of(const struct hx_exchange *x)
{
	PyObject *list = PyList_New(0);

	for (unsigned i = 0; list != NULL && i < x->req.n_headers; i++) {
		struct slice rest = x->req.headers[i].value, name;

		if (!slice_equal(x->req.headers[i].name, SLICE_LIT("sec-websocket-protocol")))
			continue;
		while (list != NULL && hx_field_member_next(&rest, &name)) {
			PyObject *text = pyb_text_latin1(name);

			if (text == NULL || PyList_Append(list, text) < 0)
				Py_CLEAR(list);
			Py_XDECREF(text);
		}
	}
	return list;
}

/* {"websocket.http.response": {}}: a handshake may be denied with an answer of HTTP's. */
static PyObject *
extensions_of(struct pyb_module_state *st)
{
	PyObject *extensions = PyDict_New();

	if (extensions != NULL &&
	    put(extensions, st->t_websocket_http_response, PyDict_New()) < 0)
		Py_CLEAR(extensions);
	return extensions;
}

/* Entries in uvicorn's order. */
PyObject *
pyb_scope_new_websocket(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_module_state *st = app->st;
	PyObject *scope = PyDict_New();

	if (scope == NULL)
		return NULL;
	if (PyDict_SetItem(scope, st->n_type, st->n_websocket) < 0 ||
	    put(scope, st->n_asgi, PyDict_Copy(st->asgi_websocket_info)) < 0 ||
	    PyDict_SetItem(scope, st->n_http_version, st->t_v11) < 0 ||
	    put(scope, st->n_scheme, websocket_scheme_of(st, x)) < 0 ||
	    peers_fill(app, x, scope) < 0 ||
	    put(scope, st->n_root_path, pyb_text_utf8(x->root_path)) < 0 ||
	    put(scope, st->n_path, path_of(x)) < 0 ||
	    put(scope, st->n_raw_path, raw_path_of(x)) < 0 ||
	    put(scope, st->n_query_string, pyb_text_bytes(x->req.query)) < 0 ||
	    put(scope, st->n_headers, headers_of(&x->req, st->field_words)) < 0 ||
	    put(scope, st->n_subprotocols, subprotocols_of(x)) < 0 ||
	    put(scope, st->n_state, state_of(app, x)) < 0 ||
	    put(scope, st->n_extensions, extensions_of(st)) < 0)
		Py_CLEAR(scope);
	return scope;
}

void
pyb_scope_outcome_drop(struct pyb_module_state *st, PyObject *scope)
{
	PyObject *pending = PyErr_GetRaisedException(), *outcome = NULL, *done = NULL;

	if (scope != NULL && PyDict_CheckExact(scope))
		outcome = Py_XNewRef(PyDict_GetItemWithError(scope, st->t_outcome));
	if (outcome != NULL && PyDict_DelItem(scope, st->t_outcome) == 0)
		done = PyObject_CallMethodNoArgs(outcome, st->n_drop);
	/* Exceptions and Responses have nothing to drop. */
	PyErr_Clear();
	Py_XDECREF(done);
	Py_XDECREF(outcome);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}
