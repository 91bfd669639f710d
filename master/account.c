/*
 * account: names of users and groups, looked up by a process of its own.
 *
 * Called by main.c before anything is opened. Looking up a name loads code (NSS) and may ask
 * the network: that happens in a Python that runs a few lines and ends, with a time limit. It
 * is the system's Python where there is one. The application's may belong to the very user
 * that the server is to become, and root must not run what that user can change.
 */
#include "master/account.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "master/shortage.h"

enum { ANSWER_BYTES = 8192, ASK_MS = 10000 };

/* Answers one line: "!WHY", or the numbers of user, group and all groups, then between tabs the
 * name and the home directory. */
static const char program[] =
    "import grp, os, pwd, sys\n"
    "user, group = sys.argv[1:]\n"
    "def find(word, by_number, by_name):\n"
    "    try:\n"
    "        return by_number(int(word)) if word.isdecimal() else by_name(word)\n"
    "    except KeyError:\n"
    "        return None\n"
    "entry = find(user, pwd.getpwuid, pwd.getpwnam)\n"
    "owner = find(group, grp.getgrgid, grp.getgrnam) if group else None\n"
    "if entry is None and not user.isdecimal():\n"
    "    sys.exit(print(f'!--user {user}: there is no such user; give one that there is'))\n"
    "if group and owner is None and not group.isdecimal():\n"
    "    sys.exit(print(f'!--group {group}: there is no such group; give one that there is'))\n"
    "if entry is None and not group:\n"
    "    sys.exit(print(f'!--user {user}: no account has this number; give --group as well'))\n"
    "gid = owner.gr_gid if owner else int(group) if group else entry.pw_gid\n"
    "groups = os.getgrouplist(entry.pw_name, gid) if entry else [gid]\n"
    "print(entry.pw_uid if entry else user, gid, *groups, end='\\t')\n"
    "print(entry.pw_name if entry else '', entry.pw_dir if entry else '', sep='\\t')\n";

/* In the child. */
static void
become(const char *python, const char *user, const char *group, int out)
{
	const char *argv[] = { python, "-I", "-S", "-c", program, user, group, NULL };

	if (dup2(out, STDOUT_FILENO) == STDOUT_FILENO)
		execv(python, (char *const *)(uintptr_t)argv);
	_exit(1);
}

/* Read until the end into `text`, with a NUL. False: it takes too long, or is too much. */
static bool
read_all(int fd, char text[ANSWER_BYTES])
{
	uint64_t end_ms = clock_monotonic_ms() + ASK_MS, now_ms;
	size_t len = 0;

	while ((now_ms = clock_monotonic_ms()) < end_ms && len < ANSWER_BYTES - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = 0;

		if (poll(&p, 1, (int)(end_ms - now_ms)) <= 0)
			continue;
		n = read(fd, text + len, ANSWER_BYTES - 1 - len);
		if (n <= 0) {
			text[len] = '\0';
			return n == 0;
		}
		len += (size_t)n;
	}
	return false;
}

/* The program's answer; false after one line. */
static bool
ask(const char *python, const char *user, const char *group, char text[ANSWER_BYTES])
{
	char why[256];
	int ends[2], status = 1;
	bool whole;
	pid_t pid;

	if (access("/usr/bin/python3", X_OK) == 0)
		python = "/usr/bin/python3";
	pid = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
	if (pid < 0) {
		fprintf(stderr, "fastrd: %s\n", master_shortage_text(why, sizeof(why),
		    "look up the user", errno));
		return false;
	}
	if (pid == 0)
		become(python, user, group, ends[1]);
	close(ends[1]);
	whole = read_all(ends[0], text);
	close(ends[0]);
	if (!whole)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (whole && status == 0 && *text != '\0')
		return true;
	fprintf(stderr, "fastrd: --user %s: %s cannot look it up; give --user and --group as "
	    "numbers\n", user, python);
	return false;
}

/* A number of a user or group, up to `end`, which is moved behind it. False: there is none. */
static bool
number_read(const char **p, unsigned *number)
{
	unsigned long long n;
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	n = strtoull(*p, &end, 10);
	*p = *end == ' ' ? end + 1 : end;
	*number = (unsigned)n;
	return n < UINT_MAX;	/* which stands for "none" */
}

static void
field_copy(char to[MASTER_ACCOUNT_BYTES], const char *from)
{
	size_t len = strcspn(from, "\t\n");

	snprintf(to, MASTER_ACCOUNT_BYTES, "%.*s", (int)(len < MASTER_ACCOUNT_BYTES ? len : 0), from);
}

/* False: it is no answer of the program's. */
static bool
answer_read(struct master_account *a, const char *p)
{
	unsigned number;

	if (!number_read(&p, &a->uid) || !number_read(&p, &a->gid))
		return false;
	for (; *p != '\t'; a->groups[a->n_groups++] = number)
		if (a->n_groups == MASTER_GROUPS_MAX || !number_read(&p, &number))
			return false;
	field_copy(a->name, ++p);
	p += strcspn(p, "\t");
	if (*p == '\t')
		field_copy(a->home, p + 1);
	return true;
}

/* Both are numbers, and nothing has to be looked up. */
static bool
numbers_read(struct master_account *a, const char *user, const char *group)
{
	if (!number_read(&user, &a->uid) || *user != '\0' || !number_read(&group, &a->gid) ||
	    *group != '\0')
		return false;
	a->groups[0] = a->gid;
	a->n_groups = 1;
	return true;
}

/* May this process become the one that was found? */
static int
rights_check(struct master_account *a, const char *user)
{
	a->set = geteuid() == 0;
	if (a->set || (a->uid == geteuid() && a->gid == getegid()))
		return 0;
	fprintf(stderr, "fastrd: --user %s: only root can become another user or group; start fastrd "
	    "as root, or leave it out\n", user);
	return WIRE_EXIT_USAGE;
}

int
master_account_find(struct master_account *a, const char *python, const char *user,
    const char *group)
{
	char text[ANSWER_BYTES];

	memset(a, 0, sizeof(*a));
	if (*user == '\0' && *group == '\0')
		return 0;
	if (*user == '\0') {
		fprintf(stderr, "fastrd: --group %s: want a user as well; give --user\n", group);
		return WIRE_EXIT_USAGE;
	}
	if (numbers_read(a, user, group))
		return rights_check(a, user);
	memset(a, 0, sizeof(*a));
	if (!ask(python, user, group, text))
		return WIRE_EXIT_USAGE;
	if (text[0] == '!') {
		fprintf(stderr, "fastrd: %s", text + 1);
		return WIRE_EXIT_USAGE;
	}
	if (answer_read(a, text))
		return rights_check(a, user);
	fprintf(stderr, "fastrd: --user %s: want numbers below %u and at most %d groups; give another "
	    "one\n", user, UINT_MAX, MASTER_GROUPS_MAX);
	return WIRE_EXIT_USAGE;
}
