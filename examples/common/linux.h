/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The part of Linux's binary interface on x86-64 that the example kernels serve (values as in Linux's uapi
 * headers).
 */
#ifndef COMMON_LINUX_H
#define COMMON_LINUX_H

enum {
    LINUX_EBADF = 9,
    LINUX_ECHILD = 10,
    LINUX_EAGAIN = 11,
    LINUX_ENOMEM = 12,
    LINUX_EACCES = 13,
    LINUX_EFAULT = 14,
    LINUX_EEXIST = 17,
    LINUX_EINVAL = 22,
    LINUX_ENOSYS = 38,
};

enum {
    LINUX_WRITE = 1,
    LINUX_MMAP = 9,
    LINUX_MUNMAP = 11,
    LINUX_SCHED_YIELD = 24,
    LINUX_GETPID = 39,
    LINUX_FORK = 57,
    LINUX_EXIT = 60,
    LINUX_WAIT4 = 61,
    LINUX_EXIT_GROUP = 231,
};

enum {
    LINUX_PROT_READ = 1,
    LINUX_PROT_WRITE = 2,
    LINUX_PROT_EXEC = 4,
    LINUX_MAP_SHARED = 0x01,
    LINUX_MAP_PRIVATE = 0x02,
    LINUX_MAP_FIXED = 0x10,
    LINUX_MAP_ANONYMOUS = 0x20,
};

#endif
