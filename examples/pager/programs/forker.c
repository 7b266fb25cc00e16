/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Forks: parent and child each have all of the memory, and neither sees what the other writes to it, except
 * where they share it.
 */
#include "share.h"

#define PAGES      UINT64_C(40)
#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))

static volatile uint64_t global = 1;

/* Forks with a value in a vector register; `after` gets what is there when the call returns. */
static int64_t fork_with_vector(uint64_t before, uint64_t *after)
{
    int64_t result = CALL_FORK;
    __asm__ volatile("movq %2, %%xmm7\n\tsyscall\n\tmovq %%xmm7, %1"
                     : "+a"(result), "=r"(*after)
                     : "r"(before)
                     : "rcx", "r11", "xmm7", "memory");
    return result;
}

static void fill(volatile uint64_t *words, uint64_t first, uint64_t factor)
{
    for (uint64_t page = first; page < PAGES; page++) {
        words[page * PAGE_WORDS] = page * factor;
        words[page * PAGE_WORDS + PAGE_WORDS - 1] = factor;
    }
}

static bool holds(const volatile uint64_t *words, uint64_t first, uint64_t factor)
{
    bool right = true;
    for (uint64_t page = first; page < PAGES; page++) {
        right = right && words[page * PAGE_WORDS] == page * factor &&
                words[page * PAGE_WORDS + PAGE_WORDS - 1] == factor;
    }
    return right;
}

static void say(const char *what, bool right)
{
    print(what);
    print(right ? ": yes\n" : ": no\n");
}

static int child(volatile uint64_t *words, volatile uint64_t *shared)
{
    say("the child has the parent's pages", holds(words, 0, 3) && global == 1);
    fill(words, 0, 7);
    global = 2;
    __atomic_fetch_add(shared, 10, __ATOMIC_SEQ_CST);
    say("and now its own", holds(words, 0, 7) && global == 2);
    return 7;
}

/* Half of the pages it writes at once, half after the child has gone. */
static int parent(int64_t pid, volatile uint64_t *words, volatile uint64_t *shared)
{
    uint32_t status = 0;
    fill(words, PAGES / 2, 5);
    say("the parent has its own pages", holds(words, PAGES / 2, 5));
    int64_t waited = system_call(CALL_WAIT4, (uint64_t)pid, (uint64_t)&status, 0, 0);
    say("the child ended with 7", waited == pid && status == 7 << 8);
    say("the parent still has its own pages", holds(words, PAGES / 2, 5));
    fill(words, 0, 9);
    say("and may write to all of them", holds(words, 0, 9) && global == 1);
    say("what they share has changed", *shared == 11);
    return system_call(CALL_WAIT4, UINT64_MAX, 0, 0, 0) == -10 /* ECHILD */ ? 0 : 1;
}

int main(int argc, char **argv)
{
    volatile uint64_t *words =
        (volatile uint64_t *)map_pages(0, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
    volatile uint64_t *shared = share(0);
    uint64_t after = 0;
    (void)argc;
    (void)argv;
    if ((int64_t)words < 0 || (int64_t)shared < 0) {
        print("no memory\n");
        return 1;
    }
    fill(words, 0, 3);
    *shared = 1;
    int64_t pid = fork_with_vector(UINT64_C(0x0123456789abcdef), &after);
    if (pid < 0 || after != UINT64_C(0x0123456789abcdef)) {
        print("fork failed\n");
        return 1;
    }
    return pid == 0 ? child(words, shared) : parent(pid, words, shared);
}
