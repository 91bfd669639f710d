/*
 * pid_file: written whole, locked, replaced when its writer is dead.
 *
 * Called by main.c, takeover.c (put) and upgrade.c (which has it back). Whether the writer of an old file
 * lives is told by the lock that it holds on the file, not by the number in it, which may be another
 * process's by now. The file stays
 * the property of whoever starts fastrd, as a rule root: root's scripts send signals to the
 * process that it names. So where its directory does not belong to --user, it stays behind at
 * the end, without a lock.
 *
 * Logs: "cannot remove PATH: CAUSE; a pid file belongs into a directory of --user's", "cannot write
 * PATH: CAUSE".
 */
#include "master/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wire.h"

enum { CONTENT_BYTES = 24 };

static int
refuse(const char *path, const char *cause, const char *remedy)
{
	fprintf(stderr, "fastrd: --pid-file %s: %s; %s\n", path, cause, remedy);
	return WIRE_EXIT_USAGE;
}

/* Is this the content of a pid file: nothing, or a number? */
static bool
is_content(const char *text, ssize_t n)
{
	size_t digits;

	if (n < 0 || n >= CONTENT_BYTES)
		return false;
	digits = strspn(text, "0123456789");
	return digits + strspn(text + digits, "\n ") == (size_t)n;
}

/* What is at `path` now: may it be replaced, also when `before` has it? 0, or the exit status after
 * one line. */
static int
old_look(const char *path, pid_t before)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[CONTENT_BYTES + 1] = "", cause[64];
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    !is_content(text, read(fd, text, CONTENT_BYTES))) {
		rc = refuse(path, "this is no pid file", "remove it, or give another path");
	} else if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
	    lock.l_pid != before) {
		snprintf(cause, sizeof(cause), "process %ld has it, another fastrd", (long)lock.l_pid);
		rc = refuse(path, cause, "stop that one, or give another path");
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* A new file beside the old one, locked, with our number. Its descriptor, or -1 with errno. */
static int
new_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[CONTENT_BYTES];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid()), saved;

	if (fd < 0)
		return -1;
	if (write(fd, text, (size_t)len) == len && fcntl(fd, F_SETLK, &lock) == 0)
		return fd;
	saved = errno;
	close(fd);
	unlink(path);
	errno = saved;
	return -1;
}

/* The name that it has at first. False: it would be too long. */
static bool
beside(const char *path, char name[PATH_MAX])
{
	return snprintf(name, PATH_MAX, "%s.%ld", path, (long)getpid()) < PATH_MAX;
}

int
master_pid_file_open(struct master_pid_file *p, const char *path, pid_t before)
{
	char new[PATH_MAX];
	int rc;

	*p = (struct master_pid_file){ .fd = -1, .path = path };
	if (*path == '\0')
		return 0;
	if (!beside(path, new))
		return refuse(path, strerror(ENAMETOOLONG), "give a shorter path");
	rc = old_look(path, before);
	if (rc != 0)
		return rc;
	unlink(new);	/* of a process of the same number, which died here */
	p->fd = new_write(new);
	p->beside = p->fd >= 0 && before != 0;
	if (p->beside || (p->fd >= 0 && rename(new, path) == 0))
		return 0;
	rc = refuse(path, strerror(errno), errno == ENOENT ? "create its directory first" :
	    "choose a path where you may create files");
	if (p->fd >= 0) {
		unlink(new);
		close(p->fd);
		p->fd = -1;
	}
	return rc;
}

void
master_pid_file_put(struct master_pid_file *p)
{
	char new[PATH_MAX];

	if (!p->beside || !beside(p->path, new))
		return;
	p->beside = rename(new, p->path) < 0;
	if (p->beside)
		log_warn("cannot write %s", p->path);
}

void
master_pid_file_close(struct master_pid_file *p)
{
	struct stat own, there;
	char new[PATH_MAX];

	if (p->fd < 0)
		return;
	if (p->beside && beside(p->path, new))
		unlink(new);
	if (fstat(p->fd, &own) == 0 && lstat(p->path, &there) == 0 && own.st_ino == there.st_ino &&
	    own.st_dev == there.st_dev && unlink(p->path) < 0)
		log_warnx("cannot remove %s: %s; a pid file belongs into a directory of --user's", p->path,
		    strerror(errno));
	close(p->fd);
	p->fd = -1;
}
