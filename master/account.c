/*
 * account: names of users and groups become numbers.
 *
 * Called by main.c before anything is opened. Looking up a name loads code (NSS) and may ask
 * the network: so the helper does it, and only where there is a name.
 */
#include "master/account.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wire.h"
#include "master/helper.h"

enum { WORD_BYTES = 512 };

/* A number of a user or group. False: it is none. */
static bool
number_read(const char *text, unsigned *number)
{
	unsigned long long n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n < UINT_MAX; p++)
		n = n * 10 + (unsigned)(*p - '0');
	*number = (unsigned)n;
	return p > text && *p == '\0' && n < UINT_MAX;	/* which stands for "none" */
}

static void
text_copy(char to[MASTER_ACCOUNT_BYTES], const char *from)
{
	size_t len = strlen(from);

	snprintf(to, MASTER_ACCOUNT_BYTES, "%s", len < MASTER_ACCOUNT_BYTES ? from : "");
}

/* One line of the helper's. False: it is none that there is to be. */
static bool
row_take(struct master_account *a, char *fields[4])
{
	const char *key = fields[1], *value = fields[2];
	unsigned number;

	if (strcmp(fields[0], "item") == 0) {
		if (a->n_groups == MASTER_GROUPS_MAX || !number_read(value, &number))
			return false;
		a->groups[a->n_groups++] = number;
		return true;
	}
	if (strcmp(key, "uid") == 0)
		return number_read(value, &a->uid);
	if (strcmp(key, "gid") == 0)
		return number_read(value, &a->gid);
	if (strcmp(key, "name") == 0)
		text_copy(a->name, value);
	else if (strcmp(key, "home") == 0)
		text_copy(a->home, value);
	return true;
}

/* Ask the helper. 0, or the exit status after one line. */
static int
look_up(struct master_account *a, const char *python, const char *user, const char *group)
{
	static struct master_helper helper;
	char *at = helper.bytes, *fields[4], word[WORD_BYTES];
	bool fits = (size_t)snprintf(word, sizeof(word), "%s%s%s", user, *group != '\0' ? ":" : "",
	    group) < sizeof(word);

	a->uid = a->gid = (unsigned)-1;
	if (fits && master_helper_run(&helper, python, "account", word,
	    "cannot look it up; give --user and --group as numbers") < 0)
		return WIRE_EXIT_USAGE;
	while (fits && master_helper_line(&at, fields) && strcmp(fields[0], "end") != 0) {
		if (strcmp(fields[0], "error") == 0) {
			fprintf(stderr, "fastrd: %s\n", fields[2]);
			return WIRE_EXIT_USAGE;
		}
		fits = row_take(a, fields);
	}
	if (fits && a->uid != (unsigned)-1 && a->gid != (unsigned)-1 && a->n_groups > 0)
		return 0;
	fprintf(stderr, "fastrd: --user %s: want numbers below %u and at most %d groups; give another "
	    "one\n", user, UINT_MAX, MASTER_GROUPS_MAX);
	return WIRE_EXIT_USAGE;
}

/* Both are numbers, and nothing has to be looked up. */
static bool
numbers_read(struct master_account *a, const char *user, const char *group)
{
	if (!number_read(user, &a->uid) || !number_read(group, &a->gid))
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
	int rc;

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
	rc = look_up(a, python, user, group);
	return rc != 0 ? rc : rights_check(a, user);
}
