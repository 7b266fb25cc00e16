/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA: mappings too large for the addresses below 1 GiB, and entries of 1 GiB (core/iova.c, core/domain.c,
 * core/dma.c).
 */
#include "core/pci.h"
#include "dma_script.h"
#include "hosted/counts.h"

#define GIB_PAGES (UINT64_C(1) << 18)
#define FAR       (UINT64_C(4) << 30)

static uint64_t entries_written(void)
{
    return hosted_iommu_counts().entries;
}

/* The first and the last byte are the memory's, and the device reaches none beside them. */
static void check_ends(keel_dma_t dma, uint16_t source, uint64_t page_count)
{
    uint64_t address = dma_address(dma), last = page_count * PAGE - 1;
    uint8_t bytes[2] = {0};
    CHECK(dma_writes(source, address, 'f'));
    CHECK(dma_writes(source, address + last, 'l'));
    CHECK(!dma_writes(source, address + last + 1, 'x'));
    CHECK(!dma_writes(source, address - 1, 'x'));
    CHECK(!dma_writes(source, address % FAR, 'x'));
    CHECK_OK(keel_dma_read(dma, 0, &bytes[0], 1));
    CHECK_OK(keel_dma_read(dma, last, &bytes[1], 1));
    CHECK_EQUAL(bytes[0], 'f');
    CHECK_EQUAL(bytes[1], 'l');
}

/* Four mappings of one segment are as much as one may have. */
static void check_limit(keel_pci_device_t device, keel_segment_t segment)
{
    struct keel_dma_list list = {.count = 5};
    keel_dma_t dma = {0};
    for (uint32_t i = 0; i < 5; i++) {
        list.pieces[i] = (struct keel_dma_piece){segment, 0, GIB_PAGES};
    }
    list.pieces[4].page_count = 1;
    CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
    list.count = 4;
    CHECK_OK(keel_dma_map_list(device, &list, BOTH, &dma));
    CHECK_EQUAL(dma_state(device).pages, KEEL_DMA_PAGES_MAX);
    CHECK_EQUAL(dma_address(dma) % (4 * GIB_PAGES * PAGE), 0);
    CHECK_OK(keel_dma_release(dma));
}

/* Whatever can be cached of it is forgotten with it. */
static void D1_entry_of_1_gib(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_segment_t segment = {0};
    uint8_t byte = 0;
    CHECK_OK(keel_segment_alloc(GIB_PAGES, GIB_PAGES, &segment));
    for (unsigned round = 0; round < 2; round++) {
        uint64_t entries = entries_written(), frames = free_frames();
        keel_dma_t dma = dma_of(device, segment, 0, GIB_PAGES, round == 0 ? BOTH : KEEL_DMA_TO_DEVICE);
        uint64_t address = dma_address(dma);
        CHECK(address > FAR && address % (GIB_PAGES * PAGE) == 0);
        CHECK_EQUAL(entries_written() - entries, 1);
        CHECK_EQUAL(frames, free_frames());
        if (round == 0) {
            check_ends(dma, source, GIB_PAGES);
            CHECK_AUDIT();
        }
        CHECK(dma_reads(source, address + GIB_PAGES / 2 * PAGE, &byte));
        CHECK(dma_writes(source, address, 'w') == (round == 0));
        CHECK_OK(round == 0 ? keel_dma_release(dma) : keel_dma_release_later(dma));
        CHECK_OK(keel_dma_flush(device));
        CHECK(!dma_reads(source, address + GIB_PAGES / 2 * PAGE, &byte));
    }
    check_limit(device, segment);
    CHECK_OK(keel_segment_release(segment)); /* the machine looks whether anything leads to a frame */
    CHECK_OK(keel_pci_device_release(device));
}

/* 16 times the same memory, by entries of pages or of 2 MiB. */
static struct keel_dma_list list_of_one(keel_segment_t segment, uint64_t page_count)
{
    struct keel_dma_list list = {.count = KEEL_DMA_PIECES_MAX};
    for (uint32_t i = 0; i < KEEL_DMA_PIECES_MAX; i++) {
        list.pieces[i] = (struct keel_dma_piece){segment, 0, page_count};
    }
    return list;
}

