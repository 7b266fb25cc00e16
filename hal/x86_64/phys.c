/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/phys.h on the real machine: RAM through the linear map, moved by string instructions, which the
 * compiler can neither repeat nor invent (M4).
 */
#include "hal/phys.h"
#include "hal/pte.h"
#include "hal/x86_access.h"

static void *linear(hal_paddr_t address)
{
    return (void *)(HAL_LINEAR_BASE + address.value);
}

static void move(void *to, const void *from, size_t size)
{
    size_t words = size / 8, rest = size % 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

void hal_phys_read(void *to, hal_paddr_t from, size_t size)
{
    move(to, linear(from), size);
}

void hal_phys_write(hal_paddr_t to, const void *from, size_t size)
{
    move(linear(to), from, size);
}

void hal_phys_zero(hal_paddr_t to, size_t size)
{
    void *at = linear(to);
    size_t words = size / 8, rest = size % 8;

    __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(UINT64_C(0)) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(0) : "memory");
}

/* Plain moves: loads are not reordered with later accesses, nor stores with earlier ones (Intel SDM vol. 3A,
 * 9.2.2). */
uint64_t hal_phys_load(hal_paddr_t from, unsigned width)
{
    return x86_access_load(linear(from), width);
}

void hal_phys_store(hal_paddr_t to, unsigned width, uint64_t value)
{
    x86_access_store(linear(to), width, value);
}

void *hal_phys_object(hal_paddr_t address)
{
    return linear(address);
}

bool hal_phys_of_object(const void *object, hal_paddr_t *address)
{
    const uint64_t value = (uint64_t)object;

    *address = hal_paddr(value - HAL_LINEAR_BASE);
    return value >= HAL_LINEAR_BASE && value < HAL_WINDOW_BASE;
}

void hal_object_clear(hal_paddr_t start, size_t size)
{
    void *at = linear(start);
    size_t words = (size + 7) / 8;

    __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(UINT64_C(0)) : "memory");
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
