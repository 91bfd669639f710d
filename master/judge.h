/*
 * judge: settings that no server could work with.
 */
#ifndef MASTER_JUDGE_H
#define MASTER_JUDGE_H

#include "base/attr.h"

struct master_complaints;
struct master_conf;

/* Look at all settings, and at those that belong together. Each mistake is one line `to`, which names
 * where the setting stands, why it cannot be and what to write instead. 0; -1: there was one.
 * Opens nothing. */
int master_judge(const struct master_conf *c, const struct master_complaints *to) MUST_CHECK;

#endif
