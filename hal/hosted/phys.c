/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/phys.h: copy primitives and the use of frames.
 */
#include "hal/atomic.h"
#include "hal/phys.h"
#include "hal/x86_access.h"

#include "iommu.h"
#include "mmu.h"
#include "ram.h"
#include "raw.h"
#include "report.h"
#include "sanitizer.h"
#include "state.h"
#include "user.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_ZERO };

/* Which primitives may touch a frame of which use. Clearing is how core prepares a frame for its use, before
 * or after it says so; a table that is linked anywhere is beyond that. */
static bool allowed(uint64_t frame, enum access access)
{
    switch ((enum hal_frame_use)ram.use[frame]) {
    case HAL_FRAME_UNTYPED:
    case HAL_FRAME_OBJECT:
    case HAL_FRAME_RESERVED:
        return true;
    case HAL_FRAME_STACK:
        return access == ACCESS_ZERO;
    case HAL_FRAME_TABLE:
        return access == ACCESS_ZERO && !mmu_is_linked(frame) && !mmu_is_root(frame) &&
               !(iommu_in_use && iommu_is_linked(frame));
    default:
        return false;
    }
}

static bool check_range(hal_paddr_t address, size_t size, enum access access)
{
    if (!ram_contains(address.value, size)) {
        machine_check("M3", "copy primitive at %#llx + %zu: not RAM", (unsigned long long)address.value,
                      size);
        return false;
    }
    uint64_t end = (address.value + size + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
    for (uint64_t frame = hal_frame_number(address); frame < end; frame++) {
        if (!allowed(frame, access)) {
            machine_check("M3", "copy primitive %s frame %#llx, which is %s",
                          access == ACCESS_READ ? "reads" : "writes", (unsigned long long)frame,
                          ram_use_text((enum hal_frame_use)ram.use[frame]));
        }
        if (access != ACCESS_READ) {
            ram_soil(frame);
            unicorn_memory_written(frame);
        }
    }
    return true;
}

void hal_phys_read(void *to, hal_paddr_t from, size_t size)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (!size || !check_range(from, size, ACCESS_READ)) {
        return;
    }
    sanitizer_check_write(to, size);
    raw_copy(to, ram_pointer(from.value), size);
}

void hal_phys_write(hal_paddr_t to, const void *from, size_t size)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (!size || !check_range(to, size, ACCESS_WRITE)) {
        return;
    }
    sanitizer_check_read(from, size);
    raw_copy(ram_pointer(to.value), from, size);
}

void hal_phys_zero(hal_paddr_t to, size_t size)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (!size || !check_range(to, size, ACCESS_ZERO)) {
        return;
    }
    raw_fill(ram_pointer(to.value), 0, size);
    uint64_t end = (to.value + size + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
    for (uint64_t frame = hal_frame_number(to); frame < end; frame++) {
        if (ram.use[frame] == HAL_FRAME_TABLE) {
            mmu_table_begin(frame);
            iommu_memory_zeroed(frame);
        }
    }
}

static bool is_width(unsigned width, hal_paddr_t address)
{
    return CONTRACT((width == 1 || width == 2 || width == 4 || width == 8) && address.value % width == 0,
                    "not in one piece");
}

uint64_t hal_phys_load(hal_paddr_t from, unsigned width)
{
    hosted_point(HAL_POINT_HAL, NULL);
    return is_width(width, from) && check_range(from, width, ACCESS_READ)
               ? x86_access_load(ram_pointer(from.value), width)
               : 0;
}

void hal_phys_store(hal_paddr_t to, unsigned width, uint64_t value)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (is_width(width, to) && check_range(to, width, ACCESS_WRITE)) {
        x86_access_store(ram_pointer(to.value), width, value);
    }
}

void *hal_phys_object(hal_paddr_t address)
{
    CONTRACT(ram_contains(address.value, 1), "address is not RAM");
    return ram_pointer(address.value);
}

bool hal_phys_of_object(const void *object, hal_paddr_t *address)
{
    *address = hal_paddr((uint64_t)object - (uint64_t)ram.linear);
    return (uint64_t)object >= (uint64_t)ram.linear && ram_contains(address->value, 1);
}

static bool in_object(hal_paddr_t start, size_t size)
{
    return CONTRACT(ram_contains(start.value, size) && start.value % 16 == 0,
                    "not RAM, or not a multiple of 16") &&
           CONTRACT(ram_use(start.value) == HAL_FRAME_OBJECT, "not an object's frame");
}

void hal_object_clear(hal_paddr_t start, size_t size)
{
    hosted_point(HAL_POINT_HAL, NULL);
    if (in_object(start, size)) {
        raw_clear_words(ram_pointer(start.value), (size + 7) / 8);
    }
}

void hal_object_poison(hal_paddr_t start, size_t size, bool poisoned)
{
    if (!sanitizer_has_asan() || !in_object(start, size)) {
        return;
    }
    if (poisoned) {
        sanitizer_poison(ram_pointer(start.value), size);
    } else {
        sanitizer_unpoison(ram_pointer(start.value), size);
    }
}

/* What a frame was used for ends here: nothing may lead to it any more (M1, A2). */
static void leave_use(uint64_t frame)
{
    mmu_check_unreachable(frame);
    if (iommu_in_use) {
        iommu_check_unreachable(frame);
    }
    if (ram.use[frame] == HAL_FRAME_TABLE) {
        mmu_table_end(frame);
    } else if (ram.use[frame] == HAL_FRAME_UNUSED) {
        ram_junk(frame);
        sanitizer_forget(ram_pointer(frame << HAL_PAGE_SHIFT), HAL_PAGE_SIZE);
    }
}

static void enter_use(uint64_t frame, enum hal_frame_use use)
{
    ram_soil(frame);
    ram.use[frame] = (uint8_t)use;
    machine.edits++;
    if (use == HAL_FRAME_TABLE) {
        mmu_table_begin(frame);
    }
}

void hal_frame_use(hal_paddr_t first, uint64_t frame_count, enum hal_frame_use use)
{
    uint64_t frame = hal_frame_number(first);
    if (!CONTRACT(first.value % HAL_PAGE_SIZE == 0, "address is not a frame's") ||
        !CONTRACT(frame <= ram.frame_count && frame_count <= ram.frame_count - frame, "frames are not RAM") ||
        !CONTRACT((unsigned)use <= HAL_FRAME_RESERVED, "no such use")) {
        return;
    }

    for (uint64_t i = frame; i < frame + frame_count; i++) {
        if (ram.use[i] == use) {
            continue;
        }
        leave_use(i);
        enter_use(i, use);
    }
    char *bytes = ram_pointer(first.value);
    if (use == HAL_FRAME_OBJECT) {
        sanitizer_unpoison(bytes, frame_count << HAL_PAGE_SHIFT);
    } else {
        sanitizer_poison(bytes, frame_count << HAL_PAGE_SHIFT);
    }
}
