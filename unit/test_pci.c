/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI: functions that lie, what is done to them at boot, and what clients get of them (core/pci.c,
 * core/pci_scan.c, api/pci.c).
 */
#include "core/pci.h"

#include <string.h>

#include "support.h"

#define PAGE   UINT64_C(4096)
#define NEAR   ((uint32_t)HOSTED_PCI_BASE)
#define FAR    HOSTED_PCI_FAR_BASE
#define VA     UINT64_C(0x40000000)
#define RW     (KEEL_READ | KEEL_WRITE)
#define CACHED KEEL_CACHE_UNCACHED

#define MASTERS(at) ((hosted_pci_peek(at, PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0)

enum { HOST, BRIDGE, CARD, CARD_SECOND, ISA, STORAGE, RESET, AF };

static uint32_t device_count(void)
{
    uint32_t count = 0;
    CHECK_OK(keel_pci_device_count(&count));
    return count;
}

static struct keel_pci_device_info device_info(uint32_t index)
{
    struct keel_pci_device_info info = {.flags = 9};
    CHECK_OK(keel_pci_device_info(index, &info));
    CHECK_EQUAL(info.flags & ~(uint32_t)KEEL_PCI_DEVICE_RESETS, 0);
    return info;
}

static keel_pci_device_t acquire(uint32_t index)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(index, &device));
    return device;
}

/* The device that answers so, acquired. */
static keel_pci_device_t acquire_id(uint16_t device_id)
{
    for (uint32_t i = 0; i < device_count(); i++) {
        if (device_info(i).device_id == device_id) {
            return acquire(i);
        }
    }
    CHECK_NEVER("there is no such device");
    return (keel_pci_device_t){0};
}

static keel_status_t try(keel_pci_device_t device, uint32_t bar, uint64_t offset, uint64_t size)
{
    keel_io_memory_t io = {0};
    keel_status_t status = keel_pci_bar_acquire(device, bar, offset, size, CACHED, &io);
    if (status == KEEL_OK) {
        CHECK_OK(keel_io_memory_release(io));
    }
    return status;
}

static struct keel_pci_bar_info bar_info(keel_pci_device_t device, uint32_t bar)
{
    struct keel_pci_bar_info info = {.reserved = 9};
    CHECK_OK(keel_pci_bar_info(device, bar, &info));
    CHECK_EQUAL(info.reserved, 0);
    return info;
}

/* --- Finding them --- */

static void D6_devices_are_found_behind_bridges(void)
{
    static const uint8_t places[HOSTED_PCI_COUNT][3] = {{0, 0, 0},  {0, 1, 0}, {0, 2, 0}, {0, 2, 3},
                                                        {0, 31, 0}, {1, 0, 0}, {1, 1, 0}, {1, 2, 0}};
    struct keel_pci_device_info info;
    CHECK_EQUAL(device_count(), HOSTED_PCI_COUNT);
    for (uint32_t i = 0; i < HOSTED_PCI_COUNT; i++) {
        info = device_info(i);
        CHECK_EQUAL(info.bus, places[i][0]);
        CHECK_EQUAL(info.device, places[i][1]);
        CHECK_EQUAL(info.function, places[i][2]);
        CHECK_EQUAL(info.vendor_id, hosted_pci_bus[i].vendor_id);
        CHECK_EQUAL(info.device_id, hosted_pci_bus[i].device_id);
        CHECK_EQUAL(info.class_code, hosted_pci_bus[i].class_code);
        CHECK_EQUAL(info.header, hosted_pci_bus[i].header & 0x7f);
        CHECK_EQUAL(info.irq_pin, hosted_pci_bus[i].irq_pin);
        CHECK_EQUAL(info.flags, i == RESET || i == AF ? KEEL_PCI_DEVICE_RESETS : 0);
    }
    CHECK_STATUS(keel_pci_device_info(HOSTED_PCI_COUNT, &info), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_pci_device_info(UINT32_MAX, &info), KEEL_E_NOT_FOUND);
    CHECK(unit_console_contains("pci: 8 functions"));
}

