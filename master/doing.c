/*
 * doing: a child's words and its board, as a few words of ours.
 *
 * Called by reap.c, overdue.c, watchdog.c and generation.c. The board is copied, not mapped: whatever the
 * child did to it, reading it here can only give wrong words.
 */
#include "master/doing.h"

#include <stdio.h>

#include "master/master.h"
#include "shm/board.h"

/* Before it has started. */
static const char *
starting(const struct master_child *c)
{
	return c->role == ROLE_SPARE && c->state == CHILD_READY ? "waiting to be a worker" :
	    c->role == ROLE_ZYGOTE && c->state == CHILD_READY ? "waiting to fork" :
	    !c->begun ? "starting Python" : !c->imported ? "importing the application" :
	    c->role == ROLE_ZYGOTE ? "compiling the application" : "starting the application";
}

const char *
master_doing_text(const struct master *m, const struct master_child *c,
    char text[MASTER_DOING_BYTES])
{
	struct shm_board b;

	if (c->state == CHILD_STARTING || c->role != ROLE_WORKER)
		snprintf(text, MASTER_DOING_BYTES, "%s", starting(c));
	else if (c->ended)
		snprintf(text, MASTER_DOING_BYTES, "ending Python");
	else if (shm_board_copy(m->boards_fd, c->board, &b) < 0 || b.pid != (uint32_t)c->pid)
		snprintf(text, MASTER_DOING_BYTES, "its board cannot be read");
	else if (b.state == SHM_BOARD_ENDING)
		snprintf(text, MASTER_DOING_BYTES, "running the application's shutdown");
	else
		shm_hands_text(&b.hands, shm_board_get(&b, SHM_COUNT_requests_active), text);
	return text;
}
