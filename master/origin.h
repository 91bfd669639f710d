/*
 * origin: where a value stands, for a person.
 */
#ifndef MASTER_ORIGIN_H
#define MASTER_ORIGIN_H

struct conf_row;
struct master_conf;

enum { MASTER_ORIGIN_BYTES = 512 };

/* As a message begins: "fastrd.toml:3: port = 0", "FASTRD_PORT=0" or "--port 0"; `value` is what to
 * call it, control characters are question marks. Returns `out`. */
const char *master_origin_text(const struct master_conf *c, const struct conf_row *row, const char *value,
    char out[MASTER_ORIGIN_BYTES]);

#endif
