/*
 * asked: a request, whoever carries it.
 *
 * Called by mount.c and reply.c.
 */
#include "files/asked.h"

struct slice
files_asked_field(const struct files_asked *q, struct slice name)
{
	return hx_exchange_header_value(q->fields, q->n_fields, name);
}

bool
files_asked_head(const struct files_asked *q)
{
	return slice_equal(q->method, SLICE_LIT("HEAD"));
}

bool
files_asked_get(const struct files_asked *q)
{
	return slice_equal(q->method, SLICE_LIT("GET"));
}
