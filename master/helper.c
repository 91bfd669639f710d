/*
 * helper: fork, exec, a pipe.
 *
 * Called by file.c, resolve.c and account.c at the start, and by reread.c at a reload. The text of
 * libexec/conf.py is part of fastrd. The program reads files and asks the system's libraries for
 * names, which may load code, hang or crash: so it is a child, with a time limit and an answer of
 * limited size.
 */
#include "master/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "master/shortage.h"

static const char program[] = {
#include "master/helper.inc"
	'\0'
};

/* May only root change what stands at `path`, which is cut? In a directory as /tmp is, where
 * everybody writes, nobody may change what is another's. */
static bool
of_root(char path[PATH_MAX])
{
	struct stat st;

	while (lstat(path, &st) == 0 && st.st_uid == 0 && ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
	    (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0))) {
		char *slash = strrchr(path, '/');

		if (slash == NULL || slash[1] == '\0')
			return slash == path;
		slash[slash == path] = '\0';
	}
	return false;
}

/* The one rule for what root runs: nothing that another user may change. An environment's Python may
 * be that user's, but not the one that it stands for. NULL: there is none. */
static const char *
python_trusted(const char *python, char path[PATH_MAX])
{
	const char *candidates[] = { python, "/usr/bin/python3" };
	char cut[PATH_MAX];

	if (geteuid() != 0)
		return python;
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
		if (realpath(candidates[i], path) != NULL && access(path, X_OK) == 0 &&
		    of_root(strcpy(cut, path)))
			return path;
	errno = MASTER_SHORTAGE_PYTHON;
	return NULL;
}

/* In the child. */
static void
become(const char *python, const char *command, const char *word, int out)
{
	const char *argv[] = { python, "-I", "-S", "-c", program, command, word, NULL };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(MASTER_HELPER_MS / 1000 + 1);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(out, STDOUT_FILENO) == STDOUT_FILENO)
		execv(python, (char *const *)(uintptr_t)argv);
	_exit(1);
}

int
master_helper_start(struct master_helper *h, const char *python, const char *command,
    const char *word)
{
	char path[PATH_MAX];
	int ends[2];
	pid_t pid;

	python = python_trusted(python, path);
	h->fd = -1;
	h->n = 0;
	if (python == NULL || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(python, command, word, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -1;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	h->fd = ends[0];
	h->until_ms = clock_monotonic_ms() + MASTER_HELPER_MS;
	return 0;
}

enum master_helper_state
master_helper_read(struct master_helper *h, uint64_t now_ms)
{
	static const char last[] = "end\t\t\t\n";
	ssize_t n = 1;

	while (n > 0 && h->n < MASTER_HELPER_BYTES) {
		n = read(h->fd, h->bytes + h->n, MASTER_HELPER_BYTES - h->n);
		if (n > 0)
			h->n += (size_t)n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && now_ms < h->until_ms)
		return HELPER_RUNS;
	close(h->fd);
	h->fd = -1;
	if (n < 0)
		return HELPER_LATE;
	if (n != 0 || h->n < sizeof(last) - 1 ||
	    memcmp(h->bytes + h->n - (sizeof(last) - 1), last, sizeof(last) - 1) != 0)
		return HELPER_FAILED;
	h->bytes[h->n] = '\0';
	/* A byte that is none of a text would hide what follows it. */
	return strlen(h->bytes) == h->n ? HELPER_DONE : HELPER_FAILED;
}

int
master_helper_run(struct master_helper *h, const char *python, const char *command,
    const char *word, const char *failed)
{
	enum master_helper_state state = HELPER_FAILED;
	char text[256];

	if (master_helper_start(h, python, command, word) < 0) {
		fprintf(stderr, "fastrd: %s\n", master_shortage_text(text, sizeof(text),
		    "ask Python", errno));
		return -1;
	}
	do {
		struct pollfd fd = { .fd = h->fd, .events = POLLIN };

		(void)poll(&fd, 1, 100);
		state = master_helper_read(h, clock_monotonic_ms());
	} while (state == HELPER_RUNS);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (state == HELPER_DONE)
		return 0;
	if (state == HELPER_LATE)
		failed = MASTER_HELPER_IS_LATE;
	fprintf(stderr, "fastrd: %s: %s %s\n", word, python, failed);
	return -1;
}

/* In place: of \t a TAB, of two backslashes one. */
static void
unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++) {
		bool tab = text[0] == '\\' && text[1] == 't';

		text += tab || (text[0] == '\\' && text[1] == '\\');
		*to = tab ? '\t' : *text;
	}
	*to = '\0';
}

bool
master_helper_line(char **at, char *fields[4])
{
	char *end = strchr(*at, '\n');

	if (end == NULL)
		return false;
	*end = '\0';
	for (int i = 0; i < 4; i++) {
		char *tab = i < 3 ? strchr(*at, '\t') : NULL;

		fields[i] = *at;
		if (i < 3 && tab == NULL)
			return false;
		if (tab != NULL) {
			*tab = '\0';
			*at = tab + 1;
		}
		unescape(fields[i]);
	}
	*at = end + 1;
	return true;
}
