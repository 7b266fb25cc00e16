/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The cpio reader: good archives, and every way to be broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cpio.h"

static uint8_t archive[4096];
static size_t archive_size;

/* Reads from a heap copy of exactly the source's size, so that a sanitizer sees any byte too far. */
static keel_status_t read_bytes(void *context, uint64_t offset, void *buffer, size_t size)
{
    memcpy(buffer, (const uint8_t *)context + offset, size);
    return KEEL_OK;
}

static keel_status_t read_error(void *context, uint64_t offset, void *buffer, size_t size)
{
    (void)context;
    (void)offset;
    (void)buffer;
    (void)size;
    return KEEL_E_FAULT;
}

static void pad(void)
{
    while (archive_size % 4 != 0) {
        archive[archive_size++] = 0;
    }
}

static void append(const char *name, size_t name_size, uint32_t mode, const void *data, uint32_t size)
{
    char header[111];
    (void)snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u,
                   mode, 0u, 0u, 1u, 0u, size, 0u, 0u, 0u, 0u, (unsigned)name_size, 0u);
    memcpy(archive + archive_size, header, 110);
    archive_size += 110;
    memcpy(archive + archive_size, name, name_size);
    archive_size += name_size;
    pad();
    memcpy(archive + archive_size, data, size);
    archive_size += size;
    pad();
}

static int setup(void **state)
{
    (void)state;
    archive_size = 0;
    append("hello", 6, 0100755, "contents", 8);
    append("folder", 7, 040755, "", 0);
    append("odd", 4, 0100644, "12345", 5);
    append("TRAILER!!!", 11, 0, "", 0);
    return 0;
}

/* Reads the first `size` bytes of the archive to the end; answers the result that ended it. */
static enum services_cpio_result walk(size_t size, uint32_t *count)
{
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, archive, size);
    struct services_source source = {read_bytes, copy, size};
    struct services_cpio_entry entry;
    uint64_t position = 0;
    enum services_cpio_result result;
    *count = 0;
    while ((result = services_cpio_next(&source, &position, &entry)) == SERVICES_CPIO_OK) {
        assert_true(entry.offset <= size && entry.size <= size - entry.offset);
        (*count)++;
    }
    free(copy);
    return result;
}

static void test_good(void **state)
{
    struct services_source source = {read_bytes, archive, archive_size};
    struct services_cpio_entry entry;
    uint64_t position = 0;
    (void)state;
    assert_int_equal(services_cpio_next(&source, &position, &entry), SERVICES_CPIO_OK);
    assert_string_equal(entry.name, "hello");
    assert_true(services_cpio_is_file(&entry));
    assert_int_equal(entry.size, 8);
    assert_memory_equal(archive + entry.offset, "contents", 8);
    assert_int_equal(services_cpio_next(&source, &position, &entry), SERVICES_CPIO_OK);
    assert_false(services_cpio_is_file(&entry));
    assert_int_equal(services_cpio_next(&source, &position, &entry), SERVICES_CPIO_OK);
    assert_memory_equal(archive + entry.offset, "12345", 5);
    uint64_t before = position;
    assert_int_equal(services_cpio_next(&source, &position, &entry), SERVICES_CPIO_END);
    assert_int_equal(position, before);
}

static void test_every_truncation(void **state)
{
    uint32_t count;
    (void)state;
    /* The trailer's padding may be missing: nothing is read there. */
    for (size_t size = 0; size < archive_size - 3; size++) {
        assert_int_equal(walk(size, &count), SERVICES_CPIO_TRUNCATED);
    }
    assert_int_equal(walk(archive_size, &count), SERVICES_CPIO_END);
    assert_int_equal(count, 3);
}

static void test_every_byte_wrong(void **state)
{
    uint32_t count;
    (void)state;
    for (size_t i = 0; i < archive_size; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            archive[i] ^= (uint8_t)(1u << bit);
            (void)walk(archive_size, &count);
            assert_true(count <= archive_size / 110);
            archive[i] ^= (uint8_t)(1u << bit);
        }
    }
}

static void test_bad_fields(void **state)
{
    uint32_t count;
    (void)state;
    archive[5] = '2';
    assert_int_equal(walk(archive_size, &count), SERVICES_CPIO_MAGIC);
    archive[5] = '1';
    archive[6 + 8 * 6] = 'g'; /* file size */
    assert_int_equal(walk(archive_size, &count), SERVICES_CPIO_NUMBER);
    memcpy(archive + 6 + 8 * 6, "FFFFFFFF", 8);
    assert_int_equal(walk(archive_size, &count), SERVICES_CPIO_TRUNCATED);
}

static void test_bad_names(void **state)
{
    static const char *const sizes[] = {"00000000", "00000001", "00000005",
                                        "00000008", "00000101", "ffffffff"};
    uint32_t count;
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memcpy(archive + 6 + 8 * 11, sizes[i], 8);
        assert_int_equal(walk(archive_size, &count), SERVICES_CPIO_NAME);
    }
}

static void test_longest_name(void **state)
{
    char name[SERVICES_CPIO_NAME_MAX + 1];
    uint32_t count;
    (void)state;
    memset(name, 'x', sizeof(name));
    name[SERVICES_CPIO_NAME_MAX] = '\0';
    archive_size = 0;
    append(name, sizeof(name), 0100644, "", 0);
    append("TRAILER!!!", 11, 0, "", 0);
    assert_int_equal(walk(archive_size, &count), SERVICES_CPIO_END);
    assert_int_equal(count, 1);
}

static void test_read_error(void **state)
{
    struct services_source source = {read_error, NULL, 4096};
    struct services_cpio_entry entry;
    uint64_t position = 0;
    (void)state;
    assert_int_equal(services_cpio_next(&source, &position, &entry), SERVICES_CPIO_READ);
    position = UINT64_MAX;
    assert_int_equal(services_cpio_next(&source, &position, &entry), SERVICES_CPIO_TRUNCATED);
}

static void test_texts(void **state)
{
    (void)state;
    assert_string_equal(services_cpio_text(SERVICES_CPIO_END), "end of the archive");
    assert_string_equal(services_cpio_text(SERVICES_CPIO_RESULT_COUNT), "unknown result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, setup),
        cmocka_unit_test_setup(test_every_truncation, setup),
        cmocka_unit_test_setup(test_every_byte_wrong, setup),
        cmocka_unit_test_setup(test_bad_fields, setup),
        cmocka_unit_test_setup(test_bad_names, setup),
        cmocka_unit_test_setup(test_longest_name, setup),
        cmocka_unit_test_setup(test_read_error, setup),
        cmocka_unit_test_setup(test_texts, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
