/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two programs, sharer-a and sharer-b, of one file: each writes its half of every shared page when it is its
 * turn, and checks what the other one wrote.
 */
#include "share.h"

#define ROUNDS     UINT64_C(20)
#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))
#define HALF       (PAGE_WORDS / 2)

static volatile uint64_t *words; /* the very first one says whose turn it is */

static void await_turn(uint64_t turn)
{
    while (__atomic_load_n(&words[0], __ATOMIC_ACQUIRE) != turn) {
        (void)system_call(CALL_SCHED_YIELD, 0, 0, 0, 0);
    }
}

static void write_half(uint64_t who, uint64_t round)
{
    for (uint64_t page = 0; page < SHARE_PAGES; page++) {
        for (uint64_t i = 1; i < HALF; i++) {
            words[page * PAGE_WORDS + who * HALF + i] = round * 100 + page * 2 + who;
        }
    }
}

static bool half_holds(uint64_t who, uint64_t round)
{
    bool right = true;
    for (uint64_t page = 0; page < SHARE_PAGES; page++) {
        for (uint64_t i = 1; i < HALF; i++) {
            right = right && words[page * PAGE_WORDS + who * HALF + i] == round * 100 + page * 2 + who;
        }
    }
    return right;
}

int main(int argc, char **argv)
{
    uint64_t me = argc > 0 && argv[0][7] == 'b' ? 1 : 0, right = 0;
    words = share(1);
    if ((int64_t)words < 0 || (int64_t)share(4) != -22 /* EINVAL */) {
        print("no shared memory\n");
        return 1;
    }
    for (uint64_t round = 0; round < ROUNDS; round++) {
        await_turn(round * 2 + me);
        right += round == 0 || half_holds(me, round - 1) ? 1 : 0;
        right += (round == 0 && me == 0) || half_holds(1 - me, me == 1 ? round : round - 1) ? 1 : 0;
        write_half(me, round);
        __atomic_store_n(&words[0], round * 2 + me + 1, __ATOMIC_RELEASE);
    }
    print_decimal((int64_t)right);
    print(" of 40 halves were right\n");
    return 0;
}
