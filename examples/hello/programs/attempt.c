/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Makes attempts and judges the answers.
 */
#include "attempt.h"

#define NO_FAULT (-1)

/* attempt_run(act, argument, quiet): sets the handler, calls act(argument), answers the vector of the fault
 * that ended it or NO_FAULT. Keeps its registers on the stack, as setjmp would in its buffer; the kernel
 * brings rsp back. Afterwards flags, x87 and MXCSR get their defaults, whatever the attempt left there. */
int attempt_run(void (*act)(uint64_t), uint64_t argument, uint64_t quiet);

__asm__(".text\n"
        "attempt_run:\n"
        "    pushq %rbx\n"
        "    pushq %rbp\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    pushq $0x1f80\n"
        "    movq %rdi, %rbx\n"
        "    movq %rsi, %rbp\n"
        "    leaq 1f(%rip), %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movl $0x4b00, %eax\n"
        "    syscall\n"
        "    movq %rbp, %rdi\n"
        "    call *%rbx\n"
        "    pushq $2\n"
        "    popfq\n"
        "    movl $0x4b01, %eax\n"
        "    syscall\n"
        "    movl $-1, %eax\n"
        "1:  fninit\n"
        "    ldmxcsr (%rsp)\n"
        "    popq %rcx\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbp\n"
        "    popq %rbx\n"
        "    ret\n");

static bool make_attempt(const struct attempt *attempt)
{
    print(attempt->name);
    print(attempt->kind == REPORTED ? "\n" : ": ");
    int vector = attempt_run(attempt->act, attempt->argument, attempt->kind != REPORTED);

    if (attempt->kind == SURVIVED) {
        print("survived\n");
        return true;
    }
    if (vector == NO_FAULT) {
        print("NOT REFUSED\n");
        return false;
    }
    if (attempt->kind == REFUSED) {
        print("refused\n");
    }
    if (attempt->kind == VECTOR) {
        print("exception ");
        print_decimal(vector);
        print("\n");
    }
    return true;
}

uint32_t make_attempts(const char *title, const struct attempt *attempts, size_t count)
{
    uint32_t failures = 0;
    print("-- ");
    print(title);
    print("\n");
    for (size_t i = 0; i < count; i++) {
        failures += make_attempt(&attempts[i]) ? 0 : 1;
    }
    return failures;
}
