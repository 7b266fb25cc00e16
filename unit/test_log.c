/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/log.c and the console's calls.
 */
#include <string.h>

#include "support.h"

static char big[KEEL_CONSOLE_WRITE_MAX + 1];

static void M8_console_write_is_bounded(void)
{
    memset(big, 'z', sizeof big);
    CHECK_OK(keel_console_write("raw bytes\n", 10));
    CHECK(unit_console_contains("raw bytes\n"));
    CHECK_OK(keel_console_write(NULL, 0));
    CHECK_OK(keel_console_write(big, KEEL_CONSOLE_WRITE_MAX));
    CHECK_STATUS(keel_console_write(big, KEEL_CONSOLE_WRITE_MAX + 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_console_write(big, SIZE_MAX), KEEL_E_INVALID);
    CHECK_STATUS(keel_console_write(NULL, 1), KEEL_E_INVALID);
}

static void M8_log_checks_levels_and_shows_each(void)
{
    CHECK_STATUS(keel_log(0, "x", 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_log(5, "x", 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_log(UINT32_MAX, "x", 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_log(KEEL_LOG_INFO, NULL, 1), KEEL_E_INVALID);
    CHECK_OK(keel_log(KEEL_LOG_ERROR, "first", 5));
    CHECK_OK(keel_log(KEEL_LOG_WARNING, "second", 6));
    CHECK_OK(keel_log(KEEL_LOG_INFO, "third", 5));
    CHECK_OK(keel_log(KEEL_LOG_DEBUG, "fourth", 6));
    CHECK(unit_console_contains(" error] first\n") && unit_console_contains(" warning] second\n"));
    CHECK(unit_console_contains(" info] third\n") && unit_console_contains(" debug] fourth\n"));
}

static void M8_log_cuts_long_lines_and_hides_control_bytes(void)
{
    static char line[KEEL_LOG_LINE_MAX + 4];
    memset(big, 'q', sizeof big);
    CHECK_OK(keel_log(KEEL_LOG_INFO, big, sizeof big));
    memset(line, 'q', sizeof line);
    line[KEEL_LOG_LINE_MAX] = '\n';
    line[KEEL_LOG_LINE_MAX + 1] = '\0';
    CHECK(unit_console_contains(line));
    line[KEEL_LOG_LINE_MAX] = 'q';
    CHECK(!unit_console_contains(line));
    CHECK_OK(keel_log(KEEL_LOG_INFO, "a\x1b[2Jb\n\0c", 9));
    CHECK(unit_console_contains("] a?[2Jb??c\n"));
}

static void writer(uint64_t letter)
{
    char line[40];
    memset(line, (int)letter, sizeof line);
    for (unsigned i = 0; i < 10; i++) {
        CHECK_OK(keel_log(KEEL_LOG_INFO, line, sizeof line));
    }
}

static void T9_lines_of_two_cpus_stay_whole(void)
{
    keel_task_t other = unit_spawn(writer, 'A');
    writer('B');
    CHECK(unit_join(other) == 0);
    CHECK(unit_console_contains("] AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"));
    CHECK(unit_console_contains("] BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\n"));
    CHECK(!unit_console_contains("AB") && !unit_console_contains("BA"));
}

static struct keel_log_record read_line(uint64_t number)
{
    struct keel_log_record record;
    memset(&record, 0xff, sizeof record);
    CHECK_OK(keel_log_read(number, &record));
    CHECK(record.size <= KEEL_LOG_LINE_MAX && record.reserved == 0);
    for (uint32_t i = record.size; i < KEEL_LOG_LINE_MAX; i++) {
        CHECK(record.text[i] == 0);
    }
    return record;
}

static uint64_t count_lines(void)
{
    struct keel_log_record record;
    uint64_t number = 0;
    while (keel_log_read(number, &record) == KEEL_OK) {
        CHECK(record.number >= number && (record.number == number || number == 0));
        number = record.number + 1;
    }
    return number;
}

static void M9_lines_can_be_read(void)
{
    uint64_t first = count_lines(), now = 0;
    struct keel_log_record record = {0};
    CHECK(first > 0); /* Keel's own */
    CHECK(strncmp(read_line(0).text, "keel: starting", 14) == 0);
    CHECK_STATUS(keel_log_read(first, &record), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_log_read(UINT64_MAX, &record), KEEL_E_NOT_FOUND);
    CHECK_EQUAL(record.size, 0);
    CHECK_OK(keel_log(KEEL_LOG_WARNING, "a\nb", 3));
    record = read_line(first);
    CHECK_OK(keel_time_now(&now));
    CHECK(record.number == first && record.level == KEEL_LOG_WARNING && record.cpu == 0 &&
          record.time <= now);
    CHECK(record.size == 3 && memcmp(record.text, "a?b", 3) == 0);
    memset(big, 'q', sizeof big);
    CHECK_OK(keel_log(KEEL_LOG_INFO, big, sizeof big));
    CHECK_EQUAL(read_line(first + 1).size, KEEL_LOG_LINE_MAX);
    for (unsigned i = 0; i < KEEL_LOG_LINES; i++) {
        CHECK_OK(keel_log(KEEL_LOG_DEBUG, "on", 2));
    }
    CHECK_EQUAL(read_line(0).number, first + 2);
    CHECK_EQUAL(read_line(first + 1).number, first + 2);
    CHECK_EQUAL(read_line(first + 3).number, first + 3);
    CHECK_EQUAL(count_lines(), first + 2 + KEEL_LOG_LINES);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M8_console_write_is_bounded),
        UNIT(M8_log_checks_levels_and_shows_each),
        UNIT(M8_log_cuts_long_lines_and_hides_control_bytes),
        UNIT(T9_lines_of_two_cpus_stay_whole, .seeds = 10),
        UNIT(M9_lines_can_be_read),
    };
    return unit_main(tests, argc, argv);
}
