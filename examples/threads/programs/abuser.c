/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Abuses each system call: wrong pointers, flags, numbers and states, too much of everything. What is refused
 * must be refused as Linux does it, and what ends a process must end that one alone.
 */
#include "abuser.h"

#define PIPES_TRIED    UINT64_C(2000)
#define PAGES_TRIED    64u
#define CHILDREN_TRIED 40u
#define MEBIBYTE       (UINT64_C(1) << 20)

uint64_t bad_address(uint32_t i)
{
    static const uint64_t addresses[BAD_ADDRESSES] = {8, UINT64_C(0x700000000000) + 512 * MEBIBYTE,
                                                      UINT64_C(0xffff800000000000),
                                                      UINT64_C(0xfffffffffffffff8)};
    return addresses[i];
}

/* --- Pipes --- */

static bool pipes_want_pointers(void)
{
    struct ends ends = {0, 0};
    char byte = 'x';
    bool right = pipe_open(&ends) == 0 && write_all(ends.write, "abc", 3) == 3;
    struct ends first = ends;
    for (uint32_t i = 0; i < BAD_ADDRESSES; i++) {
        right = system_call(CALL_PIPE2, bad_address(i), 0, 0, 0) == -EFAULT && right;
        right = system_call(CALL_READ, first.read, bad_address(i), 1, 0) == -EFAULT && right;
        right = system_call(CALL_WRITE, first.write, bad_address(i), 1, 0) == -EFAULT && right;
        right = system_call(CALL_WRITE, 1, bad_address(i), 1, 0) == -EFAULT && right;
    }
    right = system_call(CALL_READ, first.read, (uint64_t)&byte, 1, 0) == 1 && byte == 'a' && right;
    /* Nothing of what failed is left open. */
    right = pipe_open(&ends) == 0 && ends.read == first.write + 1 && right;
    right = close_fd(ends.read) == 0 && close_fd(ends.write) == 0 && right;
    return close_fd(first.read) == 0 && close_fd(first.write) == 0 && right;
}

static bool descriptors_are_checked(void)
{
    struct ends ends;
    char byte;
    bool right = pipe_open(&ends) == 0 && system_call(CALL_PIPE2, (uint64_t)&ends, 1, 0, 0) == -EINVAL;
    right = system_call(CALL_READ, ends.write, (uint64_t)&byte, 1, 0) == -EBADF && right;
    right = system_call(CALL_WRITE, ends.read, (uint64_t)&byte, 1, 0) == -EBADF && right;
    right = close_fd(ends.read) == 0 && close_fd(ends.read) == -EBADF && right;
    right = close_fd(ends.write) == 0 && close_fd(ends.write) == -EBADF && right;
    right = system_call(CALL_READ, ends.read, (uint64_t)&byte, 1, 0) == -EBADF && right;
    right = close_fd(UINT32_MAX) == -EBADF && close_fd(0x7fffffff) == -EBADF && right;
    return system_call(CALL_WRITE, 100000, (uint64_t)&byte, 1, 0) == -EBADF && right;
}

static bool pipes_run_out(void)
{
    uint64_t count = 0;
    int64_t answer = 0;
    int64_t pid = fork();
    if (pid != 0) {
        return wait_for(pid) == 0;
    }
    while (count < PIPES_TRIED && answer == 0) {
        struct ends ends;
        answer = pipe_open(&ends);
        count++;
    }
    exit_group(count > 3 && (answer == 0 || answer == -EMFILE || answer == -ENFILE) ? 0 : 1);
}

/* --- Memory --- */

static bool memory_runs_out(void)
{
    int64_t pages[PAGES_TRIED], answer = 0;
    uint32_t count = 0;
    while (count < PAGES_TRIED && answer >= 0) {
        answer = map_pages(0, MEBIBYTE, PROT_READ | PROT_WRITE, 0);
        pages[count] = answer;
        count += answer >= 0 ? 1 : 0;
    }
    bool right = count > 0 && (answer >= 0 || answer == -ENOMEM);
    for (uint32_t i = 0; i < count; i++) {
        right = system_call(CALL_MUNMAP, (uint64_t)pages[i], MEBIBYTE, 0, 0) == 0 && right;
    }
    return right;
}

