/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA: what runs out, who has none, and what arguments are refused (core/dma.c, core/domain.c, api/dma.c).
 */
#include "dma_script.h"

/* --- Limits and errors --- */

static void M8_pages_are_limited(void)
{
    keel_pci_device_t device = dma_acquire(CARD);
    keel_segment_t segment = dma_segment(8);
    keel_dma_t dma = {0};
    CHECK_OK(keel_dma_enable(device, 7));
    CHECK_STATUS(keel_dma_map(device, segment, 0, 8, BOTH, &dma), KEEL_E_LIMIT);
    CHECK_EQUAL(dma.value, 0);
    keel_dma_t first = dma_of(device, segment, 0, 5, BOTH), second = dma_of(device, segment, 0, 2, BOTH);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &dma), KEEL_E_LIMIT);
    CHECK_OK(keel_dma_release_later(second));
    CHECK_EQUAL(dma_state(device).pages, 7);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 3, BOTH, &dma), KEEL_E_LIMIT);
    CHECK_EQUAL(dma_state(device).pages, 5); /* captive ones count, but make room */
    second = dma_of(device, segment, 6, 2, BOTH);
    CHECK_EQUAL(dma_state(device).pages, 7);
    CHECK_EQUAL(dma_state(device).page_limit, 7);
    CHECK_OK(keel_dma_release(first));
    CHECK_OK(keel_dma_release(second));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* There are eight blocks of so many pages, and they come back. */
static void M8_addresses_come_back(void)
{
    enum { PAGES = 2048 };
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = dma_segment(PAGES);
    keel_dma_t dma[8], more = {0};
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 8; i++) {
            dma[i] = dma_of(device, segment, 0, PAGES, BOTH);
        }
        CHECK_STATUS(keel_dma_map(device, segment, 0, PAGES, BOTH, &more), KEEL_E_LIMIT);
        CHECK_STATUS(keel_dma_map(device, segment, 1, PAGES - 1, BOTH, &more), KEEL_E_LIMIT);
        for (unsigned i = 0; i < 8; i++) {
            CHECK_OK(round % 2 == 0 ? keel_dma_release(dma[i]) : keel_dma_release_later(dma[i]));
        }
    }
    CHECK_OK(keel_dma_flush(device));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* A small machine has few slots, and captive mappings have one each. */
static void M8_slots_come_back(void)
{
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = dma_segment(1);
    uint32_t slots = object_slots(OBJECT_DMA);
    keel_dma_t dma = {0};
    CHECK(slots < KEEL_DMA_BATCH);
    for (uint32_t i = 0; i < 3 * slots; i++) {
        dma = dma_of(device, segment, 0, 1, BOTH);
        CHECK_OK(keel_dma_release_later(dma));
    }
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* Whatever runs out, nothing has changed. */
static void M8_no_memory_for_tables(void)
{
    static keel_frame_t frames[4096];
    keel_pci_device_t device = dma_acquire(CARD);
    keel_segment_t segment = dma_segment(1);
    keel_dma_t dma = {0};
    uint32_t count = 0;
    while (keel_frame_alloc(&frames[count]) == KEEL_OK) {
        count++;
    }
    /* With one frame more each time, until it can be enabled and mapped. */
    keel_status_t status = KEEL_E_NO_MEMORY;
    for (uint32_t spare = 0; status != KEEL_OK && spare < 10; spare++) {
        uint64_t before = free_frames();
        status = keel_dma_enable(device, 0);
        CHECK(status == KEEL_OK || (status == KEEL_E_NO_MEMORY && free_frames() == before));
        if (status == KEEL_OK) {
            CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &dma), KEEL_E_NO_MEMORY);
            CHECK_EQUAL(dma_state(device).pages, 0);
        }
        CHECK_AUDIT();
        CHECK_OK(keel_frame_release(frames[--count]));
    }
    CHECK_OK(status);
    CHECK_OK(keel_dma_map(device, segment, 0, 1, BOTH, &dma));
    CHECK_OK(keel_dma_release(dma));
    while (count > 0) {
        CHECK_OK(keel_frame_release(frames[--count]));
    }
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

static void refuses(uint32_t index)
{
    keel_pci_device_t device = dma_acquire(index);
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_UNSUPPORTED);
    CHECK_STATUS(keel_dma_disable(device), KEEL_E_NOT_FOUND);
    CHECK(!masters(index));
    CHECK_OK(keel_pci_device_release(device));
}

