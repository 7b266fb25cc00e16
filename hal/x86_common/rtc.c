/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The date out of an MC146818A's registers. See hal/rtc.h.
 */
#include "hal/rtc.h"

/* Register numbers and bits (data sheet, figures 2, 12, 13 and 15). */
enum {
    RTC_SECOND = 0x00,
    RTC_MINUTE = 0x02,
    RTC_HOUR = 0x04,
    RTC_DAY = 0x07,
    RTC_MONTH = 0x08,
    RTC_YEAR = 0x09,
    RTC_STATUS_A = 0x0a,
    RTC_STATUS_B = 0x0b,
    RTC_STATUS_D = 0x0d,
    RTC_RAM = 0x0e, /* from here to 0x7f */
    RTC_RAM_END = 0x80,
    A_UPDATES = 0x80,
    B_24_HOURS = 0x02,
    B_BINARY = 0x04,
    D_VALID = 0x80,
    HOUR_PM = 0x80,
};

/* An update takes 2 ms (figure 15); a read of a port a microsecond or so. */
#define POLLS_MAX 100000u
/* An update comes once a second. */
#define ATTEMPTS_MAX 8u

#define SECONDS_PER_DAY UINT64_C(86400)

/* False: not two decimal digits. */
static bool take_number(const struct rtc_registers *registers, uint8_t raw, unsigned *value)
{
    if ((registers->status_b & B_BINARY) != 0) {
        *value = raw;
        return true;
    }
    *value = (raw >> 4) * 10u + (raw & 0xfu);
    return (raw >> 4) <= 9 && (raw & 0xf) <= 9;
}

static bool take_hour(const struct rtc_registers *registers, unsigned *hour)
{
    const bool by_twelve = (registers->status_b & B_24_HOURS) == 0;
    const bool afternoon = by_twelve && (registers->hour & HOUR_PM) != 0;
    const uint8_t raw = by_twelve ? registers->hour & (uint8_t)~HOUR_PM : registers->hour;

    if (!take_number(registers, raw, hour)) {
        return false;
    }
    if (!by_twelve) {
        return *hour < 24;
    }
    if (*hour < 1 || *hour > 12) {
        return false;
    }
    *hour = *hour % 12 + (afternoon ? 12 : 0);
    return true;
}

static bool take_year(const struct rtc_registers *registers, unsigned *year)
{
    unsigned century;

    if (!take_number(registers, registers->year, year) || *year > 99) {
        return false;
    }
    if (!registers->has_century) {
        *year += *year < 70 ? 2000 : 1900;
        return true;
    }
    if (!take_number(registers, registers->century, &century)) {
        return false;
    }
    *year += century * 100;
    return *year >= RTC_YEAR_FIRST && *year < RTC_YEAR_END;
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of(unsigned month, unsigned year)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Days from 1970-01-01 to the first of January. */
static uint64_t days_before(unsigned year)
{
    const unsigned before = year - 1;
    const unsigned leap_years =
        before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);

    return (uint64_t)(year - RTC_YEAR_FIRST) * 365 + leap_years;
}

bool rtc_decode(const struct rtc_registers *registers, uint64_t *seconds)
{
    unsigned second, minute, hour, day, month, year;
    uint64_t days;

    if (!take_number(registers, registers->second, &second) || second > 59 ||
        !take_number(registers, registers->minute, &minute) || minute > 59 || !take_hour(registers, &hour) ||
        !take_number(registers, registers->day, &day) || !take_number(registers, registers->month, &month) ||
        month < 1 || month > 12 || !take_year(registers, &year) || day < 1 || day > days_of(month, year)) {
        return false;
    }
    days = days_before(year) + day - 1;
    for (unsigned i = 1; i < month; i++) {
        days += days_of(i, year);
    }
    *seconds = days * SECONDS_PER_DAY + hour * 3600u + minute * 60u + second;
    return true;
}

/* False: the clock says that it is being updated, and does not stop to. */
static bool read_registers(uint8_t (*read)(uint8_t index), uint8_t century, struct rtc_registers *registers)
{
    unsigned polls = 0;

    while ((read(RTC_STATUS_A) & A_UPDATES) != 0) {
        if (++polls == POLLS_MAX) {
            return false;
        }
    }
    registers->second = read(RTC_SECOND);
    registers->minute = read(RTC_MINUTE);
    registers->hour = read(RTC_HOUR);
    registers->day = read(RTC_DAY);
    registers->month = read(RTC_MONTH);
    registers->year = read(RTC_YEAR);
    registers->status_b = read(RTC_STATUS_B);
    registers->has_century = century >= RTC_RAM && century < RTC_RAM_END;
    registers->century = registers->has_century ? read(century) : 0;
    return true;
}

static bool is_same(const struct rtc_registers *a, const struct rtc_registers *b)
{
    return a->second == b->second && a->minute == b->minute && a->hour == b->hour && a->day == b->day &&
           a->month == b->month && a->year == b->year && a->status_b == b->status_b &&
           a->century == b->century;
}

/* An update may begin between the look at status A and the last register: two readings that are the same
 * have none in their midst. */
bool rtc_read(uint8_t (*read)(uint8_t index), uint8_t century, uint64_t *seconds)
{
    struct rtc_registers one, two;

    if ((read(RTC_STATUS_D) & D_VALID) == 0) {
        return false;
    }
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (!read_registers(read, century, &one) || !read_registers(read, century, &two)) {
            return false;
        }
        if (is_same(&one, &two)) {
            return rtc_decode(&one, seconds);
        }
    }
    return false;
}
