/*
 * method: request methods as numbers, the same in every process of a build.
 *
 * Any token is a method (RFC 9110 section 9.1). Those that a table can route have a number;
 * all others share SHM_METHOD_OTHER, which no route matches. A handshake has a number, too, and a
 * name that is no token, so that no request can have it.
 */
#ifndef SHM_METHOD_H
#define SHM_METHOD_H

#include <stdbool.h>

#include "base/slice.h"

enum {
	SHM_METHOD_WEBSOCKET = 61,	/* none: the handshake of a WebSocket, for routes of its own */
	SHM_METHOD_QUERY = 62,		/* unknown to http-parser */
	SHM_METHOD_OTHER = 63		/* without a number of its own */
};

/* The number of a method name (case counts), at most SHM_METHOD_OTHER. Most are those of
 * http-parser. */
unsigned shm_method_number(struct slice name);

/* Has the method with this number, below SHM_METHOD_OTHER, this name? */
bool shm_method_is(unsigned number, struct slice name);

/* The name of a number; NULL when no method has it. */
const char *shm_method_name(unsigned number);

#endif
