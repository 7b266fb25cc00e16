/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI as QEMU's q35 has it, with two devices given on its command line: `edu`, whose registers work by calls
 * and are mapped for users and work there (D5), `e1000e` behind a root port, whose MSI-X table is kept back
 * (D6), and a virtio device behind another, which is reset when it changes hands (D6).
 */
#include "check.h"

#define PAGE ((uint64_t)KEEL_PAGE_SIZE)
#define BASE (UINT64_C(1) << 30)

enum {
    COMMAND = 0x04,
    COMMAND_MASTER = 1 << 2,
    BARS = 0x10,
    VENDORS = 0x09,
    MSIX = 0x11,
    EXTENDED = 0x100, /* where the capabilities of PCI Express begin */
    ADVANCED_ERRORS = 1,
    VIRTIO_COMMON = 1,  /* of virtio: the part with ... */
    VIRTIO_STATUS = 20, /* ... the register of this */
};
#define MS UINT64_C(1000000)

static struct keel_pci_device_info info_at(uint32_t index)
{
    struct keel_pci_device_info info = {0};
    CHECK_OK(keel_pci_device_info(index, &info));
    return info;
}

static uint32_t device_count(void)
{
    uint32_t count = 0;
    CHECK_OK(keel_pci_device_count(&count));
    return count;
}

/* UINT32_MAX: there is none. */
static uint32_t find(uint16_t vendor, uint16_t device)
{
    for (uint32_t i = 0; i < device_count(); i++) {
        struct keel_pci_device_info info = info_at(i);
        if (info.vendor_id == vendor && info.device_id == device) {
            return i;
        }
    }
    CHECK_VALUE(false, device);
    return UINT32_MAX;
}

static keel_pci_device_t acquire(uint16_t vendor, uint16_t device_id)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(find(vendor, device_id), &device));
    return device;
}

static void D6_devices_are_found(void)
{
    static const struct {
        uint16_t vendor, device;
        uint32_t class_code;
        bool behind;
    } expected[] = {
        {0x8086, 0x29c0, 0x060000, false}, /* host bridge */
        {0x1b36, 0x000c, 0x060400, false}, /* root port */
        {0x8086, 0x2918, 0x060100, false}, /* what is left of ISA */
        {0x1234, 0x11e8, 0x00ff00, false}, /* edu */
        {0x8086, 0x10d3, 0x020000, true},  /* e1000e */
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        struct keel_pci_device_info info = info_at(find(expected[i].vendor, expected[i].device));
        CHECK_VALUE(info.class_code == expected[i].class_code, info.class_code);
        CHECK_VALUE((info.bus > 0) == expected[i].behind, info.bus);
    }
    note("PCI devices", device_count());
}

static void D3_no_device_masters_the_bus(void)
{
    for (uint32_t i = 0; i < device_count(); i++) {
        keel_pci_device_t device = {0};
        uint32_t command = 0;
        CHECK_OK(keel_pci_device_acquire(i, &device));
        CHECK_OK(keel_pci_config_read(device, COMMAND, 2, &command));
        CHECK_VALUE((command & COMMAND_MASTER) == 0 || info_at(i).header == 1, i);
        CHECK_OK(keel_pci_device_release(device));
    }
}

/* What keeps devices from memory is not one that a client may have. */
static void D5_remapping_hardware_is_no_device(void)
{
    for (uint32_t i = 0; i < device_count(); i++) {
        CHECK_VALUE(info_at(i).class_code >> 8 != 0x0806, i);
    }
}

