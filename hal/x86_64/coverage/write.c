/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What this run has executed, for the host: the compiler's counters, written byte by byte to QEMU's debug
 * console. The compiler keeps everything in sections of the kernel image; here they become a raw profile of
 * version 10, LLVM 19's (compiler-rt, profile/InstrProfData.inc), which llvm-profdata reads. This file itself
 * is compiled without counters.
 */
#include <stddef.h>
#include <stdint.h>

#include "../insn.h"
#include "../parts.h"

/* boot/qemu_machine.py knows it. */
#define DEBUG_CONSOLE_PORT 0xe9

#define PROFILE_MAGIC   UINT64_C(0xff6c70726f667281) /* 0xff, "lprofr", 0x81 */
#define PROFILE_VERSION 10
#define FUNCTION_SIZE   64 /* of what __llvm_prf_data holds for each function */
#define VALUE_KIND_LAST 2  /* values are not profiled, but the reader asks for the number */

struct profile_header {
    uint64_t magic, version, binary_ids_size;
    uint64_t function_count, padding_before_counters;
    uint64_t counter_count, padding_after_counters;
    uint64_t bitmap_size, padding_after_bitmap;
    uint64_t names_size;
    uint64_t counters_delta, bitmap_delta, names_delta;
    uint64_t vtable_count, vtable_names_size;
    uint64_t value_kind_last;
};

/* boot/kernel.ld places the sections, the linker defines these. */
extern const unsigned char __start___llvm_prf_data[], __stop___llvm_prf_data[];
extern const unsigned char __start___llvm_prf_cnts[], __stop___llvm_prf_cnts[];
extern const unsigned char __start___llvm_prf_names[], __stop___llvm_prf_names[];

/* Code with counters refers to it, so that a run time is linked: this one. */
extern int __llvm_profile_runtime;
int __llvm_profile_runtime;

static uint64_t address(const unsigned char *at)
{
    return (uint64_t)(uintptr_t)at;
}

static void write(const void *start, uint64_t size)
{
    const unsigned char *bytes = start;

    for (uint64_t i = 0; i < size; i++) {
        x86_outb(DEBUG_CONSOLE_PORT, bytes[i]);
    }
}

void x86_coverage_write(void)
{
    const uint64_t data = address(__start___llvm_prf_data), counters = address(__start___llvm_prf_cnts);
    const uint64_t names = address(__start___llvm_prf_names);
    const uint64_t data_size = address(__stop___llvm_prf_data) - data;
    const uint64_t counters_size = address(__stop___llvm_prf_cnts) - counters;
    const uint64_t names_size = address(__stop___llvm_prf_names) - names;
    const struct profile_header header = {
        .magic = PROFILE_MAGIC,
        .version = PROFILE_VERSION,
        .function_count = data_size / FUNCTION_SIZE,
        .counter_count = counters_size / sizeof(uint64_t),
        .names_size = names_size,
        .counters_delta = counters - data,
        .names_delta = names,
        .value_kind_last = VALUE_KIND_LAST,
    };
    const uint64_t zeros = 0; /* what follows begins at a multiple of 8 */

    write(&header, sizeof(header));
    write(__start___llvm_prf_data, data_size);
    write(__start___llvm_prf_cnts, counters_size);
    write(__start___llvm_prf_names, names_size);
    write(&zeros, -names_size % sizeof(zeros));
}
