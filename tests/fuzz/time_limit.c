/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One input may cost a second of processor time. libFuzzer's own -timeout is of the clock on the wall, which
 * runs on while a busy machine does something else: it is there for inputs that never end.
 *
 * The linker passes libFuzzer's calls of the target to here (--wrap).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INPUT_MS_MAX 1000

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t processor_ms(void) {
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t begun_ms = processor_ms(), took_ms;
    int result = __real_LLVMFuzzerTestOneInput(data, size);

    took_ms = processor_ms() - begun_ms;
    if (took_ms > INPUT_MS_MAX) {
        fprintf(stderr, "this input of %zu octets took %lld ms of processor time\n", size,
                (long long)took_ms);
        abort(); /* libFuzzer keeps the input */
    }
    return result;
}
