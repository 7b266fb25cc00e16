/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hal/rtc.h: dates, and a real-time clock that is in the midst of an update, shows garbage, or is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hal/rtc.h"

#define BINARY   0x04u
#define HOURS_24 0x02u
#define CENTURY  0x32u

/* The clock as the tests set it; each read of a register may move it on. */
static struct {
    uint8_t cells[128];
    unsigned reads, update_reads; /* so many reads of status A say that an update is on */
    unsigned tick_at;             /* the read that is followed by the next date; 0: none */
    unsigned tick_always;         /* every so many reads a second passes; 0: never */
} rtc;

static uint8_t bcd(unsigned value)
{
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* In BCD and 24 hours. */
static void set(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
    rtc.cells[0] = bcd(second);
    rtc.cells[2] = bcd(minute);
    rtc.cells[4] = bcd(hour);
    rtc.cells[7] = bcd(day);
    rtc.cells[8] = bcd(month);
    rtc.cells[9] = bcd(year % 100);
    rtc.cells[CENTURY] = bcd(year / 100);
    rtc.cells[0x0b] = HOURS_24;
    rtc.cells[0x0d] = 0x80;
}

static uint8_t read_cell(uint8_t index)
{
    const uint8_t value = index < sizeof(rtc.cells) ? rtc.cells[index] : 0xff;
    rtc.reads++;
    if (rtc.reads == rtc.tick_at) {
        set(2032, 3, 1, 0, 0, 0);
    }
    if (rtc.tick_always != 0 && rtc.reads % rtc.tick_always == 0) {
        rtc.cells[0] = bcd((rtc.cells[0] & 15u) + 1);
    }
    if (index == 0x0a && rtc.update_reads != 0) {
        rtc.update_reads--;
        return 0x80;
    }
    return value;
}

static int begin(void **unused)
{
    (void)unused;
    memset(&rtc, 0, sizeof(rtc));
    return 0;
}

static uint64_t seconds_of(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                           unsigned second)
{
    uint64_t seconds = UINT64_MAX;
    set(year, month, day, hour, minute, second);
    assert_true(rtc_read(read_cell, CENTURY, &seconds));
    return seconds;
}

static void refuse(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                   unsigned second)
{
    uint64_t seconds = 77;
    set(year, month, day, hour, minute, second);
    assert_false(rtc_read(read_cell, CENTURY, &seconds));
    assert_int_equal(seconds, 77);
}

static void HAL_dates_become_seconds(void **unused)
{
    (void)unused;
    assert_int_equal(seconds_of(1970, 1, 1, 0, 0, 0), 0);
    assert_int_equal(seconds_of(1999, 12, 31, 23, 59, 59), 946684799);
    assert_int_equal(seconds_of(2000, 2, 29, 12, 0, 0), 951825600);
    assert_int_equal(seconds_of(2031, 2, 28, 23, 59, 58), 1930089598);
    assert_int_equal(seconds_of(2038, 1, 19, 3, 14, 8), UINT64_C(1) << 31);
    assert_int_equal(seconds_of(2100, 2, 28, 23, 59, 59) + 1, seconds_of(2100, 3, 1, 0, 0, 0));
    assert_int_equal(seconds_of(2106, 2, 7, 6, 28, 16), UINT64_C(1) << 32);
    assert_int_equal(seconds_of(2400, 2, 29, 0, 0, 0), 13574563200);
    assert_int_equal(seconds_of(2499, 12, 31, 23, 59, 59), 16725225599);
    assert_true(seconds_of(2499, 12, 31, 23, 59, 59) < UINT64_MAX / 1000000000u);
}

/* Each day from 1970 to 2499, beside the C library. */
static void HAL_every_day_is_the_library_s(void **unused)
{
    (void)unused;
    for (time_t day = 0; day * 86400 < 16725225600; day++) {
        const time_t noon = day * 86400 + 43200;
        const struct tm date = *gmtime(&noon);
        const struct rtc_registers registers = {.hour = 0x12,
                                                .day = bcd((unsigned)date.tm_mday),
                                                .month = bcd((unsigned)date.tm_mon + 1),
                                                .year = bcd((unsigned)date.tm_year % 100),
                                                .status_b = HOURS_24,
                                                .has_century = true,
                                                .century = bcd((unsigned)(date.tm_year + 1900) / 100)};
        uint64_t seconds = 0;
        if (!rtc_decode(&registers, &seconds) || seconds != (uint64_t)noon) {
            fail_msg("day %lld: %llu", (long long)day, (unsigned long long)seconds);
        }
    }
}

static void D7_what_is_no_date_is_refused(void **unused)
{
    (void)unused;
    refuse(2026, 0, 1, 0, 0, 0);
    refuse(2026, 13, 1, 0, 0, 0);
    refuse(2026, 1, 0, 0, 0, 0);
    refuse(2026, 1, 32, 0, 0, 0);
    refuse(2026, 4, 31, 0, 0, 0);
    refuse(2026, 2, 29, 0, 0, 0);
    refuse(2100, 2, 29, 0, 0, 0);
    refuse(2026, 1, 1, 24, 0, 0);
    refuse(2026, 1, 1, 0, 60, 0);
    refuse(2026, 1, 1, 0, 0, 60);
    refuse(1969, 12, 31, 23, 59, 59);
    refuse(2500, 1, 1, 0, 0, 0);
    refuse(0, 1, 1, 0, 0, 0);
}

/* No register may hold anything but two decimal digits. */
static void D7_what_is_no_bcd_is_refused(void **unused)
{
    static const uint8_t indexes[] = {0, 2, 4, 7, 8, 9, CENTURY};
    (void)unused;
    for (size_t i = 0; i < sizeof(indexes); i++) {
        static const uint8_t garbage[] = {0x0a, 0x1f, 0xa0, 0xff};
        for (size_t j = 0; j < sizeof(garbage); j++) {
            uint64_t seconds;
            set(2026, 1, 1, 0, 0, 0);
            rtc.cells[indexes[i]] = garbage[j];
            assert_false(rtc_read(read_cell, CENTURY, &seconds));
        }
    }
}

static uint64_t at_hour(uint8_t hour, uint8_t status_b)
{
    uint64_t seconds = UINT64_MAX;
    set(1970, 1, 1, 0, 0, 0);
    rtc.cells[4] = hour;
    rtc.cells[0x0b] = status_b;
    if ((status_b & BINARY) != 0) {
        rtc.cells[9] = 70;
        rtc.cells[CENTURY] = 19;
    }
    return rtc_read(read_cell, CENTURY, &seconds) ? seconds / 3600 : UINT64_MAX;
}

static void HAL_hours_by_twelve_and_in_binary(void **unused)
{
    (void)unused;
    assert_int_equal(at_hour(0x23, HOURS_24), 23);
    assert_int_equal(at_hour(0x12, 0), 0); /* midnight */
    assert_int_equal(at_hour(0x01, 0), 1);
    assert_int_equal(at_hour(0x11, 0), 11);
    assert_int_equal(at_hour(0x92, 0), 12); /* noon */
    assert_int_equal(at_hour(0x91, 0), 23);
    assert_int_equal(at_hour(0x00, 0), UINT64_MAX);
    assert_int_equal(at_hour(0x13, 0), UINT64_MAX);
    assert_int_equal(at_hour(0x80, 0), UINT64_MAX);
    assert_int_equal(at_hour(23, BINARY | HOURS_24), 23);
    assert_int_equal(at_hour(0x80 | 11, BINARY), 23);
    assert_int_equal(at_hour(12, BINARY), 0);
    assert_int_equal(at_hour(24, BINARY | HOURS_24), UINT64_MAX);
}

static void HAL_without_a_century_years_are_of_two(void **unused)
{
    static const uint8_t none[] = {0, 0x0d, 0x80, 0xff};
    uint64_t seconds;
    (void)unused;
    for (size_t i = 0; i < sizeof(none); i++) {
        set(2069, 12, 31, 23, 59, 59);
        assert_true(rtc_read(read_cell, none[i], &seconds));
        assert_int_equal(seconds, 3155759999);
        set(1970, 1, 1, 0, 0, 1);
        assert_true(rtc_read(read_cell, none[i], &seconds));
        assert_int_equal(seconds, 1);
    }
}

/* The update comes at any moment of the reading: it is read before it or after it, never half. */
static void D7_update_in_the_midst_is_not_read(void **unused)
{
    (void)unused;
    for (unsigned at = 1; at < 40; at++) {
        uint64_t seconds = 0;
        (void)begin(NULL);
        set(2031, 12, 31, 23, 59, 59);
        rtc.tick_at = at;
        assert_true(rtc_read(read_cell, CENTURY, &seconds));
        assert_true(seconds == 1956527999 || seconds == 1961712000);
    }
    (void)begin(NULL);
    set(2031, 2, 28, 23, 59, 58);
    rtc.update_reads = 1000;
    assert_int_equal(seconds_of(2031, 2, 28, 23, 59, 58), 1930089598);
    assert_int_equal(rtc.update_reads, 0);
}

static void D7_clock_that_never_settles_is_given_up(void **unused)
{
    uint64_t seconds;
    (void)unused;
    set(2026, 1, 1, 0, 0, 0);
    rtc.update_reads = UINT32_MAX;
    assert_false(rtc_read(read_cell, CENTURY, &seconds));
    (void)begin(NULL);
    set(2026, 1, 1, 0, 0, 0);
    rtc.tick_always = 5;
    assert_false(rtc_read(read_cell, CENTURY, &seconds));
    assert_true(rtc.reads < 1000);
}

static void D7_clock_that_is_not_there(void **unused)
{
    uint64_t seconds;
    (void)unused;
    memset(rtc.cells, 0xff, sizeof(rtc.cells)); /* nobody answers */
    assert_false(rtc_read(read_cell, CENTURY, &seconds));
    set(2026, 1, 1, 0, 0, 0);
    rtc.cells[0x0d] = 0; /* the battery was empty */
    assert_false(rtc_read(read_cell, CENTURY, &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(HAL_dates_become_seconds, begin),
        cmocka_unit_test_setup(HAL_every_day_is_the_library_s, begin),
        cmocka_unit_test_setup(D7_what_is_no_date_is_refused, begin),
        cmocka_unit_test_setup(D7_what_is_no_bcd_is_refused, begin),
        cmocka_unit_test_setup(HAL_hours_by_twelve_and_in_binary, begin),
        cmocka_unit_test_setup(HAL_without_a_century_years_are_of_two, begin),
        cmocka_unit_test_setup(D7_update_in_the_midst_is_not_read, begin),
        cmocka_unit_test_setup(D7_clock_that_never_settles_is_given_up, begin),
        cmocka_unit_test_setup(D7_clock_that_is_not_there, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
