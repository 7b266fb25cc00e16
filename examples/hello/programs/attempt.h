/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attempts: things that a program must not be able to do, one after the other in one process. Each is made
 * under the one-shot fault handler of the hello kernel (examples/hello/syscalls.c), so that its fault is
 * reported and the next attempt can be made.
 */
#ifndef PROGRAMS_ATTEMPT_H
#define PROGRAMS_ATTEMPT_H

#include "user.h"

/* What counts as an answer, and who prints it. */
enum attempt_kind {
    REPORTED, /* a fault; the kernel reports it with all that it knows */
    VECTOR,   /* a fault; its vector is printed, because CPUs disagree about the rest */
    REFUSED,  /* a fault of some vector: CPUs disagree about which */
    SURVIVED, /* a fault or none, as the CPU model has it: that the program goes on is the answer */
};

struct attempt {
    const char *name;
    enum attempt_kind kind;
    void (*act)(uint64_t argument);
    uint64_t argument;
};

/* Makes the attempts of a group in turn; answers how many were not answered as they must be. */
uint32_t make_attempts(const char *title, const struct attempt *attempts, size_t count);

/* Defines a function that executes `code` with its argument in rdi. The code may ruin every register but rsp:
 * what runs it keeps the rest (attempt.c). */
#define ATTEMPT_CODE(name, code)                                                                             \
    void name(uint64_t argument);                                                                            \
    __asm__(".text\n" #name ":\n" code "\nret\n")

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Addresses that no program may reach, whatever is there. */
#define ADDRESS_LINEAR        UINT64_C(0xffff800000000000) /* first of the upper half */
#define ADDRESS_WINDOW        UINT64_C(0xffffc90000000000)
#define ADDRESS_IMAGE         UINT64_C(0xffffffff80000000)
#define ADDRESS_LAST          UINT64_C(0xfffffffffffffff8)
#define ADDRESS_LIMIT         UINT64_C(0x00007ffffffff000) /* past the last user page */
#define ADDRESS_NON_CANONICAL UINT64_C(0x0000800000000000)

/* The groups: each prints its lines and answers how many attempts failed to be refused. */
uint32_t attempt_privileged(void);
uint32_t attempt_memory(void);
uint32_t attempt_traps(void);
uint32_t attempt_state(void);
uint32_t attempt_stack(void);
uint32_t attempt_calls(void);

#endif
