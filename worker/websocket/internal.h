/*
 * internal: what broadcast.c, read.c and websocket.c share; no other file includes it.
 */
#ifndef WORKER_WEBSOCKET_INTERNAL_H
#define WORKER_WEBSOCKET_INTERNAL_H

#include "http/deflate_terms.h"
#include "worker/websocket/deflate.h"
#include "worker/websocket/websocket.h"

enum { PING_BYTES = 4 };

struct worker_websocket {
	struct hx_messages in;
	uint64_t given;			/* bytes of messages since the application waited for one */
	bool closing;			/* a Close frame was sent */
	bool gave;			/* the application was given a message in this turn */
	bool held;			/* `ended` is due in the next one */
	bool tell;			/* the application is to hear of `ended` */
	struct hx_closing *ended;	/* of the heap; NULL: it goes on */
	bool pinged;			/* the client has to answer `ping` */
	char ping[PING_BYTES];
	uint64_t packed, unpacked;	/* bytes of the compressed message that is coming in */
	struct worker_window sent, received;	/* while in.compression is set */
	struct worker_streams *streams;	/* of the worker */
	struct io_timer rest_timer;	/* since a compressed message was sent, where contexts are to rest */
};

/* A control frame. False: the connection is dead. */
bool worker_websocket_frame_put(struct worker_conn *c, const char *frame, size_t len);

/* The client is asked again after a while whether it is there. */
void worker_websocket_ping_later(struct worker_conn *c);

/* Queue the message's frame, compressed or not. 0, or -1 when out of memory. */
int worker_websocket_share(struct worker_conn *c, struct hx_broadcast *b, bool packed) MUST_CHECK;

/* The client has closed, or what it sends is wrong. Send a Close frame that says the same, unless one was
 * sent; tell the application, and let the connection linger. Messages that came with it may be
 * answered first: where there are such, it is done a turn later. */
void worker_websocket_end_with(struct worker_conn *c, const struct hx_closing *why);

/* Do what was put off. */
void worker_websocket_end_held(struct worker_conn *c);

/* Nothing is read any more: the connection ends when all is sent. */
void worker_websocket_linger(struct worker_conn *c);

/* The client has broken the protocol, or a limit. */
void worker_websocket_fail(struct worker_conn *c, unsigned code, const char *reason);

#endif