static void D7_machine_without_pci_has_no_devices(void)
{
    keel_pci_device_t device = {0};
    CHECK_EQUAL(device_count(), 0);
    CHECK_STATUS(keel_pci_device_acquire(0, &device), KEEL_E_NOT_FOUND);
}

static void D3_no_device_masters_the_bus(void)
{
    for (uint32_t i = 0; i < HOSTED_PCI_COUNT; i++) {
        const struct hosted_pci_function *from = &hosted_pci_bus[i];
        struct hal_pci_address at = {from->bus, from->device, from->function};
        CHECK_EQUAL(MASTERS(at), i == BRIDGE);
        CHECK_EQUAL(hosted_pci_peek(at, PCI_COMMAND, 2) | PCI_COMMAND_MASTER,
                    from->command | PCI_COMMAND_MASTER);
    }
    CHECK_AUDIT();
}

static void D3_audit_sees_a_master(void)
{
    hosted_pci_poke((struct hal_pci_address){0, 2, 0}, PCI_COMMAND, 2, 7);
    CHECK(unit_audit() > 0);
    hosted_pci_poke((struct hal_pci_address){0, 2, 0}, PCI_COMMAND, 2, 3);
    hosted_pci_poke((struct hal_pci_address){0, 2, 0}, PCI_BARS, 4, NEAR + 0x20000);
    CHECK(unit_audit() > 0);
    hosted_pci_poke((struct hal_pci_address){0, 2, 0}, PCI_BARS, 4, NEAR);
}

/* Whoever is behind a bridge that leads nowhere is not known, so the bridge itself is kept from mastering. */
static void D3_bridges_that_lie_let_nobody_through(void)
{
    CHECK(!MASTERS(((struct hal_pci_address){0, 1, 0})));
    CHECK(MASTERS(((struct hal_pci_address){0, 2, 0})));
    CHECK(!MASTERS(((struct hal_pci_address){0, 3, 0})));
    CHECK(!MASTERS(((struct hal_pci_address){2, 0, 0})));
    CHECK(!MASTERS(((struct hal_pci_address){0, 7, 0}))); /* a header that there is not */
    CHECK_AUDIT();
}

static void D7_every_function_is_found_once(void)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < device_count(); i++) {
        struct keel_pci_device_info info = device_info(i);
        if (info.vendor_id != 0x6666) {
            continue; /* the host bridge, and one that says something else each time */
        }
        CHECK_EQUAL(found >> info.device_id & 1, 0);
        found |= 1u << info.device_id;
    }
    CHECK_EQUAL(found, 0x3ffbe);
    CHECK(unit_console_count("its list of capabilities is broken") >= 2);
}

/* --- More of them than there is room for, and some that do not do as they are told --- */

static struct hosted_pci_function many[300];

static void make_many(void)
{
    for (unsigned i = 0; i < 300; i++) {
        many[i] = (struct hosted_pci_function){.bus = (uint8_t)(i < 256 ? 0 : 1),
                                               .device = (uint8_t)(i % 256 / 8),
                                               .function = (uint8_t)(i % 8),
                                               .vendor_id = 0x6666,
                                               .device_id = (uint16_t)i,
                                               .header = 0x80,
                                               .command = 7};
    }
    many[255].header = 1;
    many[255].class_code = 0x060400;
    many[255].secondary = 1;
    many[255].last = 1;
}

static void D7_devices_beyond_the_limit_do_not_master(void)
{
    CHECK_EQUAL(device_count(), PCI_FUNCTIONS_MAX);
    CHECK(unit_console_contains("pci: 128 functions, and 172 that are left out"));
    CHECK(!MASTERS(((struct hal_pci_address){0, 31, 6})));
    CHECK(!MASTERS(((struct hal_pci_address){1, 0, 0}))); /* also behind a bridge that is left out */
    CHECK(!MASTERS(((struct hal_pci_address){1, 5, 3})));
    CHECK_AUDIT();
}