static void D5_registers_serve_users(void)
{
    keel_pci_device_t edu = acquire(0x1234, 0x11e8);
    struct keel_pci_bar_info bar = {0};
    keel_io_memory_t io = {0}, other = {0};
    keel_space_t space = {0};
    uint64_t value = 0, unmapped = 0;
    CHECK_OK(keel_pci_bar_info(edu, 0, &bar));
    CHECK_VALUE(bar.size == 1 << 20 && bar.flags == KEEL_PCI_BAR_GRANTED, bar.size);
    CHECK_OK(keel_pci_bar_acquire(edu, 0, 0, bar.size, KEEL_CACHE_UNCACHED, &io));
    CHECK_STATUS(KEEL_E_BUSY, keel_pci_bar_acquire(edu, 0, 0, 1, KEEL_CACHE_UNCACHED, &other));
    CHECK_OK(keel_space_create(&space));
    CHECK_OK(keel_space_map_io(space, BASE, io, 0, 1, KEEL_READ | KEEL_WRITE));
    CHECK_OK(keel_space_activate(space));
    CHECK_OK(keel_user_load(BASE, 4, &value));
    CHECK_VALUE(value == 0x010000ed, value); /* what it is */
    CHECK_OK(keel_user_store(BASE + 4, 4, 0x12345678));
    CHECK_OK(keel_user_load(BASE + 4, 4, &value));
    CHECK_VALUE(value == (uint32_t)~UINT32_C(0x12345678), value); /* it lives */
    CHECK_OK(keel_space_unmap(space, BASE, 1, &unmapped));
    CHECK_OK(keel_space_activate((keel_space_t){0}));
    CHECK_OK(keel_space_release(space));
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(edu));
}

/* One more time by calls: a page after another by the same addresses, and in each way of caching. */
static void D5_registers_are_reached_by_calls(void)
{
    static const uint32_t policies[] = {KEEL_CACHE_UNCACHED, KEEL_CACHE_WRITE_THROUGH,
                                        KEEL_CACHE_WRITE_COMBINING};
    keel_pci_device_t edu = acquire(0x1234, 0x11e8), network = acquire(0x8086, 0x10d3);
    keel_io_memory_t io = {0}, other = {0};
    uint64_t value = 0, control = 0;
    CHECK_OK(keel_pci_bar_acquire(network, 0, 0, 8, KEEL_CACHE_UNCACHED, &other));
    CHECK_OK(keel_io_memory_read(other, 0, 4, &control));
    for (uint32_t i = 0; i < COUNT_OF(policies); i++) {
        CHECK_OK(keel_pci_bar_acquire(edu, 0, 0, PAGE, policies[i], &io));
        CHECK_OK(keel_io_memory_read(io, 0, 4, &value));
        CHECK_VALUE(value == 0x010000ed, value); /* what it is */
        CHECK_OK(keel_io_memory_write(io, 4, 4, UINT64_C(0xffffffff12345678) + i));
        CHECK_OK(keel_io_memory_read(other, 0, 4, &value));
        CHECK_VALUE(value == control, value);
        CHECK_OK(keel_io_memory_read(io, 4, 4, &value));
        CHECK_VALUE(value == ~(UINT32_C(0x12345678) + i), value); /* it lives */
        CHECK_STATUS(KEEL_E_INVALID, keel_io_memory_read(io, PAGE, 4, &value));
        CHECK_STATUS(KEEL_E_INVALID, keel_io_memory_read(io, 2, 4, &value));
        CHECK_OK(keel_io_memory_release(io));
    }
    CHECK_OK(keel_io_memory_release(other));
    CHECK_OK(keel_pci_device_release(network));
    CHECK_OK(keel_pci_device_release(edu));
}

static void D6_msix_table_is_kept(void)
{
    keel_pci_device_t network = acquire(0x8086, 0x10d3);
    uint32_t offset = 0, table = 0, head = 0;
    struct keel_pci_bar_info bar = {0};
    keel_io_memory_t io = {0};
    CHECK_OK(keel_pci_capability(network, MSIX, 0, &offset));
    CHECK_OK(keel_pci_config_read(network, offset + 4, 4, &table));
    CHECK_OK(keel_pci_bar_info(network, table & 7, &bar));
    CHECK_VALUE((bar.flags & KEEL_PCI_BAR_GRANTED) != 0, bar.flags);
    CHECK_VALUE(bar.kept_offset[0] == (table & ~(PAGE - 1)) && bar.kept_size[0] >= PAGE, bar.kept_offset[0]);
    CHECK_STATUS(KEEL_E_DENIED,
                 keel_pci_bar_acquire(network, table & 7, table & ~7u, 4, KEEL_CACHE_UNCACHED, &io));
    CHECK_OK(keel_pci_bar_acquire(network, 0, 0, PAGE, KEEL_CACHE_UNCACHED, &io));
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_config_read(network, EXTENDED, 4, &head));
    CHECK_VALUE((head & 0xffff) == ADVANCED_ERRORS, head);
    CHECK_OK(keel_pci_device_release(network));
}

