/*
 * warm: start it, tell it, end it.
 *
 * Called by master.c (look), spawn.c (take) and reap.c (reap). That there is none, whatever the reason,
 * makes the next load slower and nothing else: nothing is logged, and it is tried again behind the next
 * generation.
 */
#include "master/warm.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/must.h"
#include "base/wire.h"
#include "master/arguments.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/spawn.h"

/* The directory, and those of a child. */
enum { FDS_MAX = 1 + WIRE_CHILD_FDS_MAX };

static void
forget(struct master_warm *w)
{
	if (w->pid != 0)
		close(w->channel);
	w->pid = 0;
}

static void
start(struct master *m)
{
	struct master_warm *w = &m->warm;
	struct master_arguments a;
	int fds[1];

	master_arguments_init(&a, m->python);
	master_arguments_add(&a, "-m");
	master_arguments_add(&a, "fastrapi.warm");
	if (!a.overflow)
		w->pid = master_spawn_process(m, &a, master_generation_conf(m), fds, 1, &w->channel);
	if (a.overflow || w->pid < 0)
		w->pid = 0;
}

void
master_warm_look(struct master *m)
{
	struct master_warm *w = &m->warm;

	if (m->stopping || m->upgrade.ceded) {
		if (w->pid != 0)
			kill(w->pid, SIGKILL);
		forget(w);
	} else if (m->conf->values.reload && m->serving != NULL && m->coming == NULL &&
	    w->generation != m->serving->number) {
		w->generation = m->serving->number;
		if (w->pid == 0)
			start(m);
	}
}

/* A text with the NUL behind it; false: there is no room. */
static bool
put(char *text, size_t room, size_t *used, const char *word)
{
	size_t len = strlen(word) + 1;

	if (len > room - *used)
		return false;
	memcpy(text + *used, word, len);
	*used += len;
	return true;
}

/* What base/wire.h says. */
static bool
order_fill(char *text, size_t room, size_t *used, const struct master_arguments *a, int first,
    const struct conf *conf)
{
	bool fits = true;

	for (size_t i = 0; i < CONF_COUNT; i++) {
		char name[CONF_NAME_BYTES];

		if ((conf_rows[i].marks & CONF_SECRET) == 0)
			continue;
		conf_variable(&conf_rows[i], name);
		fits = fits && put(text, room, used, name) &&
		    put(text, room, used, conf_text(conf, &conf_rows[i]));
	}
	fits = fits && put(text, room, used, "");
	for (int i = first; i < a->argc; i++)
		fits = fits && put(text, room, used, a->argv[i]);
	return fits;
}

static bool
tell(const struct master_warm *w, char *text, size_t len, const int *fds, int n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} extra = { .bytes = { 0 } };
	struct iovec part = { .iov_base = text, .iov_len = len };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes,
	    .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(rights), fds, (size_t)n * sizeof(int));
	return sendmsg(w->channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

pid_t
master_warm_take(struct master_warm *w, const struct master_arguments *a, int first,
    const struct conf *conf, const int *fds, int n, int *channel)
{
	char text[WIRE_WARM_MAX];
	int all[FDS_MAX], pair[2], here;
	pid_t pid = w->pid;
	size_t used = 0;
	bool told;

	must(n < FDS_MAX);
	if (pid == 0)
		return 0;
	here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		close(here);
		return 0;
	}
	all[0] = here;
	all[1] = pair[1];
	memcpy(all + 2, fds + 1, (size_t)(n - 1) * sizeof(int));
	told = order_fill(text, sizeof(text), &used, a, first, conf) && tell(w, text, used, all, n + 1);
	close(here);
	close(pair[1]);
	if (!told) {
		close(pair[0]);
		return 0;
	}
	forget(w);
	*channel = pair[0];
	return pid;
}

bool
master_warm_reap(struct master_warm *w, pid_t pid)
{
	bool was = w->pid == pid;

	if (was)
		forget(w);
	return was;
}
