/*
 * board: the memfd that holds the boards, and its mappings.
 *
 * Called by master/main.c (create), by master/crashes.c, master/doing.c, master/recycle.c, master/report.c,
 * master/status.c and master/watchdog.c (copy), and by engine/serve.c (the rest).
 */
#include "shm/board.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not F_SEAL_WRITE: workers write to it. */
enum { SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

_Static_assert(sizeof(_Atomic uint64_t) == 8, "words are shared between processes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be private to one process");

/* Which numbers tell the present state of the owner. */
static const bool gauges[SHM_COUNTER_COUNT] = {
#define COUNTER false
#define GAUGE true
#define SHM_COUNTER(name, kind, description) [SHM_COUNT_##name] = (kind),
#include "shm/counters.def"
#undef SHM_COUNTER
#undef GAUGE
#undef COUNTER
};

bool
shm_board_is_gauge(enum shm_counter id)
{
	must(id < SHM_COUNTER_COUNT);
	return gauges[id];
}

/* Bytes from one board to the next: whole pages, so that each can be mapped alone. */
static size_t
stride(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct shm_board) + page - 1) / page * page;
}

int
shm_boards_create(const char *name, size_t n)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), saved;

	must(n > 0);
	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)(n * stride())) == 0 &&
	    fcntl(fd, F_ADD_SEALS, SIZE_SEALS) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The number of boards behind the descriptor; 0 with errno when it has none. */
static size_t
count(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) < 0)
		return 0;
	if ((seals & SIZE_SEALS) != SIZE_SEALS) {
		errno = EPERM;
		return 0;
	}
	errno = EINVAL;
	return (size_t)st.st_size % stride() == 0 ? (size_t)st.st_size / stride() : 0;
}

int
shm_boards_attach(struct shm_boards *all, int fd)
{
	size_t n = count(fd);
	void *map;

	if (n == 0)
		return -1;
	map = mmap(NULL, n * stride(), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	*all = (struct shm_boards){ map, n, stride() };
	return 0;
}

int
shm_board_copy(int fd, size_t i, struct shm_board *copy)
{
	ssize_t n;

	if (i >= count(fd))
		return -1;
	n = pread(fd, copy, sizeof(*copy), (off_t)(i * stride()));
	if (n >= 0 && (size_t)n < sizeof(*copy))
		errno = EIO;
	return n == (ssize_t)sizeof(*copy) ? 0 : -1;
}

void
shm_boards_detach(struct shm_boards *all)
{
	if (all->n > 0)
		munmap((void *)(uintptr_t)all->map, all->n * all->stride);
	*all = (struct shm_boards){ 0 };
}

struct shm_board *
shm_board_attach(int fd, size_t i)
{
	void *map;

	if (i >= count(fd))
		return NULL;
	map = mmap(NULL, sizeof(struct shm_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)(i * stride()));
	return map == MAP_FAILED ? NULL : map;
}

void
shm_board_detach(struct shm_board *b)
{
	if (b != NULL)
		munmap(b, sizeof(*b));
}

void
shm_board_claim(struct shm_board *b, uint32_t pid, uint32_t generation)
{
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		if (gauges[i])
			shm_board_set(b, (enum shm_counter)i, 0);
	for (unsigned i = 0; i < SHM_HANDS; i++)
		shm_hands_clear(&b->hands, i);
	shm_board_beat(b, 0);
	shm_board_interpreter(b, 0);
	atomic_store_explicit(&b->version, SHM_BOARD_VERSION, memory_order_relaxed);
	atomic_store_explicit(&b->pid, pid, memory_order_relaxed);
	atomic_store_explicit(&b->generation, generation, memory_order_relaxed);
	shm_board_state(b, SHM_BOARD_STARTING);
}
