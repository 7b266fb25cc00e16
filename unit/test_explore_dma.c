/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races about DMA, every schedule within the stated number of preemptions. The machine reports a frame that
 * is let go while its remapping unit may still lead there, and the audit compares tables with mappings.
 */
#include "core/dma.h"

#include "dma_script.h"
#include "hal/cpu.h"
#include "hal/iommu.h"
#include "race.h"

static keel_pci_device_t device;
static keel_dma_t mapping, other_mapping;
static keel_segment_t memory;
static uint16_t source;
static uint64_t address;
static keel_status_t theirs;
static bool through;

/* A device, and a mapping that alone holds its memory. */
static void prepare_for(uint32_t index)
{
    device = dma_device(index);
    source = dma_source(index);
    mapping = dma_new(device, 1, BOTH);
    address = dma_address(mapping);
    memory = dma_segment(1);
}

static void prepare(void)
{
    prepare_for(CARD);
}

/* The same in a new life, which has no table yet: whoever maps first has to leave the domain's lock for one.
 */
static void prepare_anew_for(uint32_t index)
{
    prepare_for(index);
    CHECK_OK(keel_dma_disable(device));
    CHECK_OK(keel_dma_enable(device, 0));
}

static void prepare_anew(void)
{
    prepare_anew_for(CARD);
}

static void put_away(void)
{
    CHECK_OK(keel_segment_release(memory));
    CHECK_OK(keel_pci_device_release(device));
}

static void device_writes(uint64_t argument)
{
    (void)argument;
    race_wait();
    through = dma_writes(source, address, 'd');
    race_done();
}

/* The device writes while its memory is released and used again: what is new there it never reaches. */
static void D2_explore_write_against_release(void)
{
    uint8_t byte = 1;
    prepare();
    keel_task_t other = race_start(device_writes, 0);
    CHECK_OK(keel_dma_release(mapping));
    keel_segment_t next = dma_segment(1);
    race_finish(other);
    CHECK_OK(keel_segment_read(next, 0, &byte, 1));
    CHECK_EQUAL(byte, 0);
    CHECK(!dma_writes(source, address, 'd'));
    CHECK_OK(keel_segment_release(next));
    put_away();
}

static void D2_explore_write_against_flush(void)
{
    uint8_t byte = 1;
    prepare();
    keel_task_t other = race_start(device_writes, 0);
    CHECK_OK(keel_dma_release_later(mapping));
    CHECK_OK(keel_dma_flush(device));
    keel_segment_t next = dma_segment(1);
    race_finish(other);
    CHECK_OK(keel_segment_read(next, 0, &byte, 1));
    CHECK_EQUAL(byte, 0);
    CHECK_OK(keel_segment_release(next));
    put_away();
}

static void release_other(uint64_t argument)
{
    (void)argument;
    other_mapping = dma_new(device, 1, BOTH);
    race_wait();
    theirs = keel_dma_release(other_mapping);
    race_done();
}

/* Each waits for a flush of its own. */
static void D2_explore_two_releases(void)
{
    prepare();
    keel_task_t other = race_start(release_other, 0);
    CHECK_OK(keel_dma_release(mapping));
    CHECK(!dma_writes(source, address, 'd'));
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_EQUAL(dma_state(device).pages, 0);
    put_away();
}

static void release_mapping(uint64_t later)
{
    race_wait();
    theirs = later != 0 ? keel_dma_release_later(mapping) : keel_dma_release(mapping);
    race_done();
}

static void race_release_against_disable(uint64_t later)
{
    prepare();
    keel_task_t other = race_start(release_mapping, later);
    CHECK_OK(keel_dma_disable(device));
    CHECK(!dma_writes(source, address, 'd'));
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_EQUAL(dma_state(device).pages, 0);
    CHECK_OK(keel_dma_enable(device, 0));
    put_away();
}

static void D2_explore_release_against_disable(void)
{
    race_release_against_disable(0);
}

static void D2_explore_late_release_against_disable(void)
{
    race_release_against_disable(1);
}

static void map_memory(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_dma_map(device, memory, 0, 1, BOTH, &other_mapping);
    race_done();
}

/* Either it comes too late, or its mapping is a dead one. */
static void D3_explore_map_against_disable(void)
{
    prepare_anew();
    CHECK_OK(keel_dma_release(mapping));
    keel_task_t other = race_start(map_memory, 0);
    CHECK_OK(keel_dma_disable(device));
    race_finish(other);
    CHECK(!dma_writes(source, address, 'd'));
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_NOT_FOUND);
    if (theirs == KEEL_OK) {
        CHECK_OK(keel_dma_release(other_mapping));
    }
    CHECK_EQUAL(dma_state(device).pages, 0);
    put_away();
}

