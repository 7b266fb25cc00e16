/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Entry points of the sanitizers' run-time libraries, as weak symbols: whether they are there is decided when
 * the program is linked, so one object serves all builds. Prototypes are those of
 * <sanitizer/asan_interface.h>, common_interface_defs.h, msan_interface.h and tsan_interface.h.
 */
#ifndef HOSTED_SANITIZER_H
#define HOSTED_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>

#define HOSTED_WEAK __attribute__((weak))

HOSTED_WEAK void __asan_poison_memory_region(void const volatile *start, size_t size);
HOSTED_WEAK void __asan_unpoison_memory_region(void const volatile *start, size_t size);
HOSTED_WEAK void *__asan_region_is_poisoned(void *start, size_t size);
HOSTED_WEAK void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
HOSTED_WEAK void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old,
                                                 size_t *size_old);
HOSTED_WEAK void __sanitizer_symbolize_pc(void *pc, const char *format, char *text, size_t size);

HOSTED_WEAK void __msan_poison(const volatile void *start, size_t size);
HOSTED_WEAK void __msan_unpoison(const volatile void *start, size_t size);
HOSTED_WEAK void __msan_check_mem_is_initialized(const volatile void *start, size_t size);

HOSTED_WEAK void *__tsan_get_current_fiber(void);
HOSTED_WEAK void *__tsan_create_fiber(unsigned flags);
HOSTED_WEAK void __tsan_destroy_fiber(void *fiber);
HOSTED_WEAK void __tsan_switch_to_fiber(void *fiber, unsigned flags);
HOSTED_WEAK void __tsan_acquire(void *address);
HOSTED_WEAK void __tsan_release(void *address);
HOSTED_WEAK void AnnotateIgnoreReadsBegin(const char *file, int line);
HOSTED_WEAK void AnnotateIgnoreReadsEnd(const char *file, int line);
HOSTED_WEAK void AnnotateIgnoreWritesBegin(const char *file, int line);
HOSTED_WEAK void AnnotateIgnoreWritesEnd(const char *file, int line);
HOSTED_WEAK void __tsan_read_range(void *address, long size); /* signed: gcc knows it as a built-in */
HOSTED_WEAK void __tsan_write_range(void *address, long size);

static inline bool sanitizer_has_asan(void)
{
    return __asan_poison_memory_region != NULL;
}

static inline bool sanitizer_has_tsan(void)
{
    return __tsan_get_current_fiber != NULL;
}

static inline void sanitizer_poison(const void *start, size_t size)
{
    if (__asan_poison_memory_region) {
        __asan_poison_memory_region(start, size);
    }
}

static inline void sanitizer_unpoison(const void *start, size_t size)
{
    if (__asan_unpoison_memory_region) {
        __asan_unpoison_memory_region(start, size);
    }
}

/* For MemorySanitizer, which does not see what the machine and libraries write: what core may not go by any
 * more, and what it may. */
static inline void sanitizer_forget(const void *start, size_t size)
{
    if (__msan_poison) {
        __msan_poison(start, size);
    }
}

static inline void sanitizer_written(const void *start, size_t size)
{
    if (__msan_unpoison) {
        __msan_unpoison(start, size);
    }
}

/* Happens-before edges for ThreadSanitizer, where the machine itself orders things. */
static inline void sanitizer_acquire(void *address)
{
    if (__tsan_acquire) {
        __tsan_acquire(address);
    }
}

static inline void sanitizer_release(void *address)
{
    if (__tsan_release) {
        __tsan_release(address);
    }
}

/* Around callbacks into the world outside of the machine: no simulated CPU executes them. */
void sanitizer_leave_machine(void);
void sanitizer_reenter_machine(void);

/* For each run. */
void sanitizer_prepare(void);

/* The machine is about to read or write core's memory by means that sanitizers don't see (raw.h): check as if
 * it were core's own access. */
void sanitizer_check_read(const void *start, size_t size);
void sanitizer_check_write(void *start, size_t size);

#endif
