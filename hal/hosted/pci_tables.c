/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two buses' worth of functions: those that every machine has, and those that lie.
 */
#include "hosted/pci.h"

#include "state.h"

#define NEAR ((uint32_t)HOSTED_PCI_BASE)
#define FAR(offset)                                                                                          \
    (uint32_t)(HOSTED_PCI_FAR_BASE + (offset)) | 4, (uint32_t)((HOSTED_PCI_FAR_BASE + (offset)) >> 32)
#define ALL UINT32_MAX
/* The mask of a memory BAR of so many bytes. */
#define BYTES(size) (~((uint32_t)(size) - 1u))

/* Of capabilities: the first word. */
#define POWER(next)  (0x01u | (uint32_t)(next) << 8)
#define MSI(next)    (0x05u | (uint32_t)(next) << 8)
#define MSI_MASKABLE UINT32_C(0x01800000) /* and its address has 64 bits */
/* What it is in the upper half: version 2 of the capability. */
#define EXPRESS(next, type) (0x10u | (uint32_t)(next) << 8 | (uint32_t)((type) << 4 | 2) << 16)
#define ENDPOINT            0u
#define ROOT_PORT           4u
#define CAN_BE_RESET        UINT32_C(0x10000000)                          /* the second word */
#define ADVANCED(next)      (0x13u | (uint32_t)(next) << 8 | 0x03060000u) /* it can be reset */
/* `vectors` - 1 in the upper half. */
#define MSIX(next, vectors) (0x11u | (uint32_t)(next) << 8 | (uint32_t)((vectors) - 1) << 16)

static uint64_t answer_anything(void *context, const struct hosted_pci_function *function, unsigned bar,
                                uint64_t offset, unsigned width)
{
    (void)context;
    (void)function;
    (void)bar;
    (void)offset;
    (void)width;
    machine.random = machine.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return machine.random ^ machine.random >> 32;
}

static void drop(void *context, const struct hosted_pci_function *function, unsigned bar, uint64_t offset,
                 unsigned width, uint64_t value)
{
    (void)context;
    (void)function;
    (void)bar;
    (void)offset;
    (void)width;
    (void)value;
}

static const struct hosted_device noise = {.read = answer_anything, .write = drop};

const struct hosted_pci_function hosted_pci_bus[HOSTED_PCI_COUNT] = {
    {.vendor_id = 0x8086, .device_id = 0x29c0, .class_code = 0x060000, .command = 7},
    {.device = 1,
     .vendor_id = 0x1b36,
     .device_id = 0x000c,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .bars = {NEAR + 0x40000},
     .masks = {BYTES(0x1000)},
     .secondary = 1,
     .last = 1,
     .capabilities = 0x40,
     .words = {{0x40, EXPRESS(0, ROOT_PORT)}}},
    /* Of everything something: MSI-X has a BAR of its own. */
    {.device = 2,
     .vendor_id = 0x4b45,
     .device_id = 0x0001,
     .class_code = 0x020000,
     .header = 0x80,
     .irq_pin = 1,
     .command = 7,
     .bars = {NEAR, 0xc001, FAR(0x10000), NEAR + 0x30000},
     .masks = {BYTES(0x20000), 0xffe0, BYTES(0x10000), ALL, BYTES(0x4000)},
     .capabilities = 0x40,
     .words = {{0x40, POWER(0x50)},
               {0x50, MSI(0x60)},
               {0x60, MSIX(0, 8)},
               {0x64, 0x2000 | 4},
               {0x68, 0x3000 | 4}}},
    {.device = 2,
     .function = 3,
     .vendor_id = 0x4b45,
     .device_id = 0x0002,
     .class_code = 0x0c0330,
     .irq_pin = 2,
     .command = 6,
     .bars = {NEAR + 0x50000, 0, NEAR + 0x51000},
     .masks = {BYTES(0x1000), 0, BYTES(0x100)},
     .capabilities = 0x70,
     .words = {{0x70, MSI(0) | MSI_MASKABLE}},
     .device_model = &noise},
    {.device = 31, .vendor_id = 0x8086, .device_id = 0x2918, .class_code = 0x060100, .command = 7},
    /* Its MSI-X table is among its registers. */
    {.bus = 1,
     .vendor_id = 0x4b45,
     .device_id = 0x0003,
     .class_code = 0x010802,
     .irq_pin = 1,
     .command = 6,
     .bars = {FAR(0)},
     .masks = {BYTES(0x4000), ALL},
     .capabilities = 0xb0,
     .words = {{0xb0, MSIX(0, 65)}, {0xb4, 0x1000}, {0xb8, 0x1800}}},
    [HOSTED_PCI_RESET] = {.bus = 1,
                          .device = 1,
                          .vendor_id = 0x4b45,
                          .device_id = 0x0004,
                          .class_code = 0x020000,
                          .irq_pin = 1,
                          .command = 6,
                          .bars = {FAR(0x20000)},
                          .masks = {BYTES(0x4000), ALL},
                          .capabilities = 0x40,
                          .words = {{0x40, EXPRESS(0x80, ENDPOINT)},
                                    {0x44, CAN_BE_RESET},
                                    {0x80, MSIX(0, 4)},
                                    {0x84, 0x2000},
                                    {0x88, 0x3000}}},
    [HOSTED_PCI_AF] = {.bus = 1,
                       .device = 2,
                       .vendor_id = 0x4b45,
                       .device_id = 0x0005,
                       .class_code = 0x0c0320,
                       .irq_pin = 1,
                       .command = 6,
                       .bars = {NEAR + 0x54000},
                       .masks = {BYTES(0x1000)},
                       .capabilities = 0x40,
                       .words = {{0x40, ADVANCED(0x50)}, {0x50, MSI(0) | MSI_MASKABLE}}},
};

