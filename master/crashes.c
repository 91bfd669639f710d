/*
 * crashes: keep the last few for fastrdctl.
 *
 * Called by reap.c. The board is copied, as it may be any bytes: who reads the record bounds and escapes
 * them.
 */
#include "master/crashes.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "master/master.h"
#include "shm/board.h"

void
master_crashes_note(struct master *m, const struct master_child *c, int status, const char *text)
{
	struct master_crash *crash = &m->crashes.at[m->crashes.n++ % MASTER_CRASHES_KEPT];
	char name[MASTER_NAME_BYTES];
	struct shm_board b;

	memset(crash, 0, sizeof(*crash));
	crash->at_unix_ms = clock_unix_ms();
	crash->age_ms = clock_monotonic_ms() - c->begun_ms;
	crash->pid = c->pid;
	crash->generation = c->generation->number;
	snprintf(crash->who, sizeof(crash->who), "%s", master_child_name(c, name));
	crash->signal = WIFSIGNALED(status) ? WTERMSIG(status) : -1;
	crash->status = WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
	snprintf(crash->text, sizeof(crash->text), "%s%s", text, c->pulse.given_up ?
	    "; it had not responded, and was given up" : "");
	if (!master_status_board(m, c, &b))
		return;
	memcpy(&crash->hands, &b.hands, sizeof(crash->hands));
	crash->active = shm_board_get(&b, SHM_COUNT_requests_active);
}
