/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where a program begins, and printing. At the first instruction rsp points at argc (System V ABI, AMD64
 * supplement, 3.4.1).
 */
#include "user.h"

__asm__(".globl _start\n"
        "_start:\n"
        "    xorl %ebp, %ebp\n"
        "    movq %rsp, %rdi\n"
        "    andq $-16, %rsp\n"
        "    call start\n");

_Noreturn void start(uint64_t *stack);

_Noreturn void start(uint64_t *stack)
{
    int status = main((int)stack[0], (char **)&stack[1]);
    for (;;) {
        (void)system_call(CALL_EXIT, (uint64_t)status, 0, 0, 0);
    }
}

void print(const char *text)
{
    uint64_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    (void)system_call(CALL_WRITE, 1, (uint64_t)text, size, 0);
}

static void print_number(uint64_t value, uint64_t base)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        at--;
        digits[at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    print(&digits[at]);
}

void print_decimal(int64_t value)
{
    if (value < 0) {
        print("-");
    }
    print_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void print_hex(uint64_t value)
{
    print("0x");
    print_number(value, 16);
}

/* The compiler may call this one on its own, also in freestanding code. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *cursor = to;
    __asm__ volatile("rep movsb" : "+D"(cursor), "+S"(from), "+c"(size) : : "memory");
    return to;
}
