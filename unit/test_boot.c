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

/* --- Reclaiming --- */

/* Odd on purpose: no order, overlaps, boot data in parts of pages, holes, and reclaimable memory on top. */
static const struct hal_region boot_data[] = {{0x380000, 0x60000, HAL_REGION_RECLAIMABLE},
                                              {0x4000, 0x2fc000, HAL_REGION_USABLE},
                                              {0x3d0000, 0x4000, HAL_REGION_UNUSABLE},
                                              {0x100800, 0x2000, HAL_REGION_RECLAIMABLE},
                                              {0x3a0000, 0x1000, HAL_REGION_KERNEL},
                                              {0, 0x2000, HAL_REGION_RECLAIMABLE},
                                              {0x3b0010, 0x10, HAL_REGION_MMIO}};
/* 0x100000..0x103000, and 0x380000..0x3e0000 but for four, one and one pages. */
#define BOOT_DATA_FRAMES (3u + 0x60u - 6u)

static bool is_boot_data(uint64_t address)
{
    bool low = address >= 0x100000 && address < 0x103000;
    bool taken = (address >= 0x3d0000 && address < 0x3d4000) || address == 0x3a0000 || address == 0x3b0000;
    return low || (address >= 0x380000 && address < 0x3e0000 && !taken);
}

/* Takes all frames there are; answers how many of them are boot data. All are zeroed. */
static uint64_t take_all(void)
{
    static keel_frame_t taken[2048];
    static unsigned char page[KEEL_PAGE_SIZE], zeroes[KEEL_PAGE_SIZE];
    struct keel_frame_info info = {0};
    uint64_t found = 0;
    size_t count = 0;
    while (keel_frame_alloc(&taken[count]) == KEEL_OK) {
        CHECK_OK(keel_frame_info(taken[count], &info));
        CHECK_OK(keel_frame_read(taken[count], 0, page, sizeof page));
        CHECK(memcmp(page, zeroes, sizeof page) == 0);
        bool usable = info.address >= 0x4000 && info.address < 0x300000;
        CHECK(usable || is_boot_data(info.address));
        found += is_boot_data(info.address);
        count++;
    }
    CHECK_EQUAL(frame_free_count(), 0);
    CHECK_AUDIT();
    while (count > 0) {
        CHECK_OK(keel_frame_release(taken[--count]));
    }
    return found;
}

static void M5_boot_data_is_handed_out_once_reclaimed(void)
{
    uint64_t total = frame_total(), before = frame_free_count(), reclaimed = 0, again = 7;
    CHECK(frame_end() >= 0x3e0);
    CHECK_EQUAL(take_all(), 0);
    CHECK_STATUS(keel_boot_reclaim(NULL), KEEL_E_INVALID);
    CHECK_OK(keel_boot_reclaim(&reclaimed));
    CHECK_EQUAL(reclaimed, BOOT_DATA_FRAMES);
    CHECK_EQUAL(frame_free_count(), before + reclaimed);
    CHECK_EQUAL(frame_total(), total + reclaimed);
    CHECK_STATUS(keel_boot_reclaim(&again), KEEL_E_EXISTS);
    CHECK_EQUAL(again, 7);
    CHECK_EQUAL(frame_free_count(), before + reclaimed);
    CHECK_EQUAL(take_all(), BOOT_DATA_FRAMES);
}

static uint64_t added;
static bool added_twice;
static uint8_t announced[2048];

static void learn(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)cpu;
    (void)context;
    for (uint64_t i = first; i < first + count; i++) {
        added_twice = added_twice || announced[i] != 0;
        announced[i] = 1;
    }
    added += count;
}

/* Frame numbers of boot data, of the kernel and of everything else that is not usable. */
static uint64_t propose(void *context, uint32_t cpu, uint64_t count, uint64_t alignment)
{
    (void)cpu;
    static uint64_t next;
    (void)context;
    (void)count;
    (void)alignment;
    return next++ % 0x800;
}

static void forget(void *context, uint32_t cpu, uint64_t first, uint64_t count)
{
    (void)cpu;
    (void)context;
    (void)first;
    (void)count;
}

static void inject(void)
{
    const struct keel_frame_allocator allocator = {NULL, learn, propose, forget};
    added = 0;
    added_twice = false;
    memset(announced, 0, sizeof announced);
    CHECK_OK(keel_frame_allocator_inject(&allocator));
}

static void P1_injected_allocator_learns_of_reclaimed_frames(void)
{
    uint64_t before = frame_free_count(), reclaimed = 0;
    inject();
    CHECK_EQUAL(added, before);
    CHECK_EQUAL(take_all(), 0); /* it proposes them all the same */
    CHECK_OK(keel_boot_reclaim(&reclaimed));
    CHECK_EQUAL(added, before + reclaimed);
    CHECK(!added_twice);
    CHECK_EQUAL(take_all(), BOOT_DATA_FRAMES);
}

static void P1_allocator_injected_later_learns_of_them_as_well(void)
{
    uint64_t reclaimed = 0;
    CHECK_OK(keel_boot_reclaim(&reclaimed));
    inject();
    CHECK_EQUAL(added, frame_free_count());
    CHECK(!added_twice);
    CHECK_EQUAL(take_all(), BOOT_DATA_FRAMES);
}

static atomic_u32_t reclaimed_by;

static void reclaim_too(uint64_t argument)
{
    uint64_t count = argument;
    keel_status_t status = keel_boot_reclaim(&count);
    CHECK(status == KEEL_OK || status == KEEL_E_EXISTS);
    atomic_u32_fetch_add(&reclaimed_by, status == KEEL_OK);
    CHECK_OK(keel_frame_release(unit_frame()));
}

