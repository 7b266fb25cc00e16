/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA: what devices reach, and what they do not (core/dma.c, core/domain.c, core/iommu.c, api/dma.c).
 */
#include "core/dma.h"

#include "core/frame.h"
#include "dma_script.h"
#include "hal/pci.h"

#define MS UINT64_C(1000000)

/* --- What is mapped --- */

static void D1_device_reaches_what_is_mapped_for_it(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_segment_t segment = dma_segment(4);
    keel_dma_t dma = dma_of(device, segment, 1, 2, BOTH);
    uint64_t address = dma_address(dma);
    uint8_t byte = 0, bytes[3] = {1, 2, 3};
    CHECK_OK(keel_segment_write(segment, 2 * PAGE - 1, "abc", 3));
    CHECK(hosted_dma(source, address + PAGE - 1, bytes, 3, false));
    CHECK(memcmp(bytes, "abc", 3) == 0);
    CHECK(dma_writes(source, address, 'x'));
    CHECK(dma_writes(source, address + 2 * PAGE - 1, 'y'));
    CHECK_OK(keel_segment_read(segment, PAGE, &byte, 1));
    CHECK_EQUAL(byte, 'x');
    CHECK_OK(keel_dma_read(dma, 2 * PAGE - 1, &byte, 1));
    CHECK_EQUAL(byte, 'y');
    CHECK_AUDIT();
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

static void D1_device_reaches_nothing_else(void)
{
    keel_pci_device_t device = dma_device(CARD), other = dma_device(CARD_SECOND),
                      third = dma_acquire(STORAGE);
    keel_dma_t dma = dma_new(device, 3, BOTH), others = dma_new(other, 1, BOTH);
    uint64_t address = dma_address(dma);
    uint8_t byte = 0;
    CHECK(!dma_reads(dma_source(CARD), address - 1, &byte));
    CHECK(!dma_reads(dma_source(CARD), address + 3 * PAGE, &byte));
    CHECK(!dma_reads(dma_source(CARD), 0, &byte));
    CHECK(!dma_reads(dma_source(CARD), UINT64_MAX, &byte));
    for (unsigned bit = 30; bit < 64; bit++) {
        CHECK(!dma_writes(dma_source(CARD), address | UINT64_C(1) << bit, 1));
    }
    /* Theirs is a domain each, or none. */
    CHECK(!dma_reads(dma_source(CARD_SECOND), address, &byte));
    CHECK(!dma_reads(dma_source(CARD), dma_address(others), &byte) || address == dma_address(others));
    CHECK(!dma_reads(dma_source(STORAGE), address, &byte));
    CHECK(!dma_reads(dma_source(HOST_BRIDGE), address, &byte));
    for (uint64_t physical = 0; physical < 2 << 20; physical += PAGE) {
        CHECK(!dma_writes(dma_source(CARD), physical, 1));
    }
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_dma_release(others));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_pci_device_release(other));
    CHECK_OK(keel_pci_device_release(third));
}

static void D1_two_devices_have_the_same_address(void)
{
    keel_pci_device_t device = dma_device(CARD), other = dma_device(CARD_SECOND);
    keel_dma_t dma = dma_new(device, 1, BOTH), others = dma_new(other, 1, BOTH);
    uint8_t byte = 0;
    CHECK_EQUAL(dma_address(dma), dma_address(others));
    CHECK(dma_writes(dma_source(CARD), dma_address(dma), 'a'));
    CHECK(dma_writes(dma_source(CARD_SECOND), dma_address(dma), 'b'));
    CHECK_OK(keel_dma_read(dma, 0, &byte, 1));
    CHECK_EQUAL(byte, 'a');
    CHECK_OK(keel_dma_read(others, 0, &byte, 1));
    CHECK_EQUAL(byte, 'b');
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_dma_release(others));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_pci_device_release(other));
}

