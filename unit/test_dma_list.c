/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA: scatter lists (core/dma.c, api/dma.c).
 */
#include "dma_script.h"

static struct keel_dma_list list_of(uint32_t count, const struct keel_dma_piece *pieces)
{
    struct keel_dma_list list = {.count = count};
    memcpy(list.pieces, pieces, count * sizeof pieces[0]);
    return list;
}

static keel_dma_t map_list(keel_pci_device_t device, const struct keel_dma_list *list)
{
    keel_dma_t dma = {0};
    CHECK_OK(keel_dma_map_list(device, list, BOTH, &dma));
    return dma;
}

/* Pages in another order than in memory, one of them twice. */
static void D1_pieces_lie_side_by_side(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_segment_t high = dma_segment(4), low = dma_segment(2);
    const struct keel_dma_list list =
        list_of(4, (struct keel_dma_piece[]){{low, 1, 1}, {high, 1, 2}, {low, 0, 1}, {high, 2, 1}});
    keel_dma_t dma = map_list(device, &list);
    uint64_t address = dma_address(dma), value = 0;
    uint8_t bytes[4] = {0};
    CHECK_EQUAL(dma_state(device).pages, 5);
    CHECK_EQUAL(address % (8 * PAGE), 0);
    CHECK(hosted_dma(source, address + PAGE - 2, "abcd", 4, true));
    CHECK_OK(keel_segment_read(low, 2 * PAGE - 2, bytes, 2));
    CHECK_OK(keel_segment_read(high, PAGE, bytes + 2, 2));
    CHECK(memcmp(bytes, "abcd", 4) == 0);
    CHECK_OK(keel_dma_write(dma, 3 * PAGE - 2, "efgh", 4));
    CHECK_OK(keel_dma_read(dma, 3 * PAGE - 2, bytes, 4));
    CHECK(memcmp(bytes, "efgh", 4) == 0);
    CHECK(hosted_dma(source, address + 3 * PAGE, bytes, 2, false));
    CHECK(memcmp(bytes, "gh", 2) == 0);
    CHECK_OK(keel_segment_read(low, 0, bytes, 2));
    CHECK(memcmp(bytes, "gh", 2) == 0);
    CHECK_OK(keel_dma_store(dma, 5 * PAGE - 8, 8, UINT64_C(0x1122334455667788)));
    CHECK_OK(keel_dma_load(dma, 3 * PAGE - 8, 8, &value)); /* the same page */
    CHECK_EQUAL(value, UINT64_C(0x1122334455667788));
    CHECK(!dma_writes(source, address + 5 * PAGE, 1));
    CHECK_OK(keel_dma_read(dma, 5 * PAGE, bytes, 0));
    CHECK_STATUS(keel_dma_read(dma, 5 * PAGE - 1, bytes, 2), KEEL_E_INVALID);
    CHECK_AUDIT();
    CHECK_OK(keel_segment_release(high));
    CHECK_OK(keel_segment_release(low));
    CHECK_OK(keel_dma_release(dma));
    CHECK_EQUAL(dma_state(device).pages, 0);
    for (uint64_t page = 0; page < 5; page++) {
        CHECK(!dma_writes(source, address + page * PAGE, 1));
    }
    CHECK_OK(keel_pci_device_release(device));
}

/* Where entries of 2 MiB are possible in the midst of others, and where pieces only together have the size.
 */
static void D1_large_pieces(void)
{
    keel_pci_device_t device = dma_device(CARD);
    uint16_t source = dma_source(CARD);
    keel_segment_t large = {0}, small = dma_segment(300);
    CHECK_OK(keel_segment_alloc(1024, 512, &large));
    const struct keel_dma_list lists[] = {
        list_of(3, (struct keel_dma_piece[]){{large, 512, 512}, {small, 0, 1}, {large, 0, 512}}),
        list_of(3, (struct keel_dma_piece[]){{large, 0, 256}, {large, 256, 256}, {small, 7, 290}}),
        list_of(2, (struct keel_dma_piece[]){{small, 1, 1}, {large, 1, 511}}),
    };
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = free_frames(), offset = 0;
        keel_dma_t dma = map_list(device, &lists[i]);
        for (unsigned j = 0; j < lists[i].count; j++) {
            const struct keel_dma_piece *piece = &lists[i].pieces[j];
            uint8_t first = (uint8_t)(16 * i + j), last = 0;
            CHECK(dma_writes(source, dma_address(dma) + offset, first));
            offset += piece->page_count * PAGE;
            CHECK_OK(
                keel_segment_write(piece->segment, (piece->index + piece->page_count) * PAGE - 1, "l", 1));
            CHECK(dma_reads(source, dma_address(dma) + offset - 1, &last));
            CHECK_EQUAL(last, 'l');
            CHECK_OK(keel_segment_read(piece->segment, piece->index * PAGE, &last, 1));
            CHECK_EQUAL(last, first);
        }
        CHECK(!dma_writes(source, dma_address(dma) + offset, 1));
        CHECK_AUDIT();
        CHECK_OK(i == 1 ? keel_dma_release_later(dma) : keel_dma_release(dma));
        CHECK_OK(keel_dma_flush(device));
        CHECK(before - free_frames() <= 3); /* tables stay */
    }
    CHECK_OK(keel_segment_release(large));
    CHECK_OK(keel_segment_release(small));
    CHECK_OK(keel_pci_device_release(device));
}

