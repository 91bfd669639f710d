/*
 * stranded: workers that cannot start, and what follows when none is left.
 */
#ifndef MASTER_STRANDED_H
#define MASTER_STRANDED_H

#include <stdbool.h>
#include <stdint.h>

struct master;

struct master_stranded {
	bool is;		/* no worker serves, and none could start */
	uint64_t since_ms;
	char why[512];		/* of the last failure, as far as it fits */
	unsigned times;		/* failures for this reason; 0: none since a worker served */
	unsigned fewer;		/* workers that served when that was told last; 0: it was not */
	uint64_t told_ms;	/* when it was logged last */
};

/* A replacement could not start. "WHOWHY" is logged: `who` names it, `why` begins with what
 * separates the two. The same reason again is only counted, and logged once a minute. When
 * no worker is left, that is logged, and clients are refused (refuse.h). */
void master_stranded_note(struct master *m, const char *who, const char *why);

/* A worker serves. */
void master_stranded_over(struct master *m);

#endif