#define SMALL_PIECE UINT64_C(1100)
#define LARGE_PIECE UINT64_C(1536)

static void check_pieces(keel_pci_device_t device, uint64_t page_count, bool large)
{
    keel_segment_t segment = {0};
    keel_dma_t dma = {0};
    uint64_t frames, entries = entries_written(), all = KEEL_DMA_PIECES_MAX * page_count;
    uint64_t tables = 1 + (large ? 0 : (all + 511) / 512);
    uint8_t byte = 0;
    CHECK_OK(keel_segment_alloc(page_count, large ? 512 : 1, &segment));
    struct keel_dma_list list = list_of_one(segment, page_count);
    for (unsigned round = 0; round < 2; round++) {
        frames = free_frames();
        CHECK_OK(keel_dma_map_list(device, &list, BOTH, &dma));
        CHECK_EQUAL(frames - free_frames(), round == 0 ? tables : 0); /* which stay */
        CHECK_EQUAL(entries_written() - entries, (large ? all / 512 : all) + (round == 0 ? tables : 0));
        uint64_t address = dma_address(dma);
        CHECK(address > FAR);
        check_ends(dma, dma_source(CARD), all);
        for (uint64_t piece = 0; piece < KEEL_DMA_PIECES_MAX; piece++) {
            CHECK(dma_reads(dma_source(CARD), address + piece * page_count * PAGE, &byte));
            CHECK_EQUAL(byte, 'f');
            CHECK(dma_reads(dma_source(CARD), address + (piece + 1) * page_count * PAGE - 1, &byte));
            CHECK_EQUAL(byte, 'l');
        }
        CHECK_AUDIT();
        CHECK_OK(keel_dma_release(dma));
        CHECK(!dma_reads(dma_source(CARD), address, &byte));
        CHECK(!dma_reads(dma_source(CARD), address + all * PAGE - 1, &byte));
        entries = entries_written();
    }
    CHECK_OK(keel_segment_release(segment));
}

static void D1_many_pieces_far_up(void)
{
    for (unsigned large = 0; large < 2; large++) {
        keel_pci_device_t device = dma_device(CARD); /* without tables again */
        check_pieces(device, large != 0 ? LARGE_PIECE : SMALL_PIECE, large != 0);
        CHECK_OK(keel_pci_device_release(device));
    }
}

