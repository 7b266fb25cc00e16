/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fills every general and vector register with values of its own, spins for long enough to be preempted many
 * times while another spinner does the same with other values, and looks whether all are still there.
 */
#include "user.h"

#define ROUNDS 20
#define SPINS  UINT64_C(1000000)

/* 13 general registers (all but rsp, the counter rcx, and rdi, which points here), 16 XMM registers, MXCSR.
 * The code below knows the offsets. */
struct registers {
    uint64_t general[13], unused;
    uint64_t vector[32];
    uint32_t mxcsr, unused_too;
};

#define LOAD_GENERAL(n, reg)  "movq " #n "*8(%rdi), %" #reg "\n"
#define STORE_GENERAL(n, reg) "movq %" #reg ", " #n "*8(%rdi)\n"
#define LOAD_VECTOR(n)        "movdqu 112+" #n "*16(%rdi), %xmm" #n "\n"
#define STORE_VECTOR(n)       "movdqu %xmm" #n ", 112+" #n "*16(%rdi)\n"
#define EACH_VECTOR(f)        f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define EACH_GENERAL(f)                                                                                      \
    f(0, rax) f(1, rbx) f(2, rdx) f(3, rsi) f(4, rbp) f(5, r8) f(6, r9) f(7, r10) f(8, r11) f(9, r12)        \
        f(10, r13) f(11, r14) f(12, r15)

/* spin(registers, count): loads all, counts rcx down, stores all. rdi is checked by the stores that go
 * through it. */
void spin(struct registers *registers, uint64_t count);

__asm__(".globl spin\n"
        "spin:\n"
        "    pushq %rbx\n"
        "    pushq %rbp\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsi, %rcx\n"
        "    ldmxcsr 368(%rdi)\n" EACH_VECTOR(LOAD_VECTOR)
            EACH_GENERAL(LOAD_GENERAL) "1:  decq %rcx\n"
                                       "    jnz 1b\n" EACH_GENERAL(STORE_GENERAL)
                                           EACH_VECTOR(STORE_VECTOR) "    stmxcsr 368(%rdi)\n"
                                                                     "    popq %r15\n"
                                                                     "    popq %r14\n"
                                                                     "    popq %r13\n"
                                                                     "    popq %r12\n"
                                                                     "    popq %rbp\n"
                                                                     "    popq %rbx\n"
                                                                     "    ret\n");

/* A round's values: different for each register, round and process. */
static uint64_t value_of(uint64_t seed, uint64_t index)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + index;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 31;
}

static bool round_holds(uint64_t seed)
{
    struct registers registers;
    bool same = true;
    for (uint64_t i = 0; i < 13; i++) {
        registers.general[i] = value_of(seed, i);
    }
    for (uint64_t i = 0; i < 32; i++) {
        registers.vector[i] = value_of(seed, 100 + i);
    }
    /* All exceptions masked, the rounding mode (bits 13 and 14) changes from round to round. */
    uint32_t mxcsr = 0x1f80u | (uint32_t)(seed & 3) << 13;
    registers.mxcsr = mxcsr;

    spin(&registers, SPINS);

    for (uint64_t i = 0; i < 13; i++) {
        same &= registers.general[i] == value_of(seed, i);
    }
    for (uint64_t i = 0; i < 32; i++) {
        same &= registers.vector[i] == value_of(seed, 100 + i);
    }
    return same && registers.mxcsr == mxcsr;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint64_t pid = (uint64_t)system_call(CALL_GETPID, 0, 0, 0, 0);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        if (!round_holds(pid * 1001 + round)) {
            print("a register changed\n");
            return 1;
        }
        (void)system_call(CALL_SCHED_YIELD, 0, 0, 0, 0);
    }
    print("OK: every register kept its value\n");
    return 0;
}
