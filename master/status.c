/*
 * status: count what the boards and the records of children say.
 *
 * Called by notify.c, master.c (workers), crashes.c (board) and report.c. Boards are copied, not mapped,
 * and believed as far as a line of text goes: whatever a worker did to its board, the line can only be
 * wrong.
 */
#include "master/status.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master.h"
#include "shm/board.h"

/* A loop sets its board every 250 ms: younger than this says nothing. */
static const uint64_t beat_least_ns = UINT64_C(1000000000);

bool
master_status_board(const struct master *m, const struct master_child *c, struct shm_board *b)
{
	return c->role == ROLE_WORKER && shm_board_copy(m->boards_fd, c->board, b) == 0 &&
	    b->pid == (uint32_t)c->pid;
}

static bool
serves(const struct master_child *c)
{
	return c->role == ROLE_WORKER && (c->state == CHILD_SERVING || c->state == CHILD_READY);
}

unsigned
master_status_workers(struct master *m, const struct master_generation *g)
{
	struct master_child *c = NULL;
	unsigned n = 0;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		n += g == NULL ? c->role == ROLE_WORKER : serves(c);
	return n;
}

uint64_t
master_status_count(struct master *m, enum shm_counter which)
{
	struct master_child *c = NULL;
	struct shm_board b;
	uint64_t n = 0;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (master_status_board(m, c, &b))
			n += shm_board_get(&b, which);
	return n;
}

static unsigned long long
in_hand(struct master *m)
{
	return master_status_count(m, SHM_COUNT_requests_active);
}

/* Add how many lines of the log are lost, whoever had them. */
static void
lost_add(struct master *m, char text[MASTER_STATUS_BYTES])
{
	unsigned long long n = m->writer.lost + log_lost() +
	    master_status_count(m, SHM_COUNT_log_dropped);
	size_t len = strlen(text);

	if (n > 0)
		snprintf(text + len, MASTER_STATUS_BYTES - len, "; %llu line%s of the log lost", n,
		    n == 1 ? "" : "s");
}

/* How the one that serves does. */
static void
serving_text(struct master *m, char text[MASTER_STATUS_BYTES])
{
	unsigned n = master_status_workers(m, m->serving);
	unsigned long long requests = in_hand(m);
	char of[24] = "", more[64] = "";

	if (n < m->n_workers)
		snprintf(of, sizeof(of), " of %u", m->n_workers);
	if (m->coming != NULL)
		snprintf(more, sizeof(more), "; generation %u is %s", m->coming->number,
		    m->coming->state == GENERATION_LOADING ? "loading" : "starting");
	else if (master_upgrade_runs(m))
		snprintf(more, sizeof(more), "; an upgrade runs");
	else if (m->reload.failed)
		snprintf(more, sizeof(more), "; the last reload failed, see the log");
	if (m->stranded.is)
		snprintf(text, MASTER_STATUS_BYTES, "generation %u, no worker is left and none can "
		    "start: requests get 503%s", m->serving->number, more);
	else
		snprintf(text, MASTER_STATUS_BYTES, "generation %u, %u%s worker%s, %llu request%s in "
		    "hand%s", m->serving->number, n, of, m->n_workers == 1 ? "" : "s", requests,
		    requests == 1 ? "" : "s", more);
	lost_add(m, text);
}

void
master_status_text(struct master *m, char text[MASTER_STATUS_BYTES])
{
	unsigned n;

	if (m->stopping) {
		n = master_status_workers(m, NULL);
		snprintf(text, MASTER_STATUS_BYTES, "ending: %u worker%s, %llu requests in hand", n,
		    n == 1 ? "" : "s", in_hand(m));
	} else if (m->serving != NULL) {
		serving_text(m, text);
	} else {
		snprintf(text, MASTER_STATUS_BYTES, "%s", m->coming != NULL &&
		    m->coming->state == GENERATION_LOADING ? "loading the application" :
		    "starting the application");
	}
}

/* Is a slot empty that has its worker soon, or is being started in time? */
static bool
replaced(struct master *m)
{
	struct master_child *c = NULL;

	if (m->stranded.is)
		return false;
	for (unsigned i = 0; i < m->n_workers; i++)
		if (m->slots[i].spawn_at_ms != 0)
			return true;
	while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
		if (c->role == ROLE_WORKER && c->state == CHILD_STARTING && !c->overdue)
			return true;
	return false;
}

bool
master_status_beats(struct master *m, uint64_t ms)
{
	uint64_t now_ns = clock_monotonic_ns(), within_ns = ms * 1000000;
	struct master_child *c = NULL;
	struct shm_board b;

	if (m->stopping || m->serving == NULL)
		return true;
	if (within_ns < beat_least_ns)
		within_ns = beat_least_ns;
	while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
		if (serves(c) && master_status_board(m, c, &b) && b.heartbeat_ns <= now_ns &&
		    now_ns - b.heartbeat_ns < within_ns)
			return true;
	return replaced(m);
}
