/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The ELF reader: one good file, and for each named reason the smallest change that must be refused with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keel/space.h"
#include "services/elf.h"

#define FILE_SIZE 8192u
#define TABLE     64u
#define ENTRY     56u /* bytes of a program header */
#define CODE      TABLE
#define DATA      (TABLE + ENTRY)
#define MORE      (TABLE + 2 * ENTRY)

/* Fields of a program header. */
enum { P_TYPE = 0, P_FLAGS = 4, P_OFFSET = 8, P_VADDR = 16, P_FILESZ = 32, P_MEMSZ = 40, P_ALIGN = 48 };

static uint8_t file[FILE_SIZE];

static keel_status_t read_bytes(void *context, uint64_t offset, void *buffer, size_t size)
{
    memcpy(buffer, (const uint8_t *)context + offset, size);
    return KEEL_OK;
}

static keel_status_t read_header_only(void *context, uint64_t offset, void *buffer, size_t size)
{
    return offset == 0 ? read_bytes(context, offset, buffer, size) : KEEL_E_FAULT;
}

static keel_status_t read_error(void *context, uint64_t offset, void *buffer, size_t size)
{
    (void)context;
    (void)offset;
    (void)buffer;
    (void)size;
    return KEEL_E_FAULT;
}

static void put(uint32_t offset, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        file[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_segment(uint32_t at, uint64_t va, uint64_t offset, uint32_t flags)
{
    put(at + P_TYPE, 1, 4);
    put(at + P_FLAGS, flags, 4);
    put(at + P_OFFSET, offset, 8);
    put(at + P_VADDR, va, 8);
    put(at + P_FILESZ, 4096, 8);
    put(at + P_MEMSZ, 4096, 8);
    put(at + P_ALIGN, 4096, 8);
}

/* Code at 0x400000 from offset 0, data at 0x500000 from offset 4096. */
static int setup(void **state)
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    (void)state;
    memset(file, 0, sizeof(file));
    memcpy(file, ident, sizeof(ident));
    put(16, 2, 2);        /* ET_EXEC */
    put(18, 62, 2);       /* EM_X86_64 */
    put(20, 1, 4);        /* EV_CURRENT */
    put(24, 0x400800, 8); /* entry */
    put(32, TABLE, 8);
    put(52, 64, 2);
    put(54, ENTRY, 2);
    put(56, 2, 2);
    put_segment(CODE, 0x400000, 0, 5);
    put_segment(DATA, 0x500000, 4096, 6);
    return 0;
}

/* What every accepted file must satisfy, said independently of the parser. */
static void check_accepted(const struct services_elf *elf, uint64_t size)
{
    bool entered = false;
    assert_in_range(elf->segment_count, 1, SERVICES_ELF_SEGMENTS_MAX);
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const struct services_elf_segment *a = &elf->segments[i];
        assert_true(a->memory_size > 0 && a->file_size <= a->memory_size);
        assert_true(a->offset <= size && a->file_size <= size - a->offset);
        assert_true(a->va >= KEEL_USER_START && a->va < KEEL_USER_END &&
                    a->memory_size <= KEEL_USER_END - a->va);
        assert_true((a->rights & KEEL_READ) != 0 &&
                    (a->rights & (KEEL_WRITE | KEEL_EXEC)) != (KEEL_WRITE | KEEL_EXEC));
        for (uint32_t j = 0; j < i; j++) {
            const struct services_elf_segment *b = &elf->segments[j];
            uint64_t unit = a->rights == b->rights ? 1 : KEEL_PAGE_SIZE;
            assert_true((a->va + a->memory_size - 1) / unit < b->va / unit ||
                        (b->va + b->memory_size - 1) / unit < a->va / unit);
        }
        entered |= (a->rights & KEEL_EXEC) != 0 && elf->entry >= a->va && elf->entry < a->va + a->memory_size;
    }
    assert_true(entered);
}

/* Parses a heap copy of the first `size` bytes: a sanitizer sees any byte too far. */
static enum services_elf_result parse_size(uint64_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, file, size);
    struct services_source source = {read_bytes, copy, size};
    struct services_elf elf;
    enum services_elf_result result = services_elf_parse(&source, &elf);
    if (result == SERVICES_ELF_OK) {
        check_accepted(&elf, size);
    }
    free(copy);
    return result;
}

static enum services_elf_result parse(void)
{
    return parse_size(FILE_SIZE);
}

