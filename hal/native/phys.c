/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/phys.h: RAM is one mapping. What a frame is used for is nobody's concern here: the hosted machine
 * checks that.
 */
#include "hal/atomic.h"
#include "hal/phys.h"

#include "copy.h"
#include "hal/x86_access.h"
#include "state.h"

void hal_phys_read(void *to, hal_paddr_t from, size_t size)
{
    copy_bytes(to, native_pointer(from), size);
}

void hal_phys_write(hal_paddr_t to, const void *from, size_t size)
{
    copy_bytes(native_pointer(to), from, size);
}

/* Not inlined: the benchmarks count what it executes apart (bench/memory.tbl). */
__attribute__((noinline)) void hal_phys_zero(hal_paddr_t to, size_t size)
{
    clear_bytes(native_pointer(to), size);
}

uint64_t hal_phys_load(hal_paddr_t from, unsigned width)
{
    return x86_access_load(native_pointer(from), width);
}

void hal_phys_store(hal_paddr_t to, unsigned width, uint64_t value)
{
    x86_access_store(native_pointer(to), width, value);
}

void *hal_phys_object(hal_paddr_t address)
{
    return native_pointer(address);
}

bool hal_phys_of_object(const void *object, hal_paddr_t *address)
{
    uint64_t offset = (uint64_t)((uintptr_t)object - (uintptr_t)native_ram.base);
    *address = hal_paddr(offset);
    return offset < native_config.ram_size;
}

void hal_object_clear(hal_paddr_t start, size_t size)
{
    void *at = native_pointer(start);
    clear_words(&at, (size + 7) / 8);
}

void hal_object_poison(hal_paddr_t start, size_t size, bool poisoned)
{
    (void)start;
    (void)size;
    (void)poisoned;
}

void hal_frame_use(hal_paddr_t first, uint64_t frame_count, enum hal_frame_use use)
{
    (void)first;
    (void)frame_count;
    (void)use;
}
