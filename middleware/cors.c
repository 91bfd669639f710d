/*
 * cors: the twin of Starlette's CORSMiddleware.
 *
 * Called by list.c. A preflight request is answered here; every other answer gets the
 * fields that let another origin read it. Texts compare as Starlette compares them:
 * origins and methods byte by byte, names of fields in lower case.
 */
#include "base/must.h"
#include "http/field.h"
#include "middleware/list.h"
#include "middleware/text.h"

struct cors {
	struct mw_texts origins, methods, headers;
	bool all_origins, all_headers, credentials, explicit_origin, private_network;
	/* What versions of Starlette differ in. */
	bool always;			/* every answer varies, not only what an origin decides */
	bool by_cookie;			/* a cookie names the origin, not credentials */
	bool knows_network;
	bool first_vary;		/* see mw_answer_vary() */
	struct mw_pattern origin_pattern;
	struct mw_fields simple, preflight;
};

struct state {
	struct slice origin;	/* of the request; `ptr` is NULL when it names none */
	bool has_cookie;
};

static const struct mw_option options[] = {
	{ "allow_origins", MW_TEXTS, offsetof(struct cors, origins) },
	{ "allow_methods", MW_TEXTS, offsetof(struct cors, methods) },
	{ "allow_headers", MW_TEXTS, offsetof(struct cors, headers) },
	{ "allow_all_origins", MW_FLAG, offsetof(struct cors, all_origins) },
	{ "allow_all_headers", MW_FLAG, offsetof(struct cors, all_headers) },
	{ "allow_credentials", MW_FLAG, offsetof(struct cors, credentials) },
	{ "preflight_explicit_allow_origin", MW_FLAG, offsetof(struct cors, explicit_origin) },
	{ "allow_private_network", MW_FLAG, offsetof(struct cors, private_network) },
	{ "allow_origin_regex", MW_PATTERN, offsetof(struct cors, origin_pattern) },
	{ "always", MW_FLAG, offsetof(struct cors, always) },
	{ "by_cookie", MW_FLAG, offsetof(struct cors, by_cookie) },
	{ "knows_network", MW_FLAG, offsetof(struct cors, knows_network) },
	{ "first_vary", MW_FLAG, offsetof(struct cors, first_vary) },
	{ "simple_headers", MW_FIELDS, offsetof(struct cors, simple) },
	{ "preflight_headers", MW_FIELDS, offsetof(struct cors, preflight) },
};

static const struct slice allow_origin = { "access-control-allow-origin", 27 };

static bool
texts_have(const struct mw_texts *texts, struct slice text)
{
	for (size_t i = 0; i < texts->n; i++)
		if (slice_equal(texts->all[i], text))
			return true;
	return false;
}

/* 1 or 0; -1: it cannot be told. */
static int
origin_allowed(const struct cors *cors, struct slice origin)
{
	if (cors->all_origins || texts_have(&cors->origins, origin))
		return 1;
	if (cors->origin_pattern.matches == NULL)
		return 0;
	return cors->origin_pattern.matches(cors->origin_pattern.arg, origin);
}

static enum mw_verdict
cors_request(const void *set, void *state, const struct mw_request *r)
{
	struct state *s = state;

	s->origin = mw_request_field(r, SLICE_LIT("origin"));
	s->has_cookie = ((const struct cors *)set)->by_cookie &&
	    mw_request_field(r, SLICE_LIT("cookie")).ptr != NULL;
	return s->origin.ptr != NULL && slice_equal(r->method, SLICE_LIT("OPTIONS")) &&
	    mw_request_field(r, SLICE_LIT("access-control-request-method")).ptr != NULL ?
	    MW_ANSWER : MW_PASS;
}

/* Is `name`, in any case, one of the texts, which are in lower case? */
static bool
texts_have_lower(const struct mw_texts *texts, struct slice name)
{
	for (size_t i = 0; i < texts->n; i++)
		if (mw_text_equal_lower(name, texts->all[i]))
			return true;
	return false;
}

/* Are all members of the requested value allowed? */
static bool
headers_allowed(const struct cors *cors, struct slice requested)
{
	const char *p = requested.ptr, *end = requested.ptr + requested.len, *comma;

	for (;;) {
		comma = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL;
		if (!texts_have_lower(&cors->headers, hx_field_strip((struct slice){ p,
		    (size_t)((comma != NULL ? comma : end) - p) })))
			return false;
		if (comma == NULL)
			return true;
		p = comma + 1;
	}
}

