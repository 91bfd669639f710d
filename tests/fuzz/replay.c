/*
 * replay: runs a fuzz target over saved inputs.
 *
 *	fuzz_head [FILE]...	without files: all of $srcdir/tests/fuzz/corpus/head
 *
 * Every input is also tried cut short at some lengths. Linked with one fuzz_*.c
 * where no fuzzing engine is; `make check` runs it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/fuzz/target.h"

enum { INPUT_ROOM = 1 << 20, CUTS = 8 };

/* The engine hands out exact allocations too: a read behind the end is seen. */
static void
try_bytes(const char *bytes, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	must(copy != NULL);
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
try_file(const char *path)
{
	static char bytes[INPUT_ROOM];
	FILE *f = fopen(path, "rb");
	size_t size;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (size_t i = 1; i <= CUTS; i++)
		try_bytes(bytes, size * i / CUTS);
}

static unsigned
try_directory(const char *path)
{
	DIR *dir = chdir(path) == 0 ? opendir(".") : NULL;
	struct dirent *entry;
	unsigned n = 0;

	if (dir == NULL) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		try_file(entry->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

int
main(int argc, char **argv)
{
	const char *root = getenv("srcdir"), *name = strrchr(argv[0], '/');
	char corpus[4096];
	unsigned n;

	for (int i = 1; i < argc; i++)
		try_file(argv[i]);
	if (argc > 1)
		return 0;
	name = name != NULL ? name + 1 : argv[0];
	must(strncmp(name, "fuzz_", 5) == 0);
	snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s",
	    root != NULL ? root : ".", name + 5);
	n = try_directory(corpus);
	printf("%u inputs of %s\n", n, corpus);
	return n == 0;
}
