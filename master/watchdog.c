/*
 * watchdog: tell a busy, a blocked, a stopped and a dead worker apart, and replace it.
 *
 * Called by master.c (the clock). A worker has two beats on its board: the loop's, and that of
 * a thread that asks for the interpreter while the loop is late (engine/watch.c). Only whether
 * they change is looked at, so that no number on a board can mislead us for longer than it
 * stands still, and the time is counted look by look: where the master itself was stopped,
 * with its workers or alone, that counts as one look.
 *
 * Only workers that serve are looked at: a start and an end have deadlines of their own, and a parked
 * generation ends soon.
 *
 * Logs: "worker N has not responded for N s: STATE; DOING", "worker N responds again after N s",
 * "worker N has not responded for N s and is replaced: STATE; DOING; see --worker-timeout",
 * "worker N responds again after N s: it drains, another takes its place", "worker N did not
 * end by SIGTERM: it is killed".
 */
#include "master/watchdog.h"

#include <stdio.h>

#include "base/log.h"
#include "master/conf.h"
#include "master/doing.h"
#include "master/master.h"
#include "master/overdue.h"
#include "master/process.h"
#include "shm/board.h"

enum {
	TELL_MS = 2000,		/* what a worker cannot say itself is told after so long */
	BUSY_PART = 8,		/* of the time: who computes has more of it, on a full machine too */
	STATE_BYTES = 96
};

static uint64_t
number(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* Which of the four it is. `now` is what the kernel says of it. */
static const char *
state_text(const struct master_pulse *p, const struct master_process *now,
    char text[STATE_BYTES])
{
	bool computes = now->cpu_ms > p->cpu_ms &&
	    now->cpu_ms - p->cpu_ms > p->quiet_ms / BUSY_PART;

	if (now->state == 'T')
		return "it is stopped (SIGSTOP, SIGTSTP), SIGCONT lets it go on";
	if (now->state == 't')
		return "a debugger has stopped it";
	if (now->state == 'Z' || now->state == 'X')
		return "its main thread is dead";
	if (p->held_ms < p->quiet_ms / 2)
		snprintf(text, STATE_BYTES, "its event loop is blocked, by %s",
		    computes ? "Python code that computes" : "a call that does not await");
	else if (computes)
		snprintf(text, STATE_BYTES, "it is busy in C code that keeps the interpreter");
	else
		snprintf(text, STATE_BYTES, "C code waits and keeps the interpreter%s",
		    now->state == 'D' ? ", in the kernel" : "");
	return text;
}

/* Count what has changed in `ms`. True: the loop has beaten. */
static bool
pulse_feel(struct master_pulse *p, const struct shm_board *b, uint64_t ms)
{
	uint64_t loop = number(&b->heartbeat_ns), interpreter = number(&b->interpreter_ns);
	bool beats = loop != p->loop;

	p->held_ms = beats || interpreter != p->interpreter ? 0 : p->held_ms + ms;
	p->quiet_ms = beats ? 0 : p->quiet_ms + ms;
	p->loop = loop;
	p->interpreter = interpreter;
	return beats;
}

/* It is to end, and another takes its place at once. What it is ordered it reads if it goes
 * on before it is killed. */
static void
give_up(struct master *m, struct master_child *c, uint64_t now_ms)
{
	master_child_show_stacks(c);
	if (master_worker_successor(m, c) == NULL)
		master_worker_replace(m, c, now_ms);
	master_worker_drain(c, master_worker_grace_ms(m), true);
	c->pulse.given_up = true;
	c->pulse.since_ms = now_ms - c->pulse.quiet_ms;
	c->kill_at_ms = now_ms + MASTER_STACKS_MS;
}

static void
quiet(struct master *m, struct master_child *c, uint64_t now_ms)
{
	uint64_t limit_ms = master_generation_conf(m)->worker_timeout_ms;
	bool late = limit_ms != 0 && c->pulse.quiet_ms >= limit_ms;
	char name[MASTER_NAME_BYTES], doing[MASTER_DOING_BYTES], state[STATE_BYTES];
	double s = (double)c->pulse.quiet_ms / 1000;
	struct master_process now;

	if (!late && (c->pulse.told || c->pulse.quiet_ms < TELL_MS))
		return;
	if (master_process_read(c->pid, &now) < 0)
		return;		/* its death is not heard of yet */
	/* A worker warns itself of a loop that is blocked where Python can still run. */
	if (!late && c->pulse.held_ms < TELL_MS)
		return;
	master_child_name(c, name);
	master_doing_text(m, c, doing);
	c->pulse.told = true;
	if (!late) {
		log_warnx("%s has not responded for %.1f s: %s; %s", name, s,
		    state_text(&c->pulse, &now, state), doing);
		return;
	}
	log_errorx("%s has not responded for %.1f s and is replaced: %s; %s; see --worker-timeout",
	    name, s, state_text(&c->pulse, &now, state), doing);
	give_up(m, c, now_ms);
}

static void
worker_look(struct master *m, struct master_child *c, uint64_t ms, uint64_t now_ms)
{
	uint64_t before_ms = c->pulse.quiet_ms;
	char name[MASTER_NAME_BYTES];
	struct master_process now;
	struct shm_board b;

	if (shm_board_copy(m->boards_fd, c->board, &b) < 0)
		return;
	if (!pulse_feel(&c->pulse, &b, ms)) {
		/* From here on it is counted what it uses while it is quiet. */
		if (before_ms == 0 && master_process_read(c->pid, &now) == 0)
			c->pulse.cpu_ms = now.cpu_ms;
		quiet(m, c, now_ms);
	} else if (c->pulse.told) {
		log_info("%s responds again after %.1f s", master_child_name(c, name),
		    (double)before_ms / 1000);
		c->pulse.told = false;
	}
}

void
master_watchdog_look(struct master *m, uint64_t now_ms)
{
	struct master_child *c = NULL;
	uint64_t ms = now_ms - m->looked_ms;

	if (m->looked_ms != 0 && ms < MASTER_LOOK_MS)
		return;
	m->looked_ms = now_ms;
	master_recycle_look(m, now_ms);
	master_oom_look(&m->oom, now_ms);
	if (ms > 2 * MASTER_LOOK_MS)
		ms = MASTER_LOOK_MS;
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->generation == m->serving && c->role == ROLE_WORKER && c->state == CHILD_SERVING &&
		    !c->told_to_end)
			worker_look(m, c, ms, now_ms);
}

/* Has it gone on since it was given up? Then it drains by the order that it had. */
static bool
recovered(struct master *m, struct master_child *c, uint64_t now_ms)
{
	char name[MASTER_NAME_BYTES];
	struct shm_board b;

	if (shm_board_copy(m->boards_fd, c->board, &b) < 0 || !pulse_feel(&c->pulse, &b, 0))
		return false;
	log_info("%s responds again after %.1f s: it drains, another takes its place",
	    master_child_name(c, name), (double)(now_ms - c->pulse.since_ms) / 1000);
	c->pulse.given_up = false;
	c->kill_at_ms = now_ms + master_worker_grace_ms(m) + MASTER_END_GRACE_MS;
	return true;
}

void
master_watchdog_press(struct master *m, struct master_child *c, uint64_t now_ms)
{
	char name[MASTER_NAME_BYTES];

	if (recovered(m, c, now_ms))
		return;
	if (!c->told_to_end) {
		master_child_end(c);
		return;
	}
	log_warnx("%s did not end by SIGTERM: it is killed", master_child_name(c, name));
	c->kill_at_ms = 0;
	master_child_kill(c, true);
}
