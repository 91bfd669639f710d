/*
 * settings: those that count now, in JSON.
 */
#ifndef MASTER_SETTINGS_H
#define MASTER_SETTINGS_H

struct master;
struct master_json;

/* Every setting, its value and its origin, as --print-config has them; of secrets only that they are
 * set. Members of an object that has begun. */
void master_settings_report(struct master *m, struct master_json *j);

#endif
