/*
 * source_fixture: requests written down as text, for the tests of bindings/.
 */
#ifndef TESTS_UNIT_SOURCE_FIXTURE_H
#define TESTS_UNIT_SOURCE_FIXTURE_H

#include "tests/unit/python_fixture.h"

#include "bindings/plan/source.h"
#include "http/exchange.h"

/* An exchange with a request in it; `fields` are "name: value" lines ended by
 * line feeds. The texts must stay. */
void view_exchange(struct hx_exchange *x, const char *query, const char *fields,
    struct slice content);

/* The pairs as a list of (name, value); None for NULL. UTF-8, or latin-1. */
PyObject *view_pairs(const struct pyb_pairs *pairs, bool latin1);

#endif
