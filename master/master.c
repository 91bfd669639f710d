/*
 * master: wait, then look at what has happened.
 *
 * Called by main.c, which has prepared everything. This is the supervisor's whole life:
 * it waits for signals, for what children and fastrdctl say, and for what is due by the clock. Each
 * is handled in a file of its own; what else the master is to listen to (metrics) gets its row in
 * wait_once().
 *
 * Logs: "ended after N s".
 */
#include "master/master.h"

#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "master/listen.h"
#include "master/overdue.h"
#include "master/reap.h"
#include "master/replies.h"
#include "master/signals.h"
#include "master/watchdog.h"

enum {
	WATCHES_MAX = 7 + MASTER_MAX_CHILDREN + WIRE_LISTENERS_MAX + MASTER_REFUSALS_MAX + MASTER_PEERS_MAX,
	WAIT_MAX_MS = 60000
};

/* Descriptors to wait for, and what is called when one is ready. */
struct watches {
	struct pollfd fds[WATCHES_MAX];
	struct {
		void (*ready)(struct master *m, void *arg);
		void *arg;
	} calls[WATCHES_MAX];
	nfds_t n;
};

static void
watch_for(struct watches *w, int fd, short events, void (*ready)(struct master *m, void *arg),
    void *arg)
{
	must(w->n < WATCHES_MAX);
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = events };
	w->calls[w->n].ready = ready;
	w->calls[w->n].arg = arg;
	w->n++;
}

/* Until there is something to read. */
static void
watch(struct watches *w, int fd, void (*readable)(struct master *m, void *arg), void *arg)
{
	watch_for(w, fd, POLLIN, readable, arg);
}

static void
child_readable(struct master *m, void *arg)
{
	(void)master_replies_read(m, arg);
}

static void
signals_readable(struct master *m, void *arg)
{
	(void)arg;
	master_signals_read(m);
}

static void
admin_readable(struct master *m, void *arg)
{
	(void)arg;
	master_refuse(&m->refusals, m->admin->fds[0], clock_monotonic_ms());
}

/* `arg` is the number of a listener. A worker may have become ready at the same time: then
 * the connection is that one's. */
static void
listener_readable(struct master *m, void *arg)
{
	if (!m->stranded.is)
		return;
	master_refuse(&m->refusals, m->listeners->fds[(uintptr_t)arg], clock_monotonic_ms());
}

static void
refusal_readable(struct master *m, void *arg)
{
	(void)m;
	master_refuse_read(arg);
}

/* Where no other master serves, probes while no worker does, and clients that no worker will take; and
 * those that have been told. */
static void
watch_clients(struct master *m, struct watches *w)
{
	bool ours = !master_takeover_waits(m) && !m->upgrade.ceded;
	bool ready = ours && master_refuse_ready(&m->refusals, clock_monotonic_ms());

	if (ready && m->admin->n > 0 && (m->serving == NULL || master_status_workers(m, m->serving) == 0))
		watch(w, m->admin->fds[0], admin_readable, NULL);
	if (ready && m->stranded.is && m->serving != NULL)
		for (size_t i = 0; i < m->listeners->n; i++)
			watch(w, m->listeners->fds[i], listener_readable, (void *)(uintptr_t)i);
	for (int i = 0; i < MASTER_REFUSALS_MAX; i++)
		if (m->refusals.at[i].until_ms != 0)
			watch(w, m->refusals.at[i].fd, refusal_readable, &m->refusals.at[i]);
}

static void
peer_ready(struct master *m, void *arg)
{
	master_control_go_on(m, arg);
}

static void
control_readable(struct master *m, void *arg)
{
	(void)arg;
	master_control_accept(m);
}

/* Those of fastrdctl, and more of them where no other master is the server. */
static void
watch_control(struct master *m, struct watches *w)
{
	bool ours = !master_takeover_waits(m) && !m->upgrade.ceded && m->control_socket->n > 0;

	for (int i = 0; i < MASTER_PEERS_MAX; i++) {
		struct master_peer *p = &m->control.at[i];

		if (p->state != PEER_FREE)
			watch_for(w, p->fd, master_control_events(p), peer_ready, p);
	}
	if (ours && master_control_ready(&m->control, clock_monotonic_ms()))
		watch(w, m->control_socket->fds[0], control_readable, NULL);
}

static void
reread_readable(struct master *m, void *arg)
{
	(void)arg;
	master_reread_look(m);
}

static void
takeover_readable(struct master *m, void *arg)
{
	(void)arg;
	master_takeover_read(m);
}

static void
upgrade_readable(struct master *m, void *arg)
{
	(void)arg;
	master_upgrade_read(m);
}

static void
writer_readable(struct master *m, void *arg)
{
	(void)arg;
	master_writer_read(&m->writer);
}

static void
changes_readable(struct master *m, void *arg)
{
	(void)arg;
	master_watch_read(&m->watch);
}

/* None of the calls at the end blocks, so a descriptor that was closed meanwhile is
 * harmless. */
