/*
 * help: what fastrd --help prints.
 */
#ifndef MASTER_HELP_H
#define MASTER_HELP_H

/* Usage, every flag with its default, signals; on standard output. */
void master_help_print(void);

#endif
