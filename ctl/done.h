/*
 * done: what an order has done, for people.
 */
#ifndef CTL_DONE_H
#define CTL_DONE_H

struct ctl_value;

/* Each prints the answer of its command, which is a good one, to standard output. */
void ctl_done_reload(const struct ctl_value *answer);
void ctl_done_stop(const struct ctl_value *answer);
void ctl_done_reopen(const struct ctl_value *answer);
void ctl_done_scale(const struct ctl_value *answer);
void ctl_done_stacks(const struct ctl_value *answer);

#endif
