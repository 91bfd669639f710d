/*
 * conn: one connection.
 *
 * Bytes below, one exchange above. A connection handles one request at a time;
 * what a client sends ahead waits in the input buffer, and all answers of a
 * turn leave with one writev. The head's bytes never move while their exchange
 * lives.
 *
 *	        bytes             head            content            answer
 *	IDLE ---------> HEAD ------------> RUNNING --------> RUNNING ------> IDLE
 *	  |               | refused                             | cut        ...
 *	  '---------------'--> LINGER (answer, drain, close) <--'--> DEAD
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <event2/event_struct.h>
#include <stdbool.h>

#include "http/exchange.h"
#include "http/framing.h"
#include "http/serialize.h"
#include "io/output.h"
#include "io/timers.h"
#include "worker/worker.h"

enum conn_state {
	CONN_IDLE,	/* between requests, or reading a head */
	CONN_RUNNING,	/* an exchange is in hand */
	CONN_LINGER,	/* the last answer is out; reading what is still coming */
	CONN_DEAD	/* closed; freed when the application has let go */
};

/* Where bytes go instead of a socket. */
struct conn_memory {
	io_write_f *write;		/* interpreter not held */
	void (*closed)(void *to);	/* interpreter may or may not be held */
	void *to;
};

struct worker_conn {
	struct worker *w;
	struct worker_conn *next, **at;	/* the worker's list */
	enum conn_state state;
	int fd;				/* -1: memory */
	struct conn_memory memory;
	struct event read_event, write_event;
	struct io_timer timer;
	char *in;			/* input buffer */
	size_t in_len, in_cap;
	size_t in_pos;			/* first byte not belonging to the exchange */
	size_t scanned;			/* of the head being read, relative to in_pos */
	char *ahead;			/* arrived during an exchange, behind `in` */
	size_t ahead_len, ahead_cap;
	struct hx_exchange x;
	struct hx_framing framing;
	struct hx_head_plan plan;	/* of the answer in hand */
	uint64_t answer_left;		/* content bytes still due, when the length is known */
	struct io_output out;
	struct io_flush flush;
	struct io_job job;
	bool content_open;		/* the request's content is not complete */
	bool want_content;		/* the application waits for content */
	bool waits_content;		/* the plan waits for complete content */
	bool start_due, content_due, writable_due;	/* what the job has to do */
	bool in_job, again;		/* see conductor.c */
	bool close_after;		/* close when everything is sent */
	bool eof;			/* the peer sends no more */
	bool sent_continue;
	char host[64], server[64];
};

/* Take an accepted, non-blocking socket. NULL when out of memory (the caller
 * closes the descriptor). */
struct worker_conn *worker_conn_new(struct worker *w, int fd);

/* A connection whose bytes are fed and whose answers go to `memory`. */
struct worker_conn *worker_conn_new_memory(struct worker *w, const struct conn_memory *memory);

/* Bytes from the peer (memory connections and conn_io.c). 0, or -1 when out of
 * memory: the connection is then dead. */
int worker_conn_feed(struct worker_conn *c, const char *bytes, size_t len);

/* The peer sends no more (`gone`: and reads no more). */
void worker_conn_eof(struct worker_conn *c, bool gone);

/* Close now, or as soon as everything is sent. */
void worker_conn_kill(struct worker_conn *c);
void worker_conn_close_soon(struct worker_conn *c);

/* Free it when dead and let go of. Interpreter held. True: it is gone. */
bool worker_conn_bury(struct worker_conn *c);

/* Queue the connection's job. */
void worker_conn_push(struct worker_conn *c);

/* Read events on or off, as the state wants it. */
void worker_conn_update_reading(struct worker_conn *c);

/* Ready for the next head: move what came ahead to the front. 0 or -1. */
int worker_conn_compact(struct worker_conn *c);

#endif
