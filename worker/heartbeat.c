/*
 * heartbeat: a timer of the worker's own loop.
 *
 * Called by worker.c at a worker's start and end. When the loop is stuck, the time on
 * the board grows old. The other workers see that (accept.c) and no longer leave
 * connections to this one. The worker's own watch (engine/watch.c) and the master
 * (master/watchdog.c) look at it, too.
 */
#include "worker/heartbeat.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"

enum { BEAT_MS = 250 };

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker_heartbeat *h = arg;
	unsigned long lost = log_lost();

	(void)fd;
	(void)what;
	shm_board_beat(h->board, clock_monotonic_ns());
	shm_board_add(h->board, SHM_COUNT_log_dropped, lost - h->log_lost);
	h->log_lost = lost;
}

void
worker_heartbeat_start(struct worker_heartbeat *h, struct io_turn *turn,
    struct shm_board *board)
{
	struct timeval every = { 0, BEAT_MS * 1000 };

	h->board = board;
	h->log_lost = log_lost();
	event_assign(&h->event, io_turn_base(turn), -1, EV_PERSIST, on_beat, h);
	if (board == NULL)
		return;
	on_beat(-1, 0, h);
	if (event_add(&h->event, &every) < 0)
		log_warnx("no timer for the heartbeat: the worker will look stuck");
}

void
worker_heartbeat_stop(struct worker_heartbeat *h)
{
	event_del(&h->event);
}
