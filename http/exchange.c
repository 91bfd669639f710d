/*
 * exchange: birth, reset and end of the shared structure.
 *
 * Called by worker/ (the owner of a connection), parse.c and policy.c. An exchange owns
 * its arena and the buffer of its content, nothing else.
 */
#include "http/exchange.h"

#include <stdlib.h>

#include "base/must.h"

enum { ARENA_BYTES = 4096, FIRST_CONTENT = 4096 };

void
hx_exchange_request_clear(struct hx_request *req)
{
	req->n_headers = 0;
	memset(req->first, -1, sizeof(req->first));
	memset(req->count, 0, sizeof(req->count));
}

void
hx_exchange_init(struct hx_exchange *x, const struct hx_calls *calls, void *owner)
{
	memset(x, 0, sizeof(*x));
	x->calls = calls;
	x->owner = owner;
	x->scheme = SLICE_LIT("http");
	x->route = HX_NO_ROUTE;
	hx_exchange_request_clear(&x->req);
	arena_init(&x->arena, ARENA_BYTES);
}

static void
content_free(struct hx_exchange *x)
{
	if (x->content.cap > 0)
		free((char *)(uintptr_t)x->content.data);
	x->content = (struct hx_content){ 0 };
}

void
hx_exchange_reset(struct hx_exchange *x)
{
	content_free(x);
	arena_reset(&x->arena);
	x->state = HX_IDLE;
	x->is_head = false;
	x->status = 0;
	x->promise = (struct hx_promise){ 0 };
	x->route = HX_NO_ROUTE;
	x->n_params = 0;
	hx_exchange_request_clear(&x->req);
}

void
hx_exchange_fini(struct hx_exchange *x)
{
	content_free(x);
	arena_fini(&x->arena);
}

void
hx_exchange_rest(struct hx_exchange *x)
{
	must(x->state == HX_IDLE && x->content.cap == 0);
	arena_fini(&x->arena);
}

struct slice
hx_exchange_known(const struct hx_exchange *x, enum hx_known which)
{
	int at;

	must(which < HX_KNOWN_COUNT);
	at = x->req.first[which];
	return at < 0 ? SLICE_NULL : x->req.headers[at].value;
}

int
hx_exchange_content_append(struct hx_exchange *x, struct slice bytes)
{
	struct hx_content *c = &x->content;
	size_t cap = c->cap == 0 ? FIRST_CONTENT : c->cap;
	char *own = c->cap == 0 ? NULL : (char *)(uintptr_t)c->data;

	if (c->len > SIZE_MAX / 4 || bytes.len > SIZE_MAX / 4 - c->len)
		return -1;
	while (cap < c->len + bytes.len)
		cap *= 2;
	if (cap != c->cap) {
		char *grown = realloc(own, cap);

		if (grown == NULL)
			return -1;
		/* Borrowed until now. */
		if (c->cap == 0 && c->len > 0)
			memcpy(grown, c->data, c->len);
		c->data = own = grown;
		c->cap = cap;
	}
	if (bytes.len > 0)
		memcpy(own + c->len, bytes.ptr, bytes.len);
	c->len += bytes.len;
	return 0;
}
