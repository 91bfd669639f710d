/*
 * serialize: an answer's head as HTTP/1.1 bytes.
 *
 * The bytes are those that uvicorn sends for the same answer: preset fields, the
 * application's fields in their order, and then connection and transfer-encoding when the
 * application did not set them.
 */
#ifndef HTTP_SERIALIZE_H
#define HTTP_SERIALIZE_H

#include <sys/types.h>

#include "base/attr.h"
#include "http/exchange.h"

/* No head of these fields is longer. In bytes. */
size_t hx_serialize_room(const struct hx_header *fields, size_t n, struct slice preset);

/* Write the head of the answer to x into `out`, whose `room` is hx_serialize_room() at
 * least. `keep_alive`: the connection may live on. *promise becomes what the head says.
 * `preset` is a block of whole field lines. Names are in lower case. An HTTP/1.0 client
 * gets no transfer-encoding, not even the application's: the end of the connection ends
 * the content. Returns the length; -1 when a field has a control byte other than the tab
 * or a colon in its name, when a name is empty, or when a content-length is not a number. */
ssize_t hx_serialize_head(char *out, size_t room, const struct hx_exchange *x,
    bool keep_alive, int status, const struct hx_header *fields, size_t n,
    struct slice preset, struct hx_promise *promise) MUST_CHECK;

/* Write a chunk's size, "1f40\r\n"; returns its length. */
size_t hx_serialize_chunk_head(char out[20], size_t len);

#endif
