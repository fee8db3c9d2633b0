#ifndef MEETPOOL_TESTS_FUZZ_H
#define MEETPOOL_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * A fuzz target. With clang: -fsanitize=fuzzer,address,undefined and no replay.c. `make check` builds it with replay.c, which runs the seeds of
 * tests/fuzz/corpus/<name>. Each target holds its results against a property (abort() where it does not hold).
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
