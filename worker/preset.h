/*
 * preset: the field lines that begin every answer.
 */
#ifndef WORKER_PRESET_H
#define WORKER_PRESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

struct conf;

/* The owner keeps one; zeroed at first. */
struct worker_preset {
	int64_t unix_s;			/* of the text; -1: it has no date */
	size_t len;
	char *text;
};

/* The lines that these settings ask for. 0; -1: no memory, or a line that is no field. */
int worker_preset_init(struct worker_preset *p, const struct conf *conf) MUST_CHECK;

/* Have the lines of --header a field of that name, which ends with NUL? */
bool worker_preset_names(const char *lines, const char *name);

void worker_preset_fini(struct worker_preset *p);

/* "date: ...\r\nserver: fastrd\r\n" of this second, and what else the settings ask for; valid until
 * the next call. */
struct slice worker_preset_get(struct worker_preset *p);

#endif
