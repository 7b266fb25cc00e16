/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA of a device that firmware has use memory all the time: it goes on, and is nobody else's
 * (hal/x86_common/remap_firmware.c, core/pci.c).
 */
#include "core/domain.h"
#include "dma_script.h"
#include "hal/iommu.h"

#define MS UINT64_C(1000000)

enum { FIRMWARES, OTHER };

/* Both master the bus when firmware hands over. */
static const struct hosted_pci_function both[] = {
    {.device = HOSTED_IOMMU_RANGE_SOURCE >> 3, .vendor_id = 0x4b45, .device_id = 2, .command = 6},
    {.device = 30, .vendor_id = 0x4b45, .device_id = 3, .command = 6},
};

static void D1_firmwares_device_reaches_its_memory_alone(void)
{
    uint8_t byte = 0;
    uint16_t source = dma_source(FIRMWARES);
    CHECK_EQUAL(source, HOSTED_IOMMU_RANGE_SOURCE);
    CHECK(dma_writes(source, 0, 'a') && dma_writes(source, PAGE - 1, 'z'));
    CHECK(dma_reads(source, 0, &byte));
    CHECK_EQUAL(byte, 'a');
    for (uint64_t address = PAGE; address < 4 << 20; address += PAGE) {
        CHECK(!dma_writes(source, address, 1));
    }
    CHECK(!dma_writes(source, (UINT64_C(1) << 39), 1));
    CHECK_AUDIT();
}

/* Nor by any source beside it. */
static void D1_nobody_else_reaches_firmwares_memory(void)
{
    keel_pci_device_t device = dma_device(OTHER);
    keel_dma_t dma = dma_new(device, 1, BOTH);
    CHECK(dma_writes(dma_source(OTHER), dma_address(dma), 1));
    CHECK(!dma_writes(dma_source(OTHER), 0, 1));
    for (unsigned bit = 0; bit < 16; bit++) {
        CHECK(!dma_writes((uint16_t)(dma_source(FIRMWARES) ^ 1u << bit), 0, 1));
    }
    CHECK_AUDIT();
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_pci_device_release(device));
}

/* It masters the bus as before, and no client is given what would tell it where to write. */
static void D1_firmwares_device_is_no_clients(void)
{
    keel_pci_device_t device = {0};
    CHECK(masters(FIRMWARES) && !masters(OTHER));
    CHECK_STATUS(keel_pci_device_acquire(FIRMWARES, &device), KEEL_E_DENIED);
    CHECK_EQUAL(device.value, 0);
    CHECK(masters(FIRMWARES));
    CHECK_OK(keel_pci_device_release(dma_acquire(OTHER)));
    CHECK_AUDIT();
}

static uint32_t complaints;

static void D8_firmwares_device_that_tries_on_is_cut_off(void)
{
    for (unsigned i = 0; i < 2 * KEEL_DMA_FAULTS_MAX && masters(FIRMWARES); i++) {
        (void)dma_writes(dma_source(FIRMWARES), 2 * PAGE, 1);
        CHECK_OK(keel_task_sleep(600 * MS)); /* until the records are looked at */
    }
    CHECK(!masters(FIRMWARES));
    CHECK_EQUAL(unit_console_count("and is cut off"), 1);
    CHECK_AUDIT();
}

static void count_complaint(const char *invariant, const char *what, uint64_t number)
{
    complaints += strcmp(invariant, "M1") == 0 && number == 0;
    (void)what;
}

/* Its memory is not to be anybody's: the audit would tell. */
static void M1_audit_sees_firmwares_memory_given_away(void)
{
    struct ref *ref = &frame_at(0)->ref;
    uint64_t word = atomic_u64_peek(&ref->word);
    complaints = 0;
    domain_audit(count_complaint);
    CHECK_EQUAL(complaints, 0);
    ref_init(ref, REF_FREE);
    domain_audit(count_complaint);
    CHECK_EQUAL(complaints, 1);
    atomic_u64_init(&ref->word, word);
}

#define FIRMWARE .by_amd = true, .config.pci = both, .config.pci_count = 2, .config.iommu = HOSTED_IOMMU_RANGE

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D1_firmwares_device_reaches_its_memory_alone, FIRMWARE),
        UNIT(D1_nobody_else_reaches_firmwares_memory, FIRMWARE),
        UNIT(D1_firmwares_device_is_no_clients, FIRMWARE),
        UNIT(D8_firmwares_device_that_tries_on_is_cut_off, FIRMWARE),
        UNIT(M1_audit_sees_firmwares_memory_given_away, FIRMWARE),
    };
    return unit_main(tests, argc, argv);
}
