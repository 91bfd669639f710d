/*
 * body: content on its way from a message to the exchange.
 *
 * Called by send.c. The exceptions are those of uvicorn's send(), or zlib's where a layer of GZip's
 * stands in front of the exchange's calls.
 */
#include "bindings/asgi/internal.h"
#include "bindings/piece.h"
#include "middleware/exchange.h"

/* Content of this length is not what the head has announced. Returns -1; 0 where it is. */
static int
length_refuse(enum hx_length is)
{
	if (is == HX_LENGTH_FITS)
		return 0;
	PyErr_SetString(PyExc_RuntimeError, is == HX_LENGTH_LONGER ?
	    "Response content longer than Content-Length" :
	    "Response content shorter than Content-Length");
	return -1;
}

/* The bytes of a buffer. uvicorn joins them with others where no length was announced (`joined`),
 * and so does zlib compress them: each has its own word for a buffer that is not contiguous. New
 * reference; NULL with an exception set. */
static PyObject *
buffer_copy(PyObject *body, bool joined)
{
	PyObject *bytes = pyb_piece_copy(body);

	if (bytes == NULL && joined && !PyErr_ExceptionMatches(PyExc_MemoryError))
		PyErr_Format(PyExc_TypeError, "sequence item 1: expected a bytes-like object, "
		    "%.80s found", Py_TYPE(body)->tp_name);
	return bytes;
}

/* For HEAD uvicorn looks at none, and what is empty it does not look at closely where no length was
 * announced. Looking at it may run user code, after which the exchange may be gone. */
PyObject *
pyb_asgi_content_of(const struct hx_exchange *x, PyObject *body)
{
	bool read = mw_exchange_reads(x), joined = !x->promise.has_length && !read;
	int full = 1;

	if (body == NULL && PyErr_Occurred())
		return NULL;
	if (body != NULL && PyBytes_CheckExact(body))
		return Py_NewRef(body);
	if (body == NULL || (x->is_head && !read))
		full = 0;
	else if (joined)
		full = PyObject_IsTrue(body);
	if (full < 0)
		return NULL;
	return full ? buffer_copy(body, joined) : PyBytes_FromStringAndSize(NULL, 0);
}

/* Content comes behind a head that was refused. uvicorn then expects none; an answer that ends so
 * is none. 0, or -1 with an exception set. */
static int
headless_send(struct pyb_asgi *a, size_t len, bool last)
{
	if (len > 0 && !a->x->is_head)
		return length_refuse(HX_LENGTH_LONGER);
	a->complete = last;
	if (last) {
		a->x->calls->abort(a->x);
		pyb_asgi_detach(a);
	}
	return 0;
}

int
pyb_asgi_content_send(struct pyb_asgi *a, PyObject *content, bool last)
{
	size_t len = (size_t)PyBytes_GET_SIZE(content);
	struct hx_exchange *x = a->x;
	enum hx_length is = hx_exchange_length(x, len, last);

	if (a->headless)
		return headless_send(a, len, last);
	if (is != HX_LENGTH_LONGER) {
		x->calls->body(x, pyb_piece_of(content), last && is == HX_LENGTH_FITS);
		is = is == HX_LENGTH_FITS ? mw_exchange_refused(x) : is;
	}
	if (length_refuse(is) < 0)
		return -1;
	a->complete = last;
	if (last)
		pyb_asgi_detach(a);
	return 0;
}
