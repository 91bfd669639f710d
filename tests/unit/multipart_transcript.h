/*
 * multipart_transcript: what a multipart content says, as one text, however it is cut.
 */
#ifndef TESTS_UNIT_MULTIPART_TRANSCRIPT_H
#define TESTS_UNIT_MULTIPART_TRANSCRIPT_H

#include <stddef.h>

#include "base/slice.h"

/* One line for each event, bytes in hex: "f name=value" for every field line of a part, "d
 * content" once for each part that has any, "e" where the part ends, "!" where the content
 * is malformed. The content comes in pieces of `step` bytes, the first of `first`; each
 * piece is an allocation of its own. To be freed. */
char *multipart_transcript(struct slice boundary, const char *content, size_t len, size_t first,
    size_t step);

#endif
