/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The program to begin with.
 */
#include "user.h"

int main(int argc, char **argv)
{
    print("Hello from user mode!\n");
    print("I am ");
    print(argc > 0 ? argv[0] : "nobody");
    print(", process ");
    print_decimal(system_call(CALL_GETPID, 0, 0, 0, 0));
    print(".\n");
    return 0;
}
