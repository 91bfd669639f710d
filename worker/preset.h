/*
 * preset: the field lines that begin every answer.
 */
#ifndef WORKER_PRESET_H
#define WORKER_PRESET_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* The owner keeps one; zeroed at first. */
struct worker_preset {
	int64_t unix_s;			/* of the text */
	size_t len;
	char text[80];
};

/* "date: ...\r\nserver: fastrd\r\n" of this second; valid until the next call. */
struct slice worker_preset_get(struct worker_preset *p);

#endif