static void
wait_once(struct master *m, int timeout_ms)
{
	struct watches w = { .n = 0 };
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->channel >= 0)
			watch(&w, c->channel, child_readable, c);
	watch_clients(m, &w);
	watch_control(m, &w);
	if (m->watch.tree.fd >= 0)
		watch(&w, m->watch.tree.fd, changes_readable, NULL);
	if (m->reread.runs)
		watch(&w, m->reread.helper.fd, reread_readable, NULL);
	if (master_writer_is(&m->writer) && m->writer.channel >= 0)
		watch(&w, m->writer.channel, writer_readable, NULL);
	if (m->takeover.channel >= 0)
		watch(&w, m->takeover.channel, takeover_readable, NULL);
	if (master_upgrade_runs(m) && m->upgrade.channel >= 0)
		watch(&w, m->upgrade.channel, upgrade_readable, NULL);
	/* Behind the children: what one has said is heard before its death is. */
	watch(&w, m->signal_fd, signals_readable, NULL);
	if (poll(w.fds, w.n, timeout_ms) <= 0)
		return;
	for (nfds_t i = 0; i < w.n; i++)
		if (w.fds[i].revents != 0)
			w.calls[i].ready(m, w.calls[i].arg);
}

static void
clock_look(struct master *m, uint64_t now_ms)
{
	struct master_child *c = NULL;

	if (m->drain_at_ms != 0 && m->drain_at_ms <= now_ms)
		master_signals_drain(m);
	if (m->coming != NULL && m->coming->start_by_ms <= now_ms)
		master_generation_overdue(m, m->coming, now_ms);
	for (unsigned i = 0; i < m->n_workers && m->serving != NULL; i++)
		if (m->slots[i].spawn_at_ms != 0 && m->slots[i].spawn_at_ms <= now_ms)
			master_worker_add(m, i);
	master_watch_look(m, now_ms);
	master_probation_look(m, now_ms);
	master_spare_look(m, now_ms);
	master_refuse_expire(&m->refusals, now_ms);
	if (m->reread.runs && m->reread.helper.until_ms <= now_ms)
		master_reread_look(m);
	if (m->serving != NULL)
		master_watchdog_look(m, now_ms);
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->kill_at_ms == 0 || c->kill_at_ms > now_ms)
			continue;
		else if (c->pulse.given_up)
			master_watchdog_press(m, c, now_ms);
		else
			master_overdue(m, c, now_ms);
	master_upgrade_look(m, now_ms);
	master_writer_look(&m->writer, now_ms);
	master_control_look(m, now_ms);
	master_notify_look(m, now_ms);
}

/* The earlier of two times, of which 0 means none. */
static uint64_t
earlier(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms == 0 || (b_ms != 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* Milliseconds until clock_look() has something to do, -1: nothing by the clock. */
static int
clock_next(struct master *m, uint64_t now_ms)
{
	uint64_t next_ms = m->coming != NULL ? m->coming->start_by_ms : 0;
	struct master_child *c = NULL;

	for (unsigned i = 0; i < m->n_workers && m->serving != NULL; i++)
		next_ms = earlier(next_ms, m->slots[i].spawn_at_ms);
	if (m->reread.runs)
		next_ms = earlier(next_ms, m->reread.helper.until_ms);
	next_ms = earlier(next_ms, m->watch.due_ms);
	next_ms = earlier(next_ms, master_probation_next(m));
	next_ms = earlier(next_ms, master_spare_next(m));
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		next_ms = earlier(next_ms, c->kill_at_ms);
	for (int i = 0; i < MASTER_REFUSALS_MAX; i++)
		next_ms = earlier(next_ms, m->refusals.at[i].until_ms);
	if (m->refusals.paused_until_ms > now_ms)
		next_ms = earlier(next_ms, m->refusals.paused_until_ms);
	next_ms = earlier(next_ms, m->drain_at_ms);
	next_ms = earlier(next_ms, master_upgrade_next_ms(m));
	next_ms = earlier(next_ms, m->writer.start_at_ms);
	next_ms = earlier(next_ms, master_control_next_ms(&m->control));
	next_ms = earlier(next_ms, master_notify_next_ms(&m->notify));
	if (m->serving != NULL)
		next_ms = earlier(next_ms, m->looked_ms + MASTER_LOOK_MS);
	if (next_ms == 0)
		return -1;
	if (next_ms <= now_ms)
		return 0;
	return (int)(next_ms - now_ms < WAIT_MAX_MS ? next_ms - now_ms : WAIT_MAX_MS);
}

int
master_run(struct master *m)
{
	must(m->n_workers >= 1 && m->n_workers <= MASTER_MAX_WORKERS);
	m->begun_ms = clock_monotonic_ms();
	master_generation_load(m, m->conf);
	for (;;) {
		uint64_t now_ms = clock_monotonic_ms();

		master_reap_lost(m);
		master_generations_bury(m);
		if (m->stopping && m->drain_at_ms == 0 && !master_upgrade_runs(m) &&
		    master_child_next(&m->children, NULL, NULL) == NULL)
			break;
		if (m->scale_due != 0)
			master_workers_scale(m, 0);
		if (m->reload_due)
			master_generation_reload(m);
		master_develop_look(m);
		master_warm_look(m);
		master_upgrade_begin(m);
		clock_look(m, now_ms);
		wait_once(m, clock_next(m, now_ms));
	}
	if (m->stopping_since_ms != 0)
		log_info("ended after %.1f s", (double)(clock_monotonic_ms() -
		    m->stopping_since_ms) / 1000);
	return m->exit_code;
}
