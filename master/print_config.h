/*
 * print_config: every setting, its value, and where that comes from.
 */
#ifndef MASTER_PRINT_CONFIG_H
#define MASTER_PRINT_CONFIG_H

struct master_conf;

/* On standard output, as TOML that --config reads. */
void master_print_config(const struct master_conf *c);

#endif