/* One that says that it can be reset. */
#define RESETS(number, ...)                                                                                  \
    {.device = (number),                                                                                     \
     .vendor_id = 0x6666,                                                                                    \
     .device_id = (number),                                                                                  \
     .command = 6,                                                                                           \
     .bars = {NEAR + 0x4000 * (number)},                                                                     \
     .masks = {BYTES(0x2000)},                                                                               \
     .capabilities = 0x40,                                                                                   \
     .words = {{0x40, EXPRESS(0x80, ENDPOINT)},                                                              \
               {0x44, CAN_BE_RESET},                                                                         \
               {0x80, MSIX(0, 4)},                                                                           \
               {0x84, 0x1000},                                                                               \
               {0x88, 0x1800}},                                                                              \
     __VA_ARGS__}

const struct hosted_pci_function hosted_pci_liars[HOSTED_PCI_LIARS] = {
    {.vendor_id = 0x8086, .device_id = 0x29c0, .class_code = 0x060000, .command = 7},
    /* Bridges: to their own bus, to a bus, and to the same one. */
    {.device = 1, .vendor_id = 0x6666, .device_id = 1, .class_code = 0x060400, .header = 1, .command = 7},
    {.device = 2,
     .vendor_id = 0x6666,
     .device_id = 2,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 2,
     .last = 5},
    {.device = 3,
     .vendor_id = 0x6666,
     .device_id = 3,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 2,
     .last = 2},
    /* Lists of capabilities: around in a circle, and into the header. */
    {.device = 4,
     .vendor_id = 0x6666,
     .device_id = 4,
     .command = 7,
     .bars = {NEAR},
     .masks = {BYTES(0x1000)},
     .capabilities = 0x40,
     .words = {{0x40, POWER(0x80)}, {0x80, MSI(0x40)}}},
    {.device = 5,
     .vendor_id = 0x6666,
     .device_id = 5,
     .command = 7,
     .bars = {NEAR + 0x1000},
     .masks = {BYTES(0x1000)},
     .capabilities = 0xfe,
     .words = {{0xfc, MSI(0x10)}}},
    {.device = 6, .vendor_id = 0x6666, .device_id = 6, .command = 7, .lie = HOSTED_PCI_FICKLE},
    {.device = 7,
     .vendor_id = 0x6666,
     .device_id = 7,
     .header = 0x7e,
     .command = 7,
     .bars = {NEAR + 0x2000},
     .masks = {BYTES(0x1000)}},
    /* BARs: with holes in the size, over RAM, over the local APIC, over configuration space, of no known
     * type, and with its upper half beyond the last. */
    {.device = 8,
     .vendor_id = 0x6666,
     .device_id = 8,
     .command = 7,
     .bars = {NEAR + 0x4000, 0x100000, 0xfee00000, (uint32_t)HOSTED_PCI_ECAM, (NEAR + 0x8000) | 2,
              (NEAR + 0x9000) | 4},
     .masks = {0xffff5000, BYTES(0x1000), BYTES(0x1000), BYTES(0x100000), BYTES(0x1000), BYTES(0x1000)}},
    /* Two over each other; one has an MSI-X table there. */
    {.device = 9,
     .vendor_id = 0x6666,
     .device_id = 9,
     .command = 7,
     .bars = {NEAR + 0x10000, NEAR + 0x14000},
     .masks = {BYTES(0x4000), BYTES(0x1000)}},
    {.device = 10,
     .vendor_id = 0x6666,
     .device_id = 10,
     .command = 7,
     .bars = {NEAR + 0x12000},
     .masks = {BYTES(0x2000)},
     .capabilities = 0x40,
     .words = {{0x40, MSIX(0, 2)}, {0x44, 0}, {0x48, 0x1000}}},
    /* Behind a bridge, one that leads back. */
    {.bus = 2,
     .vendor_id = 0x6666,
     .device_id = 11,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 1,
     .last = 7},
    /* After their reset not what they were. */
    RESETS(12, .lie = HOSTED_PCI_RESET_IGNORED),
    RESETS(13, .lie = HOSTED_PCI_RESET_NEVER),
    RESETS(14, .lie = HOSTED_PCI_RESET_SLOW),
    RESETS(15, .lie = HOSTED_PCI_RESET_WAKES),
    RESETS(16, .lie = HOSTED_PCI_RESET_GROWS),
    RESETS(17, .stuck = {0x10, NEAR}), /* its BAR is where another's is */
};