static void D1_direction_is_kept(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_dma_t first = dma_new(device, 1, KEEL_DMA_FROM_DEVICE); /* whose tables the others find */
    keel_dma_t to = dma_new(device, 1, KEEL_DMA_TO_DEVICE), from = dma_new(device, 1, KEEL_DMA_FROM_DEVICE);
    uint8_t byte = 7;
    struct keel_dma_info info;
    CHECK_OK(keel_dma_info(to, &info));
    CHECK_EQUAL(info.direction, KEEL_DMA_TO_DEVICE);
    CHECK_OK(keel_dma_info(from, &info));
    CHECK_EQUAL(info.direction, KEEL_DMA_FROM_DEVICE);
    CHECK(dma_reads(source, dma_address(to), &byte));
    CHECK_EQUAL(byte, 0);
    CHECK(!dma_writes(source, dma_address(to), 1));
    CHECK(dma_writes(source, dma_address(from), 2));
    CHECK(!dma_reads(source, dma_address(from), &byte));
    CHECK(!dma_reads(source, dma_address(first), &byte));
    CHECK_EQUAL(byte, 0);
    CHECK_OK(keel_dma_read(to, 0, &byte, 1));
    CHECK_EQUAL(byte, 0);
    CHECK_OK(keel_dma_read(from, 0, &byte, 1));
    CHECK_EQUAL(byte, 2);
    CHECK_OK(keel_dma_release(first));
    CHECK_OK(keel_dma_release(to));
    CHECK_OK(keel_dma_release(from));
    CHECK_OK(keel_pci_device_release(device));
}

/* Of every size around that of tables: the first and last byte, and the one behind. */
static void D1_sizes(void)
{
    static const uint64_t sizes[] = {1, 2, 3, 511, 512, 513, 1023, 1024, 1025, 1536};
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    uint8_t byte = 0;
    for (unsigned aligned = 2; aligned-- > 0;) { /* before there are tables */
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            keel_segment_t segment = {0};
            CHECK_OK(keel_segment_alloc(sizes[i] + 1, aligned != 0 ? 512 : 1, &segment));
            keel_dma_t dma = dma_of(device, segment, 0, sizes[i], BOTH);
            uint64_t last = dma_address(dma) + sizes[i] * PAGE - 1;
            CHECK(dma_writes(source, dma_address(dma), 'f'));
            CHECK(dma_writes(source, last, 'l'));
            CHECK(!dma_writes(source, last + 1, 'x'));
            CHECK_OK(keel_segment_read(segment, 0, &byte, 1));
            CHECK_EQUAL(byte, 'f');
            CHECK_OK(keel_segment_read(segment, sizes[i] * PAGE - 1, &byte, 1));
            CHECK_EQUAL(byte, 'l');
            CHECK_OK(keel_segment_read(segment, sizes[i] * PAGE, &byte, 1));
            CHECK_EQUAL(byte, 0);
            CHECK_AUDIT();
            CHECK_OK(keel_dma_release(dma));
            CHECK(!dma_reads(source, last, &byte));
            CHECK_OK(keel_segment_release(segment));
        }
    }
    CHECK_OK(keel_pci_device_release(device));
}

/* One segment twice, for one device and for two, each with its own rights. */
static void D1_mappings_of_one_segment(void)
{
    keel_pci_device_t device = dma_device(CARD), other = dma_device(STORAGE);
    keel_segment_t segment = dma_segment(2);
    keel_dma_t first = dma_of(device, segment, 0, 2, KEEL_DMA_TO_DEVICE);
    keel_dma_t second = dma_of(device, segment, 1, 1, KEEL_DMA_FROM_DEVICE);
    keel_dma_t others = dma_of(other, segment, 1, 1, BOTH);
    uint8_t byte = 0;
    CHECK(dma_writes(dma_source(CARD), dma_address(second), 5));
    CHECK(dma_reads(dma_source(CARD), dma_address(first) + PAGE, &byte));
    CHECK_EQUAL(byte, 5);
    CHECK_OK(keel_dma_release(second));
    CHECK(!dma_writes(dma_source(CARD), dma_address(first) + PAGE, 6));
    CHECK(dma_reads(dma_source(STORAGE), dma_address(others), &byte));
    CHECK_EQUAL(byte, 5);
    CHECK_OK(keel_dma_release(first));
    CHECK(dma_writes(dma_source(STORAGE), dma_address(others), 6));
    CHECK_OK(keel_dma_release(others));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_pci_device_release(other));
}

