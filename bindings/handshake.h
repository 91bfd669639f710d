/*
 * handshake: WebSocket is not served yet.
 *
 * RFC 6455 section 4.1: a client asks for a WebSocket with a GET that names it in Upgrade.
 * Without an answer of its own such a request would look for a page, and find none or the
 * wrong one.
 */
#ifndef BINDINGS_HANDSHAKE_H
#define BINDINGS_HANDSHAKE_H

#include <stdbool.h>

#include "bindings/app.h"
#include "http/exchange.h"

/* [gil] Answer a handshake for a WebSocket route of the application's with 501. True: the
 * exchange is answered. False: it is no such handshake, and nothing has happened. Leaves
 * no exception. */
bool pyb_handshake_refuse(struct pyb_app *app, struct hx_exchange *x);

#endif
