/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What only code that breaks every rule can do, for test kernels that must: ports that no client is given,
 * and entries of the kernel's own page tables. For the real machine only.
 */
#ifndef KERNELS_BY_HAND_H
#define KERNELS_BY_HAND_H

#include <stdint.h>

/* hal/x86_64/layout.h; Intel SDM vol. 3A, table 4-20. */
#define LINEAR_BASE   UINT64_C(0xffff800000000000)
#define ENTRY_PRESENT (UINT64_C(1) << 0)
#define ENTRY_WRITE   (UINT64_C(1) << 1)
#define ENTRY_USER    (UINT64_C(1) << 2)
#define ENTRY_LARGE   (UINT64_C(1) << 7)
#define ENTRY_NX      (UINT64_C(1) << 63)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void port_write32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t port_read32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t page_root(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value & ENTRY_ADDRESS;
}

/* The entry that maps `va`, which is mapped, by a page of any size. */
static inline volatile uint64_t *leaf_of(uint64_t va)
{
    uint64_t table = page_root();
    for (unsigned level = 3;; level--) {
        uint64_t index = va >> (12 + 9 * level) & 511;
        volatile uint64_t *entry = (volatile uint64_t *)(uintptr_t)(LINEAR_BASE + table + index * 8);
        if (level == 0 || (*entry & ENTRY_LARGE) != 0) {
            return entry;
        }
        table = *entry & ENTRY_ADDRESS;
    }
}

#endif