#define STUBBORN(number, with, ...)                                                                          \
    {.device = (number),                                                                                     \
     .vendor_id = 0x6666,                                                                                    \
     .device_id = (number),                                                                                  \
     .command = 7,                                                                                           \
     .bars = {NEAR + 0x1000 * (number)},                                                                     \
     .masks = {0xfffff000},                                                                                  \
     .lie = (with),                                                                                          \
     __VA_ARGS__}
static const struct hosted_pci_function stubborn[] = {
    STUBBORN(1, HOSTED_PCI_HONEST, .irq_pin = 1),
    STUBBORN(2, HOSTED_PCI_MASTERS, .irq_pin = 1),
    STUBBORN(3, HOSTED_PCI_DECODES, .irq_pin = 1),
    STUBBORN(4, HOSTED_PCI_FORGETS, .irq_pin = 1),
    STUBBORN(5, HOSTED_PCI_ALIASES, .irq_pin = 1),
    /* A function without the first one, and one that the first does not speak of: both master the bus. */
    STUBBORN(6, HOSTED_PCI_HONEST, .function = 3),
    STUBBORN(7, HOSTED_PCI_HONEST, .irq_pin = 1),
    STUBBORN(7, HOSTED_PCI_HONEST, .function = 2),
    STUBBORN(7, HOSTED_PCI_MASTERS, .function = 5),
    /* A bridge that answers to all numbers is led through all the same. */
    {.device = 8,
     .vendor_id = 0x6666,
     .device_id = 8,
     .class_code = 0x060400,
     .header = 1,
     .command = 7,
     .secondary = 1,
     .last = 1,
     .lie = HOSTED_PCI_ALIASES},
};

static void D7_functions_that_do_not_obey(void)
{
    static const bool given[] = {true, false, false, false, true, true, false};
    CHECK_EQUAL(device_count(), 7);
    for (uint32_t i = 0; i < device_count(); i++) {
        keel_pci_device_t device = acquire(i);
        CHECK_EQUAL(try(device, 0, 0, 1) == KEEL_OK, given[i]);
        CHECK_OK(keel_pci_device_release(device));
    }
    CHECK(!MASTERS(((struct hal_pci_address){0, 6, 3})));
    CHECK(!MASTERS(((struct hal_pci_address){0, 7, 2})));
    CHECK(MASTERS(((struct hal_pci_address){0, 8, 0})));
    CHECK(
        unit_console_contains("device 2 function 0 (0x6666 0x2): no BAR is given out, since it cannot be kept"
                              " from mastering the bus"));
    CHECK(unit_console_contains(
        "device 7 function 5 (0x6666 0x7): no BAR is given out, since it cannot be kept"));
    CHECK(unit_console_contains("since it cannot be kept from decoding them"));
    CHECK(unit_console_contains("since a BAR does not keep what is written"));
}

/* --- Configuration space and capabilities --- */

