/*
 * types: the content type that a file's name stands for, kept by its suffixes.
 */
#ifndef FILES_TYPES_H
#define FILES_TYPES_H

#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum { FILES_TYPES_KEPT = 128, FILES_SUFFIX_MAX = 30 };

struct files_types {
	/* Call upward: the content type of a file of that name. It stays as long as the types;
	 * ptr NULL: it cannot be told. */
	struct slice (*ask)(void *arg, struct slice name);
	void *arg;
	struct files_type {
		char suffix[FILES_SUFFIX_MAX];
		uint8_t len;
		struct slice type;	/* ptr NULL: the place is free */
	} kept[FILES_TYPES_KEPT];
};

void files_types_init(struct files_types *types, struct slice (*ask)(void *, struct slice),
    void *arg);

/* The content type of a file of that name; ptr NULL when it cannot be told. */
struct slice files_types_get(struct files_types *types, struct slice name) MUST_CHECK;

#endif
