/*
 * proxy: the header of the PROXY protocol.
 *
 * A proxy that forwards bytes and reads no HTTP says with it, first on each connection, whose
 * bytes follow: version 1 is a line of text, version 2 is binary. The specification is
 * proxy-protocol.txt of HAProxy.
 */
#ifndef HTTP_PROXY_H
#define HTTP_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { HX_PROXY_MOST = 16 * 1024 };	/* bytes of a header that is read */

/* Both ends of a client's connection. */
struct hx_proxy {
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];	/* numeric; "" is unknown */
	uint16_t client_port, server_port;
	bool told;			/* by a header. False: it leaves them as they are */
	bool tls;			/* the client speaks TLS with the proxy */
};

/* Read the header that `bytes` begin with. Its length, and *out is set; 0: more of it is to
 * come; -1: it is malformed, longer than HX_PROXY_MOST or not there. */
int hx_proxy_read(const char *bytes, size_t len, struct hx_proxy *out) MUST_CHECK;

#endif
