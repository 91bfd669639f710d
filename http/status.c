/*
 * status: one row per status code, in status.def.
 *
 * Called by serialize.c (lines), by refusal.c and worker/ (phrases of the server's own
 * answers) and by engine/module.c (the phrases of the running Python).
 */
#include "http/status.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/must.h"

static bool renamed;

void
hx_status_rename(void)
{
	renamed = true;
}

/* The whole line with its CRLF; SLICE_NULL for a status without a row. */
static struct slice
line_of(int status)
{
	switch (status) {
#define STATUS(code, phrase) \
	case code: \
		return SLICE_LIT("HTTP/1.1 " #code " " phrase "\r\n");
#define STATUS_RENAMED(code, phrase, phrase_9110) \
	case code: \
		return renamed ? SLICE_LIT("HTTP/1.1 " #code " " phrase_9110 "\r\n") : \
		    SLICE_LIT("HTTP/1.1 " #code " " phrase "\r\n");
#include "http/status.def"
#undef STATUS
#undef STATUS_RENAMED
	default:
		return SLICE_NULL;
	}
}

struct slice
hx_status_phrase(int status)
{
	switch (status) {
#define STATUS(code, phrase) \
	case code: \
		return SLICE_LIT(phrase);
#define STATUS_RENAMED(code, phrase, phrase_9110) STATUS(code, phrase_9110)
#include "http/status.def"
#undef STATUS
#undef STATUS_RENAMED
	default:
		return SLICE_NULL;
	}
}

size_t
hx_status_write(char out[HX_STATUS_LINE_MAX], int status)
{
	struct slice line = line_of(status);

	must(status >= 100 && status <= 999);
	if (line.ptr == NULL)
		return (size_t)snprintf(out, HX_STATUS_LINE_MAX, "HTTP/1.1 %d \r\n", status);
	memcpy(out, line.ptr, line.len);
	return line.len;
}
