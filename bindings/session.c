/*
 * session: JSON and dictionaries.
 *
 * Called by layers.c, asgi/asgi.c, asgi/send.c, plan/run.c, plan/finish.c and stack/filter.c; the
 * layer calls the keeper's functions with the interpreter held. JSON is read and written by json's
 * own functions. User code may have changed its session, or put another object into the scope: what
 * is not usual is left to Starlette's class, if that can take over. No exception is pending when the
 * keeper's functions return.
 */
#include "bindings/session.h"

#include "bindings/truth.h"

enum { SOURCE_CLASS, SOURCE_LOADS, SOURCE_DUMPS, SOURCE_TIME, SOURCE_ANY, SOURCE_MEMBERS };

struct keeper {
	struct pyb_module_state *st;
	PyObject *source;	/* borrowed */
};

/* One request's session, in its exchange's arena. */
struct session {
	const struct keeper *keeper;
	PyObject *data;		/* strong: what the cookie held; NULL: nothing */
	PyObject *scope;	/* strong: user code finds the session here; NULL: nowhere */
	PyObject *text;		/* strong: its JSON at the last look */
};

static PyObject *
member(const struct keeper *k, int which)
{
	return PyTuple_GET_ITEM(k->source, which);
}

/* int(time.time()), by whatever time.time() is now. */
static int64_t
keeper_now(void *arg)
{
	const struct keeper *k = arg;
	PyObject *time = PyObject_GetAttr(member(k, SOURCE_TIME), k->st->n_time);
	PyObject *now = time != NULL ? PyObject_CallNoArgs(time) : NULL;
	double seconds = now != NULL ? PyFloat_AsDouble(now) : -1;

	PyErr_Clear();
	Py_XDECREF(now);
	Py_XDECREF(time);
	return seconds >= 0 && seconds < 1e15 ? (int64_t)seconds : -1;
}

/* json.loads(json), if that is a dict. NULL: it is not; an exception may be set. */
static PyObject *
json_read(const struct keeper *k, struct slice json)
{
	PyObject *bytes = PyBytes_FromStringAndSize(json.ptr, (Py_ssize_t)json.len);
	PyObject *data = bytes != NULL ?
	    PyObject_CallOneArg(member(k, SOURCE_LOADS), bytes) : NULL;

	Py_XDECREF(bytes);
	if (data != NULL && !PyDict_CheckExact(data))
		Py_CLEAR(data);
	return data;
}

static void *
keeper_open(void *arg, struct slice json, struct arena *arena)
{
	const struct keeper *k = arg;
	struct session *s = arena_alloc(arena, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct session){ .keeper = k };
	if (json.ptr != NULL && (s->data = json_read(k, json)) == NULL) {
		PyErr_Clear();
		return NULL;
	}
	return s;
}

/* The session as it is now. New reference; NULL: it is no such object; an exception may be
 * set. */
static PyObject *
session_get(const struct session *s)
{
	PyObject *class = member(s->keeper, SOURCE_CLASS), *found = s->data;

	if (s->scope != NULL)
		found = PyDict_GetItemWithError(s->scope, s->keeper->st->n_session);
	if (found == NULL || (member(s->keeper, SOURCE_ANY) != Py_True &&
	    (class == Py_None || s->scope == NULL ?
	    !PyDict_CheckExact(found) : (PyObject *)Py_TYPE(found) != class)))
		return NULL;
	return Py_NewRef(found);
}

/* What the object says of itself. 0, or -1 with an exception set. */
static int
use_read(const struct keeper *k, PyObject *session, struct mw_session_use *use)
{
	int accessed = 0, modified = 1, filled = 0;

	if (member(k, SOURCE_CLASS) != Py_None) {
		accessed = pyb_truth_of(session, k->st->n_accessed);
		modified = accessed >= 0 ? pyb_truth_of(session, k->st->n_modified) : -1;
	}
	if (modified > 0)
		filled = PyObject_IsTrue(session);
	use->accessed = accessed > 0;
	use->modified = modified > 0;
	use->filled = filled > 0;
	return modified < 0 || filled < 0 ? -1 : 0;
}