/* A unit may know of all its addresses that there was nothing: what is mapped is reached all the same, also
 * where a neighbour's table has come before. */
static void D1_reaches_what_it_tried_before(void)
{
    keel_pci_device_t device = dma_device(STORAGE);
    uint16_t source = dma_source(STORAGE);
    keel_dma_t first = dma_new(device, 2, BOTH);
    uint64_t next = dma_address(first) + 2 * PAGE;
    uint8_t byte = 0;
    CHECK(!dma_reads(source, next, &byte));
    keel_dma_t second = dma_new(device, 2, BOTH);
    CHECK_EQUAL(dma_address(second), next);
    CHECK(dma_reads(source, next, &byte));
    CHECK(dma_writes(source, next + 2 * PAGE - 1, 1));
    CHECK_OK(keel_dma_release(first));
    CHECK_OK(keel_dma_release(second));
    CHECK_OK(keel_pci_device_release(device));
}

/* --- How it ends --- */

static void D2_released_memory_is_not_reached(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    uint8_t byte = 0;
    for (unsigned round = 0; round < 50; round++) {
        uint64_t before = free_frames();
        keel_dma_t dma = dma_new(device, 1 + round % 5, BOTH);
        uint64_t address = dma_address(dma);
        CHECK(dma_reads(source, address, &byte)); /* whatever can be cached, is */
        CHECK_OK(keel_dma_release(dma));
        CHECK(!dma_reads(source, address, &byte));
        CHECK(free_frames() == before || round < 5); /* the first of each size makes a table */
    }
    CHECK_OK(keel_pci_device_release(device));
}

static void D2_frames_are_captive_until_the_flush(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_dma_t dma = dma_new(device, 4, BOTH);
    uint64_t address = dma_address(dma), before = free_frames();
    uint8_t byte = 0;
    CHECK(dma_reads(source, address, &byte));
    CHECK_OK(keel_dma_release_later(dma));
    CHECK_STATUS(keel_dma_read(dma, 0, &byte, 1), KEEL_E_BAD_HANDLE);
    CHECK_EQUAL(free_frames(), before);
    CHECK_EQUAL(dma_state(device).pages, 4);
    keel_dma_t next = dma_new(device, 4, BOTH); /* has another address meanwhile */
    CHECK(dma_address(next) != address);
    CHECK_AUDIT();
    CHECK_OK(keel_dma_flush(device));
    CHECK(!dma_reads(source, address, &byte));
    CHECK_EQUAL(free_frames(), before);
    CHECK_EQUAL(dma_state(device).pages, 4);
    CHECK_OK(keel_dma_release(next));
    CHECK_EQUAL(free_frames(), before + 4);
    CHECK_OK(keel_dma_flush(device));
    CHECK_OK(keel_pci_device_release(device));
}

static void D2_full_batch_is_flushed(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint64_t before = 0;
    for (unsigned i = 0; i < 3 * KEEL_DMA_BATCH; i++) {
        keel_dma_t dma = dma_new(device, 1, BOTH);
        before = i == 0 ? free_frames() : before;
        CHECK_OK(keel_dma_release_later(dma));
        CHECK_EQUAL(dma_state(device).pages, (i + 1) % KEEL_DMA_BATCH);
    }
    CHECK_EQUAL(free_frames(), before + 1);
    CHECK_OK(keel_pci_device_release(device));
}

