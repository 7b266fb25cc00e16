/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Devices that reach for memory on the hosted machine, whose remapping units begin with caches full of lies:
 * nothing gets through, and the log says who tried (hal/x86_common/vtd.c, vtd_watch.c, amdvi.c,
 * amdvi_events.c).
 */
#include <string.h>

#include "hal/amdvi.h"
#include "hal/mmu.h"
#include "hal/vtd.h"
#include "support.h"

#define MS UINT64_C(1000000)
/* One behind each unit. */
#define DEVICE ((uint16_t)0x0028)
#define OTHER  ((uint16_t)0xff2f)
#define EVIL   0xee
#define QUEUE  (UINT32_C(1) << 26) /* stays on */
#define REMAPS (UINT32_C(1) << 25) /* and this */
#define AMDS   .config.ram_size = 1 << 20, .config.iommu = HOSTED_IOMMU_AMD

static uint8_t bytes[2 * KEEL_PAGE_SIZE];

/* Where a frame lies: the slot of its handle is its number. */
static uint64_t address_of(keel_frame_t frame)
{
    return (frame.value >> 32 & 0x0fffffff) * KEEL_PAGE_SIZE;
}

static bool still_evil(void)
{
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (bytes[i] != EVIL) {
            return false;
        }
    }
    return true;
}

/* Until the fault records have been looked at: in the timer interrupt that ends the sleep. */
static void look(void)
{
    CHECK_OK(keel_task_sleep(600 * MS));
}

static void D3_no_device_reaches_a_frame(void)
{
    static uint8_t before[KEEL_PAGE_SIZE], now[KEEL_PAGE_SIZE];
    keel_frame_t frame = unit_frame();
    uint32_t through = 0;
    memset(before, 0x5a, sizeof before);
    memset(bytes, EVIL, sizeof bytes);
    CHECK_OK(keel_frame_write(frame, 0, before, sizeof before));
    for (uint32_t source = 0; source < 0x10000; source++) {
        through += hosted_dma((uint16_t)source, address_of(frame) + source % 4095, bytes, 2, true);
        through += hosted_dma((uint16_t)source, address_of(frame), bytes, 2, false);
    }
    CHECK_EQUAL(through, 0);
    CHECK(still_evil());
    CHECK_OK(keel_frame_read(frame, 0, now, sizeof now));
    CHECK(memcmp(now, before, sizeof now) == 0);
    CHECK_OK(keel_frame_release(frame));
}

/* Kernel tables, kernel objects, free frames, and where no RAM is. */
static void D3_nothing_reaches_memory(void)
{
    uint32_t through = 0;
    memset(bytes, EVIL, sizeof bytes);
    for (uint64_t address = 0; address < UINT64_C(2) << 20; address += KEEL_PAGE_SIZE / 2) {
        through += hosted_dma(DEVICE, address, bytes, sizeof bytes, true);
        through += hosted_dma(OTHER, address, bytes, sizeof bytes, true);
        through += hosted_dma(DEVICE, address, bytes, sizeof bytes, false);
        through += hosted_dma(OTHER, address, bytes, sizeof bytes, false);
        through += hosted_dma(DEVICE, address, bytes, 1, false); /* of one page alone */
        through += hosted_dma(OTHER, address, bytes, 1, false);
    }
    through += hosted_dma(DEVICE, hal_kernel_root().value, bytes, sizeof bytes, true);
    through += hosted_dma(DEVICE, UINT64_MAX - 1, bytes, 4, true);
    CHECK_EQUAL(through, 0);
    CHECK(still_evil());
    CHECK_AUDIT();
}

static void D3_attempts_are_told_of(void)
{
    memset(bytes, EVIL, sizeof bytes);
    look();
    CHECK_EQUAL(unit_console_count("iommu: blocked"), 0);
    CHECK(!hosted_dma(DEVICE, UINT64_C(0x123456789), bytes, 1, true));
    CHECK(!hosted_dma(OTHER, 0x5ffe, bytes, 4, false));
    look();
    CHECK(unit_console_contains("keel: iommu: blocked: 00:05.0 writes to 0x123456000 (unit 0, reason 2)\n"));
    CHECK(unit_console_contains("keel: iommu: blocked: ff:05.7 reads at 0x5000 (unit 1, reason 1)\n"));
    CHECK(unit_console_contains("keel: iommu: blocked: ff:05.7 reads at 0x6000 (unit 1, reason 1)\n"));
    CHECK_EQUAL(unit_console_count("iommu: blocked"), 3);
    for (uint32_t i = 0; i < 4; i++) { /* once around the records */
        CHECK(!hosted_dma(OTHER, (i + 7) * KEEL_PAGE_SIZE, bytes, 1, true));
        look();
    }
    CHECK(unit_console_contains("ff:05.7 writes to 0xa000 (unit 1, reason 1)\n"));
    CHECK_EQUAL(unit_console_count("iommu: blocked"), 7);
}

