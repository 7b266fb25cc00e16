/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tries what a program must not be able to do. Every attempt has to be answered by a fault or an error, and
 * the kernel has to be well afterwards; the program ends with status 0 if so. What is printed does not depend
 * on the CPU. It needs the hello kernel's fault handler, so it stops at once on Linux.
 *
 * A few attempts are not here but in hostile_real.c, for the reason given there.
 */
#include "attempt.h"

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (system_call(0x4b01, 0, 0, 0, 0) != 0) {
        print("this program needs the fault handler of the hello kernel\n");
        return 2;
    }
    uint32_t failures = attempt_privileged();
    failures += attempt_memory();
    failures += attempt_traps();
    failures += attempt_state();
    failures += attempt_stack();
    failures += attempt_calls();
    print("attempts that were not refused: ");
    print_decimal(failures);
    print("\n");
    return failures == 0 ? 0 : 1;
}
