/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/user_copy.h on the real machine: the CPU checks every access itself, and what it refuses comes back
 * through the fixups (fixups.S).
 */
#include "hal/user_copy.h"

#include "parts.h"

size_t hal_user_copy_in(void *to, uint64_t va, size_t size)
{
    return size - x86_user_copy(to, (const void *)(uintptr_t)va, size);
}

size_t hal_user_copy_out(uint64_t va, const void *from, size_t size)
{
    return size - x86_user_copy((void *)(uintptr_t)va, from, size);
}

size_t hal_user_copy_string(char *to, uint64_t va, size_t size, bool *ended)
{
    return size - x86_user_string(to, (const void *)(uintptr_t)va, size, ended);
}

bool hal_user_load(uint64_t va, unsigned width, uint64_t *value)
{
    return (width == 4 ? x86_user_load4(va, value) : x86_user_load8(va, value)) != 0;
}

bool hal_user_store(uint64_t va, unsigned width, uint64_t value)
{
    return (width == 4 ? x86_user_store4(va, value) : x86_user_store8(va, value)) != 0;
}

bool hal_user_cas(uint64_t va, unsigned width, uint64_t expected, uint64_t desired, uint64_t *found)
{
    return (width == 4 ? x86_user_cas4(va, expected, desired, found)
                       : x86_user_cas8(va, expected, desired, found)) != 0;
}
