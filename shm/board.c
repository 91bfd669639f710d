/*
 * board: written by one worker process and read by others.
 *
 * Called by the master (create) and by workers (attach, claim, write, look at
 * the others'). It must never trust a byte it reads, block, or take a lock.
 */
#include "shm/board.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* F_SEAL_WRITE is missing by purpose: the worker writes. */
enum { SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

_Static_assert(sizeof(_Atomic uint64_t) == 8, "words are shared between processes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be private to one process");

static const struct {
	const char *name, *help;
	bool gauge;
} rows[] = {
#define COUNTER false
#define GAUGE true
#define SHM_COUNTER(name, kind, help) { #name, help, kind },
#include "shm/counters.def"
#undef SHM_COUNTER
#undef GAUGE
#undef COUNTER
};

const char *
shm_counter_name(enum shm_counter id)
{
	return rows[id].name;
}

const char *
shm_counter_help(enum shm_counter id)
{
	return rows[id].help;
}

bool
shm_counter_gauge(enum shm_counter id)
{
	return rows[id].gauge;
}

const char *
shm_board_state_name(enum shm_board_state state)
{
	static const char *const names[SHM_BOARD_STATE_COUNT] = {
		"empty", "starting", "serving", "draining", "stopping"
	};

	return (unsigned)state < SHM_BOARD_STATE_COUNT ? names[state] : "unknown";
}

/* Bytes from one board to the next: whole pages, for each is mapped alone. */
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

/* How many boards; 0 with errno when these are none. */
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

/* Store the line, NUL-padded, in `n` words. */
static void
words_write(_Atomic uint64_t *words, size_t n, struct slice line)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = i * 8, left = line.len > at ? line.len - at : 0;
		uint64_t word = 0;

		if (left > 0)
			memcpy(&word, line.ptr + at, left < 8 ? left : 8);
		atomic_store_explicit(&words[i], word, memory_order_relaxed);
		if (left == 0)
			break;	/* this word ends the text; what follows is not read */
	}
}

/* The counterpart: text up to the first NUL, anything odd as '?'. */
static void
words_read(const _Atomic uint64_t *words, size_t n, char *text)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

		memcpy(text + i * 8, &word, 8);
	}
	while (len < n * 8 && text[len] != '\0') {
		if (text[len] < ' ' || text[len] > '~')
			text[len] = '?';
		len++;
	}
	text[len] = '\0';
}

void
shm_board_claim(struct shm_board *b, uint32_t pid, uint32_t generation)
{
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		if (rows[i].gauge)
			atomic_store_explicit(&b->counters[i], 0, memory_order_relaxed);
	atomic_store_explicit(&b->heartbeat_ns, 0, memory_order_relaxed);
	shm_board_request(b, SLICE_NULL, 0);
	shm_board_last_words(b, "");
	atomic_store_explicit(&b->version, SHM_BOARD_VERSION, memory_order_relaxed);
	atomic_store_explicit(&b->pid, pid, memory_order_relaxed);
	atomic_store_explicit(&b->generation, generation, memory_order_relaxed);
	shm_board_state(b, SHM_BOARD_STARTING);
}

void
shm_board_request(struct shm_board *b, struct slice line, uint64_t now_ns)
{
	if (b == NULL)
		return;
	words_write(b->request, SHM_BOARD_REQUEST / 8, line);
	atomic_store_explicit(&b->request_start_ns, line.len > 0 ? now_ns : 0,
	    memory_order_relaxed);
}

void
shm_board_last_words(struct shm_board *b, const char *line)
{
	if (b != NULL)
		words_write(b->last_words, SHM_BOARD_TEXT / 8,
		    (struct slice){ line, strlen(line) });
}

void
shm_board_read(const struct shm_board *b, struct shm_board_view *view)
{
	uint32_t version = atomic_load_explicit(&b->version, memory_order_relaxed);
	uint32_t state = atomic_load_explicit(&b->state, memory_order_relaxed);

	memset(view, 0, sizeof(*view));
	view->garbage = state >= SHM_BOARD_STATE_COUNT ||
	    (version != SHM_BOARD_VERSION && state != SHM_BOARD_EMPTY);
	view->state = state < SHM_BOARD_STATE_COUNT ? (enum shm_board_state)state :
	    SHM_BOARD_EMPTY;
	view->pid = atomic_load_explicit(&b->pid, memory_order_relaxed);
	view->generation = atomic_load_explicit(&b->generation, memory_order_relaxed);
	view->heartbeat_ns = atomic_load_explicit(&b->heartbeat_ns, memory_order_relaxed);
	view->request_start_ns = atomic_load_explicit(&b->request_start_ns,
	    memory_order_relaxed);
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		view->counters[i] = atomic_load_explicit(&b->counters[i],
		    memory_order_relaxed);
	words_read(b->request, SHM_BOARD_REQUEST / 8, view->request);
	words_read(b->last_words, SHM_BOARD_TEXT / 8, view->last_words);
}
