/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/user_copy.h: accesses to user memory by a walk of the tables.
 */
#include "hal/atomic.h"
#include "hal/user_copy.h"

#include "copy.h"
#include "state.h"

#define READ  (HAL_PTE_PRESENT | HAL_PTE_USER)
#define WRITE (HAL_PTE_PRESENT | HAL_PTE_USER | HAL_PTE_WRITE)

/* Sets accessed and dirty bits as a CPU does. False: the entry changed meanwhile. */
static bool mark(atomic_u64_t *slot, uint64_t entry, uint64_t bits)
{
    return (entry & bits) == bits || atomic_u64_cas(slot, &entry, entry | bits);
}

/* The host address of user address `va` if `need` (HAL_PTE_*) is granted at every level. It stays right until
 * this CPU looks at its interrupts: who withdraws the entry waits for that before the frame is used again. */
static char *user_pointer(uint64_t va, uint64_t need)
{
    hal_paddr_t table = native_cpu.root;
    unsigned level = HAL_PT_TOP_LEVEL;
    for (;;) {
        atomic_u64_t *slot = native_entry(table, hal_pt_index(va, level));
        uint64_t entry = atomic_u64_load_acquire(slot);
        if ((entry & need) != need) {
            return NULL;
        }
        bool leaf = hal_pte_is_leaf(entry, level);
        uint64_t dirty = leaf && (need & HAL_PTE_WRITE) != 0 ? HAL_PTE_DIRTY : 0;
        if (!mark(slot, entry, HAL_PTE_ACCESSED | dirty)) {
            continue;
        }
        if (leaf) {
            uint64_t inside = hal_pt_span(level) - 1;
            return native_pointer(hal_paddr((hal_pte_target(entry).value & ~inside) | (va & inside)));
        }
        table = hal_pte_target(entry);
        level--;
    }
}

static size_t bytes_in_page(uint64_t va, size_t size)
{
    uint64_t room = HAL_PAGE_SIZE - va % HAL_PAGE_SIZE;
    return size < room ? size : (size_t)room;
}

size_t hal_user_copy_in(void *to, uint64_t va, size_t size)
{
    size_t done = 0;
    for (size_t now; done < size; done += now) {
        const char *from = user_pointer(va + done, READ);
        if (from == NULL) {
            break;
        }
        now = bytes_in_page(va + done, size - done);
        copy_bytes((char *)to + done, from, now);
    }
    return done;
}

size_t hal_user_copy_out(uint64_t va, const void *from, size_t size)
{
    size_t done = 0;
    for (size_t now; done < size; done += now) {
        char *to = user_pointer(va + done, WRITE);
        if (to == NULL) {
            break;
        }
        now = bytes_in_page(va + done, size - done);
        copy_bytes(to, (const char *)from + done, now);
    }
    return done;
}

size_t hal_user_copy_string(char *to, uint64_t va, size_t size, bool *ended)
{
    size_t done = 0;
    *ended = false;
    while (done < size && !*ended && hal_user_copy_in(to + done, va + done, 1) == 1) {
        *ended = to[done++] == '\0';
    }
    return done;
}

bool hal_user_load(uint64_t va, unsigned width, uint64_t *value)
{
    char *at = user_pointer(va, READ);
    if (at == NULL) {
        return false;
    }
    *value = width == 4 ? atomic_u32_load_acquire((atomic_u32_t *)(void *)at)
                        : atomic_u64_load_acquire((atomic_u64_t *)(void *)at);
    return true;
}

bool hal_user_store(uint64_t va, unsigned width, uint64_t value)
{
    char *at = user_pointer(va, WRITE);
    if (at == NULL) {
        return false;
    }
    if (width == 4) {
        atomic_u32_store_release((atomic_u32_t *)(void *)at, (uint32_t)value);
    } else {
        atomic_u64_store_release((atomic_u64_t *)(void *)at, value);
    }
    return true;
}

bool hal_user_cas(uint64_t va, unsigned width, uint64_t expected, uint64_t desired, uint64_t *found)
{
    char *at = user_pointer(va, WRITE);
    if (at == NULL) {
        return false;
    }
    if (width == 4) {
        uint32_t seen = (uint32_t)expected;
        atomic_u32_cas((atomic_u32_t *)(void *)at, &seen, (uint32_t)desired);
        *found = seen;
    } else {
        *found = expected;
        atomic_u64_cas((atomic_u64_t *)(void *)at, found, desired);
    }
    return true;
}
