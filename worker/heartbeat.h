/*
 * heartbeat: the sign of life on the worker's board.
 */
#ifndef WORKER_HEARTBEAT_H
#define WORKER_HEARTBEAT_H

#include <event2/event_struct.h>

#include "io/turn.h"
#include "shm/board.h"

struct worker_heartbeat {
	struct event event;
	struct shm_board *board;	/* borrowed */
	unsigned long log_lost;		/* log_lost() as the board has it */
};

/* Write the time, and what the log has lost, to the board now and every 250 ms in which the
 * loop turns. NULL: there is no board, nothing is written. */
void worker_heartbeat_start(struct worker_heartbeat *h, struct io_turn *turn,
    struct shm_board *board);

void worker_heartbeat_stop(struct worker_heartbeat *h);

#endif
