/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Configuration space of PCI as clients write it (core/pci_config.c, api/pci.c).
 */
#include "core/pci_parse.h"
#include "support.h"

/* Functions of hosted_pci_bus, by their place in the table. */
enum { HOST, BRIDGE, RESET = 6 };

static keel_pci_device_t acquire(uint32_t index)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(index, &device));
    return device;
}

static uint32_t read_config(keel_pci_device_t device, uint32_t offset, uint32_t width)
{
    uint32_t value = 0;
    CHECK_OK(keel_pci_config_read(device, offset, width, &value));
    return value;
}

/* What of a register may be written, by the book: the function has PCI Express at 0x40. */
static uint32_t writable(uint32_t offset, uint32_t width)
{
    return offset == PCI_COMMAND && width == 2  ? 0x0140
           : offset == PCI_STATUS && width == 2 ? 0xf900
           : offset == 0x0c && width == 1       ? 0xff
           : offset == 0x0d && width == 1       ? 0xff
           : offset == 0x40 + 8u && width == 2  ? 0x701f
           : offset == 0x40 + 10u && width == 2 ? 0xf
                                                : 0;
}

/* Every register, of every width, each bit of it alone: what is not in the list is refused, and nothing of
 * the device changes by it. The machine itself checks what is written (hal_pci_write). */
static void D6_only_harmless_registers_are_written(void)
{
    keel_pci_device_t device = acquire(RESET);
    unsigned written = 0;
    for (uint32_t width = 1; width <= 4; width *= 2) {
        for (uint32_t offset = 0; offset < 256; offset += width) {
            uint32_t bits = writable(offset, width), before = read_config(device, offset, width);
            bool clears = offset == PCI_STATUS || offset == 0x40 + 10u;
            for (uint32_t bit = 0; bit < 8 * width; bit++) {
                uint32_t one = UINT32_C(1) << bit, value = clears ? one : before ^ one;
                bool good = (bits & one) != 0;
                CHECK_STATUS(keel_pci_config_write(device, offset, width, value),
                             good ? KEEL_OK : KEEL_E_DENIED);
                CHECK_EQUAL(read_config(device, offset, width), good && !clears ? value : before);
                if (good && !clears) {
                    CHECK_OK(keel_pci_config_write(device, offset, width, before));
                }
                written += good;
            }
        }
    }
    CHECK_EQUAL(written, 2 + 6 + 8 + 8 + 8 + 4);
    for (uint32_t other = HOST; other <= BRIDGE; other++) { /* nothing of theirs is given out */
        keel_pci_device_t bridge = acquire(other);
        CHECK_STATUS(keel_pci_config_write(bridge, PCI_STATUS, 2, 0), KEEL_E_DENIED);
        CHECK_OK(keel_pci_device_release(bridge));
    }
    CHECK_STATUS(keel_pci_config_write(device, PCI_STATUS, 2, 0x10000), KEEL_E_INVALID);
    CHECK_STATUS(keel_pci_config_write(device, 256, 4, 0), KEEL_E_INVALID);
    CHECK_STATUS(keel_pci_config_write(device, 1, 2, 0), KEEL_E_INVALID);
    CHECK_AUDIT();
    CHECK_OK(keel_pci_device_release(device));
}

/* What is set in the command register stays when Keel changes its own bits, and the other way round. */
static void D6_command_register_is_shared(void)
{
    keel_pci_device_t device = acquire(RESET);
    uint32_t before = read_config(device, PCI_COMMAND, 2);
    CHECK_OK(keel_pci_config_write(device, PCI_COMMAND, 2, before | 0x140));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_EQUAL(read_config(device, PCI_COMMAND, 2), before | 0x140 | PCI_COMMAND_MASTER);
    CHECK_STATUS(keel_pci_config_write(device, PCI_COMMAND, 2, before),
                 KEEL_E_DENIED); /* it would not master */
    CHECK_OK(keel_pci_config_write(device, PCI_COMMAND, 2, before | 0x40 | PCI_COMMAND_MASTER));
    CHECK_OK(keel_dma_disable(device));
    CHECK_EQUAL(read_config(device, PCI_COMMAND, 2), before | 0x40);
    CHECK_OK(keel_pci_device_release(device));
}