/* The registers that all virtio devices have in common: where their capabilities say. */
static keel_io_memory_t virtio_registers(keel_pci_device_t device)
{
    keel_io_memory_t io = {0};
    uint32_t at = 0, part = 0, bar = 0, offset = 0;
    for (uint32_t i = 0; part != VIRTIO_COMMON; i++) {
        CHECK_OK(keel_pci_capability(device, VENDORS, i, &at));
        CHECK_OK(keel_pci_config_read(device, at + 3, 1, &part));
    }
    CHECK_OK(keel_pci_config_read(device, at + 4, 1, &bar));
    CHECK_OK(keel_pci_config_read(device, at + 8, 4, &offset));
    CHECK_OK(keel_pci_bar_acquire(device, bar, offset, VIRTIO_STATUS + 4, KEEL_CACHE_UNCACHED, &io));
    return io;
}

static keel_pci_device_t acquire_after_reset(uint32_t index)
{
    keel_pci_device_t device = {0};
    keel_status_t status = keel_pci_device_acquire(index, &device);
    for (unsigned tries = 0; status == KEEL_E_BUSY && tries < 100; tries++) {
        CHECK_OK(keel_task_sleep(20 * MS));
        status = keel_pci_device_acquire(index, &device);
    }
    CHECK_OK(status);
    return device;
}

static void D6_next_holder_finds_a_device_that_was_reset(void)
{
    uint32_t index = find(0x1af4, 0x1044), before[6], now = 0;
    CHECK_VALUE(info_at(index).flags == KEEL_PCI_DEVICE_RESETS, info_at(index).flags);
    CHECK_VALUE(info_at(find(0x1234, 0x11e8)).flags == 0, 0);
    keel_pci_device_t device = acquire_after_reset(index);
    for (uint32_t bar = 0; bar < COUNT_OF(before); bar++) {
        CHECK_OK(keel_pci_config_read(device, BARS + 4 * bar, 4, &before[bar]));
    }
    keel_io_memory_t io = virtio_registers(device);
    uint64_t value = 0;
    CHECK_OK(keel_io_memory_write(io, VIRTIO_STATUS, 1, 3)); /* somebody drives it */
    CHECK_OK(keel_io_memory_read(io, VIRTIO_STATUS, 1, &value));
    CHECK_VALUE(value == 3, value);
    CHECK_OK(keel_pci_device_release(device));
    CHECK_STATUS(KEEL_E_BUSY, keel_pci_device_acquire(index, &device));
    CHECK_OK(keel_io_memory_read(io, VIRTIO_STATUS, 1, &value));
    CHECK_VALUE(value != 3, value); /* nobody is there: 0 or all bits set, as the machine has it */
    device = acquire_after_reset(index);
    CHECK_OK(keel_io_memory_read(io, VIRTIO_STATUS, 1, &value));
    CHECK_VALUE(value == 0, value);
    for (uint32_t bar = 0; bar < COUNT_OF(before); bar++) {
        CHECK_OK(keel_pci_config_read(device, BARS + 4 * bar, 4, &now));
        CHECK_VALUE(now == before[bar], bar);
    }
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(device));
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(D6_devices_are_found),
        TEST(D3_no_device_masters_the_bus),
        TEST(D5_remapping_hardware_is_no_device),
        TEST(D5_registers_serve_users),
        TEST(D5_registers_are_reached_by_calls),
        TEST(D6_msix_table_is_kept),
        TEST(D6_next_holder_finds_a_device_that_was_reset),
    };
    return tests_run("pci", tests, COUNT_OF(tests));
}