static void D6_configuration_space_is_read_in_bounds(void)
{
    keel_pci_device_t card = acquire(CARD);
    uint32_t value = 0;
    CHECK_OK(keel_pci_config_read(card, 0, 4, &value));
    CHECK_EQUAL(value, 0x00014b45);
    CHECK_OK(keel_pci_config_read(card, 2, 2, &value));
    CHECK_EQUAL(value, 1);
    CHECK_OK(keel_pci_config_read(card, 1, 1, &value));
    CHECK_EQUAL(value, 0x4b);
    CHECK_OK(keel_pci_config_read(card, 255, 1, &value));
    CHECK_OK(keel_pci_config_read(card, 252, 4, &value));
    value = 7;
    static const struct {
        uint64_t offset;
        uint32_t width;
    } wrong[] = {{0, 0},          {0, 3},         {0, 8},   {1, 2},
                 {2, 4},          {256, 1},       {256, 4}, {UINT64_C(1) << 32, 4},
                 {UINT64_MAX, 1}, {0, UINT32_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(keel_pci_config_read(card, wrong[i].offset, wrong[i].width, &value), KEEL_E_INVALID);
    }
    CHECK_EQUAL(value, 7);
    CHECK_OK(keel_pci_device_release(card));
}

static void D7_capabilities_are_listed(void)
{
    keel_pci_device_t card = acquire(CARD), isa = acquire(ISA);
    uint32_t offset = 7;
    CHECK_OK(keel_pci_capability(card, 5, 0, &offset));
    CHECK_EQUAL(offset, 0x50);
    CHECK_OK(keel_pci_capability(card, PCI_CAPABILITY_MSIX, 0, &offset));
    CHECK_EQUAL(offset, 0x60);
    CHECK_STATUS(keel_pci_capability(card, 5, 1, &offset), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_pci_capability(card, 5 + 256, 0, &offset), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_pci_capability(card, 0, 0, &offset), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_pci_capability(isa, 1, 0, &offset), KEEL_E_NOT_FOUND);
    CHECK_OK(keel_pci_device_release(card));
    CHECK_OK(keel_pci_device_release(isa));
}

/* --- Their holders --- */

static void D5_devices_are_exclusive_and_come_back(void)
{
    keel_pci_device_t again = {0}, card = acquire(CARD), second = acquire(CARD_SECOND);
    CHECK_STATUS(keel_pci_device_acquire(CARD, &again), KEEL_E_BUSY);
    CHECK_OK(keel_pci_device_ref(card));
    CHECK_OK(keel_pci_device_release(card));
    CHECK_STATUS(keel_pci_device_acquire(CARD, &again), KEEL_E_BUSY);
    CHECK_OK(keel_pci_device_release(card));
    CHECK_STATUS(keel_pci_device_release(card), KEEL_E_BAD_HANDLE);
    again = acquire(CARD);
    CHECK(again.value != card.value);
    CHECK_STATUS(keel_pci_device_release(card), KEEL_E_BAD_HANDLE);
    CHECK_OK(keel_pci_device_release(again));
    CHECK_OK(keel_pci_device_release(second));
    CHECK_STATUS(keel_pci_device_acquire(HOSTED_PCI_COUNT, &again), KEEL_E_NOT_FOUND);
}

/* --- BARs --- */

static void D6_bars_are_sized_and_put_back(void)
{
    keel_pci_device_t card = acquire(CARD);
    struct keel_pci_bar_info info = bar_info(card, 0);
    CHECK_EQUAL(info.address, NEAR);
    CHECK_EQUAL(info.size, 0x20000);
    CHECK_EQUAL(info.flags, KEEL_PCI_BAR_GRANTED);
    CHECK_EQUAL(info.kept_size[0] + info.kept_size[1], 0);
    info = bar_info(card, 1);
    CHECK_EQUAL(info.address, 0xc000);
    CHECK_EQUAL(info.size, 0x20);
    CHECK_EQUAL(info.flags, KEEL_PCI_BAR_IO);
    info = bar_info(card, 2);
    CHECK_EQUAL(info.address, FAR + 0x10000);
    CHECK_EQUAL(info.size, 0x10000);
    CHECK_EQUAL(info.flags, KEEL_PCI_BAR_64 | KEEL_PCI_BAR_GRANTED);
    CHECK_STATUS(keel_pci_bar_info(card, 3, &info), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_pci_bar_info(card, 5, &info), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_pci_bar_info(card, 6, &info), KEEL_E_INVALID);
    CHECK_STATUS(keel_pci_bar_info(card, UINT32_MAX, &info), KEEL_E_INVALID);
    CHECK_STATUS(try(card, 3, 0, 1), KEEL_E_NOT_FOUND);
    CHECK_STATUS(try(card, 6, 0, 1), KEEL_E_INVALID);
    CHECK_STATUS(try(card, 1, 0, 1), KEEL_E_DENIED);
    CHECK_OK(keel_pci_device_release(card));
    for (uint32_t i = 0; i < HOSTED_PCI_COUNT; i++) {
        const struct hosted_pci_function *from = &hosted_pci_bus[i];
        for (uint32_t bar = 0; bar < (from->header == 1 ? 2 : 6); bar++) {
            CHECK_EQUAL(hosted_pci_peek((struct hal_pci_address){from->bus, from->device, from->function},
                                        PCI_BARS + 4 * bar, 4),
                        from->bars[bar]);
        }
    }
}

static void D5_bars_are_io_memory(void)
{
    keel_pci_device_t card = acquire(CARD);
    keel_space_t users = unit_space();
    keel_io_memory_t io = {0}, other = {0};
    struct keel_io_memory_info info = {0};
    uint64_t unmapped = 0;
    CHECK_STATUS(keel_io_memory_acquire(NEAR, PAGE, CACHED, &io), KEEL_E_DENIED);
    CHECK_STATUS(try(card, 0, 0, 0), KEEL_E_INVALID);
    CHECK_STATUS(try(card, 0, 0x20000, 1), KEEL_E_INVALID);
    CHECK_STATUS(try(card, 0, 0x1ffff, 2), KEEL_E_INVALID);
    CHECK_STATUS(try(card, 0, UINT64_MAX, 2), KEEL_E_INVALID);
    CHECK_STATUS(try(card, 0, 1, UINT64_MAX), KEEL_E_INVALID);
    CHECK_STATUS(keel_pci_bar_acquire(card, 0, 0, PAGE, KEEL_CACHE_WRITE_BACK, &io), KEEL_E_INVALID);
    CHECK_STATUS(keel_pci_bar_acquire(card, 0, 0, PAGE, KEEL_CACHE_UNCACHED + 1, &io), KEEL_E_INVALID);
    CHECK_OK(keel_pci_bar_acquire(card, 0, PAGE, 2 * PAGE, CACHED, &io));
    CHECK_OK(keel_io_memory_info(io, &info));
    CHECK_EQUAL(info.first_page, NEAR + PAGE);
    CHECK_EQUAL(info.page_count, 2);
    CHECK_OK(keel_space_map_io(users, VA, io, 0, 2, RW));
    CHECK_AUDIT();
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(card));
    /* The next holder of the device finds them taken. */
    card = acquire(CARD);
    CHECK_STATUS(try(card, 0, 0, 0x20000), KEEL_E_BUSY);
    CHECK_OK(keel_pci_bar_acquire(card, 0, 0, PAGE, CACHED, &other));
    CHECK_OK(keel_space_unmap(users, VA, 2, &unmapped));
    CHECK_EQUAL(unmapped, 2);
    CHECK_OK(keel_io_memory_release(other));
    CHECK_STATUS(try(card, 0, 0, 0x20000), KEEL_OK);
    CHECK_OK(keel_pci_device_release(card));
    CHECK_OK(keel_space_release(users));
}

