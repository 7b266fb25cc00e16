/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Unicorn's mappings as the TLB of its CPU.
 *
 * Write permission is filled in by a write only, which sets the dirty bit, as on hardware. Unicorn translates
 * code once and does not see later changes of it through other mappings, but a CPU does (Intel SDM vol.
 * 3A, 8.1.3); so a frame is filled in for execution or for writing, never both, over all engines. The one
 * exception is an instruction that writes to the frame it stands in: it runs alone with both.
 */
#include "mmu.h"
#include "report.h"
#include "unicorn_engine.h"
#include "user.h"

#define VECTOR_GENERAL_PROTECTION 13u

/* Fills for execution in all engines: mostly none, and then writes to memory need no thought. */
static unsigned executable_count;

static void drop(struct engine *engine, unsigned index)
{
    struct fill *fill = &engine->fills[index];
    uc_err error = UC_ERR_OK;
    if (fill->rights & UC_PROT_EXEC) {
        error = uc_ctl_remove_cache(engine->uc, fill->va, fill->va + HAL_PAGE_SIZE);
    }
    if (error == UC_ERR_OK) {
        error = uc_mem_unmap(engine->uc, fill->va, HAL_PAGE_SIZE);
    }
    if (error != UC_ERR_OK) {
        machine_check("HAL", "Unicorn does not unmap %#llx: %s", (unsigned long long)fill->va,
                      uc_strerror(error));
    }
    executable_count -= (fill->rights & UC_PROT_EXEC) != 0;
    *fill = engine->fills[--engine->fill_count];
}

void unicorn_flush_range(unsigned cpu, uint64_t va, uint64_t size)
{
    struct engine *engine = unicorn_engine_if_any(cpu);
    if (!engine) {
        return;
    }
    for (unsigned i = engine->fill_count; i-- > 0;) {
        if (engine->fills[i].va - va < size) {
            drop(engine, i);
        }
    }
}

bool unicorn_maps(unsigned cpu, uint64_t frame)
{
    const struct engine *engine = unicorn_engine_if_any(cpu);
    for (unsigned i = 0; engine && i < engine->fill_count; i++) {
        if (engine->fills[i].frame == frame) {
            return true;
        }
    }
    return false;
}

/* No engine keeps `frame` filled in with `rights`. */
static void drop_frame(uint64_t frame, uint32_t rights)
{
    for (unsigned cpu = 0; cpu < HOSTED_CPU_MAX; cpu++) {
        struct engine *engine = unicorn_engine_if_any(cpu);
        for (unsigned i = engine ? engine->fill_count : 0; i-- > 0;) {
            if (engine->fills[i].frame == frame && (engine->fills[i].rights & rights)) {
                drop(engine, i);
            }
        }
    }
}

void unicorn_memory_written(uint64_t frame)
{
    if (executable_count) {
        drop_frame(frame, UC_PROT_EXEC);
    }
}

static uint32_t rights_of(const struct translation *found, enum hosted_access access)
{
    if (access == HOSTED_WRITE) {
        return UC_PROT_READ | UC_PROT_WRITE;
    }
    return UC_PROT_READ |
           (access == HOSTED_FETCH ? (uint32_t)UC_PROT_EXEC : 0) * ((found->prot & HAL_PROT_EXEC) != 0);
}

