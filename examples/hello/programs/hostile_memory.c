/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory that is not the program's, or not for that use; and jumps to places where no code may be.
 */
#include "attempt.h"

ATTEMPT_CODE(do_read, "movq (%rdi), %rax");
ATTEMPT_CODE(do_write, "movq %rax, (%rdi)");
ATTEMPT_CODE(do_update, "lock incq (%rdi)");
ATTEMPT_CODE(do_jump, "jmp *%rdi");
ATTEMPT_CODE(do_call, "call *%rdi");
ATTEMPT_CODE(do_return, "pushq %rdi; ret");
ATTEMPT_CODE(do_copy, "movq %rdi, %rsi; leaq -64(%rsp), %rdi; movl $8, %ecx; rep movsb");
ATTEMPT_CODE(do_read_across, "movq -4(%rdi), %rax");
ATTEMPT_CODE(do_write_code, "leaq 1f(%rip), %rax; 1: movb $0xc3, (%rax)");
ATTEMPT_CODE(do_run_stack, "pushq $0xc3; jmp *%rsp"); /* 0xc3: ret */

/* The last page below the user limit, mapped executable by this file's own ELF segment: the instruction that
 * ends it is a system call, whose return address is past the limit. Jumping one byte further fetches the tail
 * of that instruction as one that goes on past the limit. */
__asm__(".section .top, \"ax\"\n"
        ".zero 4094\n"
        "syscall\n"
        ".text\n");
#define TOP_SYSCALL (ADDRESS_LIMIT - 2)
ATTEMPT_CODE(do_top_call, "movl $39, %eax; jmp *%rdi");

static const uint64_t constant = 1;
static uint64_t variable = 0xc3; /* ret, if it could be executed */

/* Attempts at addresses that are known only now. */
static uint32_t attempt_own(void)
{
    uint64_t own = (uint64_t)map_pages(0, PAGE_SIZE, PROT_READ, 0);
    uint64_t gone = (uint64_t)map_pages(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
    uint64_t nothing = (uint64_t)map_pages(0, PAGE_SIZE, PROT_NONE, 0);
    (void)system_call(CALL_MUNMAP, gone, PAGE_SIZE, 0, 0);
    const struct attempt attempts[] = {
        {"write to its own code", REPORTED, do_write_code, 0},
        {"write to a constant", REPORTED, do_write, (uint64_t)&constant},
        {"write to a read-only page", REPORTED, do_write, own},
        {"read across the end of a mapping", REPORTED, do_read_across, gone},
        {"read unmapped memory", REPORTED, do_read, gone},
        {"read memory without rights", REPORTED, do_read, nothing},
        {"execute a variable", REPORTED, do_jump, (uint64_t)&variable},
        {"execute the stack", REPORTED, do_run_stack, 0},
        {"execute a read-only page", REPORTED, do_jump, own},
        {"execute unmapped memory", REPORTED, do_call, gone},
    };
    return make_attempts("its own memory", attempts, COUNT_OF(attempts));
}

uint32_t attempt_memory(void)
{
    static const struct attempt foreign[] = {
        {"read null", REPORTED, do_read, 0},
        {"write null", REPORTED, do_write, 0},
        {"jump to null", REPORTED, do_jump, 0},
        {"read the linear map", REPORTED, do_read, ADDRESS_LINEAR},
        {"write the linear map", REPORTED, do_write, ADDRESS_LINEAR},
        {"jump to the linear map", REPORTED, do_jump, ADDRESS_LINEAR},
        {"read the kernel window", REPORTED, do_read, ADDRESS_WINDOW},
        {"read the kernel image", REPORTED, do_read, ADDRESS_IMAGE},
        {"write the kernel image", REPORTED, do_write, ADDRESS_IMAGE},
        {"call the kernel image", REPORTED, do_call, ADDRESS_IMAGE},
        {"copy from the kernel image", REPORTED, do_copy, ADDRESS_IMAGE},
        {"read the last address", REPORTED, do_read, ADDRESS_LAST},
        {"read past the user limit", REPORTED, do_read, ADDRESS_LIMIT},
        {"jump past the user limit", REPORTED, do_jump, ADDRESS_LIMIT},
    };
    static const struct attempt odd[] = {
        {"read a non-canonical address", VECTOR, do_read, ADDRESS_NON_CANONICAL},
        {"write a non-canonical address", VECTOR, do_write, UINT64_C(0x8000000000000000)},
        {"jump to a non-canonical address", VECTOR, do_jump, ADDRESS_NON_CANONICAL},
        {"call a non-canonical address", VECTOR, do_call, UINT64_C(0xffff7fffffffffff)},
        {"return to a non-canonical address", VECTOR, do_return, UINT64_C(0x8000000000000000)},
        /* A CPU reports the update as a write, QEMU with one CPU as a read. */
        {"update the kernel window", VECTOR, do_update, ADDRESS_WINDOW},
        {"system call that returns past the user limit", REPORTED, do_top_call, TOP_SYSCALL},
        {"instruction across the user limit", REPORTED, do_jump, TOP_SYSCALL + 1},
    };
    return make_attempts("memory of others", foreign, COUNT_OF(foreign)) + attempt_own() +
           make_attempts("odd addresses", odd, COUNT_OF(odd));
}
