/*
 * orders: what fastrdctl asks for.
 */
#ifndef MASTER_ORDERS_H
#define MASTER_ORDERS_H

#include <stdbool.h>

struct master;
struct master_json;

/* What becomes of one that was asked. */
enum master_order {
	ORDER_DONE,		/* the answer is written */
	ORDER_WAITS_RELOAD,	/* for the end of reload number `reload` */
	ORDER_WAITS_END		/* ... of the server */
};

/* Do what `line` says, which is changed; `by` names who asks, for the log. */
enum master_order master_orders_run(struct master *m, char *line, const char *by, unsigned *reload,
    struct master_json *j);

/* Write how reload number `reload` has ended. False: it has not, nothing is written. */
bool master_orders_reloaded(struct master *m, unsigned reload, struct master_json *j);

/* All has ended: write so, for who has waited for it. */
void master_orders_ended(struct master *m, struct master_json *j);

/* Write {"ok": false, "error": ...}; `remedy` may be NULL. Whatever was written before is forgotten. */
void master_orders_refuse(struct master_json *j, const char *cause, const char *remedy);

#endif
