/*
 * foreign: flags that are no settings of fastrd's.
 */
#ifndef MASTER_FOREIGN_H
#define MASTER_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"

struct master_foreign {
	const char *flag;	/* without dashes; `*` at its end matches any rest */
	bool takes_value;
	const char *why;	/* it is refused; NULL: it is accepted and means nothing */
	const char *words;	/* values with which it is accepted; NULL: none */
};

/* The row of a flag of `len` bytes; NULL: no server has it. */
const struct master_foreign *master_foreign_find(const char *flag, size_t len);

/* Is `value` one of those with which the flag is accepted? */
bool master_foreign_accepts(const struct master_foreign *row, const char *value);

/* Is it --no- before a flag that is refused? Then it asks for what is so anyway. */
bool master_foreign_put_off(const char *flag, size_t len);

/* On standard error, one line about a flag that nobody has, with the one of all flags
 * that is most like it. */
void master_foreign_unknown(const char *flag, size_t len);

/* The row of a flag as a key has its name, with underscores; NULL: no server has it. */
const struct master_foreign *master_foreign_of_key(const char *key);

/* The setting, with underscores, whose name is most like the key, into `name`. False: none is. */
bool master_foreign_nearest(const char *key, char name[CONF_NAME_BYTES]);

/* Does a key of a file, with underscores, that is no setting ask for what is so anyway? */
bool master_foreign_harmless(const char *key, const char *value);

/* What is said of one that does not, into `text`. */
void master_foreign_key(const char *key, char *text, size_t room);

#endif
