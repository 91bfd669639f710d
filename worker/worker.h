/*
 * worker: what the connections of one event loop share.
 *
 * Ties together the turn, the application, the listeners, the limits, the
 * board and the time-out lists. A worker process has one; the in-process test
 * client makes one per connection. No Python here: the application is opaque.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "http/date.h"
#include "http/parse.h"
#include "io/timers.h"
#include "io/turn.h"
#include "shm/board.h"

struct pyb_app;
struct worker_conn;

enum {
	WORKER_MAX_LISTENERS = 16,
	WORKER_READ_BYTES = 64 * 1024,	/* most that one read takes */
	WORKER_HIGH_WATER = 64 * 1024,	/* buffered bytes at which a side pauses */
	WORKER_LOW_WATER = 16 * 1024,	/* ... and at which it goes on */
};

struct worker_options {
	struct hx_limits limits;
	uint32_t header_timeout_ms;	/* from the first byte to the end of the head */
	uint32_t keep_alive_ms;		/* without a request */
	uint32_t content_timeout_ms;	/* without any progress of the content */
	uint32_t write_timeout_ms;	/* without any byte of an answer taken */
	const char *scheme;		/* static text, "http" */
	const char *root_path;		/* static for the worker's life, may be "" */
	struct shm_board *board;	/* borrowed; NULL: counters stay private */
	struct shm_boards boards;	/* borrowed: every worker's, for the polite gate */
};

/* The defaults of DESIGN: 10 s, 75 s, 60 s, 60 s. */
void worker_options_init(struct worker_options *o);

struct worker_listener {
	struct worker *w;
	struct event event;
	int fd;
	bool added;
	struct slice host;	/* numeric; empty for wildcard and unix addresses */
	uint16_t port;
	char text[64];
};

typedef void worker_drained_f(void *arg);

struct worker {
	struct io_turn *turn;
	struct pyb_app *app;		/* borrowed: the owner keeps it */
	void *loop;			/* borrowed: the upper.loop of every exchange */
	struct worker_options options;
	struct hx_date date;
	char preset[96];		/* "date: ...\r\nserver: fastrd\r\n" */
	size_t preset_len;
	int64_t preset_s;
	struct io_timers head_timers, rest_timers, idle_timers, content_timers;
	struct io_timers write_timers, linger_timers;
	struct list conns;		/* all of them */
	uint64_t open, active;		/* connections; requests in hand */
	struct worker_listener listeners[WORKER_MAX_LISTENERS];
	size_t n_listeners;
	struct event resume_accept;
	int reserve_fd;			/* given up to accept and refuse when out of descriptors */
	bool exhausted;			/* and that has been logged */
	bool waited;			/* the polite gate has given way once */
	bool draining;
	worker_drained_f *drained;
	void *drained_arg;
	struct shm_board *board;	/* options.board or own_board */
	struct event beat;		/* for options.board: the loop turns */
	struct shm_board own_board;
	char scratch[WORKER_READ_BYTES];	/* one read at a time */
};

/* NULL when out of memory. The options' texts and board are borrowed. */
struct worker *worker_new(struct io_turn *turn, struct pyb_app *app, void *loop,
    const struct worker_options *options);

/* Every connection must be gone before (see worker_abort). */
void worker_free(struct worker *w);

/* Stop accepting; close idle connections; the others say `Connection: close` in
 * their next answer. `drained(arg)` is called once when none is left, perhaps
 * before this returns, perhaps without the interpreter. A deadline is the
 * caller's: worker_abort() ends the rest. */
void worker_drain(struct worker *w, worker_drained_f *drained, void *arg);

/* Cut every connection now. Those whose application still runs are freed when
 * it ends. */
void worker_abort(struct worker *w);

/* Call `gone(arg)` once when the last connection is freed. */
void worker_on_empty(struct worker *w, worker_drained_f *gone, void *arg);

/* The preset fields of every answer, fresh for this second. */
struct slice worker_preset(struct worker *w);

/* A connection or a request has come (+1) or gone (-1). */
void worker_open_add(struct worker *w, int by);
void worker_active_add(struct worker *w, int by);

static inline void
worker_count(struct worker *w, enum shm_counter id, uint64_t n)
{
	shm_board_add(w->board, id, n);
}

#endif
