/*
 * control: what fastrd and fastrdctl agree on.
 *
 * A client connects to the control socket and sends one line, a word and perhaps another. It gets
 * one line, an object in JSON, and the end of the connection. `ok` is true, or false beside `error`.
 * docs/OPERATIONS.md tells operators the same.
 */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

enum {
	CONTROL_LINE_MAX = 256,		/* bytes of what is asked, with its end */
	CONTROL_ANSWER_MAX = 1 << 20	/* bytes of an answer */
};

#define CONTROL_STATUS "status"
#define CONTROL_WORKERS "workers"
#define CONTROL_REQUESTS "requests"
#define CONTROL_CRASHES "last-crash"
#define CONTROL_CONFIG "config"
#define CONTROL_RELOAD "reload"		/* reload wait: the answer comes when it has ended */
#define CONTROL_STOP "stop"		/* stop wait: ... when all has ended */
#define CONTROL_REOPEN "reopen"
#define CONTROL_SCALE "scale"		/* scale N, +N or -N */
#define CONTROL_STACKS "stacks"		/* stacks PID */
#define CONTROL_WAIT "wait"

#endif
