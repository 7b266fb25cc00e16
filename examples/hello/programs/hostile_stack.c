/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Stack pointers that point nowhere good while a fault or a system call comes: the kernel must never use
 * them.
 */
#include "attempt.h"

ATTEMPT_CODE(do_push, "movq %rdi, %rsp; pushq %rax");
ATTEMPT_CODE(do_pop, "movq %rdi, %rsp; popq %rax");
ATTEMPT_CODE(do_trap, "movq %rdi, %rsp; int3");
ATTEMPT_CODE(do_undefined, "movq %rdi, %rsp; ud2");
ATTEMPT_CODE(do_page_fault, "movq %rdi, %rsp; movq 0, %rax");
ATTEMPT_CODE(do_system_call, "movq %rsp, %rbp; movq %rdi, %rsp; movl $39, %eax; syscall; movq %rbp, %rsp");
ATTEMPT_CODE(do_spin,
             "movq %rsp, %rbp; movq %rdi, %rsp; movl $20000000, %ecx; 1: decl %ecx; jnz 1b; movq %rbp, %rsp");
ATTEMPT_CODE(do_recurse, "1: call 1b");
ATTEMPT_CODE(do_enter, "movq %rdi, %rsp; enter $0xffff, $31");

static uint32_t attempt_page_ends(void)
{
    /* Two pages, the first of which goes: then `page` has nothing below and, as the arena is empty, nothing
     * above. */
    uint64_t page = (uint64_t)map_pages(0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, 0) + PAGE_SIZE;
    (void)system_call(CALL_MUNMAP, page - PAGE_SIZE, PAGE_SIZE, 0, 0);
    const struct attempt attempts[] = {
        {"push at the start of a page", REPORTED, do_push, page},
        {"push across the start of a page", REPORTED, do_push, page + 4},
        {"pop at the end of a page", REPORTED, do_pop, page + PAGE_SIZE},
        {"pop across the end of a page", REPORTED, do_pop, page + PAGE_SIZE - 4},
        {"trap at the start of a page", REPORTED, do_trap, page},
        {"system call at the start of a page", SURVIVED, do_system_call, page},
        {"deep recursion", REPORTED, do_recurse, 0},
    };
    return make_attempts("stack at page ends", attempts, COUNT_OF(attempts));
}

uint32_t attempt_stack(void)
{
    static const struct attempt nowhere[] = {
        {"push at null", REPORTED, do_push, 0},
        {"trap at null", REPORTED, do_trap, 0},
        {"system call at null", SURVIVED, do_system_call, 0},
        {"push at a kernel address", REPORTED, do_push, ADDRESS_IMAGE + 4096},
        {"trap at a kernel address", REPORTED, do_trap, ADDRESS_IMAGE + 4096},
        {"undefined instruction at a kernel address", REPORTED, do_undefined, ADDRESS_LINEAR + 4096},
        {"page fault at a kernel address", REPORTED, do_page_fault, ADDRESS_LINEAR + 4096},
        {"system call at a kernel address", SURVIVED, do_system_call, ADDRESS_LINEAR + 4096},
        {"preempted at a kernel address", SURVIVED, do_spin, ADDRESS_LINEAR + 4096},
        {"enter at a kernel address", REFUSED, do_enter, ADDRESS_LINEAR + 4096},
        {"push at a non-canonical address", REFUSED, do_push, ADDRESS_NON_CANONICAL + 64},
        {"trap at a non-canonical address", REFUSED, do_trap, ADDRESS_NON_CANONICAL},
        {"system call at a non-canonical address", REFUSED, do_system_call, ADDRESS_NON_CANONICAL},
    };
    return make_attempts("stack pointers", nowhere, COUNT_OF(nowhere)) + attempt_page_ends();
}
