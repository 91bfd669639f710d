/*
 * parts: what MultiPartParser of Starlette's does with the events of a parser.
 *
 * Called by engine/ (the type) and by upload.c (the field lines).
 * python/fastrapi/compile/uploads.py feeds a Parts with the pieces of a content as they arrive, and
 * writes to files what it gives. Texts are collected here, within their limit; the bytes of files
 * are views of the piece, so that they are not copied. What a piece holds of a file is one view,
 * however often it looks like the start of a delimiter. Nothing here may write to a file, which may
 * block.
 */
#include "bindings/plan/parts.h"

#include <stdlib.h>
#include <structmember.h>

#include "base/arena.h"
#include "bindings/module_state.h"
#include "bindings/plan/source.h"
#include "bindings/text.h"
#include "http/options.h"

enum { ARENA_BYTES = 512, FIRST_TEXT = 256 };

struct parts {
	PyObject_HEAD
	struct pyb_module_state *st;
	struct hx_multipart m;
	struct pyb_form_limits limits;
	Py_ssize_t n_files, n_fields;
	PyObject *make;			/* make_file */
	PyObject *items;
	PyObject *name;			/* of the part in hand; NULL: there is none */
	PyObject *file;			/* of that part; NULL: it is a text */
	char *text;			/* its content */
	size_t text_len, text_cap;
};

/* What a piece brings for files. */
struct brought {
	PyObject *piece;
	PyObject *due;			/* list of (file, data) */
	size_t start, end;		/* in the piece: content of the file in hand, not yet in `due` */
};

PyObject *
pyb_parts_headers(const struct hx_multipart *m)
{
	PyObject *list = PyList_New((Py_ssize_t)m->n_fields);

	for (unsigned i = 0; list != NULL && i < m->n_fields; i++) {
		struct hx_multipart_field field = hx_multipart_field(m, i);
		PyObject *pair = Py_BuildValue("(NN)", pyb_text_bytes(field.name),
		    pyb_text_bytes(field.value));

		if (pair == NULL)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
	}
	return list;
}

/* Raise MultiPartException. -1. */
static int
refuse(struct parts *p, const char *format, Py_ssize_t limit)
{
	PyErr_Format(p->st->multipart_exception, format, limit);
	return -1;
}

/* Make the file of the part in hand. 0, or -1 with an exception set. */
static int
file_make(struct parts *p, struct slice filename)
{
	PyObject *name, *headers, *file = NULL;

	if (++p->n_files > p->limits.files)
		return refuse(p, "Too many files. Maximum number of files is %zd.",
		    p->limits.files);
	name = pyb_source_form_text(filename);
	headers = pyb_parts_headers(&p->m);
	if (name != NULL && headers != NULL)
		file = PyObject_CallFunctionObjArgs(p->make, headers, name, NULL);
	Py_XDECREF(name);
	Py_XDECREF(headers);
	Py_XSETREF(p->file, file);
	return file != NULL ? 0 : -1;
}

/* A part begins. 0, or -1 with an exception set. */
static int
part_begin(struct parts *p)
{
	struct slice disposition = hx_multipart_value(&p->m, SLICE_LIT("content-disposition"));
	struct slice name = SLICE_NULL, filename = SLICE_NULL;
	struct arena a;
	int rc = -1;

	Py_CLEAR(p->file);
	p->text_len = 0;
	arena_init(&a, ARENA_BYTES);
	if (hx_options_get(&a, disposition, SLICE_LIT("name"), false, &name) < 0 ||
	    hx_options_get(&a, disposition, SLICE_LIT("filename"), true, &filename) < 0)
		PyErr_NoMemory();
	else if (name.ptr == NULL)
		refuse(p, "The Content-Disposition header field \"name\" must be provided.", 0);
	else
		Py_XSETREF(p->name, pyb_source_form_text(name));
	if (PyErr_Occurred() == NULL) {
		if (filename.ptr != NULL)
			rc = file_make(p, filename);
		else if (++p->n_fields > p->limits.fields)
			refuse(p, "Too many fields. Maximum number of fields is %zd.",
			    p->limits.fields);
		else
			rc = 0;
	}
	arena_fini(&a);
	return rc;
}

