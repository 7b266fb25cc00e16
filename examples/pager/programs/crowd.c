/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Uses many times the pages that its kernel has frames for.
 */
#include "user.h"

#define PAGES      UINT64_C(200)
#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))
#define ODD_PAGES  UINT64_C(4)

/* Every word of page `page` is `value`. */
static bool page_holds(const volatile uint64_t *words, uint64_t page, uint64_t value)
{
    for (uint64_t i = 0; i < PAGE_WORDS; i++) {
        if (words[page * PAGE_WORDS + i] != value) {
            return false;
        }
    }
    return true;
}

static bool all_hold(const volatile uint64_t *words, uint64_t factor)
{
    uint64_t right = 0;
    for (uint64_t page = PAGES; page > 0; page--) {
        right += page_holds(words, page - 1, (page - 1) * factor) ? 1 : 0;
    }
    return right == PAGES;
}

static void fill(volatile uint64_t *words, uint64_t factor)
{
    for (uint64_t page = 0; page < PAGES; page++) {
        for (uint64_t i = 0; i < PAGE_WORDS; i++) {
            words[page * PAGE_WORDS + i] = page * factor;
        }
    }
}

static uint64_t odd(uint64_t i)
{
    return i * UINT64_C(0x9e3779b97f4a7c15);
}

static bool odd_pages_hold(const volatile uint64_t *words)
{
    for (uint64_t i = 0; i < ODD_PAGES * PAGE_WORDS; i++) {
        if (words[i] != odd(i)) {
            return false;
        }
    }
    return true;
}

static volatile uint64_t *map(uint64_t pages)
{
    int64_t address = map_pages(0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
    return address < 0 ? NULL : (volatile uint64_t *)address;
}

static void say(const char *what, bool holds)
{
    print(what);
    print(holds ? ": yes\n" : ": no\n");
}

int main(int argc, char **argv)
{
    static const char text[] = "the kernel reads what it had taken out\n";
    volatile uint64_t *words = map(PAGES), *odd_words = map(ODD_PAGES), *one = map(1);
    (void)argc;
    (void)argv;
    if (words == NULL || odd_words == NULL || one == NULL) {
        print("mmap failed\n");
        return 1;
    }
    for (uint64_t i = 0; i < ODD_PAGES * PAGE_WORDS; i++) {
        odd_words[i] = odd(i);
    }
    for (uint64_t i = 0; i < sizeof(text); i++) {
        ((volatile char *)one)[i] = text[i];
    }
    say("200 new pages are zero", all_hold(words, 0));
    fill(words, 3);
    say("200 pages keep what was written", all_hold(words, 3));
    fill(words, 5);
    say("and what was written over it", all_hold(words, 5));
    say("4 pages that do not compress keep it, too", odd_pages_hold(odd_words));
    (void)system_call(CALL_WRITE, 1, (uint64_t)one, sizeof(text) - 1, 0);
    if (system_call(CALL_MUNMAP, (uint64_t)words, PAGES * PAGE_SIZE, 0, 0) != 0) {
        print("munmap failed\n");
        return 1;
    }
    words = map(PAGES);
    say("unmapped and mapped again they are zero", words != NULL && all_hold(words, 0));
    return 0;
}