static void D3_bridges_have_no_dma(void)
{
    keel_pci_device_t device = dma_acquire(ROOT_PORT);
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_UNSUPPORTED);
    CHECK_STATUS(keel_dma_disable(device), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_pci_device_release(device));
}

/* A bridge to the old bus, what is behind it, and a device of firmware's that is not to be believed; one that
 * is neither. */
static const struct hosted_pci_function shared_source[] = {
    {.device = 4,
     .vendor_id = 0x1b36,
     .device_id = 1,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 1,
     .last = 1},
    {.device = HOSTED_IOMMU_RANGE_SOURCE >> 3, .vendor_id = 0x4b45, .device_id = 2, .command = 2},
    {.device = 30, .vendor_id = 0x4b45, .device_id = 3, .command = 2},
    {.bus = 1, .vendor_id = 0x4b45, .device_id = 4, .command = 2},
};

static void D1_who_shares_a_source_has_no_dma(void)
{
    refuses(1); /* firmware's */
    refuses(3); /* behind the bridge */
    keel_pci_device_t device = dma_device(2);
    CHECK_OK(keel_pci_device_release(device));
}

static void H1_arguments_are_checked(void)
{
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = dma_segment(2);
    keel_dma_t dma = {0};
    uint64_t value = 0;
    CHECK_STATUS(keel_dma_map(device, segment, 0, 0, BOTH, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, 2, 1, BOTH, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, 1, 2, BOTH, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, UINT64_MAX, 2, BOTH, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, 1, UINT64_MAX, BOTH, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, 0, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, 4, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, NULL), KEEL_E_INVALID);
    dma = dma_of(device, segment, 0, 2, BOTH);
    for (uint32_t width = 0; width <= 16; width++) {
        bool good = width == 1 || width == 2 || width == 4 || width == 8;
        uint64_t all = width < 8 && good ? (UINT64_C(1) << 8 * width) - 1 : UINT64_MAX;
        CHECK_STATUS(keel_dma_load(dma, 0, width, &value), good ? KEEL_OK : KEEL_E_INVALID);
        CHECK_STATUS(keel_dma_load(dma, 2 * PAGE - width, width, &value), good ? KEEL_OK : KEEL_E_INVALID);
        CHECK_STATUS(keel_dma_load(dma, 2 * PAGE, width, &value), KEEL_E_INVALID);
        CHECK_STATUS(keel_dma_load(dma, 1, width, &value), width == 1 ? KEEL_OK : KEEL_E_INVALID);
        CHECK_STATUS(keel_dma_store(dma, 8, width, all), good ? KEEL_OK : KEEL_E_INVALID);
        if (good) {
            CHECK_STATUS(keel_dma_store(dma, 8, width, all + 1), width < 8 ? KEEL_E_INVALID : KEEL_OK);
            CHECK_OK(keel_dma_store(dma, 8, width, all));
            CHECK_OK(keel_dma_load(dma, 8, width, &value));
            CHECK_EQUAL(value, all);
        }
    }
    CHECK_STATUS(keel_dma_read(dma, 2 * PAGE - 3, &value, 4), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_write(dma, UINT64_MAX, &value, 4), KEEL_E_INVALID);
    CHECK_OK(keel_dma_sync(dma));
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* --- Without hardware, or half of it --- */

static void D4_whose_interrupts_pass_has_no_dma(void)
{
    keel_pci_device_t device = dma_acquire(CARD);
    CHECK(unit_console_contains("no device is enabled, since none is kept from raising any interrupt"));
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_UNSUPPORTED);
    CHECK(!masters(CARD));
    CHECK_OK(keel_pci_device_release(device));
}

/* Trusted with interrupts, and held as to memory. */
static void D4_devices_are_trusted_with_interrupts(void)
{
    uint8_t byte = 0;
    keel_pci_device_t device = dma_device(CARD);
    keel_dma_t dma = dma_new(device, 1, BOTH);
    CHECK(unit_console_contains("nothing keeps one that is enabled from raising any interrupt"));
    CHECK(dma_reads(dma_source(CARD), dma_address(dma), &byte));
    CHECK(!dma_reads(dma_source(CARD), 0, &byte));
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_pci_device_release(device));
}

