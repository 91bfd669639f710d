/*
 * sink: blocks of lines, and the thread that writes them.
 *
 * Called by worker/access.c, on the loop's thread, which never waits here: the lock is held
 * for a few instructions, and never around a system call that may wait.
 */
#include "io/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/append.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/list.h"
#include "base/must.h"

enum { AGAIN_MS = 100 };	/* between tries to write what could not be written */

struct block {
	struct list_node node;
	size_t len;
	char bytes[IO_SINK_BLOCK];
};

struct io_sink {
	char *path;			/* "": not opened by name */
	int fd;
	bool pieces;			/* no file: PIPE_BUF bytes at a time */
	pid_t owner;
	struct block *now;		/* is being filled; the owner's alone */
	bool runs;			/* the thread does; the owner's alone */
	pthread_t thread;
	atomic_int error, reopen_error;

	pthread_mutex_t lock;		/* around the rest */
	pthread_cond_t news;
	pthread_cond_t over;
	struct list full;		/* to be written, oldest first */
	struct list spare;
	unsigned n_blocks;
	bool reopen, closing, ended;
};

/* A descriptor of our own, for appending; -1 with errno set. */
static int
path_open(const char *path)
{
	return *path == '\0' ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : append_open(path);
}

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

struct io_sink *
io_sink_open(const char *path)
{
	struct io_sink *s = calloc(1, sizeof(*s));
	pthread_condattr_t monotonic;

	if (s == NULL || (s->path = strdup(path)) == NULL || (s->fd = path_open(path)) < 0) {
		int saved = errno;

		if (s != NULL)
			free(s->path);
		free(s);
		errno = saved;
		return NULL;
	}
	s->pieces = !is_file(s->fd);
	s->owner = getpid();
	list_init(&s->full);
	list_init(&s->spare);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->news, &monotonic);
	pthread_cond_init(&s->over, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return s;
}