/* json.dumps(session), which is ASCII. 0, or -1; an exception may be set. */
static int
json_write(struct session *s, PyObject *session, struct slice *json)
{
	Py_ssize_t len;
	const char *text;

	Py_XSETREF(s->text, PyObject_CallOneArg(member(s->keeper, SOURCE_DUMPS), session));
	if (s->text == NULL || !PyUnicode_CheckExact(s->text))
		return -1;
	text = PyUnicode_AsUTF8AndSize(s->text, &len);
	*json = (struct slice){ text, (size_t)len };
	return text != NULL ? 0 : -1;
}

static int
keeper_look(void *session, struct mw_session_use *use)
{
	struct session *s = session;
	PyObject *now;
	int rc;

	*use = (struct mw_session_use){ 0 };
	if (s->scope == NULL && (member(s->keeper, SOURCE_CLASS) != Py_None || s->data == NULL))
		return 0;
	now = session_get(s);
	rc = now != NULL ? use_read(s->keeper, now, use) : -1;
	if (rc == 0 && use->modified && use->filled)
		rc = json_write(s, now, &use->json);
	Py_XDECREF(now);
	PyErr_Clear();
	return rc;
}

int
pyb_session_refuse(void *session)
{
	struct session *s = session;
	struct mw_session_use use = { 0 };
	PyObject *now = session_get(s);
	int rc = now != NULL ? use_read(s->keeper, now, &use) : -1;

	if (rc == 0 && use.modified && use.filled)
		rc = json_write(s, now, &use.json);
	if (now == NULL && !PyErr_Occurred())
		PyErr_SetObject(PyExc_KeyError, s->keeper->st->n_session);
	if (!PyErr_Occurred())
		PyErr_SetString(PyExc_RuntimeError, "the session could not be written");
	Py_XDECREF(now);
	return -1;
}

static void
keeper_close(void *session)
{
	struct session *s = session;

	Py_CLEAR(s->data);
	Py_CLEAR(s->scope);
	Py_CLEAR(s->text);
}

int
pyb_session_keeper(struct pyb_module_state *st, PyObject *source, struct arena *arena,
    struct mw_keeper *out)
{
	struct keeper *k;

	if (!PyTuple_CheckExact(source) || PyTuple_GET_SIZE(source) != SOURCE_MEMBERS) {
		PyErr_SetString(PyExc_TypeError, "a keeper of sessions is of five objects");
		return -1;
	}
	k = arena_alloc(arena, sizeof(*k));
	if (k == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	*k = (struct keeper){ st, source };
	*out = (struct mw_keeper){ keeper_now, keeper_open, keeper_look, keeper_close, k };
	return 0;
}

/* A new object for user code. NULL with an exception set. */
static PyObject *
object_new(const struct session *s)
{
	PyObject *class = member(s->keeper, SOURCE_CLASS);

	if (class == Py_None)
		return s->data != NULL ? Py_NewRef(s->data) : PyDict_New();
	return s->data != NULL ? PyObject_CallOneArg(class, s->data) :
	    PyObject_CallNoArgs(class);
}

int
pyb_session_show(struct pyb_module_state *st, void *session, PyObject *scope)
{
	struct session *s = session;
	PyObject *object;
	int rc;

	if (s == NULL)
		return 0;
	object = object_new(s);
	rc = object != NULL ? PyDict_SetItem(scope, st->n_session, object) : -1;
	Py_XDECREF(object);
	if (rc == 0)
		Py_XSETREF(s->scope, Py_NewRef(scope));
	return rc;
}

int
pyb_session_traverse(void *session, visitproc visit, void *arg)
{
	struct session *s = session;

	if (s == NULL)
		return 0;
	Py_VISIT(s->data);
	Py_VISIT(s->scope);
	Py_VISIT(s->text);
	return 0;
}

int
pyb_session_save(struct pyb_module_state *st, void *session, PyObject *scope)
{
	PyObject *now, *saved;
	int rc;

	if (session == NULL || ((struct session *)session)->scope != scope)
		return 0;
	now = PyDict_GetItemWithError(scope, st->n_session);
	if (now == NULL && PyErr_Occurred())
		return -1;
	saved = now != NULL ? PyTuple_Pack(1, now) : PyTuple_New(0);
	rc = saved != NULL ? PyDict_SetItem(scope, st->t_session, saved) : -1;
	Py_XDECREF(saved);
	return rc;
}