/* One piece of memory in a row, by two entries. */
static void D1_two_large_entries(void)
{
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = {0};
    uint8_t byte = 0;
    CHECK_OK(keel_segment_alloc(1024, 512, &segment));
    uint64_t entries = entries_written();
    keel_dma_t dma = dma_of(device, segment, 0, 1024, BOTH);
    uint64_t address = dma_address(dma), last = address + 1024 * PAGE - 1;
    CHECK_EQUAL(entries_written() - entries, 2);
    CHECK(dma_writes(dma_source(CARD), address, 'f'));
    CHECK(dma_reads(dma_source(CARD), last, &byte));
    CHECK_AUDIT();
    CHECK_OK(keel_dma_release(dma));
    CHECK(!dma_reads(dma_source(CARD), last, &byte));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* Of the bridge: memory behind it from 64 GiB on. */
static const struct hosted_pci_function behind_a_window[] = {
    {.device = 4,
     .vendor_id = 0x1b36,
     .device_id = 12,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 1,
     .last = 1,
     .words = {{0x24, 0x00110001}, {0x28, 16}, {0x2c, 16}}},
    {.device = 30, .vendor_id = 0x4b45, .device_id = 3, .command = 2},
};

static void D1_addresses_that_a_bridge_forwards_are_nobodys(void)
{
    keel_pci_device_t device = dma_device(1);
    keel_segment_t segment = dma_segment(LARGE_PIECE);
    struct keel_dma_list list = list_of_one(segment, LARGE_PIECE);
    keel_dma_t dma = {0};
    CHECK(pci_is_forwarded(UINT64_C(1) << 36, UINT64_MAX));
    CHECK(pci_is_forwarded(0, (UINT64_C(1) << 36) + 0x1fffff));
    CHECK(!pci_is_forwarded(FAR, (UINT64_C(1) << 36) - 1));
    CHECK(!pci_is_forwarded((UINT64_C(1) << 36) + 0x200000, UINT64_MAX));
    CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_LIMIT);
    list.count = 8; /* small enough for the addresses below 1 GiB */
    CHECK_OK(keel_dma_map_list(device, &list, BOTH, &dma));
    CHECK(dma_address(dma) < FAR);
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

/* --- Others have a turn in the midst --- */

#define TURNS_PIECE UINT64_C(3600)
static keel_pci_device_t shared;
static keel_segment_t memory;
static atomic_u32_t over, mapped, released; /* how often, the latter two */

static void map_and_release(uint64_t argument)
{
    struct keel_dma_list list = list_of_one(memory, TURNS_PIECE);
    (void)argument;
    while (atomic_u32_load_acquire(&over) == 0) {
        keel_dma_t dma = {0};
        keel_status_t status = keel_dma_map_list(shared, &list, BOTH, &dma);
        CHECK(status == KEEL_OK || status == KEEL_E_NOT_FOUND);
        if (status == KEEL_OK) {
            atomic_u32_store_release(&mapped, atomic_u32_peek(&mapped) + 1);
            CHECK_OK(keel_dma_release(dma));
            atomic_u32_store_release(&released, atomic_u32_peek(&released) + 1);
        }
        keel_cpu_relax();
    }
}

/* The domain ends, and begins again, while another CPU maps or unmaps what takes four turns, in tables that
 * there are: between the first two the mapping is seen, then its domain's end can begin, and then its tables
 * go. */
static void D2_large_mapping_against_the_end_of_its_domain(void)
{
    struct keel_task_options options = {.entry = map_and_release, .affinity = 2};
    keel_task_t task = {0};
    int32_t code = 0;
    atomic_u32_init(&over, 0);
    atomic_u32_init(&mapped, 0);
    atomic_u32_init(&released, 0);
    shared = dma_device(CARD);
    memory = dma_segment(TURNS_PIECE);
    CHECK_OK(keel_task_spawn(&options, &task));
    for (unsigned round = 0; round < 6; round++) {
        const atomic_u32_t *event = round % 2 == 0 ? &released : &mapped; /* tables are there by then */
        for (uint32_t before = atomic_u32_load_acquire(event); atomic_u32_load_acquire(event) == before;) {
            keel_cpu_relax();
        }
        while (dma_state(shared).pages == 0) {
            keel_cpu_relax();
        }
        CHECK_OK(keel_dma_disable(shared));
        CHECK_OK(keel_dma_enable(shared, 0));
    }
    atomic_u32_store_release(&over, 1);
    CHECK_OK(keel_task_join(task, &code));
    CHECK_EQUAL(dma_state(shared).pages, 0);
    CHECK_AUDIT();
    CHECK_OK(keel_task_release(task));
    CHECK_OK(keel_segment_release(memory));
    CHECK_OK(keel_pci_device_release(shared));
}

#define MUCH .config.ram_size = UINT64_C(9) << 28

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D1_entry_of_1_gib, MUCH, .config.iommu = HOSTED_IOMMU_PLAIN),
        UNIT(D1_entry_of_1_gib, MUCH, .config.iommu = HOSTED_IOMMU_AMD),
        UNIT(D1_many_pieces_far_up, .by_amd = true),
        UNIT(D1_two_large_entries, .by_amd = true),
        UNIT(D1_addresses_that_a_bridge_forwards_are_nobodys, .by_amd = true, .config.pci = behind_a_window,
             .config.pci_count = 2),
        UNIT(D2_large_mapping_against_the_end_of_its_domain, .by_amd = true, .seeds = 2),
    };
    return unit_main(tests, argc, argv);
}
