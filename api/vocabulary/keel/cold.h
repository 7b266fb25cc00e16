/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A word for compilers that every layer may use.
 */
#ifndef KEEL_COLD_H
#define KEEL_COLD_H

/* A function off the usual path: it does not become part of its callers, branches to it count as unlikely,
 * and where the compiler knows how, it keeps the registers of its callers, which then save none for its sake.
 * Stands before each of its declarations. Older clangs do not know how: that of LLVM 14 keeps RAX, too, and
 * so loses what the function answers. */
#if defined(__clang__) && __clang_major__ >= 19
#define KEEL_COLD __attribute__((cold, noinline, preserve_most))
#else
#define KEEL_COLD __attribute__((cold, noinline))
#endif

#endif
