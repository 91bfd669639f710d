/*
 * json: an answer of the control socket, as it is written.
 *
 * In an object each value has a name, in a list `name` is NULL.
 */
#ifndef MASTER_JSON_H
#define MASTER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct master_json {
	char *bytes;		/* the caller's, from malloc(); NULL: nothing was written */
	size_t len, room;
	bool failed;		/* no memory, or beyond CONTROL_ANSWER_MAX: it is not whole */
	bool follows;		/* the next value has one before it */
};

/* An object or a list begins and ends. */
void master_json_object(struct master_json *j, const char *name);
void master_json_object_end(struct master_json *j);
void master_json_list(struct master_json *j, const char *name);
void master_json_list_end(struct master_json *j);

/* A text. Bytes that are not UTF-8 become \u00NN. */
void master_json_text(struct master_json *j, const char *name, const char *text);
void master_json_bytes(struct master_json *j, const char *name, const char *bytes, size_t len);

/* A number. What JavaScript and others do not count exactly becomes the highest that they do. */
void master_json_number(struct master_json *j, const char *name, int64_t n);
void master_json_count(struct master_json *j, const char *name, uint64_t n);

/* Seconds with three digits behind the point. */
void master_json_seconds(struct master_json *j, const char *name, uint64_t ms);

void master_json_truth(struct master_json *j, const char *name, bool is);
void master_json_null(struct master_json *j, const char *name);

/* Forget what was written, and keep the memory. */
void master_json_again(struct master_json *j);

/* A line break behind all of it. */
void master_json_line(struct master_json *j);

#endif
