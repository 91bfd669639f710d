/*
 * show: the server as it is, for people.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

struct ctl_value;

/* Each prints the answer of its command, which is a good one, to standard output. */
void ctl_show_status(const struct ctl_value *answer);
void ctl_show_workers(const struct ctl_value *answer);
void ctl_show_requests(const struct ctl_value *answer);
void ctl_show_crashes(const struct ctl_value *answer);
void ctl_show_config(const struct ctl_value *answer);

#endif