static void D6_pages_of_the_msix_table_are_kept(void)
{
    keel_pci_device_t card = acquire(CARD), storage = acquire(STORAGE);
    struct keel_pci_bar_info info = bar_info(card, 4);
    CHECK_EQUAL(info.kept_offset[0], 2 * PAGE);
    CHECK_EQUAL(info.kept_size[0], PAGE);
    CHECK_EQUAL(info.kept_offset[1], 3 * PAGE);
    CHECK_EQUAL(info.kept_size[1], PAGE);
    CHECK_STATUS(try(card, 4, 0, 2 * PAGE), KEEL_OK);
    CHECK_STATUS(try(card, 4, 0, 2 * PAGE + 1), KEEL_E_DENIED);
    CHECK_STATUS(try(card, 4, 3 * PAGE - 1, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(card, 4, 3 * PAGE, PAGE), KEEL_E_DENIED);
    CHECK_STATUS(try(card, 4, 4 * PAGE - 1, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(card, 0, 2 * PAGE, PAGE), KEEL_OK); /* another BAR */
    /* 65 entries of 16 bytes, and 16 bytes of pending bits, in one page in the midst of it. */
    info = bar_info(storage, 0);
    CHECK_EQUAL(info.kept_offset[0], PAGE);
    CHECK_EQUAL(info.kept_size[0], PAGE);
    CHECK_EQUAL(info.kept_offset[1], PAGE);
    CHECK_STATUS(try(storage, 0, 0, 4 * PAGE), KEEL_E_DENIED);
    CHECK_STATUS(try(storage, 0, 0, PAGE), KEEL_OK);
    CHECK_STATUS(try(storage, 0, 2 * PAGE, 2 * PAGE), KEEL_OK);
    CHECK_OK(keel_pci_device_release(card));
    CHECK_OK(keel_pci_device_release(storage));
}

static void D6_bars_that_lie_are_not_given_out(void)
{
    static const uint16_t devices[] = {4, 5, 7, 8, 9, 10};
    static const keel_status_t expected[][6] = {
        [4] = {KEEL_E_DENIED}, /* their lists of capabilities are broken */
        [5] = {KEEL_E_DENIED},
        [7] = {KEEL_E_NOT_FOUND},
        [8] = {KEEL_E_NOT_FOUND, KEEL_E_DENIED, KEEL_E_DENIED, KEEL_E_DENIED, KEEL_E_NOT_FOUND,
               KEEL_E_NOT_FOUND},
        [9] = {KEEL_E_DENIED, KEEL_OK},
        [10] = {KEEL_E_DENIED},
    };
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        keel_pci_device_t device = acquire_id(devices[i]);
        for (uint32_t bar = 0; bar < 6; bar++) {
            keel_status_t status = expected[devices[i]][bar];
            bool none = status == KEEL_OK && !(devices[i] == 9 && bar == 1);
            CHECK_STATUS(try(device, bar, 0, 1), none ? KEEL_E_NOT_FOUND : status);
        }
        CHECK_OK(keel_pci_device_release(device));
    }
}

/* Where the memory map knows of anything but registers. */
static const struct hal_region reserved_there[] = {{0, UINT64_C(4) << 20, HAL_REGION_USABLE},
                                                   {NEAR + 0x1fff0, 1, HAL_REGION_RESERVED},
                                                   {FAR + 0x10000, PAGE, HAL_REGION_MMIO}};

static void D5_what_the_map_knows_is_not_given_out(void)
{
    keel_pci_device_t card = acquire(CARD);
    CHECK_STATUS(try(card, 0, 0, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(card, 2, 0, 1), KEEL_OK);
    CHECK_STATUS(try(card, 4, 0, 1), KEEL_OK);
    CHECK_OK(keel_pci_device_release(card));
}

static const struct hosted_pci_function cardbus[] = {
    {.device = 1,
     .vendor_id = 0x6666,
     .command = 2,
     .bars = {NEAR, NEAR + 0x4000},
     .masks = {0xffffc000, 0xffffc000}},
    {.device = 2,
     .vendor_id = 0x6666,
     .class_code = 0x060700,
     .header = 2,
     .command = 2,
     .bars = {NEAR + 0x1000},
     .masks = {0xfffff000}},
};

static void D5_registers_of_a_cardbus_bridge_are_its_own(void)
{
    keel_pci_device_t device = acquire(0);
    CHECK_STATUS(try(device, 0, 0, 1), KEEL_E_DENIED);
    CHECK_STATUS(try(device, 1, 0, 1), KEEL_OK);
    CHECK_OK(keel_pci_device_release(device));
}

#define MSIX_FUNCTION(number, ...)                                                                           \
    {                                                                                                        \
        .device = (number), .vendor_id = 0x6666, .device_id = (number), .command = 2,                        \
        .bars = {NEAR + 0x4000 * (number)}, .masks = {0xffffc000}, .capabilities = 0x40, .words = {          \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
static const struct hosted_pci_function msix[] = {
    MSIX_FUNCTION(1, {0x40, 0x00000011}, {0x44, 0}, {0x48, 0x800}),
    MSIX_FUNCTION(2, {0x40, 0x00000011}, {0x44, 6}, {0x48, 0}),      /* in no BAR */
    MSIX_FUNCTION(3, {0x40, 0x00000011}, {0x44, 0}, {0x48, 1}),      /* in one that there is not */
    MSIX_FUNCTION(4, {0x40, 0x00000011}, {0x44, 0x3ff8}, {0x48, 0}), /* beyond its end in part */
    MSIX_FUNCTION(5, {0x40, 0x07ff0011}, {0x44, 0}, {0x48, 0}),      /* larger than it */
    MSIX_FUNCTION(6, {0x40, 0x00008011}, {0x44, 0}, {0x48, 0x800}, {0x80, 0x11}, {0x84, 0},
                  {0x88, 0}),                                 /* two of them */
    MSIX_FUNCTION(7, {0x40, 0x0000fc01}, {0xfc, 0x00000011}), /* beyond configuration space */
    MSIX_FUNCTION(8, {0x40, 0x00000001}),                     /* none */
    {.device = 9, .vendor_id = 0x6666, .bars = {NEAR}, .masks = {0xfffff000}}, /* not decoded */
};

static void D7_msix_tables_that_lie(void)
{
    static const bool given[] = {true, false, false, false, false, false, false, true, false};
    for (uint32_t i = 0; i < sizeof given; i++) {
        keel_pci_device_t device = acquire(i);
        CHECK_STATUS(try(device, 0, PAGE, 1), i == 8 ? KEEL_E_INVALID : given[i] ? KEEL_OK : KEEL_E_DENIED);
        CHECK_STATUS(try(device, 0, 0, 1), i == 7 ? KEEL_OK : KEEL_E_DENIED);
        CHECK_OK(keel_pci_device_release(device));
    }
}

#define WITH(of) .config.pci = of, .config.pci_count = sizeof(of) / sizeof(of)[0]

int main(int argc, char **argv)
{
    make_many();
    const struct CMUnitTest tests[] = {
        UNIT(D6_devices_are_found_behind_bridges),
        UNIT(D7_machine_without_pci_has_no_devices, .config.no_pci = true),
        UNIT(D3_no_device_masters_the_bus),
        UNIT(D3_audit_sees_a_master),
        UNIT(D3_bridges_that_lie_let_nobody_through, WITH(hosted_pci_liars)),
        UNIT(D7_every_function_is_found_once, WITH(hosted_pci_liars)),
        UNIT(D7_devices_beyond_the_limit_do_not_master, WITH(many)),
        UNIT(D7_functions_that_do_not_obey, WITH(stubborn)),
        UNIT(D6_configuration_space_is_read_in_bounds),
        UNIT(D7_capabilities_are_listed),
        UNIT(D5_devices_are_exclusive_and_come_back, .seeds = 4),
        UNIT(D6_bars_are_sized_and_put_back),
        UNIT(D5_bars_are_io_memory),
        UNIT(D6_pages_of_the_msix_table_are_kept),
        UNIT(D6_bars_that_lie_are_not_given_out, WITH(hosted_pci_liars)),
        UNIT(D5_what_the_map_knows_is_not_given_out, .config.regions = reserved_there,
             .config.region_count = 3),
        UNIT(D5_registers_of_a_cardbus_bridge_are_its_own, WITH(cardbus)),
        UNIT(D7_msix_tables_that_lie, WITH(msix)),
    };
    return unit_main(tests, argc, argv);
}
