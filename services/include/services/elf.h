/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads a static ELF64 executable for x86-64 (System V gABI, chapters 4 and 5; x86-64 psABI, chapter 4) and
 * says what to map, or by name why not. Every byte is untrusted, and each is read once.
 */
#ifndef SERVICES_ELF_H
#define SERVICES_ELF_H

#include "services/source.h"

#define SERVICES_ELF_SEGMENTS_MAX 16u
#define SERVICES_ELF_HEADERS_MAX  64u
#define SERVICES_ELF_BYTES_MAX    (UINT64_C(64) << 20) /* all load segments together, in whole pages */

#define SERVICES_ELF_TABLE(X)                                                                                \
    X(OK, "ok")                                                                                              \
    X(READ, "the file cannot be read")                                                                       \
    X(SHORT, "truncated: shorter than an ELF header")                                                        \
    X(MAGIC, "not an ELF file")                                                                              \
    X(CLASS, "not a 64-bit ELF file")                                                                        \
    X(ORDER, "not little-endian")                                                                            \
    X(VERSION, "unknown ELF version")                                                                        \
    X(MACHINE, "not for x86-64")                                                                             \
    X(SHARED, "position-independent or shared, not static")                                                  \
    X(TYPE, "not an executable")                                                                             \
    X(HEADER_SIZE, "header sizes are not those of ELF64")                                                    \
    X(NO_HEADERS, "no program header")                                                                       \
    X(MANY_HEADERS, "too many program headers")                                                              \
    X(HEADERS_OUTSIDE, "truncated: program headers leave the file")                                          \
    X(INTERPRETER, "wants an interpreter, not static")                                                       \
    X(DYNAMIC, "has a dynamic section, not static")                                                          \
    X(MANY_SEGMENTS, "too many load segments")                                                               \
    X(NO_SEGMENTS, "no load segment")                                                                        \
    X(MEMORY_SIZE, "a segment is smaller in memory than in the file")                                        \
    X(SEGMENT_OUTSIDE, "truncated: a segment leaves the file")                                               \
    X(ALIGNMENT, "misaligned: a segment's address and file offset disagree")                                 \
    X(RANGE, "a segment leaves the user address range")                                                      \
    X(HUGE, "huge: load segments exceed the size limit")                                                     \
    X(WRITE_EXECUTE, "a segment is writable and executable")                                                 \
    X(OVERLAP, "overlapping: two segments want the same bytes, or one page with different rights")           \
    X(ENTRY, "the entry point is not in an executable segment")

#define SERVICES_ELF_ENUM(name, text) SERVICES_ELF_##name,
enum services_elf_result { SERVICES_ELF_TABLE(SERVICES_ELF_ENUM) SERVICES_ELF_RESULT_COUNT };
#undef SERVICES_ELF_ENUM

/* Bytes [va, va + memory_size), of which the first file_size come from the file and the others are zero. */
struct services_elf_segment {
    uint64_t va, memory_size;   /* inside KEEL_USER_START..KEEL_USER_END, not empty */
    uint64_t offset, file_size; /* inside the source; file_size <= memory_size */
    uint32_t rights;            /* KEEL_READ | ..., never WRITE and EXEC */
};

/* No byte is in two segments; segments that share a page have the same rights. */
struct services_elf {
    uint64_t entry;
    uint32_t segment_count; /* 1..SERVICES_ELF_SEGMENTS_MAX */
    struct services_elf_segment segments[SERVICES_ELF_SEGMENTS_MAX];
};

/* On anything but SERVICES_ELF_OK `elf` means nothing. */
enum services_elf_result services_elf_parse(const struct services_source *source, struct services_elf *elf);

const char *services_elf_text(enum services_elf_result result);

#endif
