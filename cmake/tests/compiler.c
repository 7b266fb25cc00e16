/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What Keel asks of its compiler beyond C17 must be done right by each that is used, with the flags of each
 * build tree: functions marked KEEL_COLD answer what they compute, keep what their callers have in registers,
 * and take all their arguments. (That of LLVM 14 loses what functions answer that keep their callers'
 * registers.)
 */
#include <stdint.h>
#include <stdio.h>

#include "keel/cold.h"

static volatile uint64_t noise = 3;

KEEL_COLD static uint64_t whole(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    uint64_t sum = noise;
    for (unsigned i = 0; i < 8; i++) {
        sum = sum * 31 + (a ^ b ^ c ^ d ^ e ^ f ^ noise);
    }
    return sum;
}

KEEL_COLD static int32_t status(uint64_t value)
{
    return value == whole(1, 2, 3, 4, 5, 6) ? -7 : 0;
}

KEEL_COLD static const void *pointer(const void *given, int32_t answer)
{
    return answer == -7 ? given : NULL;
}

int main(void)
{
    uint64_t expected = 3, seven = noise + 4, eight = noise + 5, nine = noise + 6;
    for (unsigned i = 0; i < 8; i++) {
        expected = expected * 31 + (1 ^ 2 ^ 3 ^ 4 ^ 5 ^ 6 ^ 3);
    }
    uint64_t found = whole(1, 2, 3, 4, 5, 6);
    int32_t answer = status(found);
    const void *address = pointer(&expected, answer);
    if (found != expected || answer != -7 || address != &expected || seven != 7 || eight != 8 || nine != 9) {
        printf("a function marked KEEL_COLD is compiled wrongly\n");
        return 1;
    }
    return 0;
}
