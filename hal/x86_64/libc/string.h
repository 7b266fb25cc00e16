/* SPDX-License-Identifier: BSD-2-Clause
 *
 * <string.h> of the freestanding kernel: what compilers expect to find (GCC manual, "Standards") and little
 * more.
 */
#ifndef X86_LIBC_STRING_H
#define X86_LIBC_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
void *memchr(const void *bytes, int value, size_t size);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t size);

#endif
