/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attempts that only the real machine can judge, because the engine that runs user code on the hosted one
 * (Unicorn 2.0.1) has no AVX and takes every VEX-encoded instruction for an invalid one. Not in the default
 * initrd: hello-real.initrd has it. On a CPU without AVX the attempts end in an invalid opcode and the lines
 * are the same.
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

static bool report(const char *what, bool well)
{
    print(what);
    print(well ? ": yes\n" : ": NO\n");
    return well;
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

    for (size_t i = 0; i < 4; i++) {
        ymm_after[i] = ymm_before[i] =
            (uint64_t)system_call(CALL_GETPID, 0, 0, 0, 0) * 0x0123456789abcdef + i;
    }
    (void)make_attempts("AVX state and other tasks", keep, COUNT_OF(keep));
    for (size_t i = 0; i < 4; i++) {
        well &= ymm_after[i] == ymm_before[i];
    }
    (void)report("the register kept its value", well);
    return well ? 0 : 1;
}
