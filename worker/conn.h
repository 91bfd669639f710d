/*
 * conn: one connection.
 *
 * Bytes below, one exchange above. A connection handles one request at a time;
 * what a client sends ahead waits in the input, and all answers of a turn leave
 * together, as a rule with one system call.
 *
 *	from		to
 *	IDLE		RUNNING		a head was read
 *			LINGER		a head is refused, or comes after an answer that said close
 *	RUNNING		IDLE		answered
 *			DISCARD		answered, and more content is to come
 *			LINGER		refused, or late; or the client left before all content came; or
 *					answered, closing, and input is left
 *	DISCARD		IDLE		all content came, or the client left
 *			LINGER		the content is too much or malformed
 *	RUNNING		MESSAGES	its answer was 101: from now on websocket/ reads
 *	MESSAGES	LINGER		the WebSocket is closed
 *	any		DEAD		everything is sent and the connection closes, or it is cut
 *
 * rest		have no request, and no buffer: those of a request are given back when it
 *		is answered, those of its answer when they are sent
 * linger	read and throw away until the peer closes, for a while: a close over unread
 *		input would be a reset, which may destroy the last answer on its way, also
 *		before a client that writes first and reads later (RFC 9112 section 9.6)
 * kill		close now
 * reap		let go of pieces of answers that are sent; needs the interpreter
 * bury		free a dead connection; needs the interpreter, and the application to
 *		have let go of the exchange
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <event2/event_struct.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/list.h"
#include "http/exchange.h"
#include "http/framing.h"
#include "http/proxy.h"
#include "io/output.h"
#include "io/timers.h"
#include "worker/access.h"
#include "worker/input.h"
#include "worker/transport.h"
#include "worker/worker.h"

enum worker_conn_state {
	CONN_IDLE,	/* between requests, or reading a head */
	CONN_RUNNING,	/* an exchange is in hand */
	CONN_DISCARD,	/* answered; the rest of its content is thrown away */
	CONN_MESSAGES,	/* it is a WebSocket */
	CONN_LINGER,	/* the last answer is queued; input is thrown away */
	CONN_DEAD	/* closed; freed when the application has let go */
};

/* Who waits for more content of the request in hand. */
enum worker_waiter {
	WAITER_NONE,	/* nobody: at WORKER_HIGH_WATER bytes we stop to read */
	WAITER_PLAN,	/* the request begins when its content is complete */
	WAITER_APP	/* the application has begun, and asked for content */
};

enum { WORKER_MESSAGES_BYTES = 288 };

struct worker_conn {
	struct worker *w;
	struct list_node node;			/* in the worker's list */
	enum worker_conn_state state;

	/* What carries the bytes. */
	const struct worker_transport *transport;
	void *transport_arg;
	int fd;					/* of a socket, else -1 */
	struct event read_event;		/* of a socket */
	struct event *write_event;		/* NULL: the socket was never full */
	bool reading;				/* the transport delivers input */
	bool read_armed;			/* libevent looks for it */
	unsigned read_skipped;			/* it has said so that often in this pause */
	bool eof;				/* the peer sends no more */
	struct hx_proxy ends;			/* the texts of the addresses in `x`; all that a header
						 * of the PROXY protocol told, if it did */
	bool proxy_due;				/* ... and it is to come */

	/* Time: what runs is in the worker's time-outs. */
	struct io_timer timer, write_timer;
	uint64_t linger_until_ms;		/* on the coarse clock; 0: `out` is not sent yet */
	bool in_head;				/* `timer` runs since a head's first byte */
	struct io_timer rule_timer;		/* for the beginning of the answer, by `rule` */

	/* The request in hand, and the bytes of those behind it. */
	unsigned hand;				/* its place on the board */
	struct worker_input input;
	struct hx_exchange x;
	struct worker_rule *rule;		/* that counts it; NULL: none */
	uint64_t limit_body;			/* of its content, 0: none */
	struct io_timers *content_time;		/* for more of it */
	union {
		struct hx_framing framing;	/* of its content */
		/* What `websocket` is, in the place of what it does not need. */
		alignas(max_align_t) char messages[WORKER_MESSAGES_BYTES];
	};
	bool content_open;			/* its content has not arrived whole */
	enum worker_waiter content_waiter;
	bool sent_continue;			/* the client does not wait for 100 Continue */
	uint64_t discarded;			/* bytes of its content that came, once none is
						 * kept any more */
	struct worker_access_record access;	/* while worker.access is set */
	struct worker_websocket *websocket;	/* from the 101 on; NULL: it was none */

	/* Its answer, and those before it that are not yet sent. */
	struct io_output out;
	struct io_flush flush;
	bool backlog_high;			/* a producer may wait until `out` is low */
	bool backlog_any;			/* ... until it is empty */
	bool close_after;			/* close when everything is sent */
	bool said_close;			/* the last head said `connection: close` */
	bool stays;				/* could not be given to another worker, and never is */

	/* What waits for the interpreter. */
	struct io_job job;
	bool in_job;				/* the job is running: do not free */
	bool start_due;				/* begin the request */
	bool cancel_due;			/* cancel it: the client has its answer */
	bool room_due;				/* make room for its content */
	bool content_due;			/* tell of more content, or of its end */
	bool writable_due;			/* tell that the backlog is low */
	bool messages_due;			/* read the messages that have come */
};

/* Take an accepted, non-blocking socket from `peer`. NULL when out of memory (the
 * caller closes the descriptor). `listener` may be NULL. */
struct worker_conn *worker_conn_new(struct worker *w, int fd, const struct sockaddr *peer,
    const struct worker_listener *listener) MUST_CHECK;

/* A connection over another transport; `to` is handed to it. NULL when out of memory. */
struct worker_conn *worker_conn_new_over(struct worker *w,
    const struct worker_transport *transport, void *to) MUST_CHECK;

/* Where the transport may read to, and how many bytes at once. Large content goes where the
 * application wants it. Else it is as much as one read takes, but behind a request in hand no
 * more than is kept for those that follow it. */
char *worker_conn_room(struct worker_conn *c, size_t *room);

/* Bytes from the peer, in the room or elsewhere. The connection may be dead afterwards, not
 * freed. */
void worker_conn_feed(struct worker_conn *c, const char *bytes, size_t len);

/* The peer sends no more. `gone`: it reads no more either. */
void worker_conn_eof(struct worker_conn *c, bool gone);

/* Flush at the end of the turn. */
void worker_conn_dirty(struct worker_conn *c);

/* Would the client take a close for the end of the answer in hand, which is not complete?
 * So it is when the answer has neither a length nor chunks, as for HTTP/1.0. A reset
 * says otherwise. */
bool worker_conn_end_is_content(const struct worker_conn *c);

/* Close now. The application is told, and the connection freed, by its job. No-op when
 * it is dead. */
void worker_conn_kill(struct worker_conn *c);

/* Close as soon as everything is sent: at once when nothing waits, and not before the
 * request in hand is over. The connection may be dead afterwards, not freed. */
void worker_conn_close_soon(struct worker_conn *c);

/* [gil] Free the connection if it is dead and the application has let go of its
 * exchange. True: it is freed. */
bool worker_conn_bury(struct worker_conn *c);

/* Queue the connection's job. */
void worker_conn_push(struct worker_conn *c);

/* Let the transport deliver input or keep it back, as the state wants it. */
void worker_conn_update_reading(struct worker_conn *c);

#endif
