/*
 * websocket: a connection that carries messages.
 *
 * What comes after the 101: RFC 6455 between the bytes of the connection and the messages of the
 * application. Frames wait in the input until the job runs, which has the interpreter: a message
 * is copied once, into the object that the application gets. Pings are answered here.
 */
#ifndef WORKER_WEBSOCKET_WEBSOCKET_H
#define WORKER_WEBSOCKET_WEBSOCKET_H

#include "http/exchange.h"
#include "io/timers.h"

struct worker_conn;
struct worker_websocket;

extern const struct hx_websocket_calls worker_websocket_calls;

/* [gil] Hand over the messages that have come, as many as the application has room for. The
 * connection may be dead afterwards, not freed. */
void worker_websocket_read(struct worker_conn *c);

/* Bytes have come, or the peer's end: have them read. */
void worker_websocket_due(struct worker_conn *c);

/* [gil] Tell the application that it is over, and why, if that is due. */
void worker_websocket_tell(struct worker_conn *c);

/* The application has taken all that it was given, and waits for more. */
void worker_websocket_wanted(struct worker_conn *c);

/* The application's side has let go of the exchange: it has closed the WebSocket, or it ends here. */
void worker_websocket_released(struct worker_conn *c);

/* Close it with this code, and tell the application. The connection ends when all is sent. No-op
 * where that is so already. */
void worker_websocket_end(struct worker_conn *c, unsigned code);

/* What the lists of worker/timeouts.h call. */
void worker_websocket_ping_due(struct io_timer *timer);
void worker_websocket_pong_late(struct io_timer *timer);
void worker_websocket_close_late(struct io_timer *timer);
void worker_websocket_rest_due(struct io_timer *timer);

void worker_websocket_free(struct worker_conn *c);

#endif
