/*
 * atoms: find `%(name)s` in a text.
 *
 * Called by room master, which refuses a wrong format before anything is started, and by
 * room worker. It runs at a start only.
 */
#include "base/atoms.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *format;
} named[] = {
	{ "combined", "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"" },
	{ "line", "%(opening)s%(client)s - \"%(r)s\" %(s)s %(phrase)s, %(dur_ms)s ms" },
	{ "json", "{\"time\":\"%(time)s\",\"level\":\"info\",\"pid\":%(pid)s,"
	    "\"process\":\"%(process)s\",\"logger\":\"access\",\"msg\":\"request\","
	    "\"method\":\"%(method)s\",\"path\":\"%(path)s\",\"query\":\"%(query)s\","
	    "\"status\":%(status)s,\"bytes_in\":%(bytes_in)s,\"bytes_out\":%(bytes_out)s,"
	    "\"dur_ms\":%(dur_ms)s,\"ttfb_ms\":%(ttfb_ms)s,\"worker\":%(worker)s,"
	    "\"gen\":%(gen)s,\"client\":\"%(client)s\",\"proto\":\"%(H)s\","
	    "\"request_id\":\"%(request_id)s\",\"trace_id\":\"%(trace_id)s\","
	    "\"route\":\"%(route)s\",\"ua\":\"%(a)s\",\"referer\":\"%(f)s\"}" },
};

static const struct {
	const char *name;
	enum atom_kind kind;
	bool timed;
} rows[] = {
	{ "h", ATOM_HOST, false }, { "l", ATOM_DASH, false }, { "u", ATOM_USER, false },
	{ "t", ATOM_CLF_TIME, false }, { "r", ATOM_REQUEST_LINE, false },
	{ "s", ATOM_STATUS, false }, { "m", ATOM_METHOD, false }, { "U", ATOM_PATH, false },
	{ "q", ATOM_QUERY, false }, { "H", ATOM_PROTOCOL, false },
	{ "b", ATOM_BYTES_OR_DASH, false }, { "B", ATOM_BYTES_OUT, false },
	{ "f", ATOM_REFERER, false }, { "a", ATOM_USER_AGENT, false },
	{ "p", ATOM_PID_IN_ANGLES, false }, { "pid", ATOM_PID, false },
	{ "process", ATOM_PROCESS, false }, { "worker", ATOM_WORKER, false },
	{ "gen", ATOM_GENERATION, false }, { "client", ATOM_CLIENT, false },
	{ "scheme", ATOM_SCHEME, false }, { "method", ATOM_METHOD, false },
	{ "path", ATOM_PATH, false }, { "query", ATOM_QUERY, false },
	{ "status", ATOM_STATUS, false }, { "phrase", ATOM_PHRASE, false },
	{ "bytes_in", ATOM_BYTES_IN, false }, { "bytes_out", ATOM_BYTES_OUT, false },
	{ "route", ATOM_ROUTE, false }, { "request_id", ATOM_REQUEST_ID, false },
	{ "traceparent", ATOM_TRACEPARENT, false }, { "trace_id", ATOM_TRACE_ID, false },
	{ "T", ATOM_SECONDS, true }, { "M", ATOM_MILLISECONDS, true },
	{ "D", ATOM_MICROSECONDS, true }, { "L", ATOM_DECIMAL_SECONDS, true },
	{ "time", ATOM_TIME, true }, { "dur_ms", ATOM_DURATION, true },
	{ "ttfb_ms", ATOM_FIRST_BYTE, true }, { "opening", ATOM_OPENING, true },
};

static int
add(struct atoms *a, enum atom_kind kind, struct slice text, char why[ATOMS_WHY_BYTES])
{
	struct atom *atom = &a->at[a->n];

	size_t room = kind == ATOM_TEXT ? text.len : kind == ATOM_OPENING ? 2 * ATOMS_ROOM : ATOMS_ROOM;

	if (a->n == ATOMS_MAX || text.len > sizeof(a->bytes) - a->used ||
	    a->room + room > ATOMS_ROOM_MAX) {
		snprintf(why, ATOMS_WHY_BYTES, "it is too long");
		return -1;
	}
	memcpy(a->bytes + a->used, text.ptr, text.len);
	*atom = (struct atom){ .kind = kind, .room = room, .text = { a->bytes + a->used, text.len } };
	a->used += text.len;
	a->n++;
	a->request_id |= kind == ATOM_REQUEST_ID;
	a->room += room;
	return 0;
}

/* %({Name}i)s and %({Name}o)s, of which `name` is the Name. */
static int
field_add(struct atoms *a, struct slice name, char which, char why[ATOMS_WHY_BYTES])
{
	enum atom_kind kind = which == 'o' ? ATOM_ANSWER_FIELD : ATOM_REQUEST_FIELD;
	char *text;

	if (which == 'o' && a->n_fields == ATOMS_FIELDS_MAX) {
		snprintf(why, ATOMS_WHY_BYTES, "fields of answers are at most %d", ATOMS_FIELDS_MAX);
		return -1;
	}
	text = a->bytes + a->used;
	if (add(a, kind, name, why) < 0)
		return -1;
	for (size_t i = 0; i < name.len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
	if (which == 'o')
		a->at[a->n - 1].field = a->n_fields++;
	return 0;
}

/* What stands between `%(` and `)`. */
static int
atom_add(struct atoms *a, struct slice name, char why[ATOMS_WHY_BYTES])
{
	size_t len = name.len;

	if (len > 3 && name.ptr[0] == '{' && name.ptr[len - 2] == '}' &&
	    (name.ptr[len - 1] == 'i' || name.ptr[len - 1] == 'o'))
		return field_add(a, (struct slice){ name.ptr + 1, len - 3 }, name.ptr[len - 1], why);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, name.ptr, len) == 0) {
			a->timed |= rows[i].timed;
			return add(a, rows[i].kind, SLICE_LIT(""), why);
		}
	snprintf(why, ATOMS_WHY_BYTES, "there is no %%(%.*s)s", (int)(len < 64 ? len : 64), name.ptr);
	return -1;
}

