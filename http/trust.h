/*
 * trust: whose word on the client is believed.
 *
 * The addresses, networks and names of --forwarded-allow-ips, read and compared as
 * uvicorn's _TrustedHosts does with Python's ipaddress: 10.0.0.0/8 and 10.0.0.0/255.0.0.0
 * are networks, 2001:db8::1 and 2001:DB8:0::1 are the same host, and what is no address
 * is a name, equal only to itself.
 */
#ifndef HTTP_TRUST_H
#define HTTP_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

struct hx_trust_entry;

struct hx_trust {
	bool all;			/* the text was "*" */
	size_t n;
	struct hx_trust_entry *entries;	/* n of them; NULL when n is 0 */
};

/* Read `text`, entries with commas between them; borrowed until hx_trust_fini(). 0, or -1
 * when out of memory. */
int hx_trust_init(struct hx_trust *t, const char *text) MUST_CHECK;

/* A zeroed struct, which trusts nobody, may be given. */
void hx_trust_fini(struct hx_trust *t);

/* Is that host trusted? An empty one, as of a unix socket, is so by "*" only. */
bool hx_trust_has(const struct hx_trust *t, struct slice host);

#endif
