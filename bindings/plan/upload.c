/*
 * upload: from the parts of a content to texts and UploadFiles.
 *
 * Called by source.c, and by bindings/decide.c and stack/ before the content is there. What a part
 * is stands in http/multipart.c; the limits and the order of what counts are those of Starlette's
 * MultiPartParser. It makes objects that nobody has seen yet: when the plan gives up, they go.
 */
#include "bindings/plan/upload.h"

#include "base/utf8.h"
#include "bindings/plan/parts.h"
#include "bindings/text.h"
#include "http/content_type.h"
#include "http/field.h"
#include "http/multipart.h"
#include "http/options.h"

/* The part in hand. */
struct part {
	struct slice name, filename;	/* in the arena; filename.ptr NULL: a text */
	PyObject *headers;		/* of a file: list of (name, value) */
	struct slice content;
	bool open;
};

struct reading {
	struct pyb_source *src;
	struct pyb_pairs *pairs;
	size_t cap;
	Py_ssize_t n_files, n_fields;
	struct part part;
};

bool
pyb_upload_is_small(const struct hx_header *fields, size_t n)
{
	struct slice length = hx_exchange_header_value(fields, n, SLICE_LIT("content-length"));
	uint64_t bytes = 0;

	if (hx_content_type_form(hx_exchange_header_value(fields, n, SLICE_LIT("content-type"))))
		return true;
	return hx_exchange_header_value(fields, n, SLICE_LIT("transfer-encoding")).ptr == NULL &&
	    (length.ptr == NULL || hx_field_length_read(length, &bytes)) &&
	    bytes <= PYB_UPLOAD_MOST;
}

/* Into the arena. False: no memory, or no UTF-8, which Starlette would read as latin-1. */
static bool
text_keep(struct arena *a, struct slice *s)
{
	char *copy;

	for (size_t at = 0; at < s->len;) {
		int n = utf8_length(s->ptr + at, s->len - at);

		if (n < 0)
			return false;
		at += (size_t)n;
	}
	copy = arena_alloc(a, s->len + 1);
	if (copy == NULL)
		return false;
	if (s->len > 0)
		memcpy(copy, s->ptr, s->len);
	s->ptr = copy;
	return true;
}

/* `at`: where the part's content begins. False: FastAPI's own parser shall say what is
 * wrong. */
static bool
part_begin(struct reading *r, const struct hx_multipart *m, const char *at)
{
	struct slice disposition = hx_multipart_value(m, SLICE_LIT("content-disposition"));
	struct arena *a = r->src->arena;
	struct part *p = &r->part;

	*p = (struct part){ .content = { at, 0 }, .open = true };
	if (hx_options_get(a, disposition, SLICE_LIT("name"), false, &p->name) < 0 ||
	    hx_options_get(a, disposition, SLICE_LIT("filename"), true, &p->filename) < 0 ||
	    p->name.ptr == NULL || !text_keep(a, &p->name))
		return false;
	if (p->filename.ptr == NULL)
		return ++r->n_fields <= r->src->limits.fields;
	if (++r->n_files > r->src->limits.files || !text_keep(a, &p->filename))
		return false;
	p->headers = pyb_parts_headers(m);
	return p->headers != NULL;
}

/* make_upload(headers, filename, content): the UploadFile, kept in src->files. Borrowed;
 * NULL: it is too large to be kept in memory, or an exception is set. */
static PyObject *
file_make(struct reading *r)
{
	struct pyb_source *src = r->src;
	PyObject *filename = pyb_text_utf8(r->part.filename);
	PyObject *content = pyb_text_bytes(r->part.content), *file = NULL;
	int rc = -1;

	if (src->files == NULL)
		src->files = PyList_New(0);
	if (filename != NULL && content != NULL && src->files != NULL)
		file = PyObject_CallFunctionObjArgs(src->st->make_upload, r->part.headers,
		    filename, content, NULL);
	if (file != NULL && file != Py_None)
		rc = PyList_Append(src->files, file);
	Py_XDECREF(filename);
	Py_XDECREF(content);
	Py_XDECREF(file);
	return rc == 0 ? file : NULL;
}

static bool
part_end(struct reading *r)
{
	struct part *p = &r->part;
	struct pyb_pair pair = { p->name, p->content, NULL, false };

	p->open = false;
	if (p->filename.ptr != NULL) {
		pair.file = file_make(r);
		pair.empty = p->filename.len == 0 && p->content.len == 0;
		Py_CLEAR(p->headers);
		if (pair.file == NULL)
			return false;
	}
	return pyb_source_add(r->src->arena, r->pairs, &r->cap, pair) == 0;
}

/* A text has a limit; files have none. */
static bool
part_data(struct reading *r, size_t len)
{
	struct part *p = &r->part;

	p->content.len += len;
	return p->filename.ptr != NULL || p->content.len <= (size_t)r->src->limits.part_bytes;
}

static bool
parts_read(struct reading *r, struct hx_multipart *m)
{
	struct slice all = r->src->content, data;
	size_t at = 0, used;

	for (;;) {
		enum hx_multipart_event event = hx_multipart_feed(m, all.ptr + at,
		    all.len - at, &used, &data);

		at += used;
		switch (event) {
		case HX_MULTIPART_MORE:
			return true;
		case HX_MULTIPART_PART:
			if (!part_begin(r, m, all.ptr + at))
				return false;
			break;
		case HX_MULTIPART_DATA:
			if (!part_data(r, data.len))
				return false;
			break;
		case HX_MULTIPART_PART_END:
			if (r->part.open && !part_end(r))
				return false;
			break;
		case HX_MULTIPART_MALFORMED:
			return false;
		}
	}
}

/* The boundary. False: this is no plain multipart/form-data. */
static bool
boundary_get(struct arena *a, struct slice type, struct slice *boundary)
{
	struct slice charset;

	return slice_equal_lower(hx_options_kind(type), SLICE_LIT("multipart/form-data")) &&
	    hx_options_get(a, type, SLICE_LIT("boundary"), false, boundary) == 0 &&
	    hx_options_get(a, type, SLICE_LIT("charset"), false, &charset) == 0 &&
	    boundary->ptr != NULL && charset.ptr == NULL;
}

bool
pyb_upload_is_read(struct arena *a, struct slice type)
{
	struct slice boundary;

	return hx_content_type_form(type) || boundary_get(a, type, &boundary);
}

int
pyb_upload_load(struct pyb_source *src, struct slice type, struct pyb_pairs *pairs)
{
	struct reading r = { .src = src, .pairs = pairs };
	struct hx_multipart m;
	struct slice boundary;
	bool ok;

	if (!boundary_get(src->arena, type, &boundary) || hx_multipart_init(&m, boundary) < 0)
		return -1;
	ok = parts_read(&r, &m);
	hx_multipart_fini(&m);
	Py_XDECREF(r.part.headers);
	PyErr_Clear();
	return ok ? 0 : -1;
}
