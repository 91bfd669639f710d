/*
 * exchange: birth, reset and end of the shared structure.
 *
 * Called by worker/ (the owner of a connection), parse.c, policy.c, middleware/, files/,
 * handshake.c, bindings/asgi/, bindings/websocket/, bindings/content.c, bindings/decide.c,
 * bindings/request.c, bindings/plan/after.c, bindings/plan/chunks.c, bindings/plan/file.c,
 * bindings/plan/source.c and bindings/plan/upload.c. An exchange owns its arena and the buffer of its
 * content, nothing else.
 */
#include "http/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "http/field.h"

struct slice
hx_exchange_header_value(const struct hx_header *fields, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_equal(fields[i].name, name))
			return fields[i].value;
	return SLICE_NULL;
}

/* The arena's first block has the fields of most requests and as much again for what a plan
 * needs. */
enum { ARENA_BYTES = 5120, FIRST_HEADERS = 32, FIRST_CONTENT = 4096 };

void
hx_exchange_request_clear(struct hx_request *req)
{
	/* Who tells of a head that was refused tells what there was of it. */
	req->method_name = req->target = req->raw_path = req->path = req->query = SLICE_NULL;
	req->n_headers = 0;
	req->h1.has_line = false;
	req->h1.head = NULL;
	req->h1.read = 0;
	memset(req->first, -1, sizeof(req->first));
	memset(req->count, 0, sizeof(req->count));
}

void
hx_exchange_init(struct hx_exchange *x, const struct hx_calls *calls, void *owner)
{
	memset(x, 0, sizeof(*x));
	x->calls = calls;
	x->owner = owner;
	x->peer.scheme = x->origin.scheme = SLICE_LIT("http");
	x->route = HX_NO_ROUTE;
	hx_exchange_request_clear(&x->req);
	arena_init(&x->arena, ARENA_BYTES);
}

/* Give the buffer of the content, and what was lent, back to where it came from. */
static void
buffer_give(struct hx_content *c)
{
	if (c->cap > 0 && !c->lent)
		free((char *)(uintptr_t)c->data);
	if (c->lender != NULL)
		c->give_back(c->lender);
	c->lender = NULL;
}

static void
content_free(struct hx_exchange *x)
{
	buffer_give(&x->content);
	x->content = (struct hx_content){ 0 };
}

/* The arena's memory is given back: forget what was in it. */
static void
headers_forget(struct hx_request *req)
{
	hx_exchange_request_clear(req);
	req->headers = NULL;
	req->headers_room = 0;
}

int
hx_exchange_headers_grow(struct hx_exchange *x)
{
	struct hx_request *req = &x->req;
	unsigned room = req->headers_room == 0 ? FIRST_HEADERS : req->headers_room * 2;
	struct hx_header *grown;

	must(req->headers_room <= HX_MAX_HEADERS);
	grown = arena_alloc(&x->arena, room * sizeof(*grown));
	if (grown == NULL)
		return -1;
	if (req->n_headers > 0)
		memcpy(grown, req->headers, req->n_headers * sizeof(*grown));
	req->headers = grown;
	req->headers_room = room;
	return 0;
}

void
hx_exchange_reset(struct hx_exchange *x)
{
	content_free(x);
	arena_fini(&x->arena);
	x->state = HX_IDLE;
	x->is_head = x->handshake = x->cut = false;
	x->status = 0;
	x->promise = (struct hx_promise){ 0 };
	x->origin = x->peer;
	x->request_id = SLICE_NULL;
	x->route = HX_NO_ROUTE;
	x->n_params = 0;
	x->params = NULL;
	headers_forget(&x->req);
}

/* Copy the bytes of `s` to *to, which moves on. */
static void
slice_keep(struct slice *s, char **to)
{
	if (s->len > 0)
		memcpy(*to, s->ptr, s->len);
	s->ptr = *to;
	*to += s->len;
}

/* The slices of a request but for its fields; `all` has room for 16. */
static size_t
slices_of(struct hx_exchange *x, struct slice **all)
{
	struct slice *const found[] = {
		&x->req.method_name, &x->req.target, &x->req.raw_path, &x->req.path, &x->req.query,
		&x->peer.host, &x->peer.scheme, &x->origin.host, &x->origin.scheme,
		&x->server_host, &x->root_path, &x->request_id,
	};

	memcpy(all, found, sizeof(found));
	return sizeof(found) / sizeof(found[0]);
}

