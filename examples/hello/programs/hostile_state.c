/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Register state: every flag bit, and images of the vector state that a CPU refuses to load.
 */
#include "attempt.h"

#define FLAG_TRAP 8u /* has attempts of its own: it traps */

/* Loads rflags with `flags`, makes a system call if `number` is one, and answers the flags found then. */
uint64_t flags_after(uint64_t flags, uint64_t number);

__asm__(".text\n"
        "flags_after:\n"
        "    movq %rsi, %rax\n"
        "    pushq %rdi\n"
        "    testq %rsi, %rsi\n"
        "    js 1f\n"
        "    popfq\n"
        "    syscall\n"
        "    pushfq\n"
        "    jmp 2f\n"
        "1:  popfq\n"
        "    pushfq\n"
        "2:  popq %rax\n"
        "    pushq $2\n"
        "    popfq\n"
        "    ret\n");

/* Sets one bit after the other and prints which of them were found set. */
static void try_flags(const char *title, uint64_t number)
{
    uint64_t found = 0;
    for (uint32_t bit = 0; bit < 64; bit++) {
        if (bit != FLAG_TRAP) {
            found |= flags_after(UINT64_C(1) << bit, number) & UINT64_C(1) << bit;
        }
    }
    print(title);
    print_hex(found);
    print("\n");
}

/* Bits that a program must never find set, whatever it loaded: the I/O privilege level and virtual-8086 ones.
 */
static uint32_t check_all_flags(void)
{
    uint64_t found = flags_after(~(UINT64_C(1) << FLAG_TRAP), CALL_GETPID);
    bool well = (found & UINT64_C(0x1a3000)) == 0;
    print(well ? "all flags at once: no privileged one stays\n"
               : "all flags at once: PRIVILEGED ONES STAY\n");
    return well ? 0 : 1;
}

/* 4 KiB, 64-byte aligned: any XSAVE image. All ones: every reserved bit is set. */
static _Alignas(64) uint8_t image[4096];

ATTEMPT_CODE(do_ldmxcsr, "pushq %rdi; ldmxcsr (%rsp); popq %rax; movl $39, %eax; syscall");
ATTEMPT_CODE(do_fxrstor, "fxrstor64 (%rdi); movl $39, %eax; syscall");
ATTEMPT_CODE(do_xrstor, "movl $-1, %eax; movl $-1, %edx; xrstor64 (%rdi); movl $39, %eax; syscall");
ATTEMPT_CODE(do_fldenv, "fldenv (%rdi); movl $39, %eax; syscall");

uint32_t attempt_state(void)
{
    for (size_t i = 0; i < sizeof(image); i++) {
        image[i] = 0xff;
    }
    const struct attempt attempts[] = {
        {"reserved bits in MXCSR", SURVIVED, do_ldmxcsr, 0xffffffff},
        {"all exceptions unmasked in MXCSR", SURVIVED, do_ldmxcsr, 0x0000003f},
        {"fxrstor of all ones", SURVIVED, do_fxrstor, (uint64_t)image},
        {"fxrstor, misaligned", SURVIVED, do_fxrstor, (uint64_t)image + 8},
        {"fxrstor from the kernel image", VECTOR, do_fxrstor, ADDRESS_IMAGE},
        {"xrstor of all ones", SURVIVED, do_xrstor, (uint64_t)image},
        {"xrstor, misaligned", SURVIVED, do_xrstor, (uint64_t)image + 16},
        {"fldenv of all ones", SURVIVED, do_fldenv, (uint64_t)image},
    };
    uint32_t failures = make_attempts("vector state", attempts, COUNT_OF(attempts));
    print("-- flags\n");
    try_flags("found at once: ", UINT64_MAX);
    try_flags("found after a system call: ", CALL_GETPID);
    return failures + check_all_flags();
}
