/*
 * origin: where a value stands, for a person.
 */
#ifndef MASTER_ORIGIN_H
#define MASTER_ORIGIN_H

#include <stddef.h>

#include "base/conf.h"

struct master_conf;

enum { MASTER_ORIGIN_BYTES = 512, MASTER_WHERE_BYTES = CONF_NAME_BYTES + 2 };

/* Where the value comes from, as an operator would look for it: "fastrd.toml:3", "FASTRD_PORT", "--port" or
 * "default". The settings' own text, or `out`. */
const char *master_origin_where(const struct master_conf *c, const struct conf_row *row,
    char out[MASTER_WHERE_BYTES]);

/* As a message begins: "fastrd.toml:3: port = 0", "FASTRD_PORT=0" or "--port 0"; `value` is what to
 * call it, control characters are question marks. Returns `out`. */
const char *master_origin_text(const struct master_conf *c, const struct conf_row *row, const char *value,
    char out[MASTER_ORIGIN_BYTES]);

/* What a child says of a setting, which begins with its flag or, of a secret, its key: in that one's
 * place where the value stands, when that is a file or a variable. Returns `out`, or `text` as it is. */
const char *master_origin_locate(const struct master_conf *c, const char *text, char *out, size_t room);

#endif
