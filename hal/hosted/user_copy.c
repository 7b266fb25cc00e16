/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/mmu.h, the part that acts on a CPU: roots and flushes; hal/user_copy.h.
 */
#include "hal/atomic.h"
#include "hal/mmu.h"
#include "hal/user_copy.h"

#include "keel/user_regs.h"
#include "mmu.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "user.h"

unsigned hal_tlb_tag_count(void)
{
    return machine.config.tlb_tags;
}

void hal_root_load(hal_paddr_t root, unsigned tag, bool keep)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct cpu *cpu = cpu_current();
    CONTRACT(!cpu->irq_on, "interrupts are on");
    if (!CONTRACT(root.value % HAL_PAGE_SIZE == 0 && ram_contains(root.value, HAL_PAGE_SIZE) &&
                      ram_use(root.value) == HAL_FRAME_TABLE && mmu_is_root(hal_frame_number(root)),
                  "not a root") ||
        !CONTRACT(tag < machine.config.tlb_tags, "no such tag") ||
        !CONTRACT(!keep || cpu->roots[tag].value == 0 || cpu->roots[tag].value == root.value,
                  "what is cached under the tag came from another root")) {
        return;
    }
    cpu->roots[tag] = root;
    cpu->tag = tag;
    machine.edits++;
    if (!keep) {
        tlb_forget_tag(cpu, tag);
    }
    user_flush_all(cpu);
}

void hal_tlb_flush_range(uint64_t va, uint64_t page_count)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct cpu *cpu = cpu_current();
    CONTRACT(!cpu->irq_on, "interrupts are on");
    if (page_count == 0 ||
        !CONTRACT(va < KEEL_USER_END && page_count <= (KEEL_USER_END - va) >> HAL_PAGE_SHIFT,
                  "range is outside user space")) {
        return;
    }
    va &= ~(HAL_PAGE_SIZE - 1);
    tlb_forget_range(cpu, cpu->tag, va, page_count << HAL_PAGE_SHIFT);
    user_flush_range(cpu, va, page_count << HAL_PAGE_SHIFT);
}

void hal_tlb_flush_tag(unsigned tag)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct cpu *cpu = cpu_current();
    CONTRACT(!cpu->irq_on, "interrupts are on");
    if (!CONTRACT(tag < machine.config.tlb_tags && tag != cpu->tag, "no tag that is not loaded")) {
        return;
    }
    cpu->roots[tag] = hal_paddr(0);
    machine.edits++;
    tlb_forget_tag(cpu, tag);
}

void hal_tlb_flush_window(uint64_t va, uint64_t page_count)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct cpu *cpu = cpu_current();
    CONTRACT(!cpu->irq_on, "interrupts are on");
    if (page_count != 0 &&
        CONTRACT(mmu_in_window(va) && mmu_in_window(va + (page_count << HAL_PAGE_SHIFT) - 1),
                 "range is outside the kernel window")) {
        tlb_forget_range(cpu, TLB_EVERY_TAG, va & ~(HAL_PAGE_SIZE - 1), page_count << HAL_PAGE_SHIFT);
    }
}

/* The bytes of user space at `va`, on to the end of their page; NULL when they can't be reached that way. A
 * copy is a stretch for each page, and between two of them everything may change. */
static char *reach(uint64_t va, enum hosted_access access, size_t size, size_t *now)
{
    hosted_point(HAL_POINT_HAL, NULL);
    struct cpu *cpu = cpu_current();
    if (!CONTRACT(va >= KEEL_USER_START && va < KEEL_USER_END && size <= KEEL_USER_END - va,
                  "range is outside user space") ||
        !CONTRACT(cpu_root(cpu).value != RAM_KERNEL_ROOT, "no user root is loaded")) {
        return NULL;
    }
    uint64_t in_page = HAL_PAGE_SIZE - va % HAL_PAGE_SIZE;
    *now = size < in_page ? size : (size_t)in_page;
    struct translation found = mmu_resolve(cpu, va, user_need(access));
    if (!mmu_grants(&found, user_need(access))) {
        return NULL;
    }
    if (access == HOSTED_WRITE) {
        unicorn_memory_written(found.address >> HAL_PAGE_SHIFT);
    }
    return ram_user_pointer(found.address, false);
}

size_t hal_user_copy_in(void *to, uint64_t va, size_t size)
{
    size_t done = 0;
    sanitizer_check_write(to, size);
    while (done < size) {
        size_t now = 0;
        char *memory = reach(va + done, HOSTED_READ, size - done, &now);
        if (!memory) {
            break;
        }
        raw_copy((char *)to + done, memory, now);
        done += now;
    }
    return done;
}

size_t hal_user_copy_out(uint64_t va, const void *from, size_t size)
{
    size_t done = 0;
    sanitizer_check_read(from, size);
    while (done < size) {
        size_t now = 0;
        char *memory = reach(va + done, HOSTED_WRITE, size - done, &now);
        if (!memory) {
            break;
        }
        raw_copy(memory, (const char *)from + done, now);
        done += now;
    }
    return done;
}

size_t hal_user_copy_string(char *to, uint64_t va, size_t size, bool *ended)
{
    size_t done = 0;
    *ended = false;
    sanitizer_check_write(to, size);
    while (done < size && !*ended) {
        size_t now = 0;
        char *memory = reach(va + done, HOSTED_READ, size - done, &now);
        if (!memory) {
            break;
        }
        for (size_t i = 0; i < now && !*ended; i++) {
            uint8_t byte = raw_load8(memory + i);
            raw_copy(to + done, &byte, 1);
            done++;
            *ended = byte == 0;
        }
    }
    return done;
}

/* The whole of one aligned access lies in one page. */
static char *reach_whole(uint64_t va, unsigned width, enum hosted_access access)
{
    size_t now = 0;
    CONTRACT((width == 4 || width == 8) && va % width == 0, "not a single aligned access");
    return reach(va, access, width, &now);
}

bool hal_user_load(uint64_t va, unsigned width, uint64_t *value)
{
    const char *memory = reach_whole(va, width, HOSTED_READ);
    if (!memory) {
        return false;
    }
    *value = width == 4 ? raw_load32(memory) : raw_load((const uint64_t *)(const void *)memory);
    return true;
}

bool hal_user_store(uint64_t va, unsigned width, uint64_t value)
{
    char *memory = reach_whole(va, width, HOSTED_WRITE);
    if (!memory) {
        return false;
    }
    if (width == 4) {
        raw_store32(memory, (uint32_t)value);
    } else {
        raw_store((uint64_t *)(void *)memory, value);
    }
    return true;
}

bool hal_user_cas(uint64_t va, unsigned width, uint64_t expected, uint64_t desired, uint64_t *found)
{
    char *memory = reach_whole(va, width, HOSTED_WRITE);
    if (!memory) {
        return false;
    }
    *found = width == 4 ? raw_cas32(memory, (uint32_t)expected, (uint32_t)desired)
                        : raw_cas(memory, expected, desired);
    return true;
}