static void test_good(void **state)
{
    struct services_source source = {read_bytes, file, FILE_SIZE};
    struct services_elf elf;
    (void)state;
    assert_int_equal(services_elf_parse(&source, &elf), SERVICES_ELF_OK);
    check_accepted(&elf, FILE_SIZE);
    assert_int_equal(elf.entry, 0x400800);
    assert_int_equal(elf.segment_count, 2);
    assert_int_equal(elf.segments[0].rights, KEEL_READ | KEEL_EXEC);
    assert_int_equal(elf.segments[1].rights, KEEL_READ | KEEL_WRITE);
    assert_int_equal(elf.segments[1].va, 0x500000);
    assert_int_equal(elf.segments[1].offset, 4096);
}

struct change {
    uint32_t offset, size;
    uint64_t value;
    enum services_elf_result expected;
};

static void test_one_field(void **state)
{
    static const struct change changes[] = {
        {0, 1, 0, SERVICES_ELF_MAGIC},
        {3, 1, 'G', SERVICES_ELF_MAGIC},
        {4, 1, 1, SERVICES_ELF_CLASS},
        {5, 1, 2, SERVICES_ELF_ORDER},
        {6, 1, 0, SERVICES_ELF_VERSION},
        {20, 4, 2, SERVICES_ELF_VERSION},
        {18, 2, 183, SERVICES_ELF_MACHINE},
        {16, 2, 3, SERVICES_ELF_SHARED},
        {16, 2, 1, SERVICES_ELF_TYPE},
        {52, 2, 52, SERVICES_ELF_HEADER_SIZE},
        {54, 2, 32, SERVICES_ELF_HEADER_SIZE},
        {56, 2, 0, SERVICES_ELF_NO_HEADERS},
        {56, 2, 65, SERVICES_ELF_MANY_HEADERS},
        {32, 8, FILE_SIZE - ENTRY, SERVICES_ELF_HEADERS_OUTSIDE},
        {32, 8, UINT64_MAX, SERVICES_ELF_HEADERS_OUTSIDE},
        {24, 8, 0x500000, SERVICES_ELF_ENTRY},
        {24, 8, 0x3fffff, SERVICES_ELF_ENTRY},
        {24, 8, 0x401000, SERVICES_ELF_ENTRY},
        {24, 8, UINT64_MAX, SERVICES_ELF_ENTRY},
        {DATA + P_TYPE, 4, 2, SERVICES_ELF_DYNAMIC},
        {DATA + P_TYPE, 4, 3, SERVICES_ELF_INTERPRETER},
        {DATA + P_TYPE, 4, 0x6474e551, SERVICES_ELF_OK}, /* PT_GNU_STACK: nothing to load */
        {DATA + P_FLAGS, 4, 7, SERVICES_ELF_WRITE_EXECUTE},
        {DATA + P_FLAGS, 4, 0, SERVICES_ELF_OK},
        {DATA + P_OFFSET, 8, FILE_SIZE, SERVICES_ELF_SEGMENT_OUTSIDE},
        {DATA + P_OFFSET, 8, UINT64_MAX - 4095, SERVICES_ELF_SEGMENT_OUTSIDE},
        {DATA + P_OFFSET, 8, 4095, SERVICES_ELF_ALIGNMENT},
        {DATA + P_VADDR, 8, 0x500001, SERVICES_ELF_ALIGNMENT},
        {DATA + P_ALIGN, 8, 3, SERVICES_ELF_ALIGNMENT},
        {DATA + P_ALIGN, 8, UINT64_C(1) << 21, SERVICES_ELF_ALIGNMENT},
        {DATA + P_ALIGN, 8, UINT64_C(1) << 63, SERVICES_ELF_ALIGNMENT},
        {DATA + P_ALIGN, 8, 0, SERVICES_ELF_OK},
        {DATA + P_ALIGN, 8, 1, SERVICES_ELF_OK},
        {DATA + P_VADDR, 8, 0, SERVICES_ELF_RANGE},
        {DATA + P_VADDR, 8, KEEL_USER_END, SERVICES_ELF_RANGE},
        {DATA + P_VADDR, 8, UINT64_C(0xffffffff80000000), SERVICES_ELF_RANGE},
        {DATA + P_VADDR, 8, KEEL_USER_END - 4096, SERVICES_ELF_OK},
        {DATA + P_VADDR, 8, KEEL_USER_START, SERVICES_ELF_OK},
        {DATA + P_VADDR, 8, 0x400000, SERVICES_ELF_OVERLAP},
        {DATA + P_MEMSZ, 8, 4095, SERVICES_ELF_MEMORY_SIZE},
        {DATA + P_MEMSZ, 8, 0, SERVICES_ELF_MEMORY_SIZE},
        {DATA + P_MEMSZ, 8, SERVICES_ELF_BYTES_MAX, SERVICES_ELF_HUGE}, /* with the page of code */
        {DATA + P_MEMSZ, 8, SERVICES_ELF_BYTES_MAX - 4096, SERVICES_ELF_OK},
        {DATA + P_MEMSZ, 8, UINT64_MAX, SERVICES_ELF_HUGE},
        {DATA + P_FILESZ, 8, 4097, SERVICES_ELF_MEMORY_SIZE},
        {DATA + P_FILESZ, 8, 0, SERVICES_ELF_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        (void)setup(NULL);
        put(changes[i].offset, changes[i].value, changes[i].size);
        enum services_elf_result result = parse();
        if (result != changes[i].expected) {
            fail_msg("change %zu: %s", i, services_elf_text(result));
        }
    }
}

static void test_pages_shared(void **state)
{
    (void)state;
    put(56, 3, 2);
    put_segment(MORE, 0x500800, 4096 + 0x800, 6);
    put(MORE + P_FILESZ, 16, 8);
    put(MORE + P_MEMSZ, 16, 8);
    assert_int_equal(parse(), SERVICES_ELF_OVERLAP); /* the data segment has the whole page */
    put(DATA + P_MEMSZ, 0x800, 8);
    put(DATA + P_FILESZ, 0x800, 8);
    assert_int_equal(parse(), SERVICES_ELF_OK); /* one page, the same rights, no byte in both */
    put(MORE + P_FLAGS, 4, 4);
    assert_int_equal(parse(), SERVICES_ELF_OVERLAP); /* one page cannot have both rights */
}

static void test_counts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        put_segment(TABLE + i * ENTRY, 0x400000 + i * 4096, 0, 5);
    }
    put(56, 16, 2);
    assert_int_equal(parse(), SERVICES_ELF_OK);
    put(56, 17, 2);
    assert_int_equal(parse(), SERVICES_ELF_MANY_SEGMENTS);
    for (uint32_t i = 0; i < 64; i++) {
        put(TABLE + i * ENTRY + P_TYPE, i == 63 ? 1 : 4, 4);
    }
    put(56, 64, 2);
    put(24, 0x400000 + 63 * 4096, 8);
    assert_int_equal(parse(), SERVICES_ELF_OK);
    put(TABLE + 63 * ENTRY + P_TYPE, 4, 4);
    assert_int_equal(parse(), SERVICES_ELF_NO_SEGMENTS);
}