/* Keep bytes of a text. 0, or -1 with an exception set. */
static int
text_keep(struct parts *p, struct slice data)
{
	size_t cap = p->text_cap == 0 ? FIRST_TEXT : p->text_cap;
	char *grown;

	if ((Py_ssize_t)(p->text_len + data.len) > p->limits.part_bytes)
		return refuse(p, "Part exceeded maximum size of %zdKB.",
		    p->limits.part_bytes / 1024);
	while (cap - p->text_len < data.len)
		cap *= 2;
	if (cap != p->text_cap) {
		grown = realloc(p->text, cap);
		if (grown == NULL) {
			PyErr_NoMemory();
			return -1;
		}
		p->text = grown;
		p->text_cap = cap;
	}
	memcpy(p->text + p->text_len, data.ptr, data.len);
	p->text_len += data.len;
	return 0;
}

/* piece[start .. end) as an object: a view, or the piece itself. */
static PyObject *
buffer_new(PyObject *piece, size_t start, size_t end)
{
	PyObject *all, *part;

	if (start == 0 && end == (size_t)PyBytes_GET_SIZE(piece))
		return Py_NewRef(piece);
	all = PyMemoryView_FromObject(piece);
	if (all == NULL)
		return NULL;
	part = PySequence_GetSlice(all, (Py_ssize_t)start, (Py_ssize_t)end);
	Py_DECREF(all);
	return part;
}

/* Append (file, data) to `due`; `data` (stolen) may be NULL with an exception set. 0, or -1
 * with an exception set. */
static int
due_add(struct parts *p, PyObject *due, PyObject *data)
{
	PyObject *entry = data != NULL ? PyTuple_Pack(2, p->file, data) : NULL;
	int rc = entry != NULL ? PyList_Append(due, entry) : -1;

	Py_XDECREF(entry);
	Py_XDECREF(data);
	return rc;
}

/* Append the run in hand, unless it is empty. 0, or -1 with an exception set. */
static int
run_flush(struct parts *p, struct brought *b)
{
	size_t start = b->start;

	b->start = b->end;
	return start == b->end ? 0 :
	    due_add(p, b->due, buffer_new(b->piece, start, b->end));
}

/* Take content of a file, when `used` bytes of the piece have been read. 0, or -1 with an
 * exception set. */
static int
file_take(struct parts *p, struct brought *b, struct slice data, size_t used)
{
	size_t start, end, carried = 0;

	if (data.ptr != p->m.delimiter) {
		start = (size_t)(data.ptr - PyBytes_AS_STRING(b->piece));
		end = start + data.len;
	} else {
		/* Not a delimiter after all. Only what came with earlier pieces is a copy. */
		carried = data.len > used ? data.len - used : 0;
		start = used - (data.len - carried);
		end = used;
	}
	data.len = carried;
	if (carried > 0 && due_add(p, b->due, pyb_text_bytes(data)) < 0)
		return -1;
	if (start != b->end) {
		if (run_flush(p, b) < 0)
			return -1;
		b->start = start;
	}
	b->end = end;
	return 0;
}

/* The part in hand is complete. 0, or -1 with an exception set. */
static int
part_end(struct parts *p, PyObject *due)
{
	PyObject *name = p->name, *value, *item = NULL;
	int rc = -1;

	p->name = NULL;
	value = p->file != NULL ? Py_NewRef(p->file) :
	    pyb_source_form_text((struct slice){ p->text, p->text_len });
	if (value != NULL)
		item = PyTuple_Pack(2, name, value);
	if (item != NULL && (p->file == NULL || due_add(p, due, Py_NewRef(Py_None)) == 0))
		rc = PyList_Append(p->items, item);
	Py_XDECREF(item);
	Py_XDECREF(value);
	Py_DECREF(name);
	return rc;
}

