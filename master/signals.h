/*
 * signals: what the operator orders, and the deaths of children.
 */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

#include "base/attr.h"

struct master;

/* Whatever means something to the master waits from now on, until it is read. For main()'s first
 * lines: no signal may come too early. Children undo it. */
void master_signals_hold(void);

/* This process is to be no master: what was held back acts, as for any program. */
void master_signals_release(void);

/* Take all signals that were held back, and those to come, from one descriptor, which is
 * returned; -1 with errno. For the life of the process. */
int master_signals_open(void) MUST_CHECK;

/* Act on every signal that has come; never waits. */
void master_signals_read(struct master *m);

/* TERM: every generation drains, after --drain-delay. `by` says in the log who wants it. No-op when
 * the server is ending. */
void master_signals_stop(struct master *m, const char *by);

/* The delay before the end (m->drain_at_ms) is over: every generation drains. */
void master_signals_drain(struct master *m);

#endif
