/*
 * signals: what the operator orders, and the deaths of children.
 */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

#include "base/attr.h"

struct master;

/* Take all signals that mean something to the master from one descriptor, which is
 * returned; -1 with errno. For the life of the process. */
int master_signals_open(void) MUST_CHECK;

/* Act on every signal that has come; never waits. */
void master_signals_read(struct master *m);

/* The delay before the end (m->drain_at_ms) is over: every generation drains. */
void master_signals_drain(struct master *m);

#endif
