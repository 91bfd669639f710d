/*
 * conn: one connection.
 *
 * Bytes below, one exchange above. A connection handles one request at a time;
 * what a client sends ahead waits in the input buffer, and all answers of a
 * turn leave with one writev. While an exchange lives the bytes of its head
 * never move.
 *
 *	      head            answered             content thrown away
 *	IDLE -------> RUNNING ----------> DISCARD ------------------> IDLE
 *	  |             |  '--------------------- answered ------------'
 *	  | refused     | refused, or closing with input left
 *	  '-------------'--> LINGER ---> DEAD     (from every state when cut)
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/list.h"
#include "http/exchange.h"
#include "http/framing.h"
#include "http/serialize.h"
#include "io/output.h"
#include "io/timers.h"
#include "worker/transport.h"
#include "worker/worker.h"

enum worker_conn_state {
	CONN_IDLE,	/* between requests, or reading a head */
	CONN_RUNNING,	/* an exchange is in hand */
	CONN_DISCARD,	/* answered; the rest of its content is thrown away */
	CONN_LINGER,	/* the last answer is queued; input is thrown away */
	CONN_DEAD	/* closed; freed when the application has let go */
};

struct worker_conn {
	struct worker *w;
	struct list_node node;			/* in the worker's list */
	enum worker_conn_state state;
	const struct worker_transport *transport;
	void *transport_arg;
	int fd;					/* of a socket, else -1 */
	struct event read_event, write_event;	/* of a socket */
	struct io_timer timer, write_timer;
	char *in;				/* input: heads, small content, what came ahead */
	size_t in_len, in_cap;
	size_t in_pos;				/* bytes before it belong to the exchange */
	size_t scanned;				/* of the head being read, from in_pos */
	char *ahead;				/* what did not fit behind the exchange's bytes */
	size_t ahead_len, ahead_cap;
	struct hx_exchange x;
	struct hx_framing framing;
	struct hx_head_plan plan;		/* of the answer in hand */
	uint64_t answer_left;			/* content still due, when the length is known */
	uint64_t discarded;			/* bytes thrown away after the answer */
	struct io_output out;
	struct io_flush flush;
	struct io_job job;
	bool reading;				/* the transport delivers input */
	bool content_open;			/* the request's content is not complete */
	bool want_content;			/* the application waits for content */
	bool waits_content;			/* the plan waits for complete content */
	bool served;				/* a request has been in hand */
	bool sent_continue;			/* or none is expected */
	bool start_due, content_due, writable_due;	/* what the job has to do */
	bool paused;				/* the backlog was high: tell when it is low */
	bool in_job;				/* the job is running: do not free */
	bool in_head;				/* the head's time-out runs */
	bool trimmed;				/* the arena was given back */
	bool close_after;			/* close when everything is sent */
	bool eof;				/* the peer sends no more */
	char client_text[48], server_text[48];
};

/* "idle", "running", ...: for logs and tests. */
const char *worker_conn_state_name(enum worker_conn_state state);

/* Take an accepted, non-blocking socket from `peer`. NULL when out of memory (the
 * caller closes the descriptor). `listener` may be NULL. */
struct worker_conn *worker_conn_new(struct worker *w, int fd, const struct sockaddr *peer,
    const struct worker_listener *listener);

/* A connection over another transport; `to` is handed to it. */
struct worker_conn *worker_conn_new_over(struct worker *w,
    const struct worker_transport *transport, void *to);

/* Bytes from the peer. The connection may be dead afterwards, not freed. */
void worker_conn_feed(struct worker_conn *c, const char *bytes, size_t len);

/* The peer sends no more. `gone`: it reads no more either. */
void worker_conn_eof(struct worker_conn *c, bool gone);

/* Flush at the end of the turn. */
void worker_conn_dirty(struct worker_conn *c);

/* Close now; the application hears of it. Freed later, from the job. */
void worker_conn_kill(struct worker_conn *c);

/* Close as soon as everything is sent. */
void worker_conn_close_soon(struct worker_conn *c);

/* [gil] Free it when dead and let go of. True: it is gone. */
bool worker_conn_bury(struct worker_conn *c);

/* Queue the connection's job. */
void worker_conn_push(struct worker_conn *c);

/* Let the transport deliver input, or not, as the state wants it. */
void worker_conn_update_reading(struct worker_conn *c);

/* The exchange was reset: input that came ahead becomes the input. 0, or -1 when
 * out of memory. */
int worker_conn_input_next(struct worker_conn *c);

/* Nothing has happened for a while: give the buffers back. */
void worker_conn_trim(struct worker_conn *c);

#endif