static void D3_without_hardware_there_is_no_dma(void)
{
    keel_pci_device_t device = dma_acquire(CARD);
    keel_segment_t segment = dma_segment(1);
    keel_dma_t dma = {0};
    CHECK_STATUS(keel_dma_enable(device, 0), KEEL_E_UNSUPPORTED);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &dma), KEEL_E_NOT_FOUND);
    CHECK(!masters(CARD));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

static void D3_other_words_trust_nobody(void)
{
    CHECK(unit_console_contains("keel.dma has a value that is not known"));
    D3_without_hardware_there_is_no_dma();
}

static void D3_devices_are_trusted_only_by_these_words(void)
{
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = dma_segment(3);
    keel_dma_t dma = dma_of(device, segment, 1, 2, BOTH);
    struct keel_segment_info info = {0};
    CHECK(unit_console_contains("DEVICES ARE TRUSTED"));
    CHECK_OK(keel_segment_info(segment, &info));
    CHECK_EQUAL(dma_address(dma), info.address + PAGE);
    CHECK(masters(CARD));
    CHECK_OK(keel_dma_release_later(dma)); /* there is nothing to wait for */
    CHECK_EQUAL(dma_state(device).pages, 0);
    CHECK_OK(keel_dma_flush(device));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
    CHECK(!masters(CARD));
}

/* Trusted, but a unit that is of no use blocks it: it is cut off at no unit. */
static void D8_trusted_device_that_is_blocked(void)
{
    const uint64_t ms = 1000000;
    keel_pci_device_t device = dma_device(CARD);
    uint8_t byte = 0;
    CHECK_AUDIT();
    for (unsigned i = 0; i <= KEEL_DMA_FAULTS_MAX; i++) {
        CHECK(!dma_reads(dma_source(CARD), 0, &byte));
        CHECK_OK(keel_task_sleep(600 * ms)); /* until the records are looked at */
    }
    CHECK_EQUAL(dma_state(device).cut_off, 1);
    CHECK(!masters(CARD));
    CHECK_AUDIT();
    CHECK_OK(keel_dma_disable(device));
    CHECK_OK(keel_pci_device_release(device));
}

#define WORDS(text) .config.command_line = text, .config.command_line_size = sizeof(text) - 1

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M8_pages_are_limited, .by_amd = true),
        UNIT(M8_addresses_come_back, .config.ram_size = 16 << 20),
        UNIT(M8_slots_come_back, .by_amd = true, .config.ram_size = 1 << 20),
        UNIT(M8_no_memory_for_tables, .by_amd = true, .config.ram_size = 4 << 20),
        UNIT(D3_bridges_have_no_dma),
        UNIT(D1_who_shares_a_source_has_no_dma, .by_amd = true, .config.pci = shared_source,
             .config.pci_count = 4, .config.iommu = HOSTED_IOMMU_RANGE | HOSTED_IOMMU_RANGE_WRONG),
        UNIT(H1_arguments_are_checked, .by_amd = true),
        UNIT(D4_whose_interrupts_pass_has_no_dma, .by_amd = true,
             .config.iommu = HOSTED_IOMMU_OLD_INTERRUPTS),
        UNIT(D4_devices_are_trusted_with_interrupts, .by_amd = true,
             .config.iommu = HOSTED_IOMMU_OLD_INTERRUPTS, WORDS("keel.dma=trust-devices")),
        UNIT(D3_without_hardware_there_is_no_dma, .config.iommu = HOSTED_IOMMU_NONE, ),
        UNIT(D3_other_words_trust_nobody, .config.iommu = HOSTED_IOMMU_NONE, WORDS("keel.dma=trust-device")),
        UNIT(D3_other_words_trust_nobody, .config.iommu = HOSTED_IOMMU_NONE, WORDS("keel.dma=Trust-devices")),
        UNIT(D3_other_words_trust_nobody, .config.iommu = HOSTED_IOMMU_NONE, WORDS("keel.dma=trust-devicez")),
        UNIT(D8_trusted_device_that_is_blocked, .config.iommu = HOSTED_IOMMU_APART,
             WORDS("keel.dma=trust-devices")),
        UNIT(D3_devices_are_trusted_only_by_these_words, .config.iommu = HOSTED_IOMMU_NONE,
             WORDS("keel.dma=trust-devices")),
    };
    return unit_main(tests, argc, argv);
}