/* Who releases last decides whether it is waited for. */
static void D2_last_release_decides(void)
{
    keel_pci_device_t device = dma_device(CARD);
    for (unsigned later = 0; later < 2; later++) {
        keel_dma_t dma = dma_new(device, 1, BOTH);
        CHECK_OK(keel_dma_ref(dma));
        CHECK_OK(later == 0 ? keel_dma_release_later(dma) : keel_dma_release(dma));
        CHECK_OK(later == 0 ? keel_dma_release(dma) : keel_dma_release_later(dma));
        CHECK_EQUAL(dma_state(device).pages, later);
    }
    CHECK_OK(keel_pci_device_release(device)); /* lets the captive one go */
}

/* Its end takes all there is, also what is captive; its mappings are dead, and stay so. */
static void D2_nothing_is_reached_when_it_is_disabled(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_dma_t dma = dma_new(device, 2, BOTH), captive = dma_new(device, 1, BOTH), other = {0};
    keel_segment_t segment = dma_segment(1);
    uint64_t address = dma_address(dma);
    uint8_t byte = 0;
    CHECK_OK(keel_dma_release_later(captive));
    CHECK_OK(keel_dma_disable(device));
    CHECK_EQUAL(dma_state(device).pages, 2);
    CHECK(!dma_reads(source, address, &byte));
    CHECK_STATUS(keel_dma_disable(device), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &other), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_dma_flush(device));
    CHECK_OK(keel_dma_write(dma, 0, "a", 1)); /* it is memory still */
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_EXISTS);
    CHECK(!dma_reads(source, address, &byte));
    other = dma_of(device, segment, 0, 1, BOTH);
    CHECK(dma_reads(source, dma_address(other), &byte));
    CHECK_OK(keel_dma_release(dma));
    CHECK(dma_reads(source, dma_address(other), &byte));
    CHECK_AUDIT();
    CHECK_OK(keel_dma_release(other));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* A mapping keeps the device; the last of both ends DMA. */
static void D3_device_masters_while_it_is_enabled(void)
{
    keel_pci_device_t device = dma_acquire(CARD), again = {0};
    CHECK(!masters(CARD));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK(masters(CARD));
    CHECK_OK(keel_dma_disable(device));
    CHECK(!masters(CARD));
    CHECK_OK(keel_dma_enable(device, 0));
    keel_dma_t dma = dma_new(device, 1, BOTH);
    CHECK_OK(keel_pci_device_release(device));
    CHECK_STATUS(keel_pci_device_acquire(CARD, &again), KEEL_E_BUSY);
    CHECK(masters(CARD));
    CHECK_AUDIT();
    CHECK_OK(keel_dma_release(dma));
    CHECK(!masters(CARD));
    CHECK_OK(keel_pci_device_acquire(CARD, &again));
    CHECK_EQUAL(dma_state(again).enabled, 0);
    CHECK_OK(keel_pci_device_release(again));
}

/* What it may still lead to is never let go, whatever its mapping is about; and nobody gets more. */
static void D2_hardware_that_dies_keeps_what_it_had(void)
{
    keel_pci_device_t device = dma_device(CARD), other = dma_acquire(CARD_SECOND);
    keel_dma_t dma = dma_new(device, 3, BOTH), more = {0};
    keel_segment_t segment = dma_segment(1);
    for (unsigned round = 0; round < 100 && dma_state(device).pages == 3; round++) {
        if (keel_dma_map(device, segment, 0, 1, BOTH, &more) == KEEL_OK) {
            CHECK_OK(keel_dma_release(more));
        }
    }
    CHECK_EQUAL(dma_state(device).pages, 4);
    CHECK(unit_console_contains("iommu: the hardware does not obey any more"));
    CHECK_STATUS(keel_dma_flush(device), KEEL_E_UNSUPPORTED);
    for (unsigned i = 0; i < object_slots(OBJECT_DMA); i++) { /* which takes none of them */
        CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &more), KEEL_E_UNSUPPORTED);
    }
    CHECK_EQUAL(dma_state(device).pages, 4);
    CHECK_STATUS(keel_dma_enable(other, 0), KEEL_E_UNSUPPORTED);
    CHECK_OK(keel_dma_disable(device));
    CHECK_STATUS(keel_dma_flush(device), KEEL_E_UNSUPPORTED);
    uint64_t before = free_frames();
    CHECK_OK(keel_dma_release(dma));
    CHECK_EQUAL(free_frames(), before);
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_UNSUPPORTED);
    CHECK(!masters(CARD));
    CHECK_AUDIT();
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_pci_device_release(dma_acquire(CARD))); /* nothing that is captive holds it */
    CHECK_OK(keel_pci_device_release(other));
}

