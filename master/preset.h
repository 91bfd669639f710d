/*
 * preset: `fastrd run` and `fastrd dev`, and the flags by which `fastapi run` names an application.
 */
#ifndef MASTER_PRESET_H
#define MASTER_PRESET_H

#include <stdbool.h>

#include "base/attr.h"

struct master_conf;
struct master_flag;

/* Take --app NAME, --entrypoint APP and -e APP, of which the value may be `next` (NULL: there is
 * none). False: `arg` is another flag. What is wrong is one line; texts are borrowed. */
bool master_preset_flag(struct master_conf *c, const char *arg, const char *next,
    struct master_flag *flag) MUST_CHECK;

/* Let c->app name c->attribute, too. 0; -1 after one line. */
int master_preset_attribute(struct master_conf *c) MUST_CHECK;

/* What the command says, where neither a flag nor the environment says anything. */
void master_preset_settle(struct master_conf *c);

#endif
