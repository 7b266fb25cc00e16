/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The date at boot, from the real-time clock. Once: keel_time_now goes on from there.
 */
#include "hal/clock.h"
#include "hal/cpu.h"
#include "hal/rtc.h"
#include "insn.h"
#include "parts.h"

/* Bit 7 of the index port would hold NMIs back; no index here has it. */
static uint8_t read_cmos(uint8_t index)
{
    x86_outb(0x70, index);
    return x86_inb(0x71);
}

uint64_t x86_wall_time(void)
{
    uint64_t seconds, wall;

    if (x86_power.has_no_rtc || !rtc_read(read_cmos, x86_power.rtc_century, &seconds)) {
        x86_print("keel: clock: no real-time clock that knows the date\n");
        return 0;
    }
    wall = seconds * CLOCK_NS_PER_S;
    x86_print("keel: clock: the date is %u s since 1970\n", seconds);
    return wall > hal_time_now() ? wall - hal_time_now() : 0;
}