/* --- Attempts --- */

static void D8_device_that_tries_on_is_cut_off(void)
{
    keel_pci_device_t device = dma_device(CARD), other = dma_device(CARD_SECOND);
    uint16_t source = dma_source(CARD);
    keel_dma_t dma = dma_new(device, 1, BOTH), others = dma_new(other, 1, BOTH), more = {0};
    keel_segment_t segment = dma_segment(1);
    uint64_t address = dma_address(dma);
    uint8_t byte = 0;
    for (unsigned i = 0; i < 2 * KEEL_DMA_FAULTS_MAX && dma_state(device).cut_off == 0; i++) {
        CHECK(dma_state(device).enabled != 0 && masters(CARD));
        (void)dma_writes(source, 0x5000, 1);
        CHECK(dma_reads(dma_source(CARD_SECOND), dma_address(others), &byte));
        CHECK_OK(keel_task_sleep(600 * MS)); /* until the records are looked at */
    }
    CHECK_EQUAL(dma_state(device).cut_off, 1);
    CHECK_EQUAL(dma_state(device).enabled, 0);
    CHECK(dma_state(device).faults > KEEL_DMA_FAULTS_MAX);
    CHECK_EQUAL(dma_state(device).fault_address, 0x5000);
    CHECK(!masters(CARD));
    CHECK_OK(keel_dma_flush(device));
    CHECK(!dma_reads(source, address, &byte));
    CHECK_EQUAL(unit_console_count("and is cut off"), 1);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &more), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_EXISTS);
    CHECK_AUDIT();
    CHECK(dma_reads(dma_source(CARD_SECOND), dma_address(others), &byte));
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_dma_disable(device));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_EQUAL(dma_state(device).faults, 0);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_dma_release(others));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_pci_device_release(other));
}

static void try_on(uint16_t source)
{
    for (unsigned i = 0; i <= KEEL_DMA_FAULTS_MAX; i++) {
        (void)dma_writes(source, 0x5000, 1);
        CHECK_OK(keel_task_sleep(600 * MS)); /* until the records are looked at */
    }
}

static uint64_t signals_of(keel_event_t event)
{
    uint64_t count = 0;
    CHECK_OK(keel_event_sequence(event, &count));
    return count;
}

static void wait_for_the_end(uint64_t event)
{
    CHECK_OK(keel_event_wait((keel_event_t){event}, 0, KEEL_FOREVER));
}