struct hx_exchange *
hx_exchange_keep(const struct hx_exchange *x, struct arena *arena)
{
	struct hx_exchange *kept = arena_alloc(arena, sizeof(*kept));
	struct hx_header *fields = arena_alloc(arena,
	    (x->req.n_headers + (size_t)1) * sizeof(*fields));
	struct slice *slices[16];
	size_t n, bytes = 0;
	char *to;

	if (kept == NULL || fields == NULL)
		return NULL;
	*kept = *x;
	n = slices_of(kept, slices);
	for (size_t i = 0; i < n; i++)
		bytes += slices[i]->len;
	for (unsigned i = 0; i < x->req.n_headers; i++) {
		fields[i] = x->req.headers[i];
		bytes += fields[i].name.len + fields[i].value.len;
	}
	to = arena_alloc(arena, bytes);
	if (to == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		slice_keep(slices[i], &to);
	for (unsigned i = 0; i < x->req.n_headers; i++) {
		slice_keep(&fields[i].name, &to);
		slice_keep(&fields[i].value, &to);
	}
	kept->req.headers = fields;
	kept->content = (struct hx_content){ .complete = true };
	kept->calls = NULL;
	kept->websocket = NULL;
	kept->owner = NULL;
	kept->upper.layers = kept->upper.edge = NULL;	/* they go with the request */
	kept->n_params = 0;
	kept->params = NULL;
	arena_init(&kept->arena, ARENA_BYTES);
	return kept;
}

void
hx_exchange_fini(struct hx_exchange *x)
{
	content_free(x);
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

bool
hx_exchange_has_token(const struct hx_exchange *x, enum hx_known which, struct slice word)
{
	const struct hx_header *all = x->req.headers;
	int first;

	must(which < HX_KNOWN_COUNT);
	first = x->req.first[which];
	for (unsigned i = first < 0 ? x->req.n_headers : (unsigned)first; i < x->req.n_headers; i++)
		if (slice_equal(all[i].name, all[first].name) &&
		    hx_field_has_token(all[i].value, word))
			return true;
	return false;
}

enum hx_length
hx_exchange_length(const struct hx_exchange *x, size_t len, bool last)
{
	uint64_t left = x->promise.left;

	if (x->is_head || (!x->promise.has_length && x->status != 204 && x->status != 304))
		return HX_LENGTH_FITS;
	return len > left ? HX_LENGTH_LONGER :
	    last && len < left ? HX_LENGTH_SHORTER : HX_LENGTH_FITS;
}

int
hx_exchange_content_append(struct hx_exchange *x, struct slice bytes)
{
	struct hx_content *c = &x->content;
	size_t cap = c->cap == 0 ? FIRST_CONTENT : c->cap;
	char *own = c->cap == 0 || c->lent ? NULL : (char *)(uintptr_t)c->data;

	if (bytes.len > 0 && c->cap - c->len >= bytes.len && c->cap > c->len &&
	    bytes.ptr == c->data + c->len) {
		c->len += bytes.len;
		return 0;
	}
	if (c->len > SIZE_MAX / 4 || bytes.len > SIZE_MAX / 4 - c->len)
		return -1;
	while (cap < c->len + bytes.len)
		cap *= 2;
	if (cap != c->cap) {
		char *grown = realloc(own, cap);

		if (grown == NULL)
			return -1;
		/* Borrowed or lent until now. What was lent is given back later: that
		 * needs the interpreter. */
		if (own == NULL && c->len > 0)
			memcpy(grown, c->data, c->len);
		c->data = grown;
		c->cap = cap;
		c->lent = false;
	}
	if (bytes.len > 0)
		memcpy((char *)(uintptr_t)c->data + c->len, bytes.ptr, bytes.len);
	c->len += bytes.len;
	return 0;
}

void
hx_exchange_content_lend(struct hx_exchange *x, char *buffer, size_t cap, void *lender,
    void (*give_back)(void *lender))
{
	struct hx_content *c = &x->content;

	must(cap >= c->len && cap > 0 && lender != NULL);
	if (c->len > 0)
		memcpy(buffer, c->data, c->len);
	buffer_give(c);
	c->data = buffer;
	c->cap = cap;
	c->lent = true;
	c->lender = lender;
	c->give_back = give_back;
}

ssize_t
hx_exchange_piece_read(struct hx_piece piece, char *room)
{
	size_t len = 0;

	must(piece.file != NULL);
	while (len < piece.bytes.len) {
		ssize_t n = pread(piece.file->fd, room + len, piece.bytes.len - len,
		    (off_t)(piece.at + len));

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -1;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}
