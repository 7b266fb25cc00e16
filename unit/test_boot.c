/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/boot.c and the calls of keel/boot.h: what the machine was given, whatever its shape.
 */
#include "core/boot.h"

#include <string.h>

#include "core/frame.h"
#include "support.h"

static const char command_line[] = "one two=2";
static unsigned char initrd[5000];

static void H4_boot_info_tells_what_the_machine_has(void)
{
    struct keel_boot_info info;
    memset(&info, 0xee, sizeof info);
    CHECK_OK(keel_boot_info(&info));
    CHECK_EQUAL(info.cpus_online, 3);
    CHECK_EQUAL(info.cpus_present, 3);
    CHECK_EQUAL(info.reserved, 0);
    CHECK_EQUAL(info.command_line_size, sizeof command_line - 1);
    CHECK_EQUAL(info.initrd_size, sizeof initrd);
    CHECK_EQUAL(info.frames_free, frame_free_count());
    CHECK(info.frames_free < info.frames_total && info.frames_total <= (8u << 20) / KEEL_PAGE_SIZE);
    CHECK_STATUS(keel_boot_info(NULL), KEEL_E_INVALID);
}

static void H4_boot_regions_are_the_normalised_map(void)
{
    struct keel_boot_info info = {0};
    struct keel_region region = {0};
    uint64_t end = 0;
    CHECK_OK(keel_boot_info(&info));
    for (uint32_t i = 0; i < info.region_count; i++) {
        CHECK_OK(keel_boot_region(i, &region));
        CHECK(region.base >= end && region.size > 0 && region.kind <= KEEL_REGION_UNUSABLE);
        end = region.base + region.size;
    }
    CHECK_STATUS(keel_boot_region(info.region_count, &region), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_boot_region(UINT32_MAX, &region), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_boot_region(0, NULL), KEEL_E_INVALID);
}

static void M4_command_line_and_initrd_keep_to_their_ranges(void)
{
    static unsigned char buffer[sizeof initrd];
    const size_t line_size = sizeof command_line - 1;
    CHECK_OK(keel_boot_command_line(0, buffer, line_size));
    CHECK(memcmp(buffer, command_line, line_size) == 0);
    CHECK_OK(keel_boot_command_line(line_size, NULL, 0));
    CHECK_STATUS(keel_boot_command_line(1, buffer, line_size), KEEL_E_INVALID);
    CHECK_STATUS(keel_boot_command_line(line_size + 1, buffer, 0), KEEL_E_INVALID);
    CHECK_STATUS(keel_boot_command_line(UINT64_MAX, buffer, 2), KEEL_E_INVALID);
    CHECK_STATUS(keel_boot_command_line(0, NULL, 1), KEEL_E_INVALID);
    CHECK_OK(keel_boot_initrd(0, buffer, sizeof initrd));
    CHECK(memcmp(buffer, initrd, sizeof initrd) == 0);
    CHECK_OK(keel_boot_initrd(4999, buffer, 1));
    CHECK_STATUS(keel_boot_initrd(4999, buffer, 2), KEEL_E_INVALID);
    CHECK_STATUS(keel_boot_initrd(UINT64_MAX, buffer, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_boot_initrd(0, buffer, SIZE_MAX), KEEL_E_INVALID);
}

static void M4_absent_command_line_and_initrd_are_empty(void)
{
    char buffer[1];
    CHECK_OK(keel_boot_command_line(0, buffer, 0));
    CHECK_OK(keel_boot_initrd(0, buffer, 0));
    CHECK_STATUS(keel_boot_command_line(0, buffer, 1), KEEL_E_INVALID);
    CHECK_STATUS(keel_boot_initrd(0, buffer, 1), KEEL_E_INVALID);
}

static void M5_initrd_and_kernel_frames_are_never_handed_out(void)
{
    const struct memmap *map = boot_memmap();
    for (size_t i = 0; i < map->count; i++) {
        const struct hal_region *region = &map->regions[i];
        for (uint64_t at = region->base;
             region->kind != HAL_REGION_USABLE && at < region->base + region->size; at += KEEL_PAGE_SIZE) {
            uint64_t number = at / KEEL_PAGE_SIZE;
            CHECK(number >= frame_end() ||
                  ref_word_state(atomic_u64_peek(&frame_at(number)->ref.word)) == REF_RESERVED);
        }
    }
}

static void M8_boot_without_memory_ends_with_an_error(void)
{
    CHECK_NEVER("a machine without memory came up");
}

static const struct hal_region no_usable[] = {{0, 1 << 20, HAL_REGION_RESERVED}};
static const struct hal_region tiny[] = {{0x4000, 0x3000, HAL_REGION_USABLE}};
static const struct hal_region holes[] = {{0x4000, 0x100000, HAL_REGION_USABLE},
                                          {0x200000, 0x80000, HAL_REGION_RECLAIMABLE},
                                          {0x300800, 0x100000, HAL_REGION_USABLE},
                                          {0x380000, 0x1000, HAL_REGION_RESERVED}};

static void M5_map_with_holes_gives_usable_frames_only(void)
{
    static keel_frame_t taken[2048];
    size_t count = 0;
    struct keel_frame_info info = {0};
    while (keel_frame_alloc(&taken[count]) == KEEL_OK) {
        CHECK_OK(keel_frame_info(taken[count++], &info));
        bool low = info.address >= 0x4000 && info.address < 0x104000;
        bool high = info.address >= 0x301000 && info.address < 0x400000 && info.address != 0x380000;
        CHECK(low || high);
    }
    while (count > 0) {
        CHECK_OK(keel_frame_release(taken[--count]));
    }
}

#define REGIONS(of) .config.regions = of, .config.region_count = sizeof(of) / sizeof(of)[0]

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof initrd; i++) {
        initrd[i] = (unsigned char)(i * 31 + i / 256);
    }
    const struct hosted_config full = {.ram_size = 8 << 20,
                                       .cpu_count = 3,
                                       .command_line = command_line,
                                       .command_line_size = sizeof command_line - 1,
                                       .initrd = initrd,
                                       .initrd_size = sizeof initrd};
    const struct CMUnitTest tests[] = {
        UNIT(H4_boot_info_tells_what_the_machine_has, .config = full),
        UNIT(H4_boot_regions_are_the_normalised_map, .config = full),
        UNIT(M4_command_line_and_initrd_keep_to_their_ranges, .config = full),
        UNIT(M4_absent_command_line_and_initrd_are_empty),
        UNIT(M5_initrd_and_kernel_frames_are_never_handed_out, .config = full),
        UNIT(M5_map_with_holes_gives_usable_frames_only, REGIONS(holes), .config.ram_size = 8 << 20),
        UNIT(M8_boot_without_memory_ends_with_an_error, .status = 1, REGIONS(no_usable)),
        UNIT(M8_boot_without_memory_ends_with_an_error, .status = 1, REGIONS(tiny)),
    };
    return unit_main(tests, argc, argv);
}
