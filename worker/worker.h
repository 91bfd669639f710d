/*
 * worker: what the connections of one event loop share.
 *
 * Ties together the turn, the application, the listeners, the limits, the
 * board and the time-out lists. A worker process has one; the in-process test
 * client makes one per connection. No Python here: the application is opaque.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/list.h"
#include "http/parse.h"
#include "http/trust.h"
#include "io/turn.h"
#include "shm/board.h"
#include "worker/accept.h"
#include "worker/added.h"
#include "worker/admin.h"
#include "worker/handover.h"
#include "worker/hands.h"
#include "worker/heartbeat.h"
#include "worker/memory.h"
#include "worker/preset.h"
#include "worker/proxy.h"
#include "worker/request_id.h"
#include "worker/rules.h"
#include "worker/timeouts.h"
#include "worker/websocket/deflate.h"

struct pyb_app;
struct worker_access;
struct worker_conn;

enum {
	WORKER_READ_BYTES = 64 * 1024,	/* most that one read takes */
	WORKER_HIGH_WATER = 64 * 1024,	/* buffered bytes at which a side pauses */
	WORKER_LOW_WATER = 16 * 1024,	/* ... and at which it goes on */
};

struct worker_options {
	struct conf conf;		/* texts are borrowed for the worker's life */
	const char *scheme;		/* static text, "http" */
	struct shm_board *board;	/* borrowed; NULL: counters stay private */
	struct shm_boards boards;	/* borrowed: every worker's, for the polite gate */
};

/* The defaults of conf_keys.def, plain HTTP, no board. */
void worker_options_init(struct worker_options *o);

typedef void worker_empty_f(void *arg);

struct worker {
	struct io_turn *turn;
	struct pyb_app *app;		/* borrowed: the owner keeps it */
	void *local;			/* borrowed: the upper.local of every exchange */
	struct worker_options options;
	struct hx_trust trust;		/* the proxies whose word is taken, from the options */
	struct worker_proxy proxy;
	struct worker_rules rules;
	struct hx_limits limits;	/* of its heads and content, from the options */
	struct worker_accept accept;
	struct worker_admin *admin;	/* NULL: nobody asks here */
	struct worker_handover handover;
	struct worker_preset preset;
	struct worker_added added;
	struct worker_request_ids ids;
	struct worker_timeouts timeouts;
	struct worker_memory memory;	/* of its connections */
	struct worker_streams streams;	/* of compressed messages */
	struct worker_heartbeat heartbeat;	/* on options.board */
	struct worker_hands hands;	/* on `board` */
	struct worker_access *access;	/* borrowed; NULL: requests are not logged */
	struct shm_board *board;	/* options.board or own_board */
	struct shm_board own_board;
	struct list conns;		/* all of them */
	uint64_t open, active;		/* connections; requests in hand */
	uint64_t websockets;		/* of the open: carry messages */
	bool websockets_over;		/* they were closed, and so are others at once */
	uint64_t dead;			/* of the open: closed, and their application still runs */
	uint64_t lingering;		/* of the open: all is sent, and only read until they close */
	bool draining;
	worker_empty_f *empty;		/* to be called once, or NULL */
	void *empty_arg;
	char *scratch;			/* WORKER_READ_BYTES: one read at a time */
};

/* NULL when out of memory. The options' texts and board are borrowed; the turn is held, so
 * that the worker may outlive its loop. */
struct worker *worker_new(struct io_turn *turn, struct pyb_app *app, void *local,
    const struct worker_options *options) MUST_CHECK;

/* Every connection must be gone before (see worker_abort). */
void worker_free(struct worker *w);

/* Call `empty(arg)` once, the next time that no connection is left: when the last one
 * is freed, or when worker_drain() finds none. Perhaps without the interpreter. It may
 * free the worker. NULL takes the function back. */
void worker_on_empty(struct worker *w, worker_empty_f *empty, void *arg);

/* Stop accepting. `give`: other workers serve, and each connection goes to them when it is
 * between two requests (worker/handover.h). Else, and where that cannot be, it says
 * `Connection: close` in its next answer, and closes when no request comes for two seconds, or
 * an eighth of `grace_ms` when that is less. A second call may take `give` back. The
 * function of worker_on_empty() is called when none is left, perhaps before this returns.
 * The deadline is the caller's, and `grace_ms` the time until it: worker_abort() ends the
 * rest. */
void worker_drain(struct worker *w, uint64_t grace_ms, bool give);

/* Stop accepting, and give each connection to the workers that serve when it is between two
 * requests; what cannot be given is served on. worker_drain() or worker_resume() comes next. */
void worker_park(struct worker *w);

/* After worker_park(): serve as before. */
void worker_resume(struct worker *w);

/* Cut every connection now. Those whose application still runs are freed when
 * it ends. */
void worker_abort(struct worker *w);

/* Close every WebSocket, saying that the server is being restarted (1012); a handshake that is not answered
 * gets 503, and so do later ones. */
void worker_end_websockets(struct worker *w);

/* A connection, a request in hand (worker/hands.c calls) or a WebSocket has come (+1) or gone (-1). The
 * last connection that goes may take the worker with it (see worker_on_empty). */
void worker_open_add(struct worker *w, int by);
void worker_active_add(struct worker *w, int by);
void worker_websockets_add(struct worker *w, int by);

static inline void
worker_count(struct worker *w, enum shm_counter id, uint64_t n)
{
	shm_board_add(w->board, id, n);
}

#endif
