/*
 * https_redirect: the twin of Starlette's HTTPSRedirectMiddleware.
 *
 * Called by list.c. It sends every request that came without TLS to the same URL with
 * TLS. It edits no answer.
 */
#include "middleware/list.h"
#include "middleware/url.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

/* The scheme with TLS; `ptr` is NULL for one that is not redirected. */
static struct slice
secure_scheme(struct slice scheme)
{
	if (slice_equal(scheme, SLICE_LIT("http")))
		return SLICE_LIT("https");
	if (slice_equal(scheme, SLICE_LIT("ws")))
		return SLICE_LIT("wss");
	return SLICE_NULL;
}

struct https {
	bool redirects;		/* else Starlette does */
};

static const struct mw_option options[] = {
	{ "redirects", MW_FLAG, offsetof(struct https, redirects) },
};

static enum mw_verdict
https_request(const void *set, void *state, const struct mw_request *r)
{
	(void)set;
	(void)state;
	return secure_scheme(r->scheme).ptr != NULL ? MW_ANSWER : MW_PASS;
}

/* Without a port that goes with either scheme, and then in lower case. `ptr` is NULL for a
 * host with an escape, of which urllib may lower a part only, or when out of memory. */
static struct slice
secure_authority(const struct mw_authority *was, struct arena *arena)
{
	char *lower;

	if (!was->has_port || (was->port != PORT_HTTP && was->port != PORT_HTTPS))
		return was->text;
	if (memchr(was->host.ptr, '%', was->host.len) != NULL)
		return SLICE_NULL;
	lower = arena_alloc(arena, was->host.len);
	if (lower == NULL)
		return SLICE_NULL;
	for (size_t i = 0; i < was->host.len; i++)
		lower[i] = (char)slice_lower((unsigned char)was->host.ptr[i]);
	return (struct slice){ lower, was->host.len };
}

static int
https_answer(const void *set, void *state, const struct mw_request *r, struct mw_answer *a,
    struct slice *content)
{
	struct mw_authority was;
	struct slice authority;

	(void)state;
	*content = SLICE_LIT("");
	if (!((const struct https *)set)->redirects || mw_url_authority(r, a->arena, &was) < 0)
		return -1;
	if (was.text.len == 0) {
		*content = SLICE_LIT("Invalid host header");
		return mw_answer_plain(a, 400, *content);
	}
	authority = secure_authority(&was, a->arena);
	if (authority.ptr == NULL)
		return -1;
	return mw_url_redirect(a, r, secure_scheme(r->scheme), authority);
}

const struct mw_class mw_https_redirect = {
	.name = "HTTPSRedirectMiddleware",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.set_bytes = sizeof(struct https),
	.request = https_request,
	.answer = https_answer,
};
