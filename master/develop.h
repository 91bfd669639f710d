/*
 * develop: reloads while somebody works at the application (--reload).
 *
 * Other reloads load the next generation beside the one that serves. Here that one ends first: no
 * answer comes from old code after a change, and what the application opens (ports, files) is free
 * again. Clients wait meanwhile: the listeners stay. An application that cannot be loaded ends
 * nothing: a page that says why is served in its place, until the next change.
 */
#ifndef MASTER_DEVELOP_H
#define MASTER_DEVELOP_H

#include <stdbool.h>

#include "base/attr.h"

struct master;
struct master_conf;
struct master_generation;

enum { MASTER_EXCUSE_BYTES = 512 };

struct master_develop {
	const struct master_conf *conf;	/* to be loaded once all children have ended; NULL: nothing is */
	char excuse[MASTER_EXCUSE_BYTES];	/* why the application is not loaded then; "": it is */
};

/* A reload is asked for: what is being loaded is old already, and ends. */
void master_develop_reload(struct master *m);

/* It begins. */
void master_develop_begin(struct master *m);

/* Load the application with this configuration, of which it is the owner, as soon as the generation
 * that serves has ended. It ends now. */
void master_develop_load(struct master *m, const struct master_conf *conf);

/* Have all ended? Then what waits is loaded. */
void master_develop_look(struct master *m);

/* `g`, which was coming, cannot go on: `text` is logged, and what is served says so. False: the
 * server cannot go on either. */
bool master_develop_failed(struct master *m, const struct master_generation *g, int code,
    const char *text) MUST_CHECK;

/* The configuration cannot be read, and nothing serves: the same. */
void master_develop_refused(struct master *m, const char *text);

#endif
