/*
 * wire: the whole contract between the master and its Python children.
 *
 * A child is
 *
 *	PYTHON -P -m fastrapi.worker --load|--serve APP FACT=VALUE... -- NAME=VALUE...
 *
 * with descriptors at fixed numbers. The facts are about this child: name (in log
 * lines), board (its number among the boards), generation, table (1: it is not empty),
 * listeners (how many). Behind the -- is every setting that children read
 * (base/conf_keys.def). A child talks to the master over one SOCK_SEQPACKET pair, one
 * short text per packet; EOF on it is the death of the other side.
 * python/fastrapi/wire.py says the same in Python; a test compares the two.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <signal.h>

/* Between facts and settings. */
#define WIRE_SETTINGS "--"

/* Inherited descriptors. */
enum {
	WIRE_CHANNEL_FD = 3,	/* orders and replies */
	WIRE_TABLE_FD = 4,	/* loader: empty, to be written; worker: sealed, read-only */
	WIRE_BOARDS_FD = 5,	/* worker: the boards, board=I is its own; loader: as 4 */
	WIRE_LISTENER_FD = 6	/* worker: listeners=N descriptors from here on */
};

enum { WIRE_LISTENERS_MAX = 16 };	/* the highest listeners=N */
enum { WIRE_MESSAGE_MAX = 1024 };	/* bytes of one packet */

/* Replies, child to master. */
#define WIRE_BEGUN "BEGUN"	/* this Python has fastrapi; what goes wrong now is the application's */
#define WIRE_DONE "DONE"	/* DONE SIZE COMPILED ASGI PYTHON FASTAPI: the table is written */
#define WIRE_READY "READY"	/* READY [TEXT]: the application has started; TEXT is logged */
#define WIRE_FAILED "FAILED"	/* FAILED EXIT-CODE TEXT: cannot go on; exits next */

/* Orders, master to child. */
#define WIRE_SERVE "SERVE"	/* accept connections */
#define WIRE_DRAIN "DRAIN"	/* DRAIN MS: finish what runs, at the latest in MS, and exit */

/* What the kernel sends a child when the master is killed. It ends the loader, and
 * a worker that has not begun to serve; the others have it handled. */
#define WIRE_ORPHAN_SIGNAL SIGRTMAX

/* Exit codes of fastrd and of its children; part of the contract with scripts
 * (docs/OPERATIONS.md lists them). */
enum {
	WIRE_EXIT_OK = 0,
	WIRE_EXIT_BUG = 1,	/* our own fault, or out of resources */
	WIRE_EXIT_USAGE = 2,	/* unknown flag, bad value */
	WIRE_EXIT_APP = 3,	/* the application cannot be imported, found or started */
	WIRE_EXIT_LISTEN = 4,	/* the address cannot be bound */
	WIRE_EXIT_PYTHON = 5,	/* no usable Python, or fastrapi is not installed in it */
	WIRE_EXIT_TABLE = 6	/* the route table is too large or was refused */
};

#endif
