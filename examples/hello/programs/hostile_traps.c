/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Exceptions of every kind that a program can raise, and software interrupts.
 */
#include "attempt.h"

ATTEMPT_CODE(do_ud2, "ud2");
ATTEMPT_CODE(do_push_es, ".byte 0x06"); /* gone in 64-bit mode, as the next two are */
ATTEMPT_CODE(do_into, ".byte 0xce");
ATTEMPT_CODE(do_aam, ".byte 0xd4, 0x00");
ATTEMPT_CODE(do_int3, "int3");
ATTEMPT_CODE(do_divide, "xorl %ecx, %ecx; xorl %edx, %edx; movl $1, %eax; divl %ecx");
ATTEMPT_CODE(do_divide_overflow,
             "movabsq $0x8000000000000000, %rax; movq $-1, %rdx; movq $-1, %rcx; idivq %rcx");
ATTEMPT_CODE(do_x87, "fninit; pushq $0x37b; fldcw (%rsp); popq %rax; fld1; fldz; fdivrp; fwait");
ATTEMPT_CODE(do_long, ".fill 15, 1, 0x66; nop"); /* 16 bytes, one more than an instruction may have */
ATTEMPT_CODE(do_trap_flag, "pushfq; orl $0x100, (%rsp); popfq; nop; nop");
ATTEMPT_CODE(do_trap_flag_call, "movl $39, %eax; pushfq; orl $0x100, (%rsp); popfq; syscall; nop; nop");
ATTEMPT_CODE(do_alignment,
             "pushfq; orl $0x40000, (%rsp); popfq; movq -31(%rsp), %rax; movl $39, %eax; syscall");
ATTEMPT_CODE(do_simd, "pushq $0; ldmxcsr (%rsp); popq %rax; xorps %xmm0, %xmm0; divss %xmm0, %xmm0");
ATTEMPT_CODE(do_sysenter, "sysenter");
ATTEMPT_CODE(do_load_cs_stack, "movl $0x08, %eax; movl %eax, %ss");
ATTEMPT_CODE(do_load_own_stack, "movl %ss, %eax; movl %eax, %ss; movl $39, %eax; syscall");
ATTEMPT_CODE(do_null_segments,
             "xorl %eax, %eax; movl %eax, %ds; movl %eax, %es; movl %eax, %fs; movl %eax, %gs;"
             "movl $39, %eax; syscall");
ATTEMPT_CODE(do_own_gs, "movl %ss, %eax; movl %eax, %gs; movl %eax, %fs; movl $39, %eax; syscall");
ATTEMPT_CODE(do_wrgsbase, "wrgsbase %rdi; movl $39, %eax; syscall");
ATTEMPT_CODE(do_iretq_nested,
             "pushfq; orl $0x4000, (%rsp); popfq; movq %rsp, %rax; movl %ss, %ecx; pushq %rcx;"
             "pushq %rax; pushfq; movl %cs, %ecx; pushq %rcx; leaq 1f(%rip), %rax; pushq %rax;"
             "iretq; 1:");

#define INT_CODE(n) ATTEMPT_CODE(do_int_##n, "int $" #n)
INT_CODE(0);
INT_CODE(1);
INT_CODE(2);
INT_CODE(8);
INT_CODE(13);
INT_CODE(14);
INT_CODE(15);
INT_CODE(32);
INT_CODE(33);
INT_CODE(64);
INT_CODE(128);
INT_CODE(240);
INT_CODE(255);

uint32_t attempt_traps(void)
{
    static const struct attempt exceptions[] = {
        {"ud2", REPORTED, do_ud2, 0},
        {"push es", REPORTED, do_push_es, 0},
        {"into", REPORTED, do_into, 0},
        {"aam", REPORTED, do_aam, 0},
        {"int3", REPORTED, do_int3, 0},
        {"divide by zero", REPORTED, do_divide, 0},
        {"divide overflow", REPORTED, do_divide_overflow, 0},
        {"unmasked x87 exception", VECTOR, do_x87, 0},
        {"instruction of 16 bytes", REFUSED, do_long, 0},
        {"trap flag", VECTOR, do_trap_flag, 0},
        {"trap flag across a system call", VECTOR, do_trap_flag_call, 0},
        {"alignment check", SURVIVED, do_alignment, 0},
        {"unmasked SIMD exception", SURVIVED, do_simd, 0},
        {"sysenter", REFUSED, do_sysenter, 0},
        {"kernel code as stack segment", REFUSED, do_load_cs_stack, 0},
        {"stack segment, then system call", SURVIVED, do_load_own_stack, 0},
        {"null in all data segments", SURVIVED, do_null_segments, 0},
        {"own selector in gs and fs", SURVIVED, do_own_gs, 0},
        {"wrgsbase, kernel address", SURVIVED, do_wrgsbase, ADDRESS_IMAGE},
        {"wrgsbase, non-canonical", SURVIVED, do_wrgsbase, ADDRESS_NON_CANONICAL},
        {"iretq with the nested-task flag", REFUSED, do_iretq_nested, 0},
    };
    /* The error code should be 8 * n + 2 (Intel SDM vol. 3A, 6.13); QEMU 7.2 makes it 16 * n + 2. */
    static const struct attempt interrupts[] = {
        {"int 0", VECTOR, do_int_0, 0},      {"int 1", VECTOR, do_int_1, 0},
        {"int 2", VECTOR, do_int_2, 0},      {"int 8", VECTOR, do_int_8, 0},
        {"int 13", VECTOR, do_int_13, 0},    {"int 14", VECTOR, do_int_14, 0},
        {"int 15", VECTOR, do_int_15, 0},    {"int 32", VECTOR, do_int_32, 0},
        {"int 33", VECTOR, do_int_33, 0},    {"int 64", VECTOR, do_int_64, 0},
        {"int 0x80", VECTOR, do_int_128, 0}, {"int 240", VECTOR, do_int_240, 0},
        {"int 255", VECTOR, do_int_255, 0},
    };
    return make_attempts("exceptions", exceptions, COUNT_OF(exceptions)) +
           make_attempts("software interrupts", interrupts, COUNT_OF(interrupts));
}
