/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/cmdline.c: words, keys, numbers; every byte of the line may be anything.
 */
#include "core/cmdline.h"

#include <string.h>

#include "support.h"

static bool find(const char *line, const char *key, struct cmdline_value *value)
{
    return cmdline_find(line, strlen(line), key, value);
}

static void H4_cmdline_finds_keys_as_whole_words(void **state)
{
    (void)state;
    struct cmdline_value value;
    assert_true(find("a quiet  b", "quiet", &value));
    assert_null(value.bytes);
    assert_int_equal(value.size, 0);
    assert_false(find("quieter", "quiet", &value));
    assert_false(find("quie", "quiet", &value));
    assert_false(find("xquiet", "quiet", &value));
    assert_false(find("", "quiet", &value));
    assert_false(find("\t\r\n ", "quiet", &value));
    assert_true(find("\tquiet\n", "quiet", &value));
    assert_false(cmdline_find(NULL, 0, "quiet", &value));
}

static void H4_cmdline_values_end_with_the_word(void **state)
{
    (void)state;
    struct cmdline_value value;
    assert_true(find("seed=12 seed=345\tx", "seed", &value));
    assert_int_equal(value.size, 3);
    assert_memory_equal(value.bytes, "345", 3);
    assert_true(find("seed=", "seed", &value));
    assert_int_equal(value.size, 0);
    assert_non_null(value.bytes);
    assert_true(find("a=b=c", "a", &value));
    assert_int_equal(value.size, 3);
    assert_true(find("seed=1 seed", "seed", &value));
    assert_null(value.bytes);
}

static void H4_cmdline_stays_inside_its_size(void **state)
{
    (void)state;
    struct cmdline_value value;
    const char line[] = {'s', 'e', 'e', 'd', '=', '9', '9'}; /* no terminator */
    for (size_t size = 0; size <= sizeof line; size++) {
        bool found = cmdline_find(line, size, "seed", &value);
        assert_int_equal(found, size >= 4);
        assert_true(!found || value.size == (size > 5 ? size - 5 : 0));
    }
}

static bool number(const char *text, uint64_t *result)
{
    struct cmdline_value value = {.bytes = text, .size = strlen(text)};
    return cmdline_number(&value, result);
}

static void H4_cmdline_numbers_have_no_overflow(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "-1",        "+1",           "1x",
                                        "0x10", "K",         "1KK",          "18446744073709551616",
                                        "1 ",   "16777216T", "17179869184G", "99999999999999999999999"};
    uint64_t result = 0;
    assert_true(number("0", &result) && result == 0);
    assert_true(number("18446744073709551615", &result) && result == UINT64_MAX);
    assert_true(number("4K", &result) && result == 4096);
    assert_true(number("256M", &result) && result == UINT64_C(256) << 20);
    assert_true(number("17179869183G", &result) && result == UINT64_C(17179869183) << 30);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        result = 7;
        assert_false(number(wrong[i], &result));
        assert_int_equal(result, 7);
    }
    struct cmdline_value bare = {.bytes = NULL, .size = 0};
    assert_false(cmdline_number(&bare, &result));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(H4_cmdline_finds_keys_as_whole_words),
        cmocka_unit_test(H4_cmdline_values_end_with_the_word),
        cmocka_unit_test(H4_cmdline_stays_inside_its_size),
        cmocka_unit_test(H4_cmdline_numbers_have_no_overflow),
    };
    return unit_main(tests, argc, argv);
}
