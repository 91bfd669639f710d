/*
 * admin: questions about the server itself, on a listener of their own.
 */
#ifndef WORKER_ADMIN_H
#define WORKER_ADMIN_H

#include "base/attr.h"

struct worker;
struct worker_admin;

/* Answer on this listening, non-blocking descriptor, which is shared with other processes and
 * stays the caller's; once. 0, or -1 when there is no memory. */
int worker_admin_listen(struct worker *w, int fd) MUST_CHECK;

/* Say from now on that the server is not ready. */
void worker_admin_unready(struct worker *w);

/* Accept no more, and accept again. Answers that are on their way go out. No-op without a
 * listener. */
void worker_admin_stop(struct worker *w);
void worker_admin_resume(struct worker *w);

/* Close everything; no-op without a listener. */
void worker_admin_fini(struct worker *w);

#endif
