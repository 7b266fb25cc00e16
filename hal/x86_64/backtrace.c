/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Backtraces by frame pointers (the kernel is built with them). The stack may be what is broken: each step is
 * bounded, must go up, and every load may fail.
 */
#include "parts.h"

#define DEPTH_MAX 32u
/* No frame is larger than a stack. */
#define STEP_MAX UINT64_C(0x10000)

static void print_line(unsigned depth, uint64_t address)
{
    uint64_t offset;
    /* A return address may be the first byte past its function: look up the call before it. */
    const char *name = x86_symbol(depth == 0 ? address : address - 1, &offset);

    if (name == NULL) {
        x86_print("  #%u 0x%x\n", (uint64_t)depth, address);
    } else {
        x86_print("  #%u 0x%x %s+0x%x\n", (uint64_t)depth, address, name, offset + (depth == 0 ? 0 : 1));
    }
}

void x86_backtrace(uint64_t rip, uint64_t rbp)
{
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        uint64_t next;

        print_line(depth, rip);
        if (rbp < X86_UPPER_HALF || rbp % 8 != 0 || !x86_read_word(rbp, &next) ||
            !x86_read_word(rbp + 8, &rip)) {
            return;
        }
        if (rip < X86_UPPER_HALF) {
            return;
        }
        rbp = next > rbp && next - rbp <= STEP_MAX ? next : 0;
    }
    x86_print("  ...\n");
}