static void M5_boot_data_is_reclaimed_once_whoever_asks(void)
{
    atomic_u32_init(&reclaimed_by, 0);
    uint64_t before = frame_free_count();
    keel_task_t other = unit_spawn(reclaim_too, 0);
    reclaim_too(0);
    CHECK(unit_join(other) == 0);
    CHECK_EQUAL(atomic_u32_peek(&reclaimed_by), 1);
    unit_settle();
    CHECK_EQUAL(frame_free_count(), before + BOOT_DATA_FRAMES);
}

/* Regions of two pages and a bit, of each kind in turn, each overlapping the next one, from top to bottom. */
#define MANY        480u
#define MANY_STRIDE 0x2800u
#define MANY_SIZE   0x3400u
static struct hal_region many[MANY];

static void make_many(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct hal_region){0x10000 + (uint64_t)(MANY - i) * MANY_STRIDE, MANY_SIZE,
                                      (enum hal_region_kind)(i * i % HAL_REGION_KIND_COUNT)};
    }
    many[0] = (struct hal_region){0x500000, 0x200000, HAL_REGION_USABLE}; /* for what needs a run */
}

/* The highest kind of all regions that touch the page, or nothing. */
static int kind_of_page(uint64_t page)
{
    int kind = -1;
    for (unsigned i = 0; i < MANY; i++) {
        bool touches = many[i].base < page + KEEL_PAGE_SIZE && page < many[i].base + many[i].size;
        kind = touches && (int)many[i].kind > kind ? (int)many[i].kind : kind;
    }
    return kind;
}

static void M5_map_of_hundreds_of_regions(void)
{
    static keel_frame_t taken[2048];
    uint64_t reclaimed = 0;
    for (int highest = HAL_REGION_USABLE; highest <= HAL_REGION_RECLAIMABLE; highest++) {
        size_t count = 0, of_highest = 0;
        while (keel_frame_alloc(&taken[count]) == KEEL_OK) {
            int kind = kind_of_page(handle_slot(taken[count++].value) * KEEL_PAGE_SIZE);
            CHECK(kind >= 0 && kind <= highest);
            of_highest += kind == highest;
        }
        CHECK(of_highest > 0);
        while (count > 0) {
            CHECK_OK(keel_frame_release(taken[--count]));
        }
        if (highest == HAL_REGION_USABLE) {
            CHECK_OK(keel_boot_reclaim(&reclaimed));
            CHECK(reclaimed > 0);
        }
    }
}

static void M4_what_boot_left_stays_readable_after_reclaiming(void)
{
    static unsigned char buffer[sizeof initrd];
    uint64_t reclaimed = 7;
    CHECK_OK(keel_boot_reclaim(&reclaimed));
    CHECK_EQUAL(reclaimed, 0); /* this map has nothing reclaimable */
    CHECK_OK(keel_boot_initrd(0, buffer, sizeof initrd));
    CHECK(memcmp(buffer, initrd, sizeof initrd) == 0);
    CHECK_OK(keel_boot_command_line(0, buffer, sizeof command_line - 1));
    CHECK(memcmp(buffer, command_line, sizeof command_line - 1) == 0);
}

static void H4_wall_time_goes_on_from_boot(void)
{
    uint64_t wall = 0, now = 0, later = 0;
    CHECK_OK(keel_time_now(&now));
    CHECK_OK(keel_time_wall(&wall));
    CHECK_OK(keel_task_sleep(5000000));
    CHECK_OK(keel_time_now(&later));
    CHECK(wall >= HOSTED_WALL_TIME + now && wall <= HOSTED_WALL_TIME + later);
    now = wall;
    CHECK_OK(keel_time_wall(&wall));
    CHECK(wall >= now + 5000000 && wall >= HOSTED_WALL_TIME + later);
    CHECK_STATUS(keel_time_wall(NULL), KEEL_E_INVALID);
}

static void H4_machine_without_a_wall_clock(void)
{
    uint64_t wall = 7;
    CHECK_STATUS(keel_time_wall(&wall), KEEL_E_NOT_FOUND);
    CHECK_EQUAL(wall, 7);
}

static void H4_wall_time_does_not_wrap(void)
{
    uint64_t wall = 7;
    CHECK_OK(keel_task_sleep(1000000));
    CHECK_STATUS(keel_time_wall(&wall), KEEL_E_LIMIT);
    CHECK_EQUAL(wall, 7);
}

#define REGIONS(of) .config.regions = of, .config.region_count = sizeof(of) / sizeof(of)[0]

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof initrd; i++) {
        initrd[i] = (unsigned char)(i * 31 + i / 256);
    }
    make_many();
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
        UNIT(M5_boot_data_is_handed_out_once_reclaimed, REGIONS(boot_data), .config.ram_size = 4 << 20,
             .leaves_things = true),
        UNIT(P1_injected_allocator_learns_of_reclaimed_frames, REGIONS(boot_data), .config.ram_size = 4 << 20,
             .leaves_things = true),
        UNIT(P1_allocator_injected_later_learns_of_them_as_well, REGIONS(boot_data),
             .config.ram_size = 4 << 20, .leaves_things = true),
        UNIT(M5_boot_data_is_reclaimed_once_whoever_asks, REGIONS(boot_data), .config.ram_size = 4 << 20,
             .leaves_things = true, .seeds = 30),
        UNIT(M4_what_boot_left_stays_readable_after_reclaiming, .config = full),
        UNIT(H4_wall_time_goes_on_from_boot),
        UNIT(H4_machine_without_a_wall_clock, .config.no_wall_time = true),
        UNIT(H4_wall_time_does_not_wrap, .config.wall_time = UINT64_MAX - 999999),
        UNIT(M5_map_of_hundreds_of_regions, REGIONS(many), .config.ram_size = 8 << 20, .leaves_things = true),
    };
    return unit_main(tests, argc, argv);
}
