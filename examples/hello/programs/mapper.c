/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Maps memory, uses it, gives it back, and touches it once more: that fault is its end, and has to be.
 */
#include "user.h"

#define PAGES UINT64_C(3)

/* New memory reads as zeroes, and keeps what is written. */
static bool memory_works(volatile uint64_t *words, uint64_t word_count)
{
    for (uint64_t i = 0; i < word_count; i++) {
        if (words[i] != 0) {
            return false;
        }
    }
    for (uint64_t i = 0; i < word_count; i++) {
        words[i] = i * UINT64_C(0x9e3779b97f4a7c15);
    }
    for (uint64_t i = 0; i < word_count; i++) {
        if (words[i] != i * UINT64_C(0x9e3779b97f4a7c15)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    volatile uint64_t *words = NULL;
    for (int turn = 0; turn < 3; turn++) {
        int64_t address = map_pages(0, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
        if (address < 0) {
            print("mmap failed\n");
            return 1;
        }
        words = (volatile uint64_t *)address;
        if (!memory_works(words, PAGES * PAGE_SIZE / sizeof(*words))) {
            print("the memory is not zeroed or does not keep its contents\n");
            return 1;
        }
        if (system_call(CALL_MUNMAP, (uint64_t)address, PAGES * PAGE_SIZE, 0, 0) != 0) {
            print("munmap failed\n");
            return 1;
        }
        print("mapped, used and unmapped 3 pages\n");
    }
    print("touching them again\n");
    words[0] = 1;
    print("still there\n");
    return 1;
}
