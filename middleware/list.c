/*
 * list: one line for each native middleware.
 *
 * Called by bindings/layers.c, which is given classes by name. What a class does stands in
 * its own file.
 */
#include "middleware/list.h"

static const struct mw_class *const classes[] = {
	&mw_cors,
	&mw_gzip,
	&mw_https_redirect,
	&mw_session,
	&mw_trusted_host,
};

enum { N_CLASSES = sizeof(classes) / sizeof(classes[0]) };

const struct mw_class *
mw_list_find(struct slice name)
{
	for (size_t i = 0; i < N_CLASSES; i++) {
		struct slice its = { classes[i]->name, strlen(classes[i]->name) };

		if (slice_equal(its, name))
			return classes[i];
	}
	return NULL;
}