static void D8_driver_is_told_of_the_cut_off(void)
{
    const keel_event_t none = {0};
    keel_event_t event = {0}, other = {0};
    keel_pci_device_t device = dma_acquire(CARD);
    CHECK_OK(keel_event_create(&event));
    CHECK_OK(keel_event_create(&other));
    CHECK_STATUS(keel_dma_watch(device, event), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_dma_watch(device, none), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_OK(keel_dma_watch(device, other));
    CHECK_OK(keel_dma_watch(device, none));
    CHECK_OK(keel_dma_watch(device, other));
    CHECK_OK(keel_dma_watch(device, event));
    struct keel_task_options options = {.entry = wait_for_the_end, .argument = event.value};
    keel_task_t task = {0};
    int32_t code = 0;
    CHECK_OK(keel_task_spawn(&options, &task));
    try_on(dma_source(CARD));
    CHECK_OK(keel_task_join(task, &code));
    CHECK_EQUAL(signals_of(event), 1);
    CHECK_EQUAL(signals_of(other), 0);
    CHECK_OK(keel_dma_watch(device, other)); /* late, but told */
    CHECK_EQUAL(signals_of(other), 1);
    CHECK_OK(keel_dma_watch(device, none));
    CHECK_OK(keel_dma_disable(device));
    CHECK_EQUAL(signals_of(event), 1);
    /* The next life knows it no more, and lets go an event that nobody else holds. */
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_OK(keel_dma_watch(device, event));
    CHECK_OK(keel_dma_disable(device));
    CHECK_OK(keel_dma_enable(device, 0));
    try_on(dma_source(CARD));
    CHECK_EQUAL(dma_state(device).cut_off, 1);
    CHECK_EQUAL(signals_of(event), 1);
    CHECK_OK(keel_dma_disable(device));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_OK(keel_dma_watch(device, other));
    CHECK_OK(keel_event_release(other));
    CHECK_AUDIT();
    CHECK_OK(keel_event_release(event));
    CHECK_OK(keel_task_release(task));
    CHECK_OK(keel_pci_device_release(device));
}

static keel_pci_device_t shared;
static keel_status_t at_once;

static void let_go_last(void *context)
{
    (void)context;
    keel_pci_device_t again = {0};
    CHECK_OK(keel_pci_device_release(shared));
    at_once = keel_pci_device_acquire(CARD, &again);
}

/* What waits for its flush may be much: interrupts are on while it is let go. */
static void D8_last_hold_of_an_interrupt_handler(void)
{
    keel_segment_t segment = dma_segment(1);
    keel_dma_t dma;
    const struct keel_timer_options options = {.handler = let_go_last};
    keel_timer_t timer = {0};
    shared = dma_device(CARD);
    dma = dma_of(shared, segment, 0, 1, BOTH);
    CHECK_OK(keel_dma_release_later(dma));
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_arm(timer, 0));
    CHECK_OK(keel_task_sleep(MS));
    CHECK_STATUS(at_once, KEEL_E_BUSY);
    CHECK_AUDIT();
    keel_pci_device_t device = dma_device(CARD);
    CHECK_EQUAL(dma_state(device).pages, 0);
    CHECK_OK(keel_timer_release(timer));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D1_device_reaches_what_is_mapped_for_it, .by_amd = true, .seeds = 5),
        UNIT(D1_device_reaches_nothing_else, .by_amd = true, .config.ram_size = 4 << 20),
        UNIT(D1_two_devices_have_the_same_address, .by_amd = true),
        UNIT(D1_direction_is_kept, .by_amd = true, .seeds = 5),
        UNIT(D1_sizes, .by_amd = true, .config.ram_size = 32 << 20),
        UNIT(D1_reaches_what_it_tried_before, .by_amd = true),
        UNIT(D1_mappings_of_one_segment, .by_amd = true),
        UNIT(D2_released_memory_is_not_reached, .by_amd = true, .seeds = 5),
        UNIT(D2_frames_are_captive_until_the_flush, .by_amd = true, .seeds = 5),
        UNIT(D2_full_batch_is_flushed, .by_amd = true),
        UNIT(D2_last_release_decides, .by_amd = true),
        UNIT(D2_nothing_is_reached_when_it_is_disabled, .by_amd = true, .seeds = 5),
        UNIT(D3_device_masters_while_it_is_enabled, .by_amd = true),
        UNIT(D2_hardware_that_dies_keeps_what_it_had, .by_amd = true, .config.iommu = HOSTED_IOMMU_DIES,
             .config.iommu_stalls = 40, .leaves_things = true),
        UNIT(D2_hardware_that_dies_keeps_what_it_had, .by_amd = true, .config.iommu = HOSTED_IOMMU_DIES,
             .config.iommu_stalls = 42, .leaves_things = true),
        UNIT(D8_device_that_tries_on_is_cut_off, .by_amd = true),
        UNIT(D8_driver_is_told_of_the_cut_off, .by_amd = true),
        UNIT(D8_last_hold_of_an_interrupt_handler, .by_amd = true),
    };
    return unit_main(tests, argc, argv);
}
