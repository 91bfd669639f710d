/*
 * inherit: listening sockets that a supervisor passes.
 */
#ifndef MASTER_INHERIT_H
#define MASTER_INHERIT_H

#include "base/attr.h"
#include "master/listen.h"

/* How many sockets socket activation passes to this process; 0: there is none. */
long master_inherit_activated(void);

/* The sockets of socket activation, `n` of them. 0, or the exit status after one line with
 * cause and remedy. */
int master_inherit_open(struct master_listeners *l, long n) MUST_CHECK;

/* The one descriptor of --fd; as above. */
int master_inherit_open_fd(struct master_listeners *l, int fd) MUST_CHECK;

#endif