/* Both need the same table. */
static void D1_explore_two_maps(void)
{
    prepare_anew();
    CHECK_OK(keel_dma_release(mapping));
    keel_task_t other = race_start(map_memory, 0);
    mapping = dma_of(device, memory, 0, 1, BOTH);
    race_finish(other);
    CHECK_OK(theirs);
    CHECK(dma_address(mapping) != dma_address(other_mapping));
    CHECK(dma_writes(source, dma_address(mapping), 'a'));
    CHECK(dma_writes(source, dma_address(other_mapping), 'b'));
    CHECK_OK(keel_dma_release(mapping));
    CHECK_OK(keel_dma_release(other_mapping));
    put_away();
}

/* Who finds the other's table linked does not count on the other's flush of it: behind a unit that may have
 * cached that there was none. */
static void D1_explore_map_by_a_new_table(void)
{
    prepare_anew_for(STORAGE);
    CHECK_OK(keel_dma_release(mapping));
    keel_task_t other = race_start(map_memory, 0);
    mapping = dma_of(device, memory, 0, 1, BOTH);
    CHECK(dma_writes(source, dma_address(mapping), 'a'));
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_OK(keel_dma_release(mapping));
    CHECK_OK(keel_dma_release(other_mapping));
    put_away();
}

/* As if the machine had found one attempt more in its records. */
static void report_fault(void)
{
    const struct hal_iommu_fault fault = {.address = 0x5000, .source = source, .is_read = true};
    bool interrupts = hal_irq_disable();
    hal_upcall_iommu_fault(&fault);
    hal_irq_restore(interrupts);
}

static void one_attempt_too_many(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < KEEL_DMA_FAULTS_MAX; i++) {
        report_fault();
    }
    race_wait();
    report_fault();
    race_done();
}

static void begin_again(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_dma_disable(device);
    theirs = theirs == KEEL_OK ? keel_dma_enable(device, 0) : theirs;
    race_done();
}

/* The cut falls into this life of the domain or into none, never into the next. */
static void D8_explore_cut_off_against_next_life(void)
{
    prepare();
    for (unsigned i = 0; i < KEEL_DMA_FAULTS_MAX; i++) {
        report_fault();
    }
    keel_task_t other = race_start(begin_again, 0);
    report_fault();
    race_finish(other);
    CHECK_OK(theirs);
    CHECK_EQUAL(dma_state(device).enabled, 1);
    CHECK_OK(keel_dma_release(mapping));
    mapping = dma_of(device, memory, 0, 1, BOTH);
    CHECK(dma_writes(source, dma_address(mapping), 'd'));
    CHECK_OK(keel_dma_release(mapping));
    put_away();
}

/* Nor does a mapping that was begun before. */
static void D1_explore_map_against_next_life(void)
{
    prepare_anew();
    CHECK_OK(keel_dma_release(mapping));
    keel_task_t other = race_start(begin_again, 0);
    keel_status_t mine = keel_dma_map(device, memory, 0, 1, BOTH, &mapping);
    race_finish(other);
    CHECK(mine == KEEL_OK || mine == KEEL_E_NOT_FOUND);
    if (mine == KEEL_OK) {
        address = dma_address(mapping);
        CHECK_OK(keel_dma_release(mapping));
    }
    CHECK_OK(theirs);
    CHECK(!dma_writes(source, address, 'd'));
    CHECK_EQUAL(dma_state(device).pages, 0);
    put_away();
}

/* And a release that is under way has its flush. */
static void D8_explore_cut_off_against_release(void)
{
    prepare();
    keel_task_t other = race_start(one_attempt_too_many, 0);
    CHECK_OK(keel_dma_release(mapping));
    CHECK(!dma_writes(source, address, 'd'));
    race_finish(other);
    CHECK_EQUAL(dma_state(device).cut_off, 1);
    put_away();
}

/* The same races where commands overtake each other. */
static void D2_explore_write_against_release_by_amd(void)
{
    D2_explore_write_against_release();
}

static void D2_explore_release_against_disable_by_amd(void)
{
    D2_explore_release_against_disable();
}

static void enable(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_dma_enable(device, 0);
    race_done();
}

#define FRAMES_MAX 256u
static keel_frame_t all[FRAMES_MAX];
static keel_space_t space;

/* All memory is taken but that of a space which ends: its tables become a device's while it is taken apart.
 */
