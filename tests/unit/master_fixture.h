/*
 * master_fixture: a master whose children are never started.
 *
 * master_spawn() gives a record a process id that no process can have and a channel
 * whose other end the test holds; the banner is only counted, no file watched. The rest is the real
 * thing, so that a test says what a child would and looks at what becomes of it.
 */
#ifndef TESTS_MASTER_FIXTURE_H
#define TESTS_MASTER_FIXTURE_H

#include "master/master.h"

/* A new master with so many workers that serves nothing yet; what it logs is kept. */
struct master *fixture_new(unsigned n_workers);

/* Its settings, which have their defaults. */
struct conf *fixture_settings(struct master *m);

/* Everything of the master's is closed. */
void fixture_free(struct master *m);

/* The next starts fail with this errno; 0: they work again. */
void fixture_refuse_starts(int err);

/* How often the banner was printed. */
unsigned fixture_banners(void);

/* The configuration of the last fixture_new(). */
struct master_conf *fixture_conf(const struct master *m);

/* The child of `g` with this role and slot, the youngest when there are several. */
struct master_child *fixture_child(struct master *m, const struct master_generation *g,
    enum master_role role, unsigned slot);

/* How many children of `g` have this role. */
unsigned fixture_count(struct master *m, const struct master_generation *g, enum master_role role);

/* The child's end of its channel. */
int fixture_other(const struct master *m, const struct master_child *c);

/* The worker of `g` in `slot`, the youngest when there are several. */
struct master_child *fixture_worker(struct master *m, const struct master_generation *g,
    unsigned slot);

/* `c` says `text`, and the master reads it. */
void fixture_say(struct master *m, struct master_child *c, const char *text);

/* The next order that `c` was given; "" when there is none. Valid until the next call. */
const char *fixture_order(struct master *m, const struct master_child *c);

/* `c` has died; its record is free. */
void fixture_gone(struct master *m, struct master_child *c);

/* How often `text` was logged or printed since the last call of fixture_new(). */
unsigned fixture_logged(const char *text);

/* Load a generation up to where the table is sealed and its workers are starting: its record. */
struct master_generation *fixture_loaded(struct master *m);

/* The same up to where it serves. */
struct master_generation *fixture_serving(struct master *m);

#endif
