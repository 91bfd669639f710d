/*
 * oom: the kernel's counter of what it killed for want of memory in our cgroup.
 *
 * Called by main.c (open), spawn.c (volunteer), watchdog.c (look) and reap.c (a death by
 * SIGKILL). A process that such a kill ends cannot say so, and its wait status is that of any
 * kill -9. The counter is in memory.events of the cgroup (version 2) or in its
 * memory.oom_control (version 1), and rises by kills for the machine's want of memory, too.
 * Programs of the application may be killed as well: what the counter rose by is for a death
 * that follows soon.
 */
#include "master/oom.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SOON_MS = 10000,
	SCORE_MOST = 1000,		/* the kernel's limit */
	PROC_BYTES = 64 * 1024,		/* more of mountinfo is not looked at */
	COUNTER_BYTES = 512,
	MEGABYTE = 1 << 20
};

/* Does the list "a,b,c" of `len` bytes have this name? */
static bool
list_has(const char *list, size_t len, const char *name)
{
	size_t n = strlen(name);

	while (len >= n) {
		const char *comma = memchr(list, ',', len);
		size_t item = comma != NULL ? (size_t)(comma - list) : len;

		if (item == n && memcmp(list, name, n) == 0)
			return true;
		if (comma == NULL)
			break;
		list += item + 1;
		len -= item + 1;
	}
	return false;
}

/* The path in a line "N:CONTROLLERS:PATH": of the memory controller, or where there is none
 * of version 2, whose line is "0::PATH". */
static bool
group_find(struct master_oom *o, const char *groups, char path[PATH_MAX])
{
	bool found = false;

	for (const char *line = groups; *line != '\0' && !(found && o->v1);) {
		size_t len = strcspn(line, "\n"), where;
		const char *list = memchr(line, ':', len), *colon;

		colon = list != NULL ? memchr(list + 1, ':', len - (size_t)(list + 1 - line)) : NULL;
		where = colon != NULL ? (size_t)(colon + 1 - line) : len;
		if (colon != NULL && len - where < PATH_MAX && (colon == list + 1 ||
		    list_has(list + 1, (size_t)(colon - list - 1), "memory"))) {
			found = true;
			o->v1 = colon != list + 1;
			memcpy(path, line + where, len - where);
			path[len - where] = '\0';
		}
		line += len + (line[len] == '\n');
	}
	return found;
}

/* Is this line of mountinfo the hierarchy that we want? `root` and `point` then are its fields. */
static bool
mount_fits(const struct master_oom *o, const char *line, size_t len, char root[PATH_MAX],
    char point[PATH_MAX])
{
	char copy[2 * PATH_MAX], type[32], options[512];
	const char *dash;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	dash = strstr(copy, " - ");
	_Static_assert(PATH_MAX > 4000, "the widths below");
	if (dash == NULL || sscanf(copy, "%*s %*s %*s %4000s %4000s", root, point) != 2 ||
	    sscanf(dash, " - %31s %*s %511s", type, options) != 2)
		return false;
	return o->v1 ? strcmp(type, "cgroup") == 0 && list_has(options, strlen(options), "memory") :
	    strcmp(type, "cgroup2") == 0;
}

int
master_oom_parse(struct master_oom *o, const char *groups, const char *mounts)
{
	char path[PATH_MAX], root[PATH_MAX], point[PATH_MAX];

	*o = (struct master_oom){ .counter_fd = -1 };
	if (!group_find(o, groups, path))
		return -1;
	for (const char *line = mounts; *line != '\0';) {
		size_t len = strcspn(line, "\n"), n;

		if (mount_fits(o, line, len, root, point)) {
			/* A container sees its part of the hierarchy only. */
			n = strcmp(root, "/") == 0 ? 0 : strlen(root);
			if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
				n = strlen(path);
			snprintf(o->group, sizeof(o->group), "%s", path);
			return snprintf(o->directory, sizeof(o->directory), "%s%s", point, path + n) <
			    (int)sizeof(o->directory) ? 0 : -1;
		}
		line += len + (line[len] == '\n');
	}
	return -1;
}

/* A file's beginning, as text. False: it cannot be read. */
static bool
read_at(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool
file_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	while (len < room - 1 && (n = read(fd, text + len, room - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return len > 0;
}

static int
member_open(const struct master_oom *o, const char *name)
{
	char path[PATH_MAX + 32];

	if (*o->directory == '\0')
		return -1;
	snprintf(path, sizeof(path), "%s/%s", o->directory, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* What stands behind "oom_kill "; what was known where it cannot be read. */
static uint64_t
kills_read(const struct master_oom *o)
{
	char text[COUNTER_BYTES];
	const char *found;

	if (!read_at(o->counter_fd, text, sizeof(text)))
		return o->kills;
	found = strstr(text, "oom_kill ");
	return found != NULL ? strtoull(found + strlen("oom_kill "), NULL, 10) : o->kills;
}

void
master_oom_open(struct master_oom *o)
{
	static char groups[PROC_BYTES], mounts[PROC_BYTES];

	if (!file_read("/proc/self/cgroup", groups, sizeof(groups)) ||
	    !file_read("/proc/self/mountinfo", mounts, sizeof(mounts)) ||
	    master_oom_parse(o, groups, mounts) < 0) {
		*o = (struct master_oom){ .counter_fd = -1 };
		return;
	}
	o->counter_fd = member_open(o, o->v1 ? "memory.oom_control" : "memory.events");
	if (o->counter_fd >= 0)
		o->kills = kills_read(o);
}

void
master_oom_volunteer(void)
{
	static const char path[] = "/proc/self/oom_score_adj";
	char text[16] = "";
	int fd = open(path, O_RDWR | O_CLOEXEC), score, n;

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		score = atoi(text) + MASTER_OOM_SCORE;
		n = snprintf(text, sizeof(text), "%d", score < SCORE_MOST ? score : SCORE_MOST);
		/* Without it all are killed alike, as they would be without us. */
		(void)!pwrite(fd, text, (size_t)n, 0);
	}
	close(fd);
}

void
master_oom_look(struct master_oom *o, uint64_t now_ms)
{
	uint64_t kills = o->counter_fd >= 0 ? kills_read(o) : o->kills;

	if (kills > o->kills) {
		o->unclaimed += kills - o->kills;
		o->seen_ms = now_ms;
	} else if (now_ms - o->seen_ms > SOON_MS) {
		o->unclaimed = 0;
	}
	o->kills = kills;
}

bool
master_oom_claim(struct master_oom *o, uint64_t now_ms)
{
	master_oom_look(o, now_ms);
	if (o->unclaimed == 0)
		return false;
	o->unclaimed--;
	return true;
}

const char *
master_oom_text(const struct master_oom *o, char text[MASTER_OOM_TEXT_BYTES])
{
	int fd = member_open(o, o->v1 ? "memory.limit_in_bytes" : "memory.max");
	char number[32] = "", limit[48] = "";
	uint64_t bytes;

	if (fd >= 0 && read_at(fd, number, sizeof(number))) {
		bytes = strtoull(number, NULL, 10);
		/* "max", or in version 1 as many pages as fit in a number. */
		if (bytes > 0 && bytes < UINT64_C(1) << 60)
			snprintf(limit, sizeof(limit), ", limit %" PRIu64 " MB", bytes / MEGABYTE);
	}
	if (fd >= 0)
		close(fd);
	snprintf(text, MASTER_OOM_TEXT_BYTES, "out of memory: the kernel killed it (cgroup %s%s); see "
	    "--worker-max-rss", o->group, limit);
	return text;
}