static struct timespec
from_now(unsigned ms)
{
	struct timespec t = clock_monotonic();

	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* [thread] Between two lines: open the path again if that was asked for. Where it cannot be
 * opened the old file goes on. */
static void
reopen_look(struct io_sink *s)
{
	bool due;
	int fd;

	pthread_mutex_lock(&s->lock);
	due = s->reopen;
	s->reopen = false;
	pthread_mutex_unlock(&s->lock);
	if (!due || *s->path == '\0')
		return;
	fd = path_open(s->path);
	if (fd < 0) {
		atomic_store(&s->reopen_error, errno);
		return;
	}
	close(s->fd);
	s->fd = fd;
	s->pieces = !is_file(fd);
}

/* How much of the lines to write at once: all, or the whole lines that fit into PIPE_BUF.
 * A line that is longer goes in parts. */
static size_t
piece_len(const struct io_sink *s, const char *bytes, size_t len)
{
	const char *end;

	if (!s->pieces || len <= PIPE_BUF)
		return len;
	end = memrchr(bytes, '\n', PIPE_BUF);
	return end != NULL ? (size_t)(end - bytes) + 1 : PIPE_BUF;
}

/* [thread] After a write that has failed, until another may succeed. False: the end has come. */
static bool
again(struct io_sink *s, int error)
{
	struct timespec until = from_now(AGAIN_MS);
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	bool goes_on;

	if (error == EINTR)
		return true;
	/* Somebody else has made the descriptor non-blocking, which says nothing of an error. */
	if (error != EAGAIN)
		atomic_store(&s->error, error);
	else
		(void)poll(&p, 1, AGAIN_MS);
	pthread_mutex_lock(&s->lock);
	if (error != EAGAIN && !s->closing)
		pthread_cond_timedwait(&s->news, &s->lock, &until);
	goes_on = !s->closing;
	pthread_mutex_unlock(&s->lock);
	return goes_on;
}

/* [thread] Write a block, however long it takes. */
static void
block_write(struct io_sink *s, const struct block *b)
{
	size_t done = 0;

	while (done < b->len) {
		size_t len;
		ssize_t n;

		/* Never within a line: it would stand in two files. */
		if (done == 0 || b->bytes[done - 1] == '\n')
			reopen_look(s);
		len = piece_len(s, b->bytes + done, b->len - done);
		n = write(s->fd, b->bytes + done, len);
		if (n < 0 && !again(s, errno))
			return;
		if (n > 0) {
			atomic_store(&s->error, 0);
			done += (size_t)n;
		}
	}
}

static void *
thread_run(void *arg)
{
	struct io_sink *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct list_node *node = list_take(&s->full);
		bool reopen = s->reopen;

		if (node == NULL && !reopen) {
			if (s->closing)
				break;
			pthread_cond_wait(&s->news, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		if (node != NULL)
			block_write(s, container_of(node, struct block, node));
		else
			reopen_look(s);
		pthread_mutex_lock(&s->lock);
		if (node != NULL)
			list_append(&s->spare, node);
	}
	s->ended = true;
	pthread_cond_signal(&s->over);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* No signal's handler may run on the thread: the interpreter's belong to the main one. */
static bool
thread_start(struct io_sink *s)
{
	sigset_t all, before;

	if (s->runs)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	s->runs = pthread_create(&s->thread, NULL, thread_run, s) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return s->runs;
}

/* An empty block; NULL: all wait to be written, or there is no memory. */
static struct block *
block_take(struct io_sink *s)
{
	struct block *b = NULL;
	struct list_node *node;

	pthread_mutex_lock(&s->lock);
	node = list_take(&s->spare);
	if (node != NULL)
		b = container_of(node, struct block, node);
	else if (s->n_blocks < IO_SINK_BLOCKS && (b = malloc(sizeof(*b))) != NULL)
		s->n_blocks++;
	pthread_mutex_unlock(&s->lock);
	if (b != NULL) {
		b->node = (struct list_node){ 0 };
		b->len = 0;
	}
	return b;
}

size_t
io_sink_waiting(const struct io_sink *s)
{
	return s->now != NULL ? s->now->len : 0;
}

/* Give the thread the block that is being filled. Not `urgent`: only if it has nothing else to
 * do: blocks of a few lines each would soon be used up. The thread is woken without the lock: it
 * runs at once where the two share a core, and would only wait for it. */
static void
block_give(struct io_sink *s, bool urgent)
{
	bool given;

	if (io_sink_waiting(s) == 0 || !thread_start(s))
		return;
	pthread_mutex_lock(&s->lock);
	given = urgent || list_is_empty(&s->full);
	if (given) {
		list_append(&s->full, &s->now->node);
		s->now = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (given)
		pthread_cond_signal(&s->news);
}

char *
io_sink_room(struct io_sink *s, size_t len)
{
	must(len <= IO_SINK_BLOCK);
	if (s->now != NULL && s->now->len + len > IO_SINK_BLOCK)
		block_give(s, true);
	if (s->now == NULL)
		s->now = block_take(s);
	if (s->now == NULL || s->now->len + len > IO_SINK_BLOCK)
		return NULL;
	return s->now->bytes + s->now->len;
}

void
io_sink_add(struct io_sink *s, size_t len)
{
	must(s->now != NULL && len <= IO_SINK_BLOCK - s->now->len);
	s->now->len += len;
}

void
io_sink_flush(struct io_sink *s)
{
	block_give(s, false);
}

void
io_sink_reopen(struct io_sink *s)
{
	block_give(s, true);
	if (!thread_start(s))
		return;
	pthread_mutex_lock(&s->lock);
	s->reopen = true;
	pthread_cond_signal(&s->news);
	pthread_mutex_unlock(&s->lock);
}

int
io_sink_error(const struct io_sink *s)
{
	return atomic_load(&s->error);
}

int
io_sink_reopen_error(struct io_sink *s)
{
	return atomic_exchange(&s->reopen_error, 0);
}

/* Wait for the thread's end. False: it still writes. */
static bool
thread_end(struct io_sink *s, unsigned ms)
{
	struct timespec until = from_now(ms);
	bool ended;

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->news);
	while (!s->ended && pthread_cond_timedwait(&s->over, &s->lock, &until) == 0)
		continue;
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	if (ended)
		pthread_join(s->thread, NULL);
	else
		pthread_detach(s->thread);
	return ended;
}

static void
blocks_free(struct list *blocks)
{
	struct list_node *node;

	while ((node = list_take(blocks)) != NULL)
		free(container_of(node, struct block, node));
}

void
io_sink_close(struct io_sink *s, unsigned ms)
{
	/* What the fork has is a copy: the lines are the other process's to write. */
	if (s->owner != getpid())
		return;
	block_give(s, true);
	if (s->runs && !thread_end(s, ms))
		return;	/* the thread keeps it */
	blocks_free(&s->full);
	blocks_free(&s->spare);
	free(s->now);
	close(s->fd);
	pthread_cond_destroy(&s->news);
	pthread_cond_destroy(&s->over);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}
