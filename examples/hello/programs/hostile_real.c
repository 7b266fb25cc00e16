/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attempts that only the real machine can judge, because the engine that runs user code on the hosted one
 * (Unicorn 2.0.1) has no AVX and takes every VEX-encoded instruction for an invalid one, and knows no UMIP.
 * Not in the default initrd: hello-real.initrd has it. On a CPU without AVX or AVX-512 the attempts end in an
 * invalid opcode and the lines are the same.
 */
#include "attempt.h"

static uint64_t ymm_after[4];
uint64_t ymm_before[4]; /* the assembly below names it, hence not static */

/* A fresh task's vector registers must hold nothing of anybody's: the upper halves of all 16, or-ed together.
 */
ATTEMPT_CODE(do_collect, "vorps %ymm1, %ymm0, %ymm0; vorps %ymm2, %ymm0, %ymm0; vorps %ymm3, %ymm0, %ymm0;"
                         "vorps %ymm4, %ymm0, %ymm0; vorps %ymm5, %ymm0, %ymm0; vorps %ymm6, %ymm0, %ymm0;"
                         "vorps %ymm7, %ymm0, %ymm0; vorps %ymm8, %ymm0, %ymm0; vorps %ymm9, %ymm0, %ymm0;"
                         "vorps %ymm10, %ymm0, %ymm0; vorps %ymm11, %ymm0, %ymm0; vorps %ymm12, %ymm0, %ymm0;"
                         "vorps %ymm13, %ymm0, %ymm0; vorps %ymm14, %ymm0, %ymm0; vorps %ymm15, %ymm0, %ymm0;"
                         "vmovups %ymm0, (%rdi)");

/* Loads a register whole, is preempted on the way, stores it. */
ATTEMPT_CODE(do_keep, "vmovups ymm_before, %ymm15; movl $100000000, %ecx; 1: decl %ecx; jnz 1b;"
                      "movl $24, %eax; syscall; vmovups %ymm15, (%rdi)");

/* The same of what AVX-512 adds: 16 registers and the mask registers. */
static uint64_t zmm_after[9];
uint64_t zmm_before[9];
uint64_t zmm_works; /* the attempt went through */

ATTEMPT_CODE(do_collect_wide,
             "vporq %zmm17, %zmm16, %zmm16; vporq %zmm18, %zmm16, %zmm16; vporq %zmm19, %zmm16, %zmm16;"
             "vporq %zmm20, %zmm16, %zmm16; vporq %zmm21, %zmm16, %zmm16; vporq %zmm22, %zmm16, %zmm16;"
             "vporq %zmm23, %zmm16, %zmm16; vporq %zmm24, %zmm16, %zmm16; vporq %zmm25, %zmm16, %zmm16;"
             "vporq %zmm26, %zmm16, %zmm16; vporq %zmm27, %zmm16, %zmm16; vporq %zmm28, %zmm16, %zmm16;"
             "vporq %zmm29, %zmm16, %zmm16; vporq %zmm30, %zmm16, %zmm16; vporq %zmm31, %zmm16, %zmm16;"
             "korw %k2, %k1, %k1; korw %k3, %k1, %k1; korw %k4, %k1, %k1; korw %k5, %k1, %k1;"
             "korw %k6, %k1, %k1; korw %k7, %k1, %k1; vmovups %zmm16, (%rdi); kmovw %k1, 64(%rdi);"
             "movq $1, zmm_works");
ATTEMPT_CODE(do_keep_wide,
             "vmovups zmm_before, %zmm31; kmovw zmm_before + 64, %k5; movl $20000000, %ecx; 1: decl %ecx;"
             "jnz 1b; movl $24, %eax; syscall; vmovups %zmm31, (%rdi); kmovw %k5, 64(%rdi)");

/* Where segments and tables lie is the kernel's own affair, if the CPU can keep it to itself (UMIP). */
ATTEMPT_CODE(do_look, "sgdt -16(%rsp); movq $1, (%rdi)");

#define BIT_AVX512F 16u /* of EBX */
#define BIT_UMIP    2u  /* of ECX */

