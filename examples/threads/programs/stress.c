/* SPDX-License-Identifier: BSD-2-Clause
 *
 * More threads than CPUs fill all that a switch of threads must keep with values of their own, spin for long
 * enough to be preempted many times, and look whether all is still there: general registers, flags, vector
 * registers (the upper halves as well where there is AVX), MXCSR, FS and GS base, and memory.
 */
#include "thread.h"

#define THREADS    6u
#define ROUNDS     UINT64_C(12)
#define SPINS      UINT64_C(500000)
#define GENERAL    13u
#define WORDS      64u /* of vector registers: 16 of 32 bytes */
#define SLEEPERS   8u
#define PAUSE      50000 /* nanoseconds */
#define ARRAY_SIZE (2 * PAGE_SIZE)
#define FLAGS      UINT64_C(0xcd5) /* CF, PF, AF, ZF, SF, DF, OF */

/* The general registers are all but rsp, the counter rcx, and rdi, which points here. The code below knows
 * the offsets. Without AVX the vector registers are 16 bytes apart. */
struct registers {
    uint64_t general[GENERAL], flags;
    uint64_t vector[WORDS];
    uint32_t mxcsr, unused;
};

#define LOAD_GENERAL(n, reg)  "movq " #n "*8(%rdi), %" #reg "\n"
#define STORE_GENERAL(n, reg) "movq %" #reg ", " #n "*8(%rdi)\n"
#define LOAD_SSE(n)           "movdqu 112+" #n "*16(%rdi), %xmm" #n "\n"
#define STORE_SSE(n)          "movdqu %xmm" #n ", 112+" #n "*16(%rdi)\n"
#define LOAD_AVX(n)           "vmovdqu 112+" #n "*32(%rdi), %ymm" #n "\n"
#define STORE_AVX(n)          "vmovdqu %ymm" #n ", 112+" #n "*32(%rdi)\n"
#define EACH_VECTOR(f)        f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define EACH_GENERAL(f)                                                                                      \
    f(0, rax) f(1, rbx) f(2, rdx) f(3, rsi) f(4, rbp) f(5, r8) f(6, r9) f(7, r10) f(8, r11) f(9, r12)        \
        f(10, r13) f(11, r14) f(12, r15)

/* NAME(registers, count): loads all, counts rcx down by instructions that leave the flags alone, stores all.
 */
#define SPIN(name, load_vector, store_vector, end)                                                           \
    void name(struct registers *registers, uint64_t count);                                                  \
    __asm__(                                                                                                 \
        ".globl " #name "\n" #name ":\n"                                                                     \
        "pushq %rbx\npushq %rbp\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"                           \
        "movq %rsi, %rcx\n"                                                                                  \
        "ldmxcsr 624(%rdi)\n" EACH_VECTOR(load_vector) "pushq 104(%rdi)\npopfq\n" EACH_GENERAL(              \
            LOAD_GENERAL) "1: leaq -1(%rcx), %rcx\n"                                                         \
                          "jrcxz 2f\n"                                                                       \
                          "jmp 1b\n"                                                                         \
                          "2:\n" EACH_GENERAL(STORE_GENERAL) "pushfq\npopq 104(%rdi)\ncld\n" EACH_VECTOR(    \
                              store_vector) "stmxcsr 624(%rdi)\n" end                                        \
                                            "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbp\npopq "   \
                                            "%rbx\nret\n")

SPIN(spin_sse, LOAD_SSE, STORE_SSE, "");
SPIN(spin_avx, LOAD_AVX, STORE_AVX, "vzeroupper\n");

