/*
 * doing: what a child was doing, for lines about one that is late or dead.
 */
#ifndef MASTER_DOING_H
#define MASTER_DOING_H

#include "shm/hands.h"

struct master;
struct master_child;

enum { MASTER_DOING_BYTES = SHM_HANDS_TEXT_BYTES };

/* "importing the application", `2 requests in hand: "GET /a", "GET /b"`: from what the child
 * has said and what is on its board, written to `text` and returned. */
const char *master_doing_text(const struct master *m, const struct master_child *c,
    char text[MASTER_DOING_BYTES]);

#endif
