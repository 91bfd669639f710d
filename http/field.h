/*
 * field: one line of a head, and lists inside a value.
 *
 * The strict reading of field lines (RFC 9112 sections 2.2 and 5) that parse.c
 * uses in the place of http-parser's, which forgives bare line feeds, folds,
 * blanks before colons and more.
 */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "base/attr.h"
#include "http/exchange.h"
#include "http/refusal.h"

/* The CR of the CRLF that ends the line at `p`. NULL when that has not arrived
 * before `end` (*why is HX_ACCEPTED) or when the line has a byte no line may have, a bare
 * CR or LF among them (*why says so). */
char *hx_field_line_end(char *p, char *end, enum hx_refusal *why) MUST_CHECK;

/* Read the non-empty field line from `line` to its `cr` into *out, slices of the
 * line; the name becomes lower case in place. HX_ACCEPTED, or why it is refused. */
enum hx_refusal hx_field_read(char *line, char *cr, struct hx_header *out) MUST_CHECK;

/* How many bytes at the start of `s` are token bytes (RFC 9110 section 5.6.2), and
 * whether all of it is a token: a field name, a method, a parameter's name. */
size_t hx_field_token_len(struct slice s);
bool hx_field_is_token(struct slice s);

/* Has `s` only bytes a field value may have (RFC 9110 section 5.5): no control byte
 * but the tab? */
bool hx_field_value_ok(struct slice s);

/* Is `word` (lower case) one of the comma separated members of a value? Case does
 * not matter. */
bool hx_field_has_token(struct slice value, struct slice word);

#endif
