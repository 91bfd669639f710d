/*
 * worker_fixture: a worker over fake_requests with one client.
 */
#ifndef TESTS_UNIT_WORKER_FIXTURE_H
#define TESTS_UNIT_WORKER_FIXTURE_H

#include "tests/unit/fake_requests.h"
#include "worker/conn.h"
#include "worker/worker.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, fields, content) \
	"POST " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n" content
#define OK(length, text) "HTTP/1.1 200 OK\r\ncontent-length: " length "\r\n\r\n" text

struct rig {
	struct pyb_app app;
	struct io_turn *turn;
	struct worker *w;
	struct worker_conn *c;		/* stale once `gone` */
	int client;
	bool end;			/* the server has closed */
	bool reset;			/* ... with a reset */
	char *got;			/* answers, without date and server; NUL behind */
	size_t got_len;
};

/* Options that tests change before rig_open(). */
struct worker_options rig_options(void);

/* A worker with one connected client. */
void rig_open(struct rig *rig, const struct worker_options *options);

/* Ends everything; asserts that nothing is left. */
void rig_close(struct rig *rig);

/* Turn the loop until nothing moves any more; reads the answers when `read`. */
void rig_turn(struct rig *rig, bool read);

/* Turn for that long at least. */
void rig_wait(struct rig *rig, unsigned ms);

/* Write to the server, turning while it does not take everything. */
void rig_send(struct rig *rig, const char *bytes, size_t len);

/* The same for text. */
void rig_say(struct rig *rig, const char *text);

/* Send text, turn, and compare all answers so far (which are then forgotten). */
void rig_expect(struct rig *rig, const char *sent, const char *answers);

/* The counter's value. */
uint64_t rig_count(const struct rig *rig, enum shm_counter id);

/* The server has closed the connection, and nothing of it is left. */
bool rig_gone(const struct rig *rig);

#endif