/* What a `%` begins at `p`; the bytes that it takes, or -1. */
static int
percent_read(struct atoms *a, const char *p, char why[ATOMS_WHY_BYTES])
{
	const char *end;
	int rc;

	if (p[1] == '%')
		return add(a, ATOM_TEXT, SLICE_LIT("%"), why) < 0 ? -1 : 2;
	end = p[1] == '(' ? strchr(p, ')') : NULL;
	if (end == NULL || (end[1] != 's' && end[1] != 'd')) {
		snprintf(why, ATOMS_WHY_BYTES, "an atom is written %%(name)s, and %%%% is one %%; "
		    "it has %.24s", p);
		return -1;
	}
	rc = atom_add(a, (struct slice){ p + 2, (size_t)(end - p) - 2 }, why);
	return rc < 0 ? -1 : (int)(end - p) + 2;
}

int
atoms_read(struct atoms *a, const char *format, char why[ATOMS_WHY_BYTES])
{
	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (strcmp(format, named[i].name) == 0)
			format = named[i].format;
	if (strchr(format, '%') == NULL) {
		snprintf(why, ATOMS_WHY_BYTES, "want combined, json, line, or a text with atoms such as "
		    "%%(m)s %%(U)s %%(s)s");
		return -1;
	}
	a->json = *format == '{';
	for (const char *p = format; *p != '\0';) {
		size_t text = strcspn(p, "%");
		int took = text > 0 ? add(a, ATOM_TEXT, (struct slice){ p, text }, why) :
		    percent_read(a, p, why);

		if (took < 0)
			return -1;
		p += text > 0 ? text : (size_t)took;
	}
	return 0;
}
