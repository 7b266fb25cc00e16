/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What PCI's registers, and firmware's table about them, are taken for (core/pci_parse.c,
 * hal/x86_common/acpi_mcfg.c).
 */
#include "core/pci_parse.h"

#include <string.h>

#include "acpi_image.h"
#include "support.h"

/* --- Capabilities --- */

static const uint8_t *space;
static uint32_t reads;

static uint16_t read_space(void *context, uint32_t offset)
{
    (void)context;
    reads++;
    CHECK(offset >= 0x40 && offset <= 0xfc && offset % 4 == 0);
    return (uint16_t)(space[offset] | (unsigned)space[offset + 1] << 8);
}

static void D7_lists_of_capabilities_end(void)
{
    static uint8_t bytes[256];
    static struct pci_capabilities found;
    space = bytes;
    memset(bytes, 0, sizeof bytes);
    for (unsigned offset = 0x40; offset < 0xfc; offset += 4) { /* as long as there can be one */
        bytes[offset + 1] = (uint8_t)(offset + 4) | 3;         /* the lower bits mean nothing */
    }
    CHECK(pci_capabilities_read(read_space, NULL, 0x41, &found));
    CHECK_EQUAL(found.count, PCI_CAPABILITIES_MAX);
    CHECK_EQUAL(found.list[47].offset, 0xfc);
    bytes[0xfd] = 0x40; /* around in a circle */
    CHECK(!pci_capabilities_read(read_space, NULL, 0x40, &found));
    CHECK_EQUAL(found.count, PCI_CAPABILITIES_MAX);
    bytes[0x45] = 0x44;
    CHECK(!pci_capabilities_read(read_space, NULL, 0x40, &found));
    CHECK_EQUAL(found.count, 2);
    CHECK(!pci_capabilities_read(read_space, NULL, 0x3c, &found));
    CHECK_EQUAL(found.count, 0);
    CHECK(pci_capabilities_read(read_space, NULL, 3, &found)); /* that is 0 */
    CHECK_EQUAL(found.count, 0);
    CHECK_EQUAL(reads, 48 + 48 + 2);
}

static void D7_msix_registers_are_decoded(void)
{
    struct pci_stretch at[2];
    CHECK(pci_msix_decode(0xc000 | 64, 0x2004, 0x3005, at));
    CHECK(at[0].bar == 4 && at[0].offset == 0x2000 && at[0].size == 65 * 16);
    CHECK(at[1].bar == 5 && at[1].offset == 0x3000 && at[1].size == 16);
    CHECK(pci_msix_decode(0x07ff, UINT32_MAX - 7, UINT32_MAX - 7, at));
    CHECK(at[0].bar == 0 && at[0].offset == 0xfffffff8 && at[0].size == 2048 * 16);
    CHECK(at[1].size == 256);
    CHECK(!pci_msix_decode(0, 6, 0, at));
    CHECK(!pci_msix_decode(0, 0, 7, at));
}

/* --- What firmware says of it --- */

#define MCFG_SIZE 76u

static bool parse_mcfg(uint8_t *bytes, uint32_t length, struct acpi_ecam *ecam)
{
    struct acpi_image image = {bytes, length};
    const struct acpi_memory memory = {acpi_image_read, &image};
    const struct acpi_table table = {.address = 0, .length = length};
    return acpi_parse_mcfg(&memory, &table, ecam);
}

static void check_windows(uint8_t *bytes)
{
    struct acpi_image image = {bytes, MCFG_SIZE};
    const struct acpi_memory memory = {acpi_image_read, &image};
    const struct acpi_table table = {.address = 0, .length = MCFG_SIZE};
    uint64_t first = 0, last = 0;
    CHECK(acpi_mcfg_window(&memory, &table, 0, &first, &last));
    CHECK(first == 0xe0000000 && last == 0xe00fffff);
    CHECK(acpi_mcfg_window(&memory, &table, 1, &first, &last));
    CHECK(first == 0xb0200000 && last == 0xb7ffffff);
    CHECK(!acpi_mcfg_window(&memory, &table, 2, &first, &last));
    CHECK(!acpi_mcfg_window(&memory, &table, UINT32_MAX, &first, &last));
}

