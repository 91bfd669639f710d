/*
 * open: a descriptor and who still needs it.
 *
 * Called by give.c, mount.c, reply.c and bindings/plan/file.c. Several ranges of one answer share
 * one file, and the output lets go of each when it is sent. It must not need the interpreter.
 */
#include "files/open.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/must.h"

enum { NS_PER_S = 1000000000 };

/* Nanoseconds count to the year 2262. */
static const int64_t LAST_S = INT64_C(9000000000);

struct shared {
	struct hx_file file;
	unsigned references;
};

/* Times that are beyond what can be counted are one. */
static int64_t
ns_of(struct timespec t)
{
	if (t.tv_sec >= LAST_S || t.tv_sec <= -LAST_S)
		return t.tv_sec > 0 ? INT64_MAX : INT64_MIN;
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct hx_file *
files_open_new(int fd, const struct stat *st)
{
	struct shared *shared = malloc(sizeof(*shared));

	if (shared == NULL)
		return NULL;
	*shared = (struct shared){
		.file = {
			.fd = fd,
			.device = st->st_dev,
			.inode = st->st_ino,
			.size = (uint64_t)st->st_size,
			.mtime_ns = ns_of(st->st_mtim),
			.ctime_ns = ns_of(st->st_ctim),
		},
		.references = 1,
	};
	return &shared->file;
}

void
files_open_hold(struct hx_file *file)
{
	container_of(file, struct shared, file)->references++;
}

void
files_open_release(void *file)
{
	struct shared *shared = container_of((struct hx_file *)file, struct shared, file);

	must(shared->references > 0);
	if (--shared->references > 0)
		return;
	close(shared->file.fd);
	free(shared);
}