/* What the preflight asked for and may not have. */
struct failures {
	bool origin, method, headers, network;
};

/* "Disallowed CORS ", and what failed. `ptr` is NULL when out of memory. */
static struct slice
failure_text(const struct failures *f, struct arena *arena)
{
	static const struct slice names[] = {
		{ "origin", 6 }, { "method", 6 }, { "headers", 7 }, { "private-network", 15 },
	};
	const bool failed[] = { f->origin, f->method, f->headers, f->network };
	char *text = arena_alloc(arena, 64), *p = text;

	if (text == NULL)
		return SLICE_NULL;
	memcpy(p, "Disallowed CORS ", 16);
	p += 16;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!failed[i])
			continue;
		if (p != text + 16) {
			memcpy(p, ", ", 2);
			p += 2;
		}
		memcpy(p, names[i].ptr, names[i].len);
		p += names[i].len;
	}
	return (struct slice){ text, (size_t)(p - text) };
}

/* What the request's fields ask for: what of it fails, and the fields that grant the
 * rest. 0, or -1 when out of memory. */
static int
preflight_fields(const struct cors *cors, const struct state *s, const struct mw_request *r,
    struct mw_answer *a, struct failures *f)
{
	struct slice names = mw_request_field(r, SLICE_LIT("access-control-request-headers"));
	struct slice network = mw_request_field(r,
	    SLICE_LIT("access-control-request-private-network"));
	int allowed = origin_allowed(cors, s->origin);

	if (!cors->knows_network)
		network = SLICE_NULL;
	if (allowed < 0)
		return -1;
	f->origin = !allowed;
	f->method = !texts_have(&cors->methods,
	    mw_request_field(r, SLICE_LIT("access-control-request-method")));
	f->headers = names.ptr != NULL && !cors->all_headers && !headers_allowed(cors, names);
	f->network = network.ptr != NULL && !cors->private_network;
	if (allowed && cors->explicit_origin && mw_answer_set(a, allow_origin, s->origin) < 0)
		return -1;
	if (names.ptr != NULL && cors->all_headers &&
	    mw_answer_set(a, SLICE_LIT("access-control-allow-headers"), names) < 0)
		return -1;
	if (network.ptr == NULL || f->network)
		return 0;
	return mw_answer_set(a, SLICE_LIT("access-control-allow-private-network"),
	    SLICE_LIT("true"));
}

static int
cors_answer(const void *set, void *state, const struct mw_request *r, struct mw_answer *a,
    struct slice *content)
{
	const struct cors *cors = set;
	struct failures f = { 0 };

	must(a->n == 0);
	for (size_t i = 0; i < cors->preflight.n; i++)
		if (mw_answer_append(a, cors->preflight.all[i].name,
		    cors->preflight.all[i].value) < 0)
			return -1;
	if (preflight_fields(cors, state, r, a, &f) < 0)
		return -1;
	if (!f.origin && !f.method && !f.headers && !f.network) {
		*content = SLICE_LIT("OK");
		return mw_answer_plain(a, 200, *content);
	}
	*content = failure_text(&f, a->arena);
	return content->ptr != NULL ? mw_answer_plain(a, 400, *content) : -1;
}

/* Does the answer name the origin of the request? -1: it cannot be told. */
static int
mirrors(const struct cors *cors, const struct state *s)
{
	if (cors->all_origins)
		return cors->by_cookie ? s->has_cookie : cors->credentials;
	return origin_allowed(cors, s->origin);
}

static enum mw_flow
cors_head(const void *set, void *state, struct mw_answer *a)
{
	const struct cors *cors = set;
	struct slice origin = ((struct state *)state)->origin;
	int mirror = 0;

	if (origin.ptr != NULL) {
		for (size_t i = 0; i < cors->simple.n; i++)
			if (mw_answer_set(a, cors->simple.all[i].name,
			    cors->simple.all[i].value) < 0)
				return MW_FAIL;
		mirror = mirrors(cors, state);
	}
	if (mirror < 0 || (mirror && mw_answer_set(a, allow_origin, origin) < 0) ||
	    ((mirror || cors->always) &&
	    mw_answer_vary(a, SLICE_LIT("Origin"), cors->first_vary) < 0))
		return MW_FAIL;
	return MW_ON;
}

const struct mw_class mw_cors = {
	.name = "CORSMiddleware",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.set_bytes = sizeof(struct cors),
	.state_bytes = sizeof(struct state),
	.request = cors_request,
	.answer = cors_answer,
	.head = cors_head,
};