static void D7_mcfg_table_is_bounded(void)
{
    /* Two entries: for segment 1, and buses 2 to 0x7f of segment 0 at 0xb0000000. */
    uint8_t bytes[MCFG_SIZE] = {[47] = 0xe0, [52] = 1, [63] = 0xb0, [70] = 2, [71] = 0x7f};
    struct acpi_ecam ecam = {0};
    CHECK(parse_mcfg(bytes, MCFG_SIZE, &ecam));
    CHECK_EQUAL(ecam.address, 0xb0000000);
    CHECK_EQUAL(ecam.bus_first, 2);
    CHECK_EQUAL(ecam.bus_last, 0x7f);
    check_windows(bytes);
    CHECK(!parse_mcfg(bytes, MCFG_SIZE - 1, &ecam));
    CHECK(!parse_mcfg(bytes, 44, &ecam));
    bytes[70] = 0x80; /* the last before the first */
    CHECK(!parse_mcfg(bytes, MCFG_SIZE, &ecam));
    bytes[70] = 0x7f;
    bytes[62] = 8; /* half of a bus */
    CHECK(!parse_mcfg(bytes, MCFG_SIZE, &ecam));
    bytes[62] = 0;
    bytes[67] = 0x10; /* beyond all addresses */
    CHECK(!parse_mcfg(bytes, MCFG_SIZE, &ecam));
    bytes[67] = 0;
    bytes[63] = 0; /* nowhere */
    CHECK(!parse_mcfg(bytes, MCFG_SIZE, &ecam));
}

/* --- BARs --- */

static void D7_bars_are_decoded(void)
{
    static const struct {
        uint64_t value, mask;
        bool wide;
        enum pci_bar_kind kind;
        uint64_t address, size;
    } cases[] = {
        {0, 0, false, PCI_BAR_NONE, 0, 0},
        {0xc001, 0xffffffe1, false, PCI_BAR_IO, 0xc000, 0x20},
        {0xc001, 0xffe1, false, PCI_BAR_IO, 0xc000, 0x20},
        {0xc001, 0xffffffe0, false, PCI_BAR_NONSENSE, 0, 0}, /* its lower bits change */
        {0xc011, 0xffffffe1, false, PCI_BAR_NONSENSE, 0, 0},
        {0xe0000008, 0xf0000008, false, PCI_BAR_MEMORY, 0xe0000000, 0x10000000},
        {0x80000000, 0x80000000, false, PCI_BAR_MEMORY, 0x80000000, 0x80000000},
        {0xe0000000, 0xf000000f, false, PCI_BAR_NONSENSE, 0, 0},
        {0xe0000000, 0x8, false, PCI_BAR_NONSENSE, 0, 0},
        {0xe0001000, 0xffffe000, false, PCI_BAR_NONSENSE, 0, 0}, /* not aligned */
        {0xe0000000, 0xfffff010, false, PCI_BAR_NONSENSE, 0, 0}, /* holes */
        {0xb0000000, 0xffff5000, false, PCI_BAR_NONSENSE, 0, 0}, /* the same, and a multiple of it */
        {0, 0xfffff000, false, PCI_BAR_NONSENSE, 0, 0},          /* nowhere */
        {0xe0000002, 0xfffff002, false, PCI_BAR_NONSENSE, 0, 0}, /* below 1 MiB, once */
        {0xe0000006, 0xfffff006, false, PCI_BAR_NONSENSE, 0, 0},
        {0x10000000004, UINT64_C(0xfffffffffff00004), true, PCI_BAR_MEMORY, 0x10000000000, 0x100000},
        {0x8000000000000004, UINT64_C(0x8000000000000004), true, PCI_BAR_MEMORY, 0x8000000000000000,
         0x8000000000000000},
        {0x10000000004, 4, true, PCI_BAR_NONSENSE, 0, 0},
        {0xe0000004, 0xfff00004, true, PCI_BAR_NONSENSE, 0, 0}, /* an upper half that cannot be written */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pci_bar bar = pci_bar_decode(cases[i].value, cases[i].mask, cases[i].wide);
        CHECK_EQUAL(bar.kind, cases[i].kind);
        if (cases[i].size > 0) {
            CHECK_EQUAL(bar.address, cases[i].address);
            CHECK_EQUAL(bar.size, cases[i].size);
        }
    }
    CHECK(pci_bar_is_wide(4) && pci_bar_is_wide(0xe000000c));
    CHECK(!pci_bar_is_wide(5) && !pci_bar_is_wide(6) && !pci_bar_is_wide(0));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D7_lists_of_capabilities_end),
        UNIT(D7_msix_registers_are_decoded),
        UNIT(D7_mcfg_table_is_bounded),
        UNIT(D7_bars_are_decoded),
    };
    return unit_main(tests, argc, argv);
}
