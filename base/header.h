/*
 * header: a field that the operator wants in every answer.
 */
#ifndef BASE_HEADER_H
#define BASE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum { HEADER_WHY_BYTES = 128 };

/* May `line`, of `len` bytes, be NAME:VALUE of every answer? False: `why` says why not, and what
 * to write instead. */
bool header_may_be(const char *line, size_t len, char why[HEADER_WHY_BYTES]) MUST_CHECK;

#endif