/* Makes Unicorn able to do an access that the MMU granted. */
static void fill(struct engine *engine, uint64_t va, enum hosted_access access,
                 const struct translation *found)
{
    uint64_t page = va & ~(HAL_PAGE_SIZE - 1);
    uint64_t frame = found->address >> HAL_PAGE_SHIFT;
    uint32_t rights = rights_of(found, access);
    unicorn_flush_range(engine->cpu->id, page, HAL_PAGE_SIZE);
    bool both = engine->self_writing && engine->self_frame == frame;
    if (!both && (rights & UC_PROT_WRITE)) {
        drop_frame(frame, UC_PROT_EXEC);
    }
    if (!both && (rights & UC_PROT_EXEC)) {
        drop_frame(frame, UC_PROT_WRITE);
    }
    if (engine->fill_count == FILL_MAX) {
        unicorn_flush_range(engine->cpu->id, 0, UINT64_C(1) << 47);
    }

    uc_err error = uc_mem_map_ptr(engine->uc, page, HAL_PAGE_SIZE, rights,
                                  ram_user_pointer(frame << HAL_PAGE_SHIFT, true));
    if (error != UC_ERR_OK) {
        machine_check("HAL", "Unicorn does not map %#llx: %s", (unsigned long long)page, uc_strerror(error));
        return;
    }
    engine->fills[engine->fill_count++] = (struct fill){page, frame, rights};
    executable_count += (rights & UC_PROT_EXEC) != 0;
}

static bool executes(const struct engine *engine, uint64_t frame, uint64_t rip)
{
    for (unsigned i = 0; i < engine->fill_count; i++) {
        const struct fill *fill = &engine->fills[i];
        if (fill->frame == frame && (fill->rights & UC_PROT_EXEC) && rip - fill->va < HAL_PAGE_SIZE) {
            return true;
        }
    }
    return false;
}

void unicorn_end_self_writing(struct engine *engine)
{
    engine->self_writing = false;
    drop_frame(engine->self_frame, UC_PROT_EXEC | UC_PROT_WRITE);
}

static bool access_page(struct engine *engine, uint64_t va, enum hosted_access access, uint64_t rip)
{
    if (!user_canonical(va)) {
        /* A stack access would be #SS; Unicorn does not tell, and QEMU's emulation does the same as this. */
        engine->event =
            (struct keel_user_event){.reason = KEEL_USER_EXCEPTION, .vector = VECTOR_GENERAL_PROTECTION};
        return false;
    }
    struct translation found = mmu_resolve(engine->cpu, va, user_need(access));
    if (!mmu_grants(&found, user_need(access))) {
        engine->event = user_page_fault(va, access, &found);
        return false;
    }
    if (access == HOSTED_WRITE && executes(engine, found.address >> HAL_PAGE_SHIFT, rip)) {
        engine->self_writing = true;
        engine->self_frame = found.address >> HAL_PAGE_SHIFT;
    }
    fill(engine, va, access, &found);
    return true;
}

static enum hosted_access access_of(uc_mem_type type)
{
    switch (type) {
    case UC_MEM_WRITE_UNMAPPED:
    case UC_MEM_WRITE_PROT:
        return HOSTED_WRITE;
    case UC_MEM_FETCH_UNMAPPED:
    case UC_MEM_FETCH_PROT:
        return HOSTED_FETCH;
    default:
        return HOSTED_READ;
    }
}

/* Mappings must not change under a running instruction: Unicorn would go on with host addresses that it
 * looked up before. So the hook refuses the access, which ends the run with the instruction undone, and the
 * instruction is tried again with the mapping in place. */
bool unicorn_on_access(uc_engine *uc, uc_mem_type type, uint64_t va, int size, int64_t value, void *data)
{
    struct engine *engine = data;
    (void)uc;
    (void)value;
    engine->missing = true;
    engine->missing_va = va;
    engine->missing_size = size > 0 ? (unsigned)size : 1;
    engine->missing_access = access_of(type);
    return false;
}

bool unicorn_fill_missing(struct engine *engine, uint64_t rip)
{
    uint64_t va = engine->missing_va;
    uint64_t last = va + engine->missing_size - 1;
    if (!access_page(engine, va, engine->missing_access, rip)) {
        return false;
    }
    if (last >> HAL_PAGE_SHIFT == va >> HAL_PAGE_SHIFT) {
        return true;
    }
    return access_page(engine, last & ~(HAL_PAGE_SIZE - 1), engine->missing_access, rip);
}
