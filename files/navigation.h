/*
 * navigation: does a client ask for a page?
 */
#ifndef FILES_NAVIGATION_H
#define FILES_NAVIGATION_H

#include "base/attr.h"
#include "base/slice.h"

enum files_navigation {
	FILES_NAVIGATES,
	FILES_NAVIGATES_NOT,
	FILES_NAVIGATION_UNSURE		/* only Python's email package can tell */
};

/* Does the value of an Accept field (ptr NULL: there is none) have a type of pages, of another
 * quality than 0? As FastAPI's frontends look at it. */
enum files_navigation files_navigation_look(struct slice accept) MUST_CHECK;

#endif
