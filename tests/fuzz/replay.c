/*
 * replay: runs a fuzz target over the files named on the command line, for
 * compilers without libFuzzer and for saved findings.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 1024 * 1024 };

int
main(int argc, char **argv)
{
	uint8_t *buf = malloc(MAX_INPUT);

	must(buf != NULL);
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t n;

		if (f == NULL) {
			perror(argv[i]);
			free(buf);
			return 1;
		}
		n = fread(buf, 1, MAX_INPUT, f);
		fclose(f);
		LLVMFuzzerTestOneInput(buf, n);
	}
	free(buf);
	return 0;
}
