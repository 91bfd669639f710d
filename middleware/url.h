/*
 * url: where a request is sent that asked at the wrong address.
 */
#ifndef MIDDLEWARE_URL_H
#define MIDDLEWARE_URL_H

#include "middleware/middleware.h"

/* The scheme and authority of a request's URL, as Starlette's URL(scope=...) has them. */
struct mw_authority {
	struct slice host;	/* as the client has sent it, or the server's own address */
	bool has_port;
	unsigned port;
	struct slice text;	/* host and port as they were; empty: the URL has no authority */
};

/* 0; -1 when only Starlette can tell, or out of memory. */
int mw_url_authority(const struct mw_request *r, struct arena *arena,
    struct mw_authority *out) MUST_CHECK;

/* Answer with a RedirectResponse to the request's URL, with another scheme and authority.
 * 0; -1 when Starlette would change the URL or raise an exception, or out of memory. */
int mw_url_redirect(struct mw_answer *a, const struct mw_request *r, struct slice scheme,
    struct slice authority) MUST_CHECK;

#endif
