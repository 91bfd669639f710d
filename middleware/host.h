/*
 * host: the value of a Host field.
 */
#ifndef MIDDLEWARE_HOST_H
#define MIDDLEWARE_HOST_H

#include "base/attr.h"
#include "base/slice.h"

struct mw_host {
	struct slice host;	/* with the brackets of an IP literal */
	struct slice port;	/* digits; `ptr` is NULL when there is none */
};

/* Read the value as Starlette's parse_host_header() does. False: it is no valid one. */
bool mw_host_read(struct slice value, struct mw_host *out) MUST_CHECK;

/* Is the port none, or at most 65535? */
bool mw_host_port_ok(const struct mw_host *host);

/* The port as a number, 0 when there is none; mw_host_port_ok() holds. */
unsigned mw_host_port(const struct mw_host *host);

#endif
