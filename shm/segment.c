/*
 * segment: memfd_create(2), seals, mappings.
 *
 * Called by master/generation.c (create, size, seal, reopen), by
 * bindings/table/build.c in the worker that loads the application (write) and by shm/table.c in
 * workers (map).
 * The master never maps.
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL_SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

int
shm_segment_create(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int
shm_segment_write(int fd, const void *bytes, size_t size)
{
	const char *p = bytes;
	size_t done = 0;

	if (ftruncate(fd, (off_t)size) < 0)
		return -1;
	while (done < size) {
		ssize_t n = pwrite(fd, p + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

int
shm_segment_seal(int fd)
{
	int seals;

	if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return -1;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return -1;
	if ((seals & ALL_SEALS) != ALL_SEALS) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int
shm_segment_reopen(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int64_t
shm_segment_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -1 : (int64_t)st.st_size;
}

void *
shm_segment_map(int fd, size_t *size)
{
	int64_t bytes = shm_segment_size(fd);
	int seals = fcntl(fd, F_GET_SEALS);
	void *map;

	if (bytes <= 0 || seals < 0)
		return NULL;
	if ((seals & ALL_SEALS) != ALL_SEALS) {
		errno = EPERM;
		return NULL;
	}
	map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	*size = (size_t)bytes;
	return map;
}
