/*
 * wire: the whole contract between the master and its Python children.
 *
 * A child is
 *
 *	PYTHON -P -m fastrapi.child APP FACT=VALUE... -- NAME=VALUE...
 *
 * (-P LAUNCHER -m where the package is installed beside fastrd: python/fastrapi/launch.py)
 * with descriptors at fixed numbers. APP is the word that was given, "" when there was
 * none: only Python can tell which application it means. The facts are about this child:
 * version (fastrd's, which must be the package's), name (in log lines), role (worker, zygote or
 * spare), board (its number among the boards), generation, loads (1: it is the first of its
 * generation, and writes the table), listeners (how many), own (1: fastrd opened them; 0: a
 * supervisor passed them), admin (1: one more follows, fastrd's own, for probes), again (1: the one
 * before could not start, and has printed why), excuse (why the application is not to be loaded, of
 * which a page is served in its place; "": it is). Behind the -- is every setting that children read
 * (base/conf_keys.def), but for secrets, which it finds in the environment, and which it takes out
 * there. A child talks to the master over one SOCK_SEQPACKET pair, one short text per packet; EOF on
 * it is the death of the other side.
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
	WIRE_TABLE_FD = 4,	/* loads=1, zygote: the table, empty, to be written; else as 5 */
	WIRE_BOARDS_FD = 5,	/* the boards, board=I is its own */
	WIRE_TAKE_FD = 6,	/* connections of workers that end */
	WIRE_GIVE_FD = 7,	/* ... are put in here, see worker/handover.h */
	WIRE_LISTENER_FD = 8	/* listeners=N descriptors from here on, and admin=1 more */
};

enum { WIRE_LISTENERS_MAX = 16 };	/* the highest listeners=N */
enum { WIRE_CHILD_FDS_MAX = WIRE_LISTENER_FD - WIRE_CHANNEL_FD + WIRE_LISTENERS_MAX + 1 };
enum { WIRE_MESSAGE_MAX = 1024 };	/* bytes of one packet */

/* The only packet to `PYTHON -P -m fastrapi.warm`, which becomes the child that it tells of: texts with a
 * NUL behind each. First the secrets, a variable's name and its text each (empty: it is not set); an empty
 * text; then what stands behind fastrapi.child in a child's command line. With it come the directory to work
 * in, and the child's descriptors in their order. */
enum { WIRE_WARM_MAX = 65536 };

/* Replies, child to master. */
#define WIRE_BEGUN "BEGUN"	/* this Python has fastrapi; what goes wrong now is the application's */
#define WIRE_FORKED "FORKED"	/* FORKED PID: a worker that a zygote has forked is this process */
#define WIRE_APP "APP"		/* APP NAME: the application that was meant. Of loads=1 only */
#define WIRE_DOCS "DOCS"	/* DOCS PATH: where the application is documented. Of loads=1 only */
#define WIRE_ROUTES "ROUTES"	/* ROUTES TEXT: how it runs, for a person. Of loads=1 only */
#define WIRE_EXCUSED "EXCUSED"	/* EXCUSED TEXT: a page is served in the application's place, which says
				 * why. Of loads=1 only */
#define WIRE_IMPORTED "IMPORTED"	/* the application is; it is started next, and compiled. A zygote's:
				 * it can fork */
#define WIRE_DONE "DONE"	/* DONE SIZE PYTHON FASTAPI: the table is written. Of loads=1 only */
#define WIRE_READY "READY"	/* READY [TEXT]: the application has started; TEXT is logged */
#define WIRE_FAILED "FAILED"	/* FAILED EXIT-CODE TEXT: cannot go on; exits next. With
				 * WIRE_EXIT_PYTHON the TEXT is why it cannot run fastrapi */
#define WIRE_LEAVING "LEAVING"	/* LEAVING CAUSE: is to end; DRAIN or GIVE follows, once another serves */
#define WIRE_ENDED "ENDED"	/* the application's shutdown has run; exits next */

/* CAUSE of LEAVING. */
#define WIRE_CAUSE_TERM "TERM"	/* it was sent the signal */
#define WIRE_CAUSE_LOOP "LOOP"	/* the application has ended the event loop */

/* Orders, master to child. */
#define WIRE_TABLE "TABLE"	/* TABLE SIZE: the table is sealed, here it is, read-only; 0: there is
				 * none, and no descriptor. Comes once, before SERVE */
#define WIRE_FORK "FORK"	/* FORK FACT=VALUE..., separated by tabs, with the new worker's end of
				 * its channel: fork it. To a zygote */
#define WIRE_ADOPT "ADOPT"	/* ADOPT FACT=VALUE...: be this worker. To a spare */
#define WIRE_SERVE "SERVE"	/* accept connections */
#define WIRE_PARK "PARK"	/* accept nothing, give the connections to those that serve, go on */
#define WIRE_RESUME "RESUME"	/* after PARK: serve again */
#define WIRE_UNREADY "UNREADY"	/* answer probes that the server is ending */
#define WIRE_DRAIN "DRAIN"	/* DRAIN MS: finish what runs, at the latest in MS, and exit */
#define WIRE_REOPEN "REOPEN"	/* open the access log's file again: it was rotated */
#define WIRE_GIVE "GIVE"	/* GIVE MS: the same, and give the connections to those that serve */

/* What the kernel sends a child when the master is killed. It ends one that has not begun to
 * serve; the others have it handled (engine/orphan.c). */
#define WIRE_ORPHAN_SIGNAL SIGRTMAX

/* What the master sends to see the Python stacks of all threads on standard error, from
 * BEGUN on. Before that it ends the process. */
#define WIRE_STACKS_SIGNAL (SIGRTMAX - 1)

/* The exit code of a child that finds its inherited descriptors closed, and so perhaps has
 * no channel for FAILED. */
enum { WIRE_EXIT_DESCRIPTORS = 87 };

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
