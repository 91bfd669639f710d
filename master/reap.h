/*
 * reap: the deaths of children.
 */
#ifndef MASTER_REAP_H
#define MASTER_REAP_H

struct master;

/* Every child that has died since the last call: hear what it said last, say how it
 * ended when nobody had asked for that, see to a replacement, free its record. */
void master_reap(struct master *m);

/* Workers that a zygote was to fork, and that will never say who they are: as if they had died. */
void master_reap_lost(struct master *m);

#endif