/* More than a unit can record, again and again: it goes on blocking, and there is an end to the lines. */
static void D8_storm_of_attempts(void)
{
    uint32_t through = 0;
    memset(bytes, EVIL, sizeof bytes);
    for (uint32_t round = 0; round < 60; round++) {
        for (uint32_t i = 0; i < 50; i++) {
            through += hosted_dma(DEVICE, i * KEEL_PAGE_SIZE, bytes, sizeof bytes, (i & 1) != 0);
        }
        look();
    }
    CHECK_EQUAL(through, 0);
    CHECK(unit_console_contains("blocked: more attempts than unit 0 can record\n"));
    CHECK(unit_console_contains(
        "blocked: more attempts than unit 0 can record, time 32: told of less and less\n"));
    CHECK(unit_console_contains(", time 128: told of less and less\n")); /* four each round */
    CHECK_EQUAL(unit_console_count("iommu: blocked"), 8 + 4 + 8 + 2);
    CHECK(!hosted_dma(OTHER, 0x1000, bytes, 1, true)); /* another device is heard all the same */
    look();
    CHECK(unit_console_contains("blocked: ff:05.7 writes to 0x1000"));
}

/* As no driver does. */
static void D3_audit_sees_a_unit_switched_off(void)
{
    CHECK_AUDIT();
    vtd_write32(1, 0x18, QUEUE | REMAPS);
    while (vtd_translates(1)) {
    }
    CHECK_EQUAL(unit_audit(), 1);
    memset(bytes, EVIL, sizeof bytes);
    CHECK(hosted_dma(OTHER, HOSTED_IO_BASE / 2, bytes, 1, true)); /* where nothing is */
    vtd_write32(1, 0x18, QUEUE | REMAPS | UINT32_C(1) << 31);
    while (!vtd_translates(1)) {
    }
    CHECK_AUDIT();
}

/* --- By AMD's units --- */

static void D3_attempts_are_told_of_by_amd(void)
{
    memset(bytes, EVIL, sizeof bytes);
    CHECK(!hosted_dma(DEVICE, UINT64_C(0x123456789), bytes, 1, true));
    CHECK(!hosted_dma(OTHER, 0x5ffe, bytes, 4, false));
    look();
    CHECK(unit_console_contains("keel: iommu: blocked: 00:05.0 writes to 0x123456000 (unit 0, reason 2)\n"));
    CHECK(unit_console_contains("keel: iommu: blocked: ff:05.7 reads at 0x5000 (unit 1, reason 2)\n"));
    CHECK(unit_console_contains("keel: iommu: blocked: ff:05.7 reads at 0x6000 (unit 1, reason 2)\n"));
    CHECK_EQUAL(unit_console_count("iommu: blocked"), 3);
    for (uint32_t i = 0; i < 300; i++) { /* once around the log */
        CHECK(!hosted_dma(OTHER, 0x7000, bytes, 1, true));
        if (i % 100 == 0) {
            look();
        }
    }
    CHECK(!unit_console_contains("more attempts than unit"));
}

/* As many as a log holds, and more, again and again. */
static void D8_storm_of_attempts_by_amd(void)
{
    memset(bytes, EVIL, sizeof bytes);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < 300; i++) {
            CHECK(!hosted_dma(DEVICE, i * KEEL_PAGE_SIZE, bytes, 1, (i & 1) != 0));
        }
        look();
        CHECK_EQUAL(unit_console_count("blocked: more attempts than unit 0 can record"), round + 1);
    }
    CHECK(!hosted_dma(OTHER, 0x1000, bytes, 1, true)); /* another device is heard all the same */
    look();
    CHECK(unit_console_contains("blocked: ff:05.7 writes to 0x1000"));
    CHECK_EQUAL(unit_console_count("blocked: more attempts than unit"), 4);
}

static void D3_audit_sees_amds_unit_switched_off(void)
{
    uint64_t control = amdvi_read(1, 0x18);
    CHECK_AUDIT();
    memset(bytes, EVIL, sizeof bytes);
    amdvi_write(1, 0x18, control & ~UINT64_C(1));
    CHECK_EQUAL(unit_audit(), 1);
    CHECK(hosted_dma(OTHER, HOSTED_IO_BASE / 2, bytes, 1, true)); /* where nothing is */
    amdvi_write(1, 0x18, control);
    CHECK_AUDIT();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D3_no_device_reaches_a_frame, .by_amd = true, .config.ram_size = 2 << 20),
        UNIT(D3_nothing_reaches_memory, .by_amd = true, .config.ram_size = 1 << 20),
        UNIT(D3_attempts_are_told_of, .config.ram_size = 1 << 20),
        UNIT(D8_storm_of_attempts, .config.ram_size = 1 << 20),
        UNIT(D3_audit_sees_a_unit_switched_off, .config.count_violations = true,
             .violation = "HAL: write_command: translation is switched off"),
        UNIT(D3_attempts_are_told_of_by_amd, AMDS),
        UNIT(D8_storm_of_attempts_by_amd, AMDS),
        UNIT(D3_audit_sees_amds_unit_switched_off, AMDS, .config.count_violations = true,
             .violation = "HAL: write_control: translation is switched off"),
    };
    return unit_main(tests, argc, argv);
}
