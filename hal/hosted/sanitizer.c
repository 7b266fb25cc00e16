/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checks on behalf of accesses that sanitizers can't see, and the machine's sanitizer options.
 */
#include "sanitizer.h"

#include <sys/types.h>
#include <unistd.h>

/* AddressSanitizer keeps frames that outlive their function on fake stacks, one set for each fiber. A run
 * that ends abandons its fibers, and with them their fake stacks, thousands of times a second. The quarantine
 * is for freed heap blocks; the kernel has none, and a large one only costs cache misses. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0:quarantine_size_mb=8";
}

/* A sanitizer that reports something starts a process for the names of functions. It must not do so on a
 * kernel's stack: those are shared mappings, and after the fork parent and child would both run on the same
 * one. So the process is started ahead. */
void sanitizer_prepare(void)
{
    static pid_t prepared;
    char text[16];
    if (!__sanitizer_symbolize_pc || prepared == getpid()) {
        return;
    }
    prepared = getpid();
    __sanitizer_symbolize_pc(__builtin_return_address(0), "%f", text, sizeof text);
}

void sanitizer_leave_machine(void)
{
    if (AnnotateIgnoreReadsBegin) {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
}

void sanitizer_reenter_machine(void)
{
    if (AnnotateIgnoreReadsBegin) {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
}

/* Not inlined, so that the report has a frame with a telling name; instrumented, so that there is a report.
 */
__attribute__((noinline)) static void touch(const volatile char *byte)
{
    (void)*byte;
}

static void check(const void *start, size_t size)
{
    if (!__asan_region_is_poisoned || !size) {
        return;
    }

    union {
        const void *in;
        void *out;
    } address = {.in = start};
    const char *poisoned = __asan_region_is_poisoned(address.out, size);
    if (poisoned) {
        touch(poisoned);
    }
}

void sanitizer_check_read(const void *start, size_t size)
{
    union {
        const void *in;
        void *out;
    } address = {.in = start};
    check(start, size);
    if (__msan_check_mem_is_initialized && size) {
        __msan_check_mem_is_initialized(start, size);
    }
    if (__tsan_read_range && size) {
        __tsan_read_range(address.out, (long)size);
    }
}

void sanitizer_check_write(void *start, size_t size)
{
    check(start, size);
    if (__tsan_write_range && size) {
        __tsan_write_range(start, (long)size);
    }
}
