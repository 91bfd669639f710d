/*
 * trusted_host: the twin of Starlette's TrustedHostMiddleware.
 *
 * Called by list.c. It answers requests whose Host field names no allowed host, with 400
 * or a redirect to "www.". It edits no answer.
 */
#include "middleware/host.h"
#include "middleware/list.h"
#include "middleware/url.h"

struct trusted {
	struct mw_texts hosts;		/* in lower case, unless old */
	bool any, www_redirect;
	bool old;			/* its hosts are not parsed, and their case counts */
	bool redirects;			/* else Starlette does */
};

static const struct mw_option options[] = {
	{ "allowed_hosts", MW_TEXTS, offsetof(struct trusted, hosts) },
	{ "allow_any", MW_FLAG, offsetof(struct trusted, any) },
	{ "www_redirect", MW_FLAG, offsetof(struct trusted, www_redirect) },
	{ "old", MW_FLAG, offsetof(struct trusted, old) },
	{ "redirects", MW_FLAG, offsetof(struct trusted, redirects) },
};

static const struct slice www = { "www.", 4 };

static bool
equals(const struct trusted *trusted, struct slice host, struct slice pattern)
{
	return trusted->old ? slice_equal(host, pattern) : slice_equal_lower(host, pattern);
}

static bool
pattern_matches(const struct trusted *trusted, struct slice pattern, struct slice host)
{
	struct slice end = { pattern.ptr + 1, pattern.len - 1 };

	if (equals(trusted, host, pattern))
		return true;
	return pattern.len > 0 && pattern.ptr[0] == '*' && end.len <= host.len &&
	    equals(trusted, (struct slice){ host.ptr + host.len - end.len, end.len }, end);
}

/* Is "www." and the host one of the allowed hosts? */
static bool
is_www(const struct trusted *trusted, struct slice host)
{
	for (size_t i = 0; i < trusted->hosts.n; i++) {
		struct slice pattern = trusted->hosts.all[i];

		if (pattern.len >= www.len && memcmp(pattern.ptr, www.ptr, www.len) == 0 &&
		    equals(trusted, host, (struct slice){ pattern.ptr + www.len,
		    pattern.len - www.len }))
			return true;
	}
	return false;
}

static bool
is_allowed(const struct trusted *trusted, struct slice host)
{
	for (size_t i = 0; i < trusted->hosts.n; i++)
		if (pattern_matches(trusted, trusted->hosts.all[i], host))
			return true;
	return false;
}

/* The host that the request names. False: it names no valid one. */
static bool
host_read(const struct trusted *trusted, const struct mw_request *r, struct slice *out)
{
	struct slice value = mw_request_field(r, SLICE_LIT("host"));
	struct mw_host host;
	const char *colon;

	if (trusted->old) {
		colon = value.len > 0 ? memchr(value.ptr, ':', value.len) : NULL;
		*out = (struct slice){ value.ptr, colon != NULL ? (size_t)(colon - value.ptr) :
		    value.len };
		return true;
	}
	if (!mw_host_read(value, &host))
		return false;
	*out = host.host;
	return true;
}

/* Is the answer a redirect to "www."? */
static bool
redirects(const struct trusted *trusted, const struct mw_request *r)
{
	struct slice host;

	return trusted->www_redirect && host_read(trusted, r, &host) && is_www(trusted, host);
}

static enum mw_verdict
trusted_request(const void *set, void *state, const struct mw_request *r)
{
	const struct trusted *trusted = set;
	struct slice host;

	(void)state;
	return !trusted->any && (!host_read(trusted, r, &host) || !is_allowed(trusted, host)) ?
	    MW_ANSWER : MW_PASS;
}

static int
redirect_answer(const struct mw_request *r, struct mw_answer *a)
{
	struct mw_authority was;
	char *text;

	if (mw_url_authority(r, a->arena, &was) < 0 || was.text.len == 0)
		return -1;
	text = arena_alloc(a->arena, www.len + was.text.len);
	if (text == NULL)
		return -1;
	memcpy(text, www.ptr, www.len);
	memcpy(text + www.len, was.text.ptr, was.text.len);
	return mw_url_redirect(a, r, r->scheme,
	    (struct slice){ text, www.len + was.text.len });
}

static int
trusted_answer(const void *set, void *state, const struct mw_request *r, struct mw_answer *a,
    struct slice *content)
{
	(void)state;
	if (redirects(set, r)) {
		*content = SLICE_LIT("");
		return ((const struct trusted *)set)->redirects ? redirect_answer(r, a) : -1;
	}
	*content = SLICE_LIT("Invalid host header");
	return mw_answer_plain(a, 400, *content);
}

const struct mw_class mw_trusted_host = {
	.name = "TrustedHostMiddleware",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.set_bytes = sizeof(struct trusted),
	.request = trusted_request,
	.answer = trusted_answer,
};