static void test_empty_segment_is_skipped(void **state)
{
    (void)state;
    put(DATA + P_FILESZ, 0, 8);
    put(DATA + P_MEMSZ, 0, 8);
    put(DATA + P_VADDR, 0, 8);
    assert_int_equal(parse(), SERVICES_ELF_OK);
}

static void test_every_truncation(void **state)
{
    (void)state;
    for (uint64_t size = 0; size < FILE_SIZE; size++) {
        enum services_elf_result result = parse_size(size);
        if (size < 64) {
            assert_int_equal(result, SERVICES_ELF_SHORT);
        } else if (size < TABLE + 2 * ENTRY) {
            assert_int_equal(result, SERVICES_ELF_HEADERS_OUTSIDE);
        } else {
            assert_int_equal(result, SERVICES_ELF_SEGMENT_OUTSIDE);
        }
    }
}

static void test_every_bit(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MORE; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            file[i] ^= (uint8_t)(1u << bit);
            (void)parse(); /* checks what it accepts */
            file[i] ^= (uint8_t)(1u << bit);
        }
    }
}

static void test_read_errors(void **state)
{
    struct services_elf elf;
    struct services_source source = {read_error, file, FILE_SIZE};
    (void)state;
    assert_int_equal(services_elf_parse(&source, &elf), SERVICES_ELF_READ);
    source.read = read_header_only;
    assert_int_equal(services_elf_parse(&source, &elf), SERVICES_ELF_READ);
}

static void test_texts(void **state)
{
    (void)state;
    for (int i = 0; i < SERVICES_ELF_RESULT_COUNT; i++) {
        assert_string_not_equal(services_elf_text((enum services_elf_result)i), "unknown result");
    }
    assert_string_equal(services_elf_text(SERVICES_ELF_RESULT_COUNT), "unknown result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, setup),
        cmocka_unit_test_setup(test_one_field, setup),
        cmocka_unit_test_setup(test_pages_shared, setup),
        cmocka_unit_test_setup(test_counts, setup),
        cmocka_unit_test_setup(test_empty_segment_is_skipped, setup),
        cmocka_unit_test_setup(test_every_truncation, setup),
        cmocka_unit_test_setup(test_every_bit, setup),
        cmocka_unit_test_setup(test_read_errors, setup),
        cmocka_unit_test_setup(test_texts, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
