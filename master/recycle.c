/*
 * recycle: retire workers, replacement first.
 *
 * Called by watchdog.c (the clock), workers.c (a worker serves), replies.c (a worker was sent
 * SIGTERM, or its application has ended the loop) and reap.c (a replacement has died). The
 * worker in question is told nothing until another serves in its slot; then it gives its
 * connections and drains. So no client loses its connection, with one worker neither.
 *
 * The numbers on a board may be any: at worst a worker is recycled too early, one at a time.
 *
 * Logs: "worker N has had N requests: another takes its place, then it drains", the same with
 * "worker N has N MB of memory", "worker N has served for N s", "worker N was sent SIGTERM",
 * "the application in worker N has ended the event loop"; "worker N was sent SIGTERM again: it
 * drains", "worker N serves on: its replacement could not start: CAUSE; tried again in N s, then
 * every N s".
 */
#include "master/recycle.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/process.h"
#include "shm/board.h"

enum {
	AGAIN_FIRST_MS = 5000,	/* a replacement that could not start is tried again after */
	AGAIN_MS = 60000,
	TEXT_BYTES = 96,
	LIFETIME_JITTER = 10,	/* up to a tenth is added */
	MEGABYTE = 1 << 20
};

/* At most `most`. */
static uint64_t
random_number(uint64_t most)
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != (ssize_t)sizeof(n))
		n = clock_monotonic_ns();
	return most == UINT64_MAX ? n : n % (most + 1);
}

static uint64_t
requests_of(const struct master *m, const struct master_child *c)
{
	struct shm_board b;

	return shm_board_copy(m->boards_fd, c->board, &b) == 0 ?
	    shm_board_get(&b, SHM_COUNT_requests) : 0;
}

static void
terms_begin(struct master *m, struct master_child *c)
{
	const struct conf *conf = master_generation_conf(m);
	uint64_t now_ms = clock_monotonic_ms();

	c->terms = (struct master_terms){ .retires = RETIRE_NOT, .requests_before = requests_of(m, c) };
	if (conf->limit_max_requests > 0)
		c->terms.requests = (uint64_t)conf->limit_max_requests +
		    random_number((uint64_t)conf->limit_max_requests_jitter);
	if (conf->worker_lifetime_ms > 0)
		c->terms.until_ms = now_ms + conf->worker_lifetime_ms +
		    random_number(conf->worker_lifetime_ms / LIFETIME_JITTER);
}

/* Does it serve until another takes its place? */
static bool
waits(const struct master_child *c)
{
	return c->role == ROLE_WORKER && c->state == CHILD_SERVING &&
	    c->terms.retires != RETIRE_NOT && !c->told_to_end;
}

/* The worker that waits in the slot of `of`; NULL: none does. */
static struct master_child *
predecessor(struct master *m, const struct master_child *of)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, of->generation, c)) != NULL)
		if (c != of && c->slot == of->slot && waits(c))
			return c;
	return NULL;
}

void
master_recycle_serves(struct master *m, struct master_child *c)
{
	struct master_child *old;

	must(c->role == ROLE_WORKER);
	terms_begin(m, c);
	while ((old = predecessor(m, c)) != NULL)
		master_worker_drain(old, master_worker_grace_ms(m), true);
}

void
master_recycle_retire(struct master *m, struct master_child *c, enum master_retirement why,
    uint64_t now_ms)
{
	char name[MASTER_NAME_BYTES], text[TEXT_BYTES];
	struct master_process p;
	const char *before = "";

	must(c->state == CHILD_SERVING && c->generation == m->serving);
	master_child_name(c, name);
	if (waits(c)) {
		if (c->terms.retires != RETIRE_TERM || why != RETIRE_TERM)
			return;
		log_info("%s was sent SIGTERM again: it drains", name);
		if (master_worker_successor(m, c) == NULL)
			master_worker_replace(m, c, now_ms);
		master_worker_drain(c, master_worker_grace_ms(m), m->n_workers > 1);
		return;
	}
	if (why == RETIRE_REQUESTS)
		snprintf(text, sizeof(text), "has had %llu requests",
		    (unsigned long long)(requests_of(m, c) - c->terms.requests_before));
	else if (why == RETIRE_RSS && master_process_read(c->pid, &p) == 0)
		snprintf(text, sizeof(text), "has %llu MB of memory",
		    (unsigned long long)(p.resident / MEGABYTE));
	else if (why == RETIRE_LIFETIME)
		snprintf(text, sizeof(text), "has served for %.0f s",
		    (double)(now_ms - c->serves_since_ms) / 1000);
	else
		snprintf(text, sizeof(text), "%s", why == RETIRE_LOOP ? "has ended the event loop" :
		    "was sent SIGTERM");
	if (why == RETIRE_LOOP)
		before = "the application in ";
	log_info("%s%s %s: another takes its place, then it drains", before, name, text);
	c->terms.retires = why;
	c->leaves = true;
	if (master_worker_successor(m, c) == NULL)
		master_worker_replace(m, c, now_ms);
}

bool
master_recycle_put_off(struct master *m, const struct master_child *c, const char *why)
{
	struct master_child *old = c->generation == m->serving && c->slot < m->n_workers ?
	    predecessor(m, c) : NULL;
	char name[MASTER_NAME_BYTES];

	if (old == NULL)
		return false;
	if (!old->terms.put_off)
		log_warnx("%s serves on: its replacement%s%s; tried again in %d s, then "
		    "every %d s",
		    master_child_name(old, name), *why == ' ' ? "" : *why == ':' ?
		    " could not start" : " could not start: ", why, AGAIN_FIRST_MS / 1000, AGAIN_MS / 1000);
	m->slots[c->slot].spawn_at_ms = clock_monotonic_ms() +
	    (old->terms.put_off ? AGAIN_MS : AGAIN_FIRST_MS);
	old->terms.put_off = true;
	return true;
}

static enum master_retirement
terms_over(const struct master *m, const struct master_child *c, uint64_t now_ms)
{
	uint64_t max_rss = (uint64_t)master_generation_conf(m)->worker_max_rss;
	struct master_process p;

	if (c->terms.requests != 0 &&
	    requests_of(m, c) - c->terms.requests_before >= c->terms.requests)
		return RETIRE_REQUESTS;
	if (c->terms.until_ms != 0 && c->terms.until_ms <= now_ms)
		return RETIRE_LIFETIME;
	if (max_rss != 0 && master_process_read(c->pid, &p) == 0 && p.resident > max_rss)
		return RETIRE_RSS;
	return RETIRE_NOT;
}

void
master_recycle_look(struct master *m, uint64_t now_ms)
{
	enum master_retirement why = RETIRE_NOT;
	struct master_child *c = NULL, *over = NULL;

	must(m->serving != NULL);
	if (m->coming != NULL)	/* it replaces them all */
		return;
	while ((c = master_child_next(&m->children, m->serving, c)) != NULL) {
		if (c->role != ROLE_WORKER || c->state != CHILD_SERVING || c->told_to_end)
			continue;
		if (waits(c))
			return;		/* one at a time */
		if (over != NULL)
			continue;
		why = terms_over(m, c, now_ms);
		if (why != RETIRE_NOT)
			over = c;
	}
	if (over != NULL)
		master_recycle_retire(m, over, why, now_ms);
}
