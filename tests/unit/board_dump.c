/*
 * board_dump: boards for tests written in Python, through shm/board.
 *
 *	board_dump PATH		a JSON object a line for each board that has or had
 *				an owner, in the boards' order
 *	board_dump --create N	make N boards, print the path of their descriptor,
 *				keep it until standard input ends
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/board.h"

static const char *const states[] = {
#define NAME(name) #name,
	SHM_BOARD_STATES(NAME)
#undef NAME
};

static const char *const counters[] = {
#define SHM_COUNTER(name, kind, description) #name,
#include "shm/counters.def"
#undef SHM_COUNTER
};

static void
board_print(const struct shm_board *b)
{
	printf("{\"pid\": %" PRIu32 ", \"generation\": %" PRIu32 ", \"state\": \"%s\", "
	    "\"heartbeat_ns\": %" PRIu64 ", \"interpreter_ns\": %" PRIu64 ", \"counters\": {", b->pid, b->generation,
	    b->state < SHM_BOARD_STATE_COUNT ? states[b->state] : "?", b->heartbeat_ns, b->interpreter_ns);
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", counters[i],
		    shm_board_get(b, (enum shm_counter)i));
	printf("}}\n");
}

static int
boards_print(const char *path)
{
	struct shm_boards all;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || shm_boards_attach(&all, fd) < 0) {
		fprintf(stderr, "board_dump: %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < all.n; i++)
		if (shm_boards_at(&all, i)->version != 0)
			board_print(shm_boards_at(&all, i));
	shm_boards_detach(&all);
	close(fd);
	return 0;
}

static int
boards_keep(size_t n)
{
	int fd = shm_boards_create("board_dump", n);

	if (fd < 0) {
		perror("board_dump");
		return 1;
	}
	printf("/proc/%d/fd/%d\n", (int)getpid(), fd);
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	close(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--create") == 0)
		return boards_keep(strtoul(argv[2], NULL, 10));
	if (argc == 2)
		return boards_print(argv[1]);
	fprintf(stderr, "usage: board_dump PATH | --create N\n");
	return 2;
}
