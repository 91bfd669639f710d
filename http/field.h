/*
 * field: one field line of a head, and the members of a value.
 *
 * Reads field lines strictly, as RFC 9112 sections 2.2 and 5 define them. http-parser
 * would forgive bare line feeds, folds, blanks before colons and more.
 */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "base/attr.h"
#include "http/exchange.h"
#include "http/refusal.h"

/* The CR of the CRLF that ends the line at `p`. NULL when it has not arrived (*why is then
 * HX_ACCEPTED), or when the line has a byte that no line may have, such as a bare CR or
 * LF (*why is the refusal). */
char *hx_field_line_end(char *p, char *end, enum hx_refusal *why) MUST_CHECK;

/* Read the field line from `line` to its `cr`, not empty, into *out. The slices point into
 * the line, where the name is made lower case. HX_ACCEPTED, or the refusal. */
enum hx_refusal hx_field_read(char *line, char *cr, struct hx_header *out) MUST_CHECK;

/* How many bytes at the start of `s` are token bytes (RFC 9110 section 5.6.2); and is all
 * of it a token, such as a field's name? */
size_t hx_field_token_len(struct slice s);
bool hx_field_is_token(struct slice s);

/* May `s` be a field's value (RFC 9110 section 5.5): has it no control byte but the tab? */
bool hx_field_value_ok(struct slice s);

/* Read the value of an answer's Content-Length: digits and the blanks that may surround any
 * value. False, *out untouched, when no client could read it so. */
bool hx_field_length_read(struct slice value, uint64_t *out) MUST_CHECK;

/* `s` without the blanks around it, as Python's str.strip() leaves a text in Latin-1: so
 * uvicorn and Starlette read values. */
struct slice hx_field_strip(struct slice s);

/* Take the next member, without surrounding blanks, from the front of *rest, a value whose
 * members commas separate. An empty value has one empty member. False at the end, where
 * rest->ptr is NULL. */
bool hx_field_member_next(struct slice *rest, struct slice *member);

/* Is `word`, in lower case, one of the value's members, which commas separate? Their case
 * does not matter. */
bool hx_field_has_token(struct slice value, struct slice word);

#endif