/* Whether the CPU has AVX and its system keeps it (Intel SDM vol. 1, 14.3). */
static bool has_avx(void)
{
    uint32_t a = 1, b, c = 0, d, low, high;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if ((c >> 27 & 3) != 3) { /* OSXSAVE, AVX */
        return false;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

/* Different for each thread, round and place. */
static uint64_t value_of(uint64_t seed, uint64_t index)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + index;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 31;
}

/* What a thread found changed. */
struct findings {
    uint32_t general, flags, vector, bases, memory, rounds;
};

static struct findings findings[THREADS];
static struct thread threads[THREADS];
static uint32_t ended;
static bool avx;

static void spin_round(struct findings *found, uint64_t seed)
{
    struct registers registers;
    uint64_t words = avx ? WORDS : WORDS / 2;
    uint64_t flags = value_of(seed, 50) & FLAGS;
    for (uint64_t i = 0; i < GENERAL; i++) {
        registers.general[i] = value_of(seed, i);
    }
    for (uint64_t i = 0; i < words; i++) {
        registers.vector[i] = value_of(seed, 100 + i);
    }
    registers.flags = flags | 2; /* that bit is always set */
    /* All exceptions masked; the rounding mode is bits 13 and 14. */
    uint32_t mxcsr = 0x1f80u | (uint32_t)(seed & 3) << 13;
    registers.mxcsr = mxcsr;

    (avx ? spin_avx : spin_sse)(&registers, SPINS);

    for (uint64_t i = 0; i < GENERAL; i++) {
        found->general += registers.general[i] != value_of(seed, i) ? 1 : 0;
    }
    for (uint64_t i = 0; i < words; i++) {
        found->vector += registers.vector[i] != value_of(seed, 100 + i) ? 1 : 0;
    }
    found->vector += registers.mxcsr != mxcsr ? 1 : 0;
    found->flags += (registers.flags & FLAGS) != flags ? 1 : 0;
}

static uint64_t gs_word(void)
{
    uint64_t word;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(word));
    return word;
}

static void fill(volatile uint64_t *array, uint64_t seed)
{
    for (uint64_t i = 0; i < ARRAY_SIZE / 8; i++) {
        array[i] = value_of(seed, i);
    }
}

static uint32_t changes(const volatile uint64_t *array, uint64_t seed)
{
    uint32_t count = 0;
    for (uint64_t i = 0; i < ARRAY_SIZE / 8; i++) {
        count += array[i] != value_of(seed, i) ? 1 : 0;
    }
    return count;
}

static void work_rounds(uint64_t who)
{
    struct findings *found = &findings[who];
    uint64_t stack = (uint64_t)threads[who].stack, own = ~stack;
    int64_t array = map_pages(0, ARRAY_SIZE, PROT_READ | PROT_WRITE, 0);
    if (array < 0 || system_call(CALL_ARCH_PRCTL, ARCH_SET_GS, (uint64_t)&own, 0, 0) != 0) {
        return;
    }
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t seed = who * 1001 + round;
        fill((volatile uint64_t *)array, seed);
        spin_round(found, seed);
        found->bases += thread_pointer() != stack || gs_word() != ~stack ? 1 : 0;
        found->memory += changes((volatile uint64_t *)array, seed);
        found->rounds++;
        (void)system_call(CALL_SCHED_YIELD, 0, 0, 0, 0);
    }
}

static void work(uint64_t who)
{
    work_rounds(who);
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
}

/* A sleeper whose time is up interrupts a worker: together they do so far more often than the kernel's tick.
 */
static void disturb(uint64_t who)
{
    while (__atomic_load_n(&ended, __ATOMIC_RELAXED) < THREADS) {
        sleep_for((int64_t)(who + 1) * PAUSE);
    }
}

int main(int argc, char **argv)
{
    static struct thread sleepers[SLEEPERS];
    struct findings all = {0, 0, 0, 0, 0, 0};
    bool started = true;
    (void)argc;
    (void)argv;
    avx = has_avx();
    for (uint32_t i = 0; i < THREADS; i++) {
        started = started && thread_start(&threads[i], work, i);
    }
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        started = started && thread_start(&sleepers[i], disturb, i);
    }
    if (!started) {
        print("no threads\n");
        exit_group(1);
    }
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        thread_join(&sleepers[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
        all.general += findings[i].general;
        all.flags += findings[i].flags;
        all.vector += findings[i].vector;
        all.bases += findings[i].bases;
        all.memory += findings[i].memory;
        all.rounds += findings[i].rounds;
    }
    say("all rounds were run", all.rounds == THREADS * ROUNDS);
    say("general registers kept their values", all.general == 0);
    say("flags kept their values", all.flags == 0);
    say("vector registers kept their values", all.vector == 0);
    say("FS and GS base kept their values", all.bases == 0);
    say("memory kept its contents", all.memory == 0);
    return 0;
}
