/*
 * proxy: what a proxy says before the bytes of its client.
 *
 * With --proxy-protocol each connection that is accepted begins with a header of the PROXY
 * protocol, by one of --proxy-allow-ips or over a unix socket. The client that it names is the
 * connection's from then on: the peer, whom --forwarded-allow-ips trusts or not.
 */
#ifndef WORKER_PROXY_H
#define WORKER_PROXY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/conf.h"
#include "http/proxy.h"
#include "http/trust.h"

struct worker_conn;

struct worker_proxy {
	bool on;
	struct hx_trust allowed;	/* who may send a header */
	bool stranger_told, malformed_told;	/* once in the log */
};

/* As the settings say, whose texts are borrowed. 0, or -1 when out of memory. */
int worker_proxy_init(struct worker_proxy *p, const struct conf *conf) MUST_CHECK;

void worker_proxy_fini(struct worker_proxy *p);

/* The connection was accepted: where headers are on, one is due, or the peer may send none, and
 * the connection is dead afterwards, not freed. */
void worker_proxy_accepted(struct worker_conn *c);

/* A header is due, by what another worker has found. */
void worker_proxy_expect(struct worker_conn *c);

/* The header is due: read it. True: it was read. False: more of it is to come, or the connection
 * ends. */
bool worker_proxy_read(struct worker_conn *c) MUST_CHECK;

/* From now on the connection's ends are those that a header has told. */
void worker_proxy_tell(struct worker_conn *c, const struct hx_proxy *told);

#endif
