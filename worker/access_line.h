/*
 * access_line: one request as a line of the access log.
 */
#ifndef WORKER_ACCESS_LINE_H
#define WORKER_ACCESS_LINE_H

#include <stdint.h>

#include "base/atoms.h"
#include "http/exchange.h"

/* The longest line: what a pipe takes at once. */
enum { WORKER_ACCESS_LINE = 4096, WORKER_ACCESS_BLOCK = 16 };

/* The writer: what is the same in every line of a process. */
struct worker_access_line_writer {
	struct atoms atoms;
	char process[32];		/* "worker 3" */
	size_t process_len;
	unsigned generation;
	uint64_t pid, worker;
	char texts[2 * ATOMS_BYTES + WORKER_ACCESS_BLOCK];	/* of `atoms` */
	int64_t second;			/* that the texts below are of */
	char clf[32];			/* "27/Nov/2026:19:40:00 +0000" */
	char rfc[24];			/* "2026-11-27T19:40:00" */
};

/* What is to be told of a request. */
struct worker_access_facts {
	const struct hx_exchange *x;
	const struct hx_origin *origin;	/* who asked */
	struct slice route;		/* the template; empty: unknown */
	int status;
	uint64_t bytes_out;		/* of the answer's content */
	uint64_t begun_ns, first_ns, ended_ns;	/* monotonic; 0: was not measured */
	uint64_t unix_us;		/* when it ended */
	const struct slice *fields;	/* of the answer: atoms.n_fields, and then the request's id
					 * if the format has it; NULL: there was no answer */
};

/* Read the format, and name the process. 0; -1 with the reason in `why`. */
int worker_access_line_init(struct worker_access_line_writer *w, const char *format,
    const char *process, unsigned generation, char why[ATOMS_WHY_BYTES]) MUST_CHECK;

/* Write the line, its end included, to `out`, which has WORKER_ACCESS_LINE bytes; its
 * length. What clients have sent is escaped, and cut where it would not fit. */
size_t worker_access_line(struct worker_access_line_writer *w, const struct worker_access_facts *f,
    char *out);

#endif
