/*
 * report: the server as it is, in JSON.
 */
#ifndef MASTER_REPORT_H
#define MASTER_REPORT_H

struct master;
struct master_json;

/* Members of an object that has begun. None of them waits. */
void master_report_status(struct master *m, struct master_json *j);
void master_report_workers(struct master *m, struct master_json *j);
void master_report_requests(struct master *m, struct master_json *j);
void master_report_crashes(struct master *m, struct master_json *j);

#endif