/* `used` bytes of the piece have been read. 0, or -1 with an exception set. */
static int
event_take(struct parts *p, enum hx_multipart_event event, struct brought *b,
    struct slice data, size_t used)
{
	switch (event) {
	case HX_MULTIPART_PART:
		return part_begin(p);
	case HX_MULTIPART_DATA:
		return p->file == NULL ? text_keep(p, data) : file_take(p, b, data, used);
	case HX_MULTIPART_PART_END:
		if (run_flush(p, b) < 0)
			return -1;
		return p->name != NULL ? part_end(p, b->due) : 0;
	case HX_MULTIPART_MALFORMED:
		return refuse(p, "Invalid multipart data.", 0);
	default:	/* the end of the piece */
		return run_flush(p, b);
	}
}

/* feed(piece) */
static PyObject *
parts_feed(PyObject *self, PyObject *piece)
{
	struct parts *p = (struct parts *)self;
	struct brought b = { .piece = piece };
	enum hx_multipart_event event = HX_MULTIPART_PART;
	size_t at = 0, used, len;

	if (!PyBytes_CheckExact(piece))
		return PyErr_Format(PyExc_TypeError, "a piece of a form must be bytes");
	b.due = PyList_New(0);
	len = (size_t)PyBytes_GET_SIZE(piece);
	while (b.due != NULL && event != HX_MULTIPART_MORE) {
		struct slice data = SLICE_NULL;

		event = hx_multipart_feed(&p->m, PyBytes_AS_STRING(piece) + at, len - at, &used,
		    &data);
		at += used;
		if (event_take(p, event, &b, data, at) < 0)
			Py_CLEAR(b.due);
	}
	return b.due;
}

static PyObject *
parts_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "", "", "", NULL };
	struct parts *p = (struct parts *)type->tp_alloc(type, 0);
	PyObject *make;
	struct slice boundary;
	Py_ssize_t len;

	if (p == NULL)
		return NULL;
	p->st = PyType_GetModuleState(type);
	if (pyb_module_state_load_fastapi(p->st) < 0 ||
	    !PyArg_ParseTupleAndKeywords(args, kwargs, "y#(nnn)O:Parts", names, &boundary.ptr,
	    &len, &p->limits.files, &p->limits.fields, &p->limits.part_bytes, &make))
		goto failed;
	boundary.len = (size_t)len;
	if (hx_multipart_init(&p->m, boundary) < 0) {
		PyErr_SetString(PyExc_ValueError, "no boundary of a form");
		goto failed;
	}
	p->make = Py_NewRef(make);
	p->items = PyList_New(0);
	if (p->items != NULL)
		return (PyObject *)p;
failed:
	Py_DECREF(p);
	return NULL;
}

static int
parts_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct parts *p = (struct parts *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(p->make);
	Py_VISIT(p->items);
	Py_VISIT(p->file);
	return 0;
}

static int
parts_clear(PyObject *self)
{
	struct parts *p = (struct parts *)self;

	Py_CLEAR(p->make);
	Py_CLEAR(p->items);
	Py_CLEAR(p->name);
	Py_CLEAR(p->file);
	return 0;
}

static void
parts_dealloc(PyObject *self)
{
	struct parts *p = (struct parts *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	parts_clear(self);
	hx_multipart_fini(&p->m);
	free(p->text);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef parts_methods[] = {
	{ "feed", parts_feed, METH_O, "feed(piece) -> list of (file, data or None)" },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef parts_members[] = {
	{ "items", T_OBJECT, offsetof(struct parts, items), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot parts_slots[] = {
	{ Py_tp_new, parts_new },
	{ Py_tp_dealloc, parts_dealloc },
	{ Py_tp_traverse, parts_traverse },
	{ Py_tp_clear, parts_clear },
	{ Py_tp_methods, parts_methods },
	{ Py_tp_members, parts_members },
	{ Py_tp_doc, "The parts of a multipart form that is read piece by piece." },
	{ 0, NULL }
};

static PyType_Spec parts_spec = {
	.name = "fastrapi._engine.Parts",
	.basicsize = sizeof(struct parts),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = parts_slots,
};

PyTypeObject *
pyb_parts_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &parts_spec, NULL);
}
