/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Does what a pager must refuse: touches what it was not given, by itself and through the kernel.
 */
#include "user.h"

static const char constant[] = "constant\n";

static void say(const char *what, bool right)
{
    print(what);
    print(right ? ": yes\n" : ": no\n");
}

static bool child_faults(volatile char *at)
{
    uint32_t status = 0;
    int64_t pid = system_call(CALL_FORK, 0, 0, 0, 0);
    if (pid == 0) {
        *at = 'x';
        (void)system_call(CALL_EXIT, 0, 0, 0, 0);
    }
    return system_call(CALL_WAIT4, (uint64_t)pid, (uint64_t)&status, 0, 0) == pid && status == 11;
}

int main(int argc, char **argv)
{
    int64_t page = map_pages(0, PAGE_SIZE, PROT_READ, 0);
    (void)argc;
    (void)argv;
    say("the kernel does not read where there is nothing",
        system_call(CALL_WRITE, 1, UINT64_C(0x700000800000), 4, 0) == -14 &&
            system_call(CALL_WRITE, 1, 0, 4, 0) == -14 &&
            system_call(CALL_WRITE, 1, UINT64_C(0xffffffff80000000), 4, 0) == -14);
    int64_t pid = system_call(CALL_FORK, 0, 0, 0, 0);
    if (pid == 0) {
        return 3;
    }
    say("it does not write to constants",
        system_call(CALL_WAIT4, (uint64_t)pid, (uint64_t)constant, 0, 0) == -14 && constant[0] == 'c');
    say("a child that writes to constants ends", child_faults((volatile char *)constant));
    say("a child that writes to a page it may only read ends",
        page > 0 && *(volatile char *)page == 0 && child_faults((volatile char *)page));
    say("a child that writes to the kernel ends",
        child_faults((volatile char *)UINT64_C(0xffffffff80000000)));
    *(volatile char *)8 = 'x';
    return 1;
}
