/*
 * atoms: the format of the access log, read once.
 *
 * A format is text with atoms in it, such as `%(m)s %(U)s %(s)s`. gunicorn's have the
 * meaning that they have there; the longer names are ours (docs/OPERATIONS.md lists them).
 * Three formats have a name: `combined`, `json` and `line`. A format that begins with `{`
 * is JSON: its values are escaped for the inside of a JSON string, and one that is not
 * known is empty, or 0 where it is a number. In others such a value is `-`.
 */
#ifndef BASE_ATOMS_H
#define BASE_ATOMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

/* In groups: worker/access_line.c writes each in one place. */
enum atom_kind {
	ATOM_TEXT,		/* `text` as it stands */
	/* The same in every line of a process. */
	ATOM_DASH,
	ATOM_PID,
	ATOM_PID_IN_ANGLES,
	ATOM_PROCESS,
	ATOM_WORKER,
	ATOM_GENERATION,
	/* Numbers. */
	ATOM_STATUS,
	ATOM_BYTES_OR_DASH,
	ATOM_BYTES_OUT,
	ATOM_BYTES_IN,
	ATOM_SECONDS,
	ATOM_MILLISECONDS,
	ATOM_MICROSECONDS,
	ATOM_DECIMAL_SECONDS,
	ATOM_DURATION,
	ATOM_FIRST_BYTE,
	/* With a form of their own. */
	ATOM_USER,
	ATOM_CLF_TIME,
	ATOM_TIME,
	ATOM_OPENING,		/* as each line of the log begins */
	ATOM_REQUEST_LINE,
	ATOM_PROTOCOL,
	ATOM_CLIENT,
	/* Values. */
	ATOM_REQUEST_FIELD,	/* %({Name}i)s, of which `text` is the name in lower case */
	ATOM_ANSWER_FIELD,	/* %({Name}o)s */
	ATOM_HOST,
	ATOM_METHOD,
	ATOM_PATH,
	ATOM_QUERY,
	ATOM_REFERER,
	ATOM_USER_AGENT,
	ATOM_SCHEME,
	ATOM_PHRASE,
	ATOM_ROUTE,
	ATOM_REQUEST_ID,
	ATOM_TRACEPARENT,
	ATOM_TRACE_ID
};

enum {
	ATOMS_MAX = 64,
	ATOMS_BYTES = 2048,	/* of all texts */
	ATOMS_ROOM = 64,	/* bytes of a line that an atom has at least */
	ATOMS_ROOM_MAX = 3500,	/* of all atoms together */
	ATOMS_FIELDS_MAX = 8,	/* fields of answers */
	ATOMS_WHY_BYTES = 160
};

struct atom {
	enum atom_kind kind;
	unsigned field;		/* of an ATOM_ANSWER_FIELD: which one it is of those there are */
	size_t room;		/* bytes of a line that it has at least */
	struct slice text;
};

struct atoms {
	struct atom at[ATOMS_MAX];
	unsigned n;
	unsigned n_fields;	/* fields of answers */
	bool json;
	bool timed;		/* some atom tells how long something took, or the exact time */
	bool request_id;	/* one may be a field of the answer */
	size_t room;		/* of all atoms */
	size_t used;
	char bytes[ATOMS_BYTES];
};

/* Read a format, or the name of one. 0; -1 with what is wrong with it in `why`. `a` may not
 * be moved afterwards. */
int atoms_read(struct atoms *a, const char *format, char why[ATOMS_WHY_BYTES]) MUST_CHECK;

#endif
