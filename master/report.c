/*
 * report: what fastrdctl shows.
 *
 * Called by orders.c. The numbers are those of boards, which are copied, and of the kernel: a worker may
 * have written any of them. Nothing is read here that a worker could hold up, as its memory's maps are.
 */
#include "master/report.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/conf.h"
#include "master/json.h"
#include "master/listen.h"
#include "master/master.h"
#include "master/process.h"
#include "shm/board.h"

static const char *const generation_states[] = {
	[GENERATION_NONE] = "gone", [GENERATION_LOADING] = "loading", [GENERATION_STARTING] = "starting",
	[GENERATION_SERVING] = "serving", [GENERATION_PARKED] = "parked",
	[GENERATION_DRAINING] = "draining", [GENERATION_FAILED] = "failed"
};

static const char *
server_state(const struct master *m)
{
	return m->upgrade.ceded ? "replaced" : m->stopping ? "ending" : m->stranded.is ? "stranded" :
	    m->serving != NULL ? "serving" : "starting";
}

/* All there are, the newest ones as well. */
static void
generations_put(struct master *m, struct master_json *j)
{
	master_json_list(j, "generations");
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++) {
		const struct master_generation *g = &m->generations[i];

		if (g->state == GENERATION_NONE)
			continue;
		master_json_object(j, NULL);
		master_json_count(j, "generation", g->number);
		master_json_text(j, "state", generation_states[g->state]);
		master_json_count(j, "workers", master_status_workers(m, g));
		master_json_seconds(j, "age", clock_monotonic_ms() - g->since_ms);
		master_json_object_end(j);
	}
	master_json_list_end(j);
}

static void
reload_put(const struct master *m, struct master_json *j)
{
	const struct master_reload *r = &m->reload;
	bool runs = r->begun != r->ended;

	master_json_object(j, "reload");
	master_json_text(j, "state", runs ? "running" : r->begun == 0 ? "none" : r->failed ? "failed" :
	    "done");
	if (runs)
		master_json_seconds(j, "seconds", clock_monotonic_ms() - r->since_ms);
	if (!runs && r->begun != 0) {
		master_json_seconds(j, "at", r->ended_unix_ms);
		master_json_seconds(j, "seconds", r->took_ms);
	}
	if (!runs && r->failed)
		master_json_text(j, "error", r->why);
	master_json_count(j, "number", r->begun);
	master_json_truth(j, "put_off", m->reload_due);
	master_json_object_end(j);
}

/* Counters of all who have ever served, and of those who do. */
static void
counters_put(struct master *m, struct master_json *j)
{
	static const char *const names[] = {
#define SHM_COUNTER(name, kind, description) #name,
#include "shm/counters.def"
#undef SHM_COUNTER
	};
	uint64_t sums[SHM_COUNTER_COUNT] = { 0 };
	struct shm_board b;

	for (unsigned i = 0; i < MASTER_MAX_CHILDREN; i++) {
		if (shm_board_copy(m->boards_fd, i, &b) < 0 || b.version == 0)
			break;
		for (int k = 0; k < SHM_COUNTER_COUNT; k++)
			if (!shm_board_is_gauge((enum shm_counter)k))
				sums[k] += shm_board_get(&b, (enum shm_counter)k);
	}
	master_json_object(j, "counters");
	for (int k = 0; k < SHM_COUNTER_COUNT; k++)
		master_json_count(j, names[k], shm_board_is_gauge((enum shm_counter)k) ?
		    master_status_count(m, (enum shm_counter)k) : sums[k]);
	master_json_object_end(j);
}

static void
addresses_put(const struct master_listeners *l, const char *name, struct master_json *j)
{
	master_json_list(j, name);
	for (size_t i = 0; i < l->n; i++)
		master_json_text(j, NULL, l->texts[i]);
	master_json_list_end(j);
}

void
master_report_status(struct master *m, struct master_json *j)
{
	const struct master_generation *g = m->serving;
	char text[MASTER_STATUS_BYTES];

	master_json_text(j, "version", PACKAGE_VERSION);
	master_json_number(j, "pid", getpid());
	master_json_seconds(j, "uptime", clock_monotonic_ms() - m->begun_ms);
	master_json_text(j, "state", server_state(m));
	master_status_text(m, text);
	master_json_text(j, "text", text);
	if (g != NULL) {
		master_json_text(j, "app", g->app);
		master_json_text(j, "routes", g->routes);
		master_json_count(j, "generation", g->number);
	}
	addresses_put(m->listeners, "addresses", j);
	addresses_put(m->admin, "admin", j);
	if (m->conf->file != NULL)
		master_json_text(j, "config", m->conf->file);
	master_json_object(j, "workers");
	master_json_count(j, "serving", g != NULL ? master_status_workers(m, g) : 0);
	master_json_count(j, "wanted", m->n_workers);
	master_json_object_end(j);
	generations_put(m, j);
	reload_put(m, j);
	counters_put(m, j);
	master_json_count(j, "crashes", m->crashes.n);
	master_json_count(j, "log_lost", m->writer.lost + log_lost() +
	    master_status_count(m, SHM_COUNT_log_dropped));
}