/* Whatever is wrong with it, nothing is mapped and nothing is held. */
static void H1_lists_are_checked(void)
{
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = dma_segment(2), closed = dma_segment(1), large = dma_segment(1024);
    struct keel_dma_piece pieces[KEEL_DMA_PIECES_MAX];
    keel_dma_t dma = {0};
    CHECK_OK(keel_segment_release(closed));
    for (unsigned i = 0; i < KEEL_DMA_PIECES_MAX; i++) {
        pieces[i] = (struct keel_dma_piece){segment, i % 2, 1};
    }
    const struct keel_dma_list good = list_of(KEEL_DMA_PIECES_MAX, pieces);
    struct keel_dma_list list = good;
    list.count = 0;
    CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
    list.count = KEEL_DMA_PIECES_MAX + 1;
    CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
    list = good;
    list.reserved = 1;
    CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map_list(device, &good, 0, &dma), KEEL_E_INVALID);
    CHECK_STATUS(keel_dma_map_list(device, &good, 4, &dma), KEEL_E_INVALID);
    for (unsigned i = 0; i < KEEL_DMA_PIECES_MAX; i++) {
        list = good;
        list.pieces[i].segment = closed;
        CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_BAD_HANDLE);
        list = good;
        list.pieces[i].index = 2;
        CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
        list.pieces[i] = (struct keel_dma_piece){segment, 1, 2};
        CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
        list.pieces[i].page_count = 0;
        CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
        list.pieces[i].page_count = UINT64_MAX;
        CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_INVALID);
        list = good;
        for (unsigned j = 0; j <= i; j++) { /* 16 times 1024 pages: the largest of small blocks */
            list.pieces[j] = (struct keel_dma_piece){large, 0, 1024};
        }
        CHECK_OK(keel_dma_release(map_list(device, &list)));
    }
    CHECK_EQUAL(dma_state(device).pages, 0);
    uint64_t before = free_frames();
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_segment_release(large));
    CHECK_EQUAL(free_frames(), before + 2 + 1024);
    CHECK_OK(keel_pci_device_release(device));
}

/* Nothing puts pieces in a row there. */
static void D3_trusted_devices_have_no_lists(void)
{
    keel_pci_device_t device = dma_device(CARD);
    keel_segment_t segment = dma_segment(2);
    struct keel_dma_list list = list_of(2, (struct keel_dma_piece[]){{segment, 1, 1}, {segment, 0, 1}});
    struct keel_segment_info info = {0};
    keel_dma_t dma = {0};
    CHECK_STATUS(keel_dma_map_list(device, &list, BOTH, &dma), KEEL_E_UNSUPPORTED);
    list.count = 1;
    CHECK_OK(keel_dma_map_list(device, &list, BOTH, &dma));
    CHECK_OK(keel_segment_info(segment, &info));
    CHECK_EQUAL(dma_address(dma), info.address + PAGE);
    CHECK_OK(keel_dma_release(dma));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

#define WORDS(text) .config.command_line = text, .config.command_line_size = sizeof(text) - 1

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D1_pieces_lie_side_by_side, .seeds = 5),
        UNIT(D1_large_pieces, .config.ram_size = 32 << 20),
        UNIT(H1_lists_are_checked, .config.ram_size = 32 << 20),
        UNIT(D3_trusted_devices_have_no_lists, .config.iommu = HOSTED_IOMMU_NONE,
             WORDS("keel.dma=trust-devices")),
    };
    return unit_main(tests, argc, argv);
}
