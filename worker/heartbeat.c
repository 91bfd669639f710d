/*
 * heartbeat: a timer of the worker's own loop.
 *
 * Called by worker.c at a worker's start and end. A loop that is stuck lets the time on the board grow old. The other workers see it
 * there (accept.c) and no longer leave connections to this one.
 */
#include "worker/heartbeat.h"

#include <event2/event.h>

#include "base/clock.h"

enum { BEAT_MS = 250 };

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker_heartbeat *h = arg;

	(void)fd;
	(void)what;
	shm_board_beat(h->board, clock_monotonic_ns());
}

void
worker_heartbeat_start(struct worker_heartbeat *h, struct io_turn *turn,
    struct shm_board *board)
{
	struct timeval every = { 0, BEAT_MS * 1000 };

	h->board = board;
	event_assign(&h->event, io_turn_base(turn), -1, EV_PERSIST, on_beat, h);
	if (board == NULL)
		return;
	on_beat(-1, 0, h);
	event_add(&h->event, &every);
}

void
worker_heartbeat_stop(struct worker_heartbeat *h)
{
	event_del(&h->event);
}
