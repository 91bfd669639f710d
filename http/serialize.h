/*
 * serialize: an answer's head as HTTP/1.1 bytes.
 *
 * What uvicorn sends for the same answer: preset fields, the application's
 * fields in their order, then connection and transfer coding when they are
 * not there.
 */
#ifndef HTTP_SERIALIZE_H
#define HTTP_SERIALIZE_H

#include <sys/types.h>

#include "base/attr.h"
#include "http/exchange.h"

/* Upper bound of the bytes hx_serialize_head() writes. */
size_t hx_serialize_room(const struct hx_header *fields, size_t n, struct slice preset);

/* Write the head; returns its length, -1 when a field has a
 * control byte (but a tab) or a colon in its name, or a content-length is not a
 * number. *promise becomes what the head says. `preset` is a block of whole field
 * lines. Names are lower case. An HTTP/1.0 client gets no transfer-encoding, not even
 * the application's: the end of the connection then ends the content. */
ssize_t hx_serialize_head(char *out, size_t room, const struct hx_exchange *x, int status,
    const struct hx_header *fields, size_t n, struct slice preset,
    struct hx_promise *promise) MUST_CHECK;

/* "1f40\r\n"; returns the length. */
size_t hx_serialize_chunk_head(char out[20], size_t len);

#endif
