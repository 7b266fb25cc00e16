/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The real-time clock of a PC (Motorola MC146818A data sheet; the century by ACPI 6.4, table 5.9): what date
 * it is, in Universal Time, as UEFI firmware and other systems keep it. Registers are read by a callback, so
 * that this runs on the hosted machine too. Whatever they show, reading ends, and what comes out is a date.
 */
#ifndef HAL_RTC_H
#define HAL_RTC_H

#include "hal/types.h"

/* Dates before 1970 and from 2500 on are refused: in nanoseconds they fit 64 bits. */
#define RTC_YEAR_FIRST 1970u
#define RTC_YEAR_END   2500u

/* The registers as they are read: BCD or binary, 12 or 24 hours, as status B says. */
struct rtc_registers {
    uint8_t second, minute, hour, day, month, year, status_b;
    bool has_century;
    uint8_t century;
};

/* Seconds since 1970-01-01 00:00:00 UTC. False: this is no date. Without a century, years from 70 on are
 * 19xx. */
bool rtc_decode(const struct rtc_registers *registers, uint64_t *seconds);

/* Reads the clock; `century` is the register that holds it, 0: there is none. False: no clock, or none that
 * was set. */
bool rtc_read(uint8_t (*read)(uint8_t index), uint8_t century, uint64_t *seconds);

#endif
