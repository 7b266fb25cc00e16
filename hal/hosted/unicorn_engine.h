/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The Unicorn engine (2.0): one instance for each CPU, kept from run to run. README.md says what it cannot
 * judge.
 *
 * This version of Unicorn has no page walk: what it maps is what user code reaches. So its mappings play the
 * TLB: none at first, each filled from the modelled MMU when user code stumbles over its absence
 * (unicorn_map.c), dropped when the CPU flushes.
 */
#ifndef HOSTED_UNICORN_ENGINE_H
#define HOSTED_UNICORN_ENGINE_H

#include <unicorn/unicorn.h>

#include "hosted/machine.h"
#include "keel/user_regs.h"
#include "state.h"

#define FILL_MAX 64 /* more regions make Unicorn slow */

struct fill {
    uint64_t va, frame;
    uint32_t rights; /* UC_PROT_* */
};

struct engine {
    uc_engine *uc;
    uc_context *pristine; /* registers in ring 0, no exception pending */
    char *entry_page;     /* host memory of ENTRY_BASE */
    struct cpu *cpu;      /* on whose behalf it runs */
    struct keel_user_event event;
    bool registers_kept; /* `kept` holds the registers at the event, what Unicorn has is later */
    bool timestamp;      /* stopped for RDTSC */
    bool missing;        /* stopped for an access that Unicorn has no mapping for: */
    uint64_t missing_va;
    unsigned missing_size;
    enum hosted_access missing_access;
    struct keel_user_regs kept;
    bool self_writing; /* the next instruction writes to the frame that it stands in */
    uint64_t self_frame;
    unsigned fill_count;
    struct fill fills[FILL_MAX];
};

/* Where Unicorn enters ring 3 from: a page that holds an IRETQ, its frame and a GDT, at an address that user
 * code cannot have mapped, since it is not canonical. */
#define ENTRY_BASE  UINT64_C(0x0000b5a73d19e000)
#define ENTRY_GDT   0x000u
#define ENTRY_FRAME 0x100u
#define ENTRY_CODE  0x200u

enum {
    SELECTOR_KERNEL_CODE = 0x08,
    SELECTOR_KERNEL_DATA = 0x10,
    SELECTOR_USER_DATA = 0x18 | 3,
    SELECTOR_USER_CODE = 0x20 | 3,
};

/* unicorn_start.c: the engine of a CPU, made when first asked for. */
struct engine *unicorn_engine(unsigned cpu);
/* The same if it was made already, otherwise NULL. */
struct engine *unicorn_engine_if_any(unsigned cpu);

/* It is in no state to go on: the CPU gets another one. On the big stack. */
void unicorn_engine_discard(struct engine *engine);

/* unicorn_guard.c: so many instructions from the entry's on. False: Unicorn gave up. On the big stack. */
bool unicorn_emulate(struct engine *engine, size_t instructions);

/* unicorn_map.c: fills in what is missing; false: the access faults, and the event is there. */
bool unicorn_fill_missing(struct engine *engine, uint64_t rip);
/* The instruction that wrote to its own frame is done. */
void unicorn_end_self_writing(struct engine *engine);
/* The hook for accesses that Unicorn has no mapping for. */
bool unicorn_on_access(uc_engine *uc, uc_mem_type type, uint64_t va, int size, int64_t value, void *engine);

/* unicorn_run.c: the hooks for everything that ends user code. */
void unicorn_on_interrupt(uc_engine *uc, uint32_t number, void *engine);
void unicorn_on_syscall(uc_engine *uc, void *engine);
bool unicorn_on_invalid(uc_engine *uc, void *engine);
uint32_t unicorn_on_in(uc_engine *uc, uint32_t port, int size, void *engine);
void unicorn_on_out(uc_engine *uc, uint32_t port, int size, uint32_t value, void *engine);

#endif
