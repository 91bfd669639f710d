/*
 * reread: the configuration of a generation that is to come.
 */
#ifndef MASTER_REREAD_H
#define MASTER_REREAD_H

#include <stdbool.h>

#include "master/helper.h"

struct master;
struct master_conf;

struct master_reread {
	bool runs;		/* a reload waits for the file */
	unsigned mistakes;	/* in it */
	struct master_helper helper;
};

/* Read the file again, then load the application with what it says; or refuse the reload with
 * the reasons. Does not wait. */
void master_reread_begin(struct master *m);

/* Something has come from the helper, or its time is up. */
void master_reread_look(struct master *m);

/* A configuration that no generation needs any more, unless it is that of the start. */
void master_reread_free(struct master *m, const struct master_conf *conf);

#endif