static const char *
worker_state(const struct master_child *c, const struct shm_board *b)
{
	switch (c->state) {
	case CHILD_STARTING:
		return !c->begun ? "starting Python" : !c->imported ? "importing" : "starting";
	case CHILD_READY:
		return c->role == ROLE_WORKER ? "ready" : "waiting";
	case CHILD_SERVING:
		return c->generation->state == GENERATION_PARKED ? "parked" : "serving";
	case CHILD_DRAINING:
		return b != NULL && b->state == SHM_BOARD_ENDING ? "ending" : "draining";
	default:
		return "failed";
	}
}

/* What is on its board. */
static void
board_put(const struct master_child *c, const struct shm_board *b, struct master_json *j)
{
	uint64_t now_ns = clock_monotonic_ns(), beat_ns = b->heartbeat_ns;
	uint64_t requests = shm_board_get(b, SHM_COUNT_requests);

	master_json_count(j, "requests", requests - c->terms.requests_before);
	master_json_count(j, "in_hand", shm_board_get(b, SHM_COUNT_requests_active));
	master_json_count(j, "connections", shm_board_get(b, SHM_COUNT_connections_open));
	master_json_count(j, "websockets", shm_board_get(b, SHM_COUNT_websockets_open));
	if (beat_ns != 0 && beat_ns <= now_ns)
		master_json_seconds(j, "heartbeat", (now_ns - beat_ns) / 1000000);
}

static void
worker_put(struct master *m, const struct master_child *c, struct master_json *j)
{
	char name[MASTER_NAME_BYTES];
	struct master_process p;
	struct shm_board b;
	bool has = master_status_board(m, c, &b);

	master_json_object(j, NULL);
	master_json_text(j, "name", master_child_name(c, name));
	if (c->pid > 0)
		master_json_number(j, "pid", c->pid);
	master_json_count(j, "generation", c->generation->number);
	master_json_text(j, "state", worker_state(c, has ? &b : NULL));
	master_json_seconds(j, "age", clock_monotonic_ms() - c->begun_ms);
	if (has)
		board_put(c, &b, j);
	if (c->pid > 0 && master_process_read(c->pid, &p) == 0) {
		master_json_count(j, "rss", p.resident);
		master_json_seconds(j, "cpu", p.cpu_ms);
	}
	master_json_object_end(j);
}

void
master_report_workers(struct master *m, struct master_json *j)
{
	struct master_child *c = NULL;

	master_json_number(j, "pid", getpid());
	master_json_list(j, "workers");
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		worker_put(m, c, j);
	master_json_list_end(j);
}

/* The requests of a copied board; `now_ms` 0: their ages do not matter. How many there are. */
static unsigned
hands_put(const struct shm_hands *hands, uint64_t now_ms, struct master_json *j)
{
	struct shm_hand hand;
	unsigned n = 0;

	for (unsigned i = 0; i < SHM_HANDS; i++) {
		if (!shm_hands_get(hands, i, &hand))
			continue;
		n++;
		master_json_object(j, NULL);
		master_json_bytes(j, "request", hand.request.ptr, hand.request.len);
		if (hand.route.len > 0)
			master_json_bytes(j, "route", hand.route.ptr, hand.route.len);
		if (hand.since_ms <= now_ms)
			master_json_seconds(j, "age", now_ms - hand.since_ms);
		master_json_object_end(j);
	}
	return n;
}

void
master_report_requests(struct master *m, struct master_json *j)
{
	struct master_child *c = NULL;
	char name[MASTER_NAME_BYTES];
	struct shm_board b;

	master_json_list(j, "workers");
	while ((c = master_child_next(&m->children, NULL, c)) != NULL) {
		uint64_t active;
		unsigned n;

		if (!master_status_board(m, c, &b))
			continue;
		active = shm_board_get(&b, SHM_COUNT_requests_active);
		master_json_object(j, NULL);
		master_json_text(j, "name", master_child_name(c, name));
		master_json_number(j, "pid", c->pid);
		master_json_list(j, "requests");
		n = hands_put(&b.hands, clock_coarse_ms(), j);
		master_json_list_end(j);
		master_json_count(j, "more", active > n ? active - n : 0);
		master_json_object_end(j);
	}
	master_json_list_end(j);
}

static void
crash_put(const struct master_crash *crash, struct master_json *j)
{
	master_json_object(j, NULL);
	master_json_seconds(j, "at", crash->at_unix_ms);
	master_json_text(j, "name", crash->who);
	if (crash->pid > 0)
		master_json_number(j, "pid", crash->pid);
	master_json_count(j, "generation", crash->generation);
	master_json_seconds(j, "age", crash->age_ms);
	if (crash->signal >= 0)
		master_json_number(j, "signal", crash->signal);
	else
		master_json_number(j, "status", crash->status);
	master_json_text(j, "text", crash->text);
	master_json_list(j, "requests");
	(void)hands_put(&crash->hands, 0, j);
	master_json_list_end(j);
	master_json_object_end(j);
}

/* The newest first. */
void
master_report_crashes(struct master *m, struct master_json *j)
{
	const struct master_crashes *all = &m->crashes;

	master_json_count(j, "n", all->n);
	master_json_list(j, "crashes");
	for (uint64_t i = all->n; i > 0 && i + MASTER_CRASHES_KEPT > all->n; i--)
		crash_put(&all->at[(i - 1) % MASTER_CRASHES_KEPT], j);
	master_json_list_end(j);
}
