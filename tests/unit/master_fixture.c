#include "master_fixture.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "master/banner.h"
#include "master/conf.h"
#include "master/listen.h"
#include "master/replies.h"
#include "master/spawn.h"

enum { NO_SUCH_PID = 1 << 30, TABLE_BYTES = 5 };	/* Linux ends at 1 << 22 */

static struct {
	struct master_conf conf;
	struct master_listeners listeners;	/* none */
	int others[MASTER_MAX_CHILDREN];	/* the children's ends of their channels */
	int next_pid;
	int refuse;
	unsigned banners;
	FILE *log;
	int real_stderr;
} fixture;

int
master_spawn(struct master *m, struct master_child *c)
{
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(c->pid, 0);
	errno = fixture.refuse;
	if (fixture.refuse != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return -1;
	fixture.others[c - m->children.at] = pair[1];
	c->channel = pair[0];
	c->pid = NO_SUCH_PID + fixture.next_pid++;
	c->state = CHILD_STARTING;
	return 0;
}

/* None is started. */
bool
master_warm_reap(struct master_warm *w, pid_t pid)
{
	(void)w;
	(void)pid;
	return false;
}

/* Nothing is watched. */
void
master_watch_again(struct master_watch *w)
{
	(void)w;
}

/* Without a file, or time to read it. */
void
master_reread_begin(struct master *m)
{
	master_generation_load(m, m->conf);
}

void
master_reread_free(struct master *m, const struct master_conf *conf)
{
	CU_ASSERT_PTR_EQUAL(conf, m->conf);
}

void
master_banner_print(const struct master *m, const struct master_generation *g)
{
	CU_ASSERT_PTR_EQUAL(m->serving, g);
	fixture.banners++;
}

struct master *
fixture_new(unsigned n_workers)
{
	struct master *m = calloc(1, sizeof(*m));

	memset(&fixture, 0, sizeof(fixture));
	conf_init(&fixture.conf.values);
	fixture.log = tmpfile();
	fixture.real_stderr = dup(STDERR_FILENO);
	dup2(fileno(fixture.log), STDERR_FILENO);
	m->conf = &fixture.conf;
	m->oom.counter_fd = -1;
	m->listeners = &fixture.listeners;
	m->n_workers = n_workers;
	m->log_fd = -1;
	return m;
}

struct conf *
fixture_settings(struct master *m)
{
	CU_ASSERT_PTR_EQUAL(m->conf, &fixture.conf);
	return &fixture.conf.values;
}

void
fixture_free(struct master *m)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		fixture_gone(m, c);
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		if (m->generations[i].state != GENERATION_NONE)
			master_generation_drain(m, &m->generations[i], 0);
	master_generations_bury(m);
	dup2(fixture.real_stderr, STDERR_FILENO);
	close(fixture.real_stderr);
	fclose(fixture.log);
	free(m);
}

void
fixture_refuse_starts(int err)
{
	fixture.refuse = err;
}

unsigned
fixture_banners(void)
{
	return fixture.banners;
}

struct master_conf *
fixture_conf(const struct master *m)
{
	CU_ASSERT_PTR_EQUAL_FATAL(m->conf, &fixture.conf);
	return &fixture.conf;
}

unsigned
fixture_count(struct master *m, const struct master_generation *g, enum master_role role)
{
	struct master_child *c = NULL;
	unsigned n = 0;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		n += c->role == role;
	return n;
}

int
fixture_other(const struct master *m, const struct master_child *c)
{
	return fixture.others[c - m->children.at];
}

struct master_child *
fixture_child(struct master *m, const struct master_generation *g, enum master_role role,
    unsigned slot)
{
	struct master_child *c = NULL, *found = NULL;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == role && c->slot == slot && (found == NULL || c->pid > found->pid))
			found = c;
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	return found;
}

struct master_child *
fixture_worker(struct master *m, const struct master_generation *g, unsigned slot)
{
	return fixture_child(m, g, ROLE_WORKER, slot);
}

void
fixture_say(struct master *m, struct master_child *c, const char *text)
{
	int other = fixture.others[c - m->children.at];

	CU_ASSERT_EQUAL(send(other, text, strlen(text), 0), (ssize_t)strlen(text));
	CU_ASSERT_TRUE(master_replies_read(m, c));
}

const char *
fixture_order(struct master *m, const struct master_child *c)
{
	static char text[WIRE_MESSAGE_MAX + 1];
	ssize_t n = recv(fixture.others[c - m->children.at], text, WIRE_MESSAGE_MAX, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

void
fixture_gone(struct master *m, struct master_child *c)
{
	int *other = &fixture.others[c - m->children.at];

	if (*other > 0)		/* one that a zygote was to fork has none here */
		close(*other);
	*other = 0;
	master_child_remove(c);
}

unsigned
fixture_logged(const char *text)
{
	static char bytes[1 << 16];
	unsigned n = 0;
	ssize_t len = pread(fileno(fixture.log), bytes, sizeof(bytes) - 1, 0);

	bytes[len > 0 ? len : 0] = '\0';
	for (const char *p = bytes; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

struct master_generation *
fixture_loaded(struct master *m)
{
	struct master_generation *g;
	struct master_child *first;

	if (m->serving == NULL)
		master_generation_load(m, m->conf);
	else
		master_generation_reload(m);
	g = m->coming;
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	CU_ASSERT_EQUAL(write(g->table_fd, "table", TABLE_BYTES), TABLE_BYTES);
	first = fixture_worker(m, g, 0);
	fixture_say(m, first, WIRE_BEGUN);
	fixture_say(m, first, WIRE_IMPORTED);
	fixture_say(m, first, WIRE_ROUTES " 1 compiled, 2 through ASGI");
	fixture_say(m, first, WIRE_DONE " 5 3.11 0.165");
	for (unsigned i = 0; i < m->n_workers; i++)
		CU_ASSERT_STRING_EQUAL(fixture_order(m, fixture_worker(m, g, i)), WIRE_TABLE " 5");
	return g;
}

struct master_generation *
fixture_serving(struct master *m)
{
	struct master_generation *g = fixture_loaded(m);

	for (unsigned i = 0; i < m->n_workers; i++)
		fixture_say(m, fixture_worker(m, g, i), WIRE_READY);
	CU_ASSERT_PTR_EQUAL_FATAL(m->serving, g);
	return g;
}
