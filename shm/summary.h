/*
 * summary: what the master reads of a table.
 *
 * The master never maps a table and trusts nothing in it. It reads the header,
 * the meta texts and the routes once, with pread(2) into buffers of fixed
 * size, to show them; the check of the whole is the workers' business.
 */
#ifndef SHM_SUMMARY_H
#define SHM_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SHM_SUMMARY_TEXT = 256,		/* bytes kept of each text */
	SHM_SUMMARY_ROUTES = 100000,	/* records read at the most */
	SHM_SUMMARY_METAS = 64,
};

struct shm_summary {
	uint64_t size;		/* of the table, as its header and the file say */
	uint32_t crc;
	uint32_t n_routes;	/* of those read */
	uint32_t n_compiled;
};

/* One row: a meta pair (key, value), or a route (path, name; `compiled`: it has
 * a plan). Texts are cut to SHM_SUMMARY_TEXT and printable ASCII: other bytes
 * are '?'. They are valid during the call only. */
struct shm_summary_calls {
	void (*meta)(void *arg, const char *key, const char *value);
	void (*route)(void *arg, const char *path, const char *name, bool compiled);
};

/* Read the table in `fd` (its file offset is not used), refused when larger
 * than `limit` bytes. Either callback may be NULL. 0; -1 with *why a static
 * text, after perhaps some calls. Blocks on nothing but memory. */
int shm_summary_read(int fd, uint64_t limit, const struct shm_summary_calls *calls,
    void *arg, struct shm_summary *summary, const char **why);

#endif
