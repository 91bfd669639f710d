/*
 * list: the classes that there are.
 */
#ifndef MIDDLEWARE_LIST_H
#define MIDDLEWARE_LIST_H

#include "middleware/middleware.h"

/* The twin of Starlette's class of that name; NULL when there is none. */
const struct mw_class *mw_list_find(struct slice name);


extern const struct mw_class mw_cors;
extern const struct mw_class mw_gzip;
extern const struct mw_class mw_https_redirect;
extern const struct mw_class mw_session;
extern const struct mw_class mw_trusted_host;

#endif
