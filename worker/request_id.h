/*
 * request_id: a name for each request, by which logs of several programs find it.
 *
 * It is the X-Request-ID of a trusted proxy, or a new UUID of version 7 (RFC 9562), whose first
 * part is the time: sorted by their ids, requests are in the order of the milliseconds in which
 * they came.
 */
#ifndef WORKER_REQUEST_ID_H
#define WORKER_REQUEST_ID_H

#include <stddef.h>
#include <stdint.h>

#include "http/exchange.h"
#include "http/trust.h"

/* Random bytes for the next ids. Zeroed at first; one process may have it. */
struct worker_request_ids {
	uint8_t random[250];	/* of up to 256 the kernel never gives but a part */
	size_t left;
};

/* Set x->request_id. Without a complete head, `trust` is NULL, and the id is a new one. Without
 * memory the request has none. */
void worker_request_id_set(struct worker_request_ids *ids, const struct hx_trust *trust,
    struct hx_exchange *x);

#endif
