/*
 * privilege: from root to the user that serves, for good.
 */
#ifndef MASTER_PRIVILEGE_H
#define MASTER_PRIVILEGE_H

#include "base/attr.h"
#include "master/account.h"

/* Become `a`, when it is set. 0, or the exit status after one line: then the process may be
 * anything, and has to end. */
int master_privilege_drop(const struct master_account *a) MUST_CHECK;

#endif
