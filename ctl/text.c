/*
 * text: spans, sizes, tables.
 *
 * Called by show.c, done.c and fastrdctl.c (plain). What is shown may be what a client has sent to the
 * server: no byte of it reaches the terminal as an order.
 */
#include "ctl/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, COLUMNS_MAX = 16 };

const char *
ctl_text_span(double seconds, char out[CTL_CELL_BYTES])
{
	long long s = seconds > 0 && seconds < 1e15 ? (long long)seconds : 0;

	if (s < 10)
		snprintf(out, CTL_CELL_BYTES, "%.1f s", seconds > 0 && seconds < 1e15 ? seconds : 0);
	else if (s < 2 * MINUTE)
		snprintf(out, CTL_CELL_BYTES, "%lld s", s);
	else if (s < HOUR)
		snprintf(out, CTL_CELL_BYTES, "%lld min", s / MINUTE);
	else if (s < DAY)
		snprintf(out, CTL_CELL_BYTES, "%lld h %lld min", s / HOUR, s % HOUR / MINUTE);
	else
		snprintf(out, CTL_CELL_BYTES, "%lld d %lld h", s / DAY, s % DAY / HOUR);
	return out;
}

const char *
ctl_text_bytes(double bytes, char out[CTL_CELL_BYTES])
{
	const double mega = 1 << 20;

	snprintf(out, CTL_CELL_BYTES, bytes < 100 * mega ? "%.1f MB" : "%.0f MB", bytes / mega);
	return out;
}

const char *
ctl_text_time(double unix_s, char out[CTL_CELL_BYTES])
{
	time_t s = unix_s > 0 && unix_s < 1e11 ? (time_t)unix_s : 0;
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, CTL_CELL_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* Does a terminal obey it? The controls are U+0000 to U+001F, and U+007F to U+009F. */
static bool
is_control(const char *p, int n)
{
	unsigned char c = (unsigned char)*p;

	return n < 0 || c < ' ' || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0);
}

const char *
ctl_text_plain(const char *text, char *out, size_t room)
{
	size_t len = strlen(text), used = 0;

	for (size_t i = 0; i < len && used + 9 < room;) {
		int n = utf8_length(text + i, len - i), bytes = n < 0 ? 1 : n;

		bool control = is_control(text + i, n);

		for (int k = 0; k < bytes; k++, i++)
			if (control)
				used += (size_t)snprintf(out + used, 5, "\\x%02x", (unsigned char)text[i]);
			else
				out[used++] = text[i];
	}
	out[used] = '\0';
	return out;
}

void
ctl_text_cell(struct ctl_table *t, const char *text)
{
	if (t->n_cells == t->room) {
		size_t room = t->room == 0 ? 64 : 2 * t->room;
		void *cells = realloc(t->cells, room * sizeof(*t->cells));

		if (cells == NULL) {
			fprintf(stderr, "fastrdctl: there is no memory for the table; --json needs none\n");
			exit(1);
		}
		t->cells = cells;
		t->room = room;
	}
	ctl_text_plain(text, t->cells[t->n_cells++], CTL_CELL_BYTES);
}

/* How many columns of the terminal a text takes: one for each character. */
static size_t
width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void
ctl_text_table(struct ctl_table *t)
{
	size_t widths[COLUMNS_MAX] = { 0 }, n = t->n_columns, last = 0;
	bool used[COLUMNS_MAX] = { false };

	for (size_t i = 0; i < t->n_cells; i++) {
		if (width(t->cells[i]) > widths[i % n])
			widths[i % n] = width(t->cells[i]);
		used[i % n] |= i >= n && t->cells[i][0] != '\0';
	}
	for (size_t k = 0; k < n; k++)
		last = used[k] ? k : last;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t k = i % n, pad = widths[k] - width(t->cells[i]) + 2;

		if (used[k])
			printf("%s%*s", t->cells[i], k == last ? 0 : (int)pad, "");
		if (k == n - 1)
			printf("\n");
	}
	free(t->cells);
	*t = (struct ctl_table){ .n_columns = n };
}
