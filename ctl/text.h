/*
 * text: values for people.
 */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stddef.h>

enum { CTL_CELL_BYTES = 256 };	/* of a cell of a table */

/* "0.3 s", "12 s", "5 min", "3 h 12 min", "2 d 3 h", written to `out` and returned. */
const char *ctl_text_span(double seconds, char out[CTL_CELL_BYTES]);

/* "50 MB", in the same way. */
const char *ctl_text_bytes(double bytes, char out[CTL_CELL_BYTES]);

/* "2026-01-31T12:00:00Z", of seconds since 1970, in the same way. */
const char *ctl_text_time(double unix_s, char out[CTL_CELL_BYTES]);

/* `text`, as far as it fits, with \xNN for what a terminal would obey. The same. */
const char *ctl_text_plain(const char *text, char *out, size_t room);

/* A table in lines: `n_columns` cells each, all but the last padded to their column's width. */
struct ctl_table {
	size_t n_columns, n_cells, room;
	char (*cells)[CTL_CELL_BYTES];
};

/* One cell more, escaped as above; prints nothing yet. */
void ctl_text_cell(struct ctl_table *t, const char *text);

/* Print it, and free it. Columns that are empty but for the first line are left out. */
void ctl_text_table(struct ctl_table *t);

#endif
