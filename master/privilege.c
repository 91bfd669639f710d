/*
 * privilege: give up root, and look whether it is gone.
 *
 * Called by main.c when everything is open that needs root, and before the first child. A
 * system call that says it has worked is not enough: afterwards the ids are read back, root is
 * asked for again, which must fail, and the kernel's own account of the process in /proc must
 * show the new ids and no capability.
 *
 * no_new_privs is left alone: applications may need sudo or ping. NoNewPrivileges= of a
 * service sets it.
 */
#include "master/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/wire.h"

enum { STATUS_BYTES = 16 * 1024 };

/* /proc/self/status as a text. 0, or -1 with errno. */
static int
status_read(char text[STATUS_BYTES])
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -1;
	while (n > 0 && len < STATUS_BYTES - 1) {
		n = read(fd, text + len, STATUS_BYTES - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	close(fd);
	return n < 0 ? -1 : 0;
}

/* Has the status a line `name` whose `n` words, numbers to this base, are all `wanted`? */
static bool
line_is(const char *status, const char *name, int n, int base, unsigned long long wanted)
{
	const char *p = strstr(status, name);

	if (p == NULL)
		return false;
	p += strlen(name);
	for (char *end; n > 0; n--, p = end)
		if (strtoull(p, &end, base) != wanted || end == p)
			return false;
	return true;
}

/* The kernel sorts them, and forgets those that are there twice. */
static bool
groups_are(const struct master_account *a)
{
	gid_t now[MASTER_GROUPS_MAX];
	int n = getgroups(MASTER_GROUPS_MAX, now);

	for (int i = 0; i < n; i++) {
		bool known = false;

		for (size_t k = 0; k < a->n_groups; k++)
			known |= a->groups[k] == now[i];
		if (!known)
			return false;
	}
	return n >= 0;
}

/* What is left of the old rights; NULL: nothing. */
static const char *
left(const struct master_account *a)
{
	char status[STATUS_BYTES];
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return "the ids cannot be read back";
	for (int i = 0; i < 3; i++)
		if (uids[i] != a->uid || gids[i] != a->gid)
			return "the ids are others than were set";
	if (!groups_are(a))
		return "the groups are others than were set";
	if (a->gid != 0 && a->uid != 0 && (setgid(0) == 0 || setegid(0) == 0))
		return "the group of root can be taken again";
	if (a->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return "root can be taken again";
	if (status_read(status) < 0)
		return "/proc/self/status cannot be read";
	if (!line_is(status, "\nUid:", 4, 10, a->uid) || !line_is(status, "\nGid:", 4, 10, a->gid))
		return "/proc/self/status shows other ids";
	if (a->uid != 0 && (!line_is(status, "\nCapPrm:", 1, 16, 0) ||
	    !line_is(status, "\nCapEff:", 1, 16, 0) || !line_is(status, "\nCapAmb:", 1, 16, 0)))
		return "capabilities are left";
	return NULL;
}

int
master_privilege_drop(const struct master_account *a)
{
	const char *why;

	if (!a->set)
		return 0;
	if (setgroups(a->n_groups, a->groups) < 0 || setresgid(a->gid, a->gid, a->gid) < 0 ||
	    setresuid(a->uid, a->uid, a->uid) < 0) {
		fprintf(stderr, "fastrd: cannot become user %u, group %u: %s; start fastrd as that user, "
		    "as systemd's User= does\n", a->uid, a->gid, strerror(errno));
		return WIRE_EXIT_USAGE;
	}
	why = left(a);
	if (why != NULL) {
		fprintf(stderr, "fastrd: cannot become user %u, group %u for good: %s; start fastrd as "
		    "that user, as systemd's User= does\n", a->uid, a->gid, why);
		return WIRE_EXIT_BUG;
	}
	/* What is the user's own in /proc (the score for the out-of-memory killer, stacks for a
	 * profiler) belongs to root until this is said. Nothing of root's is left in memory that
	 * the user may not see. */
	prctl(PR_SET_DUMPABLE, 1);
	if (a->name[0] != '\0') {
		setenv("USER", a->name, 1);
		setenv("LOGNAME", a->name, 1);
	}
	if (a->home[0] != '\0')
		setenv("HOME", a->home, 1);
	return 0;
}
