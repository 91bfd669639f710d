/*
 * handshake: a client asks for a WebSocket.
 *
 * RFC 6455 section 4: a GET that names it in Upgrade, with a key that the answer gives back in
 * another form, which shows that it was understood.
 */
#ifndef HTTP_HANDSHAKE_H
#define HTTP_HANDSHAKE_H

#include <stdbool.h>

#include "http/exchange.h"
#include "http/refusal.h"

/* The length of the form in which the key is given back. */
enum { HX_HANDSHAKE_ANSWER_BYTES = 28 };

/* Does the request ask for one? uvicorn looks for the same. */
bool hx_handshake_is_asked(const struct hx_exchange *x);

/* HX_ACCEPTED; or why it cannot be answered with one. */
enum hx_refusal hx_handshake_check(const struct hx_exchange *x);

/* The value of sec-websocket-accept for a request that was accepted. */
void hx_handshake_answer(const struct hx_exchange *x, char out[HX_HANDSHAKE_ANSWER_BYTES]);

#endif
