/*
 * hosts: compare texts of the Host field with what Host routes begin with.
 *
 * Called by binding.c, which owns them, by decide.c and by stack/find.c. A request that no Host
 * route takes must never be held to be one; the other mistake only costs time.
 */
#include "bindings/hosts.h"

#include <stdlib.h>

static int
host_take(struct pyb_hosts *h, PyObject *item)
{
	struct pyb_host *host = &h->all[h->n];
	Py_ssize_t n_prefix, n_suffix;
	const char *prefix, *suffix;
	unsigned int first;

	if (!PyTuple_CheckExact(item)) {
		PyErr_SetString(PyExc_TypeError, "a host is a tuple");
		return -1;
	}
	if (!PyArg_ParseTuple(item, "Iy#y#", &first, &prefix, &n_prefix, &suffix, &n_suffix))
		return -1;
	*host = (struct pyb_host){
		first, { prefix, (size_t)n_prefix }, { suffix, (size_t)n_suffix }
	};
	h->n++;
	return 0;
}

int
pyb_hosts_init(struct pyb_hosts *h, PyObject *source)
{
	*h = (struct pyb_hosts){ 0 };
	if (source == NULL)
		return 0;
	h->source = Py_NewRef(source);
	h->all = calloc((size_t)PyTuple_GET_SIZE(source) + 1, sizeof(*h->all));
	if (h->all == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(source); i++)
		if (host_take(h, PyTuple_GET_ITEM(source, i)) < 0)
			return -1;
	return 0;
}

void
pyb_hosts_fini(struct pyb_hosts *h)
{
	free(h->all);
	h->all = NULL;
	h->n = 0;
	Py_CLEAR(h->source);
}

int
pyb_hosts_traverse(struct pyb_hosts *h, visitproc visit, void *arg)
{
	Py_VISIT(h->source);
	return 0;
}

/* Does `text` have `part`, which is in lower case, at `at`? */
static bool
has_at(struct slice text, size_t at, struct slice part)
{
	return at + part.len <= text.len &&
	    slice_equal_lower((struct slice){ text.ptr + at, part.len }, part);
}

static bool
may_match(const struct pyb_host *h, struct slice host)
{
	size_t at = h->prefix.len;

	if (h->prefix.len == 0 && h->suffix.len == 0)
		return true;
	if (host.ptr == NULL || !has_at(host, 0, h->prefix))
		return false;
	while (at + h->suffix.len <= host.len && !has_at(host, at, h->suffix))
		at++;
	return at + h->suffix.len <= host.len;
}

bool
pyb_hosts_claim(const struct pyb_hosts *h, uint32_t route, struct slice host)
{
	for (size_t i = 0; i < h->n; i++)
		if (route >= h->all[i].first && may_match(&h->all[i], host))
			return true;
	return false;
}
