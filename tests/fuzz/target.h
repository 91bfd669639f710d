/*
 * target: what every fuzz target is made of.
 *
 * A target is one fuzz_<name>.c with LLVMFuzzerTestOneInput(). With clang's
 * -fsanitize=fuzzer it searches; with replay.c it is a plain test program that
 * runs the saved inputs of corpus/<name>/.
 */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Try one input; returns 0. A broken promise of the code under test aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