static void M1_explore_end_of_a_space_against_enable(void)
{
    unsigned count = 0;
    device = dma_acquire(CARD);
    space = unit_space();
    keel_frame_t frame = unit_frame();
    CHECK_OK(keel_space_map(space, KEEL_USER_START, frame, KEEL_READ));
    CHECK_OK(keel_frame_release(frame));
    keel_task_t other = race_prepare(enable, 0);
    while (count < FRAMES_MAX && keel_frame_alloc(&all[count]) == KEEL_OK) {
        count++;
    }
    race_begin();
    CHECK_OK(keel_space_release(space));
    race_finish(other);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_NO_MEMORY);
    while (count > 0) {
        CHECK_OK(keel_frame_release(all[--count]));
    }
    CHECK_OK(keel_pci_device_release(device));
}

/* Nobody looks at a life that is being made. */
static void D3_explore_map_against_enable(void)
{
    prepare();
    CHECK_OK(keel_dma_release(mapping));
    CHECK_OK(keel_dma_disable(device));
    keel_task_t other = race_start(map_memory, 0);
    CHECK_OK(keel_dma_enable(device, 0));
    race_finish(other);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_NOT_FOUND);
    if (theirs == KEEL_OK) {
        CHECK_OK(keel_dma_release(other_mapping));
    }
    put_away();
}

static void D3_explore_two_enable(void)
{
    prepare();
    CHECK_OK(keel_dma_release(mapping));
    CHECK_OK(keel_dma_disable(device));
    keel_task_t other = race_start(enable, 0);
    keel_status_t mine = keel_dma_enable(device, 0);
    race_finish(other);
    CHECK((mine == KEEL_OK) != (theirs == KEEL_OK));
    mine = mine == KEEL_OK ? theirs : mine;
    CHECK(mine == KEEL_E_BUSY || mine == KEEL_E_EXISTS);
    CHECK_EQUAL(dma_state(device).enabled, 1);
    put_away();
}

static void disable(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_dma_disable(device);
    race_done();
}

/* One of them ends the life, and the tables of it once. */
static void D3_explore_two_disable(void)
{
    prepare();
    keel_task_t other = race_start(disable, 0);
    keel_status_t mine = keel_dma_disable(device);
    race_finish(other);
    CHECK((mine == KEEL_OK) != (theirs == KEEL_OK));
    mine = mine == KEEL_OK ? theirs : mine;
    CHECK(mine == KEEL_E_BUSY || mine == KEEL_E_NOT_FOUND);
    CHECK_OK(keel_dma_release(mapping));
    CHECK_EQUAL(dma_state(device).enabled, 0);
    put_away();
}

/* With units that are told by registers, and have done it then: nobody waits, which would let others go on.
 */
static const char trust[] = "keel.dma=trust-devices"; /* with interrupts: these units do not remap them */
#define TRUSTED .config.command_line = trust, .config.command_line_size = sizeof trust - 1

#define EXPLORE_AT_ONCE(function, bound)                                                                     \
    EXPLORE_DEVICES(function, bound, .config.iommu = HOSTED_IOMMU_REGISTERS, TRUSTED)

#define EXPLORE_BY_AMD(function) EXPLORE_DEVICES(function, 1, .config.iommu = HOSTED_IOMMU_AMD)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE_DEVICES(D2_explore_write_against_release, 2),
        EXPLORE_DEVICES(D2_explore_write_against_flush, 1),
        EXPLORE_DEVICES(M1_explore_end_of_a_space_against_enable, 1),
        EXPLORE_DEVICES(D2_explore_two_releases, 1),
        EXPLORE_DEVICES(D2_explore_release_against_disable, 1),
        EXPLORE_DEVICES(D2_explore_late_release_against_disable, 1),
        EXPLORE_DEVICES(D3_explore_map_against_disable, 1),
        EXPLORE_DEVICES(D1_explore_two_maps, 1),
        EXPLORE_DEVICES(D1_explore_map_by_a_new_table, 2),
        EXPLORE_AT_ONCE(D8_explore_cut_off_against_next_life, 1),
        EXPLORE_AT_ONCE(D1_explore_map_against_next_life, 1),
        EXPLORE_AT_ONCE(D3_explore_map_against_enable, 1),
        EXPLORE_DEVICES(D8_explore_cut_off_against_release, 1),
        EXPLORE_DEVICES(D3_explore_two_enable, 1),
        EXPLORE_AT_ONCE(D3_explore_two_disable, 1),
        EXPLORE_BY_AMD(D2_explore_write_against_release_by_amd),
        EXPLORE_BY_AMD(D2_explore_release_against_disable_by_amd),
    };
    return unit_main(tests, argc, argv);
}
