/*
 * banner: what the operator reads first.
 */
#ifndef MASTER_BANNER_H
#define MASTER_BANNER_H

struct master;
struct master_generation;

/* To standard error, once the first generation serves. */
void master_banner_print(const struct master *m, const struct master_generation *g);

#endif
