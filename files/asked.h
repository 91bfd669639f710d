/*
 * asked: what the room asks of a request.
 */
#ifndef FILES_ASKED_H
#define FILES_ASKED_H

#include "base/arena.h"
#include "base/attr.h"
#include "http/exchange.h"

struct files_asked {
	struct slice method;		/* as sent */
	struct slice path;		/* decoded, of the whole request; not empty */
	const struct hx_header *fields;	/* names in lower case */
	size_t n_fields;
	struct arena *arena;		/* keeps what replies are made of */
};

/* The value of the first such field; `ptr` is NULL when there is none. */
struct slice files_asked_field(const struct files_asked *q, struct slice name);

bool files_asked_head(const struct files_asked *q);
bool files_asked_get(const struct files_asked *q);

#endif