/* CPUID leaf 7 (Intel SDM vol. 2A); false where there is no such leaf. */
static bool features(uint32_t *ebx, uint32_t *ecx)
{
    uint32_t eax = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(*ebx), "=c"(*ecx), "=d"(edx) : "2"(0));
    if (eax < 7) {
        return false;
    }
    eax = 7;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(*ebx), "=c"(*ecx), "=d"(edx) : "2"(0));
    return true;
}

static bool has_umip(void)
{
    uint32_t ebx, ecx;

    return features(&ebx, &ecx) && (ecx >> BIT_UMIP & 1) != 0;
}

static bool has_avx512(void)
{
    uint32_t ebx, ecx;

    return features(&ebx, &ecx) && (ebx >> BIT_AVX512F & 1) != 0;
}

static bool report(const char *what, bool well)
{
    print(what);
    print(well ? ": yes\n" : ": NO\n");
    return well;
}

static bool umip_holds(void)
{
    static uint64_t looked;
    static const struct attempt look[] = {{"sgdt", SURVIVED, do_look, (uint64_t)&looked}};

    (void)make_attempts("user-mode instruction prevention", look, COUNT_OF(look));
    return report("refused where the CPU can", looked == (has_umip() ? 0 : 1));
}

static bool wide_registers_are_empty(void)
{
    static const struct attempt collect[] = {
        {"all that AVX-512 adds", SURVIVED, do_collect_wide, (uint64_t)zmm_after}};
    uint64_t found = 0;

    (void)make_attempts("a new task's AVX-512 state", collect, COUNT_OF(collect));
    for (size_t i = 0; i < COUNT_OF(zmm_after); i++) {
        found |= zmm_after[i];
    }
    return report("it is zero, and there is some where the CPU has it",
                  found == 0 && zmm_works == (has_avx512() ? 1 : 0));
}

static bool wide_registers_are_kept(uint64_t own)
{
    static const struct attempt keep[] = {
        {"preemption with AVX-512 state", SURVIVED, do_keep_wide, (uint64_t)zmm_after}};
    bool well = true;

    for (size_t i = 0; i < COUNT_OF(zmm_before); i++) {
        zmm_before[i] = own * 0x0123456789abcdef + i;
        zmm_after[i] = zmm_before[i];
    }
    zmm_after[8] = zmm_before[8] &= 0xffff; /* a mask of 16 bits */
    (void)make_attempts("AVX-512 state and other tasks", keep, COUNT_OF(keep));
    for (size_t i = 0; i < COUNT_OF(zmm_before); i++) {
        well &= zmm_after[i] == zmm_before[i];
    }
    return report("the registers kept their values", well);
}

int main(int argc, char **argv)
{
    static const struct attempt collect[] = {
        {"upper halves of all registers", SURVIVED, do_collect, (uint64_t)ymm_after}};
    static const struct attempt keep[] = {
        {"preemption with AVX state", SURVIVED, do_keep, (uint64_t)ymm_after}};
    (void)argc;
    (void)argv;
    if (system_call(0x4b01, 0, 0, 0, 0) != 0) {
        print("this program needs the fault handler of the hello kernel\n");
        return 2;
    }
    (void)make_attempts("a new task's AVX state", collect, COUNT_OF(collect));
    bool well = report("upper halves are zero", (ymm_after[2] | ymm_after[3]) == 0);
    well &= wide_registers_are_empty();
    well &= umip_holds();

    for (size_t i = 0; i < 4; i++) {
        ymm_after[i] = ymm_before[i] =
            (uint64_t)system_call(CALL_GETPID, 0, 0, 0, 0) * 0x0123456789abcdef + i;
    }
    (void)make_attempts("AVX state and other tasks", keep, COUNT_OF(keep));
    bool kept = true;
    for (size_t i = 0; i < 4; i++) {
        kept &= ymm_after[i] == ymm_before[i];
    }
    well &= report("the register kept its value", kept);
    well &= wide_registers_are_kept((uint64_t)system_call(CALL_GETPID, 0, 0, 0, 0));
    return well ? 0 : 1;
}
