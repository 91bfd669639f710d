/*
 * resolve: hosts by name.
 */
#ifndef MASTER_RESOLVE_H
#define MASTER_RESOLVE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/conf.h"

/* Names in host and bind become numeric addresses, in memory of `texts`; what is wrong with these
 * texts otherwise is for listen.c to say. 0; -1 after one line: there is no such host. */
int master_resolve(struct conf *c, const char *python, struct arena *texts) MUST_CHECK;

#endif
