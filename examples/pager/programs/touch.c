/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the first touch of an anonymous page costs, in ticks of the time stamp counter. Few enough pages that
 * none has to be evicted for them; the page tables are there from the first round on. Runs on Linux, too.
 */
#include "user.h"

#define PAGES  UINT64_C(16)
#define ROUNDS 50u

/* Read after all earlier loads, and before all later ones (Intel SDM vol. 2B, RDTSC). */
static uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

int main(int argc, char **argv)
{
    uint64_t least = UINT64_MAX, all = 0;
    (void)argc;
    (void)argv;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        int64_t address = map_pages(0, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
        if (address < 0) {
            return 1;
        }
        uint64_t start = ticks();
        for (uint64_t page = 0; page < PAGES; page++) {
            *(volatile char *)(address + (int64_t)(page * PAGE_SIZE)) = 1;
        }
        uint64_t taken = (ticks() - start) / PAGES;
        (void)system_call(CALL_MUNMAP, (uint64_t)address, PAGES * PAGE_SIZE, 0, 0);
        least = taken < least ? taken : least;
        all += taken;
    }
    print("ticks for each page: least ");
    print_decimal((int64_t)least);
    print(", mean ");
    print_decimal((int64_t)(all / ROUNDS));
    print("\n");
    return 0;
}
