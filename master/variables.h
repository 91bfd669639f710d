/*
 * variables: what the environment says.
 */
#ifndef MASTER_VARIABLES_H
#define MASTER_VARIABLES_H

#include "base/attr.h"

struct master_conf;

/* Set `c` from PORT, WEB_CONCURRENCY and FORWARDED_ALLOW_IPS, then from uvicorn's variables, then
 * from our own, the later winning. Every value that is refused is one line on standard error. 0;
 * -1: there was one. */
int master_variables_read(struct master_conf *c) MUST_CHECK;

/* One line on standard error for each variable that looks as if it were read, and is not. */
void master_variables_warn(void);

#endif
