/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/text.c: a line never leaves its buffer, whatever goes in.
 */
#include "core/text.h"

#include <string.h>

#include "support.h"

static struct text text;

static void assert_text(const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.bytes, expected, text.size);
    text_clear(&text);
}

static void M8_text_writes_numbers(void **state)
{
    (void)state;
    text_clear(&text);
    text_u64(&text, 0);
    assert_text("0");
    text_u64(&text, UINT64_MAX);
    assert_text("18446744073709551615");
    text_i64(&text, INT64_MIN);
    assert_text("-9223372036854775808");
    text_i64(&text, INT64_MAX);
    assert_text("9223372036854775807");
    text_hex(&text, UINT64_MAX);
    assert_text("0xffffffffffffffff");
    text_hex(&text, 0);
    assert_text("0x0");
    text_padded(&text, 42, 6, '0');
    assert_text("000042");
    text_padded(&text, 1234567, 3, ' ');
    assert_text("1234567");
}

static void M8_text_shows_foreign_bytes_harmlessly(void **state)
{
    (void)state;
    const char bytes[] = {'a', '\0', '\x1b', '\x7f', (char)0x80, (char)0xff, '~', ' ', '\n'};
    text_clear(&text);
    text_bytes(&text, bytes, sizeof bytes);
    assert_text("a?????~ ?");
    text_bytes(&text, NULL, 0);
    assert_text("");
}

static void M8_text_cuts_at_its_size(void **state)
{
    (void)state;
    static char many[2 * TEXT_SIZE];
    memset(many, 'x', sizeof many - 1);
    text_clear(&text);
    text_string(&text, many);
    assert_int_equal(text.size, TEXT_SIZE);
    text_char(&text, 'y');
    text_bytes(&text, many, sizeof many);
    text_u64(&text, 5);
    text_padded(&text, 5, 1000, '0');
    assert_int_equal(text.size, TEXT_SIZE);
    assert_int_equal(text.bytes[TEXT_SIZE - 1], 'x');
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(M8_text_writes_numbers),
        cmocka_unit_test(M8_text_shows_foreign_bytes_harmlessly),
        cmocka_unit_test(M8_text_cuts_at_its_size),
    };
    return unit_main(tests, argc, argv);
}
