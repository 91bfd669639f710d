/*
 * address: which settings say where to listen, and what they may look like.
 */
#ifndef MASTER_ADDRESS_H
#define MASTER_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct master_conf;

/* When all has been read: of host and port, uds, fd and bind those from the nearest origin count; the
 * others become what they are by default. */
void master_address_settle(struct master_conf *c);

/* HOST:PORT or [HOST]:PORT, whose host is numeric, into `host` and the port; -1: it is neither. */
long master_address_read(const char *text, char host[INET6_ADDRSTRLEN]) MUST_CHECK;

/* May this be a host's name, and is it no address? localhost is as good as an address. */
bool master_address_is_name(const char *text, size_t len) MUST_CHECK;

/* Is it a numeric address, or a network such as 10.0.0.0/8, of which no bit behind the prefix is set?
 * Blanks around it do not count. */
bool master_address_is_network(const char *text) MUST_CHECK;

/* The number of fd://N; -1: it is none. */
long master_address_fd(const char *text) MUST_CHECK;

/* The path of unix:PATH; NULL: it is none. */
const char *master_address_path(const char *text) MUST_CHECK;

/* Octal permissions of a unix socket; -1: they are none. */
int master_address_mode(const char *text) MUST_CHECK;

#endif
