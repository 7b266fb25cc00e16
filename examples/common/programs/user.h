/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All that the example programs share: system calls by Linux's convention, and printing. The same binaries
 * run on Linux where what they do makes sense there.
 */
#ifndef PROGRAMS_USER_H
#define PROGRAMS_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE UINT64_C(4096)

enum {
    CALL_WRITE = 1,
    CALL_MMAP = 9,
    CALL_MUNMAP = 11,
    CALL_SCHED_YIELD = 24,
    CALL_GETPID = 39,
    CALL_FORK = 57,
    CALL_EXIT = 60,
    CALL_WAIT4 = 61,
};

enum {
    PROT_NONE = 0,
    PROT_READ = 1,
    PROT_WRITE = 2,
    PROT_EXEC = 4,
    MAP_PRIVATE = 0x02,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
};

/* rcx and r11 are overwritten by the instruction itself (Intel SDM vol. 2B, SYSCALL). */
static inline int64_t system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = UINT64_MAX; /* mmap: no file */
    register uint64_t r9 __asm__("r9") = 0;
    int64_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int64_t map_pages(uint64_t address, uint64_t size, uint64_t prot, uint64_t flags)
{
    return system_call(CALL_MMAP, address, size, prot, flags | MAP_PRIVATE | MAP_ANONYMOUS);
}

/* start.c */
void print(const char *text);
void print_decimal(int64_t value);
void print_hex(uint64_t value);

int main(int argc, char **argv);

#endif
