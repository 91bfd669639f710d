/*
 * account: the numbers of a user and a group.
 */
#ifndef MASTER_ACCOUNT_H
#define MASTER_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

enum { MASTER_GROUPS_MAX = 256, MASTER_ACCOUNT_BYTES = 256 };

struct master_account {
	bool set;			/* the server is to run as this one; else as it was started */
	uid_t uid;
	gid_t gid;
	gid_t groups[MASTER_GROUPS_MAX];	/* all of the user's */
	size_t n_groups;
	char name[MASTER_ACCOUNT_BYTES];	/* "": the user has a number only */
	char home[MASTER_ACCOUNT_BYTES];
};

/* What --user and --group mean, each a name or a number or "". `python` looks up names, by the
 * rule of helper.h. 0, or the exit status after one line with cause and
 * remedy, also when this process may not become that user. */
int master_account_find(struct master_account *a, const char *python, const char *user,
    const char *group) MUST_CHECK;

#endif
