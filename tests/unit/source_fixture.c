/*
 * source_fixture: see source_fixture.h.
 */
#include "tests/unit/source_fixture.h"

#include "base/must.h"

static void
fields_read(struct hx_exchange *x, const char *fields)
{
	struct hx_request *req = &x->req;

	while (*fields != '\0') {
		const char *colon = strchr(fields, ':'), *end = strchr(fields, '\n');

		must(colon != NULL && end != NULL);
		must(req->n_headers < req->headers_room || hx_exchange_headers_grow(x) == 0);
		req->headers[req->n_headers++] = (struct hx_header){
			{ fields, (size_t)(colon - fields) },
			{ colon + 2, (size_t)(end - colon - 2) },
		};
		fields = end + 1;
	}
}

void
view_exchange(struct hx_exchange *x, const char *query, const char *fields,
    struct slice content)
{
	static struct slice params[HX_MAX_PARAMS];

	hx_exchange_init(x, NULL, NULL);
	x->params = params;
	x->req.query = (struct slice){ query, strlen(query) };
	x->req.method = 1;
	x->req.method_name = SLICE_LIT("GET");
	x->req.h1.minor = 1;
	x->content.data = content.ptr;
	x->content.len = content.len;
	x->content.complete = true;
	fields_read(x, fields);
}

static PyObject *
text_of(struct slice s, bool latin1)
{
	return latin1 ? PyUnicode_DecodeLatin1(s.ptr, (Py_ssize_t)s.len, NULL) :
	    PyUnicode_DecodeUTF8(s.ptr, (Py_ssize_t)s.len, NULL);
}

PyObject *
view_pairs(const struct pyb_pairs *pairs, bool latin1)
{
	PyObject *list;

	if (pairs == NULL)
		Py_RETURN_NONE;
	list = PyList_New(0);
	for (size_t i = 0; i < pairs->n; i++) {
		PyObject *pair = Py_BuildValue("(NN)", text_of(pairs->all[i].name, latin1),
		    text_of(pairs->all[i].value, latin1));

		must(pair != NULL && PyList_Append(list, pair) == 0);
		Py_DECREF(pair);
	}
	return list;
}
