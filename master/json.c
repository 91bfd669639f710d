/*
 * json: write within bounds.
 *
 * Called by control.c, orders.c, report.c and settings.c. Texts may be those of clients, or of a worker
 * that has run wild: whatever is in them, what comes out is JSON. Where it does not fit all of it has
 * failed.
 */
#include "master/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "base/utf8.h"

enum { FIRST_ROOM = 4096, NUMBER_BYTES = 32 };

static const int64_t exact_max = (INT64_C(1) << 53) - 1;

/* Room for `n` bytes more. */
static bool
room_make(struct master_json *j, size_t n)
{
	size_t room = j->room != 0 ? j->room : FIRST_ROOM;
	char *bytes;

	while (room - j->len < n && room < CONTROL_ANSWER_MAX)
		room *= 2;
	if (j->failed || room - j->len < n) {
		j->failed = true;
		return false;
	}
	if (room == j->room)
		return true;
	bytes = realloc(j->bytes, room);
	if (bytes == NULL) {
		j->failed = true;
		return false;
	}
	j->bytes = bytes;
	j->room = room;
	return true;
}

static void
put(struct master_json *j, const char *bytes, size_t n)
{
	if (!room_make(j, n))
		return;
	memcpy(j->bytes + j->len, bytes, n);
	j->len += n;
}

static void
put_string(struct master_json *j, const char *text, size_t len)
{
	put(j, "\"", 1);
	for (size_t i = 0; i < len && !j->failed;) {
		int n = utf8_length(text + i, len - i);
		unsigned char c = (unsigned char)text[i];
		char escaped[8];

		if (n < 0 || c < ' ' || c == 0x7f) {
			put(j, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", c));
			i++;
			continue;
		}
		if (c == '"' || c == '\\')
			put(j, "\\", 1);
		put(j, text + i, (size_t)n);
		i += (size_t)n;
	}
	put(j, "\"", 1);
}

/* What stands before a value. */
static void
before(struct master_json *j, const char *name)
{
	if (j->follows)
		put(j, ",", 1);
	j->follows = true;
	if (name == NULL)
		return;
	put_string(j, name, strlen(name));
	put(j, ":", 1);
}

static void
open_with(struct master_json *j, const char *name, const char *bracket)
{
	before(j, name);
	put(j, bracket, 1);
	j->follows = false;
}

static void
close_with(struct master_json *j, const char *bracket)
{
	put(j, bracket, 1);
	j->follows = true;
}

void
master_json_object(struct master_json *j, const char *name)
{
	open_with(j, name, "{");
}

void
master_json_object_end(struct master_json *j)
{
	close_with(j, "}");
}

void
master_json_list(struct master_json *j, const char *name)
{
	open_with(j, name, "[");
}

void
master_json_list_end(struct master_json *j)
{
	close_with(j, "]");
}

void
master_json_bytes(struct master_json *j, const char *name, const char *bytes, size_t len)
{
	before(j, name);
	put_string(j, bytes, len);
}

void
master_json_text(struct master_json *j, const char *name, const char *text)
{
	master_json_bytes(j, name, text, strlen(text));
}

void
master_json_number(struct master_json *j, const char *name, int64_t n)
{
	char text[NUMBER_BYTES];

	before(j, name);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, n < exact_max ? n : exact_max));
}

void
master_json_count(struct master_json *j, const char *name, uint64_t n)
{
	master_json_number(j, name, n < (uint64_t)exact_max ? (int64_t)n : exact_max);
}

void
master_json_seconds(struct master_json *j, const char *name, uint64_t ms)
{
	char text[NUMBER_BYTES];

	before(j, name);
	if (ms > (uint64_t)exact_max)
		ms = (uint64_t)exact_max;
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64 ".%03u", ms / 1000,
	    (unsigned)(ms % 1000)));
}

void
master_json_truth(struct master_json *j, const char *name, bool is)
{
	before(j, name);
	put(j, is ? "true" : "false", is ? 4 : 5);
}

void
master_json_null(struct master_json *j, const char *name)
{
	before(j, name);
	put(j, "null", 4);
}

void
master_json_again(struct master_json *j)
{
	j->len = 0;
	j->failed = j->follows = false;
}

void
master_json_line(struct master_json *j)
{
	put(j, "\n", 1);
}
