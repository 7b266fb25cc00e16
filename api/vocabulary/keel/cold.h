/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A word for compilers that every layer may use.
 */
#ifndef KEEL_COLD_H
#define KEEL_COLD_H

/* A function off the usual path: it does not become part of its callers, which would save and spill registers
 * for its sake, and branches to it count as unlikely. */
#define KEEL_COLD __attribute__((cold, noinline))

#endif