static bool memory_is_checked(void)
{
    bool right = map_pages(0, 0, PROT_READ, 0) == -EINVAL;
    right = map_pages(0, UINT64_MAX / 2, PROT_READ, 0) == -ENOMEM && right;
    right = system_call(CALL_MMAP, 0, PAGE_SIZE, PROT_READ, MAP_ANONYMOUS) == -EINVAL && right;
    right = system_call(CALL_MUNMAP, 1, PAGE_SIZE, 0, 0) == -EINVAL && right;
    right = system_call(CALL_MUNMAP, PAGE_SIZE, 0, 0, 0) == -EINVAL && right;
    return system_call(CALL_MUNMAP, UINT64_C(0xffff800000000000), PAGE_SIZE, 0, 0) == -EINVAL && right;
}

/* --- Processes --- */

static bool children_are_checked(void)
{
    bool right = system_call(CALL_WAIT4, UINT64_MAX, 0, 0, 0) == -ECHILD;
    right = system_call(CALL_WAIT4, 1, 0, 0, 0) == -ECHILD && right;
    right = system_call(CALL_WAIT4, UINT64_MAX, 0, 0x100, 0) == -EINVAL && right;
    int64_t pid = fork();
    if (pid == 0) {
        exit_group(0);
    }
    right = system_call(CALL_WAIT4, (uint64_t)pid, bad_address(0), 0, 0) == -EFAULT && right;
    return system_call(CALL_WAIT4, (uint64_t)pid, 0, 0, 0) == -ECHILD && right;
}

/* Many children at once, until there are no more; then they all end, and as many can be had again. */
static bool children_run_out(void)
{
    int64_t pids[CHILDREN_TRIED];
    struct ends ends;
    bool right = true;
    for (uint32_t turn = 0; turn < 2; turn++) {
        uint32_t count = 0;
        int64_t answer = pipe_open(&ends) == 0 ? 1 : -1;
        while (count < CHILDREN_TRIED && answer > 0) {
            answer = fork();
            if (answer == 0) {
                (void)close_fd(ends.write);
                exit_group((int32_t)read_all(ends.read, &answer, 1));
            }
            pids[count] = answer;
            count += answer > 0 ? 1 : 0;
        }
        right = count > 3 && (answer > 0 || answer == -EAGAIN || answer == -ENOMEM) && right;
        (void)close_fd(ends.write);
        (void)close_fd(ends.read);
        for (uint32_t i = 0; i < count; i++) {
            right = wait_for(pids[i]) == 0 && right;
        }
    }
    return right;
}

/* --- Everything else --- */

static bool rest_is_checked(void)
{
    struct time time = {0, 1000000000};
    bool right = system_call(CALL_NANOSLEEP, (uint64_t)&time, 0, 0, 0) == -EINVAL;
    time = (struct time){-1, 0};
    right = system_call(CALL_NANOSLEEP, (uint64_t)&time, 0, 0, 0) == -EINVAL && right;
    for (uint32_t i = 0; i < BAD_ADDRESSES; i++) {
        right = system_call(CALL_NANOSLEEP, bad_address(i), 0, 0, 0) == -EFAULT && right;
        right = system_call(CALL_CLOCK_GETTIME, 1, bad_address(i), 0, 0) == -EFAULT && right;
    }
    right = system_call(CALL_ARCH_PRCTL, ARCH_SET_FS, bad_address(2), 0, 0) == -EPERM && right;
    right = system_call(CALL_ARCH_PRCTL, 0x9999, 0, 0, 0) == -EINVAL && right;
    right = system_call(0x7fffffff, 0, 0, 0, 0) == -ENOSYS && right;
    return system_call(UINT64_MAX, 0, 0, 0, 0) == -ENOSYS && right;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say("pipes want good pointers", pipes_want_pointers());
    say("descriptors are checked", descriptors_are_checked());
    say("pipes run out in order", pipes_run_out());
    say("memory is checked", memory_is_checked());
    say("memory runs out in order", memory_runs_out());
    say("children are checked", children_are_checked());
    say("children run out in order", children_run_out());
    say("times, bases and numbers are checked", rest_is_checked());
    abuse_threads();
    return 0;
}
