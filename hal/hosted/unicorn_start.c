/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Makes Unicorn instances.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hal/types.h"
#include "raw.h"
#include "unicorn_engine.h"

/* Flat 64-bit segments (Intel SDM vol. 3A, 3.4.5): kernel code and data, user data and code. */
static const uint64_t gdt[] = {0, UINT64_C(0x00af9b000000ffff), UINT64_C(0x00cf93000000ffff),
                               UINT64_C(0x00cff3000000ffff), UINT64_C(0x00affb000000ffff)};

static const uint8_t iretq[] = {0x48, 0xcf};

#define MSR_EFER UINT32_C(0xc0000080)
#define EFER_SCE UINT64_C(0x001) /* SYSCALL and SYSRET exist */
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)
#define CR0_MP   UINT64_C(0x002) /* x87 exceptions reach user code as #MF, as on any system since */
#define CR0_NE   UINT64_C(0x020)
#define CR4_TSD                                                                                              \
    UINT64_C(0x004) /* RDTSC in ring 3 is a #GP: the host's clock must not leak in (unicorn_run.c) */

static struct engine *engines[HOSTED_CPU_MAX];

static void require(uc_err error, const char *what)
{
    if (error == UC_ERR_OK) {
        return;
    }
    fprintf(stderr, "keel: hosted machine: Unicorn cannot %s: %s\n", what, uc_strerror(error));
    abort();
}

static void make_entry_page(struct engine *engine)
{
    char *page = mmap(NULL, HAL_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        perror("keel: hosted machine: user entry page");
        abort();
    }
    engine->entry_page = page;
    raw_copy(page + ENTRY_GDT, gdt, sizeof gdt);
    raw_copy(page + ENTRY_CODE, iretq, sizeof iretq);
    require(uc_mem_map_ptr(engine->uc, ENTRY_BASE, HAL_PAGE_SIZE, UC_PROT_ALL, page), "map a page");
}

static void set_control_bits(uc_engine *uc, int id, uint64_t bits)
{
    uint64_t value = 0;
    require(uc_reg_read(uc, id, &value), "read a control register");
    value |= bits;
    require(uc_reg_write(uc, id, &value), "write a control register");
}

static void set_up_ring_0(struct engine *engine)
{
    uc_x86_mmr gdtr = {.base = ENTRY_BASE + ENTRY_GDT, .limit = sizeof gdt - 1};
    uc_x86_msr efer = {.rid = MSR_EFER, .value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE};
    uint64_t code = SELECTOR_KERNEL_CODE, data = SELECTOR_KERNEL_DATA;
    require(uc_reg_write(engine->uc, UC_X86_REG_GDTR, &gdtr), "load a GDT");
    require(uc_reg_write(engine->uc, UC_X86_REG_MSR, &efer), "write EFER");
    set_control_bits(engine->uc, UC_X86_REG_CR0, CR0_MP | CR0_NE);
    set_control_bits(engine->uc, UC_X86_REG_CR4, CR4_TSD);
    require(uc_reg_write(engine->uc, UC_X86_REG_CS, &code), "load CS");
    require(uc_reg_write(engine->uc, UC_X86_REG_SS, &data), "load SS");
}

/* Unicorn takes callbacks of different types as void *, which ISO C does not convert functions to. */
#define CALLBACK(function) __extension__(void *)(function)

static void add_hooks(struct engine *engine)
{
    uc_engine *uc = engine->uc;
    uc_hook hook;
    require(uc_hook_add(uc, &hook, UC_HOOK_INTR, CALLBACK(unicorn_on_interrupt), engine, 1, 0), "hook");
    require(uc_hook_add(uc, &hook, UC_HOOK_INSN_INVALID, CALLBACK(unicorn_on_invalid), engine, 1, 0), "hook");
    require(uc_hook_add(uc, &hook, UC_HOOK_MEM_INVALID, CALLBACK(unicorn_on_access), engine, 1, 0), "hook");
    require(
        uc_hook_add(uc, &hook, UC_HOOK_INSN, CALLBACK(unicorn_on_syscall), engine, 1, 0, UC_X86_INS_SYSCALL),
        "hook");
    require(uc_hook_add(uc, &hook, UC_HOOK_INSN, CALLBACK(unicorn_on_in), engine, 1, 0, UC_X86_INS_IN),
            "hook");
    require(uc_hook_add(uc, &hook, UC_HOOK_INSN, CALLBACK(unicorn_on_out), engine, 1, 0, UC_X86_INS_OUT),
            "hook");
}

struct engine *unicorn_engine_if_any(unsigned cpu)
{
    return engines[cpu];
}

void unicorn_engine_discard(struct engine *engine)
{
    for (unsigned cpu = 0; cpu < HOSTED_CPU_MAX; cpu++) {
        engines[cpu] = engines[cpu] == engine ? NULL : engines[cpu];
    }
    (void)uc_context_free(engine->pristine);
    (void)uc_close(engine->uc);
    (void)munmap(engine->entry_page, HAL_PAGE_SIZE);
    free(engine);
}

struct engine *unicorn_engine(unsigned cpu)
{
    if (engines[cpu]) {
        return engines[cpu];
    }
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        abort();
    }
    require(uc_open(UC_ARCH_X86, UC_MODE_64, &engine->uc), "start");
    make_entry_page(engine);
    add_hooks(engine);
    set_up_ring_0(engine);
    require(uc_context_alloc(engine->uc, &engine->pristine), "allocate a context");
    require(uc_context_save(engine->uc, engine->pristine), "save a context");
    engines[cpu] = engine;
    return engine;
}