static const struct hosted_pci_function express[] = {{.device = 1,
                                                      .vendor_id = 0x6666,
                                                      .class_code = 0x088000,
                                                      .command = 6,
                                                      .capabilities = 0x40,
                                                      .words = {{0x40, 0x10}, {0x48, 0x2810}}}};

/* It would read what memory had before CPUs wrote it. Nobody else can have it do so, but the device by a
 * reset of its own, and then it does not master the bus before it is told again. */
static void M9_no_snoop_is_off_while_a_device_is_held(void)
{
    const struct hal_pci_address at = {.device = 1};
    keel_pci_device_t device = acquire(0);
    CHECK_EQUAL(read_config(device, 0x48, 2), 0x2010);
    CHECK_STATUS(keel_pci_config_write(device, 0x48, 2, 0x2810), KEEL_E_DENIED);
    CHECK_OK(keel_pci_config_write(device, 0x48, 2, 0x201f));
    hal_pci_write(at, 0x48, 2, 0x2810);
    CHECK_STATUS(keel_pci_config_write(device, 0x48, 2, 0x2810), KEEL_E_DENIED);
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_EQUAL(read_config(device, 0x48, 2), 0x2010);
    CHECK_OK(keel_pci_device_release(device));
}

#define OVERLAPPING(number, first, ...)                                                                      \
    {                                                                                                        \
        .device = (number), .vendor_id = 0x6666, .class_code = 0x088000, .command = 6,                       \
        .capabilities = (first), .words = {                                                                  \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

static const struct hosted_pci_function overlapping[] = {
    OVERLAPPING(0, 0x40, {0x40, 0x5810}, {0x58, 0x05}), /* MSI */
    OVERLAPPING(1, 0x40, {0x40, 0x4810}, {0x48, 0x05}),
    OVERLAPPING(2, 0x40, {0x40, 0x4405}, {0x44, 0x10}),
    OVERLAPPING(3, 0x40, {0x40, 0x4c05}, {0x4c, 0x10}),
    OVERLAPPING(4, 0x40, {0x40, 0x4410}, {0x44, 0x11}),       /* MSI-X */
    OVERLAPPING(5, 0x40, {0x40, 0x4810}, {0x48, 0x03060013}), /* Advanced Features */
    OVERLAPPING(6, 0x40, {0x40, 0x4810}, {0x48, 0x01}),       /* power, which is nothing of Keel's */
    OVERLAPPING(7, 0x40, {0x40, 0x10}, {0x48, 0x8000}),       /* it says that it is being reset */
};

/* Where Device Control is, messages or a reset may be: nobody knows which the device means. */
static void D7_registers_of_two_capabilities_are_not_written(void)
{
    static const bool given[] = {true, false, false, false, false, false, true};
    for (uint32_t i = 0; i < sizeof given; i++) {
        keel_pci_device_t device = acquire(i);
        uint32_t at = 0;
        CHECK_OK(keel_pci_capability(device, 0x10, 0, &at));
        uint32_t value = read_config(device, at + 8, 2) & 0x7fff;
        CHECK_STATUS(keel_pci_config_write(device, at + 8, 2, value), given[i] ? KEEL_OK : KEEL_E_DENIED);
        CHECK_OK(keel_pci_device_release(device));
    }
    keel_pci_device_t device = acquire(7);
    CHECK_EQUAL(read_config(device, 0x48, 2), 0x8000);
    CHECK_STATUS(keel_pci_config_write(device, 0x48, 2, 0x8000), KEEL_E_DENIED); /* which would do it */
    CHECK_OK(keel_pci_config_write(device, 0x48, 2, 0x10));
    CHECK_EQUAL(read_config(device, 0x48, 2), 0x10);
    CHECK_OK(keel_pci_device_release(device));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D6_only_harmless_registers_are_written),
        UNIT(D6_command_register_is_shared),
        UNIT(M9_no_snoop_is_off_while_a_device_is_held, .config.pci = express, .config.pci_count = 1),
        UNIT(D7_registers_of_two_capabilities_are_not_written, .config.pci = overlapping,
             .config.pci_count = sizeof overlapping / sizeof overlapping[0]),
    };
    return unit_main(tests, argc, argv);
}
