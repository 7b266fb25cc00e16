/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Races for a range of I/O memory or a device of PCI, every schedule within the stated number of preemptions.
 * The machine reports a range that ends while some CPU may still reach it.
 */
#include "race.h"
#include "support.h"

#define PAGE ((uint64_t)KEEL_PAGE_SIZE)
#define BASE ((uint64_t)HOSTED_IO_BASE)
#define VA   UINT64_C(0x40000000)
#define RW   (KEEL_READ | KEEL_WRITE)

#define RESET_NS UINT64_C(100000000)

static keel_space_t space;
static keel_io_memory_t io;
static keel_status_t theirs;

static keel_status_t acquire(uint64_t address, uint64_t size, keel_io_memory_t *acquired)
{
    return keel_io_memory_acquire(address, size, KEEL_CACHE_UNCACHED, acquired);
}

static void acquire_upper(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = acquire(BASE + PAGE - 1, PAGE, &io);
    race_done();
}

/* Two ranges that share one byte: one of them is refused. */
static void D5_explore_two_acquisitions(void)
{
    keel_io_memory_t lower = {0};
    keel_task_t other = race_start(acquire_upper, 0);
    keel_status_t mine = acquire(BASE, PAGE, &lower);
    race_finish(other);
    CHECK(mine == KEEL_OK ? theirs == KEEL_E_BUSY : mine == KEEL_E_BUSY);
    CHECK(mine == KEEL_OK || theirs == KEEL_OK);
    CHECK_OK(keel_io_memory_release(mine == KEEL_OK ? lower : io));
}

static keel_pci_device_t held;

static void acquire_device(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_pci_device_acquire(2, &held);
    race_done();
}

/* Who releases a device and acquires it again, against another who acquires it: one of them gets it. */
static void D5_explore_two_holders_of_a_device(void)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(2, &device));
    keel_task_t other = race_start(acquire_device, 0);
    CHECK_OK(keel_pci_device_release(device));
    keel_status_t mine = keel_pci_device_acquire(2, &device);
    race_finish(other);
    CHECK(mine == KEEL_OK ? theirs == KEEL_E_BUSY : mine == KEEL_E_BUSY && theirs == KEEL_OK);
    CHECK_OK(keel_pci_device_release(mine == KEEL_OK ? device : held));
}

static void acquire_reset_device(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_pci_device_acquire(HOSTED_PCI_RESET, &held);
    race_done();
}

/* The next one does not get it before its reset is over, however early it comes. */
static void D6_explore_last_release_against_next_holder(void)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(HOSTED_PCI_RESET, &device));
    keel_task_t other = race_start(acquire_reset_device, 0);
    CHECK_OK(keel_pci_device_release(device));
    race_finish(other);
    CHECK_STATUS(theirs, KEEL_E_BUSY);
    CHECK_OK(keel_task_sleep(RESET_NS));
    CHECK_OK(keel_pci_device_acquire(HOSTED_PCI_RESET, &device));
    CHECK_OK(keel_pci_device_release(device));
}

/* One of two puts it back to what it was, and has it; the other one does not touch it. */
static void D6_explore_two_acquire_after_a_reset(void)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(HOSTED_PCI_RESET, &device));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_task_sleep(RESET_NS));
    keel_task_t other = race_start(acquire_reset_device, 0);
    keel_status_t mine = keel_pci_device_acquire(HOSTED_PCI_RESET, &device);
    race_finish(other);
    CHECK(mine == KEEL_OK ? theirs == KEEL_E_BUSY : mine == KEEL_E_BUSY && theirs == KEEL_OK);
    CHECK_OK(keel_pci_device_release(mine == KEEL_OK ? device : held));
}

/* While the first is held, the second never succeeds. */
static void D5_explore_acquisition_of_a_held_range(void)
{
    keel_io_memory_t lower = {0};
    CHECK_OK(acquire(BASE, PAGE, &lower));
    keel_task_t other = race_start(acquire_upper, 0);
    CHECK_OK(keel_io_memory_ref(lower));
    CHECK_OK(keel_io_memory_release(lower));
    race_finish(other);
    CHECK_STATUS(theirs, KEEL_E_BUSY);
    CHECK_OK(keel_io_memory_release(lower));
}

static void map_theirs(uint64_t argument)
{
    (void)argument;
    race_wait();
    theirs = keel_space_map_io(space, VA, io, 0, 1, RW);
    race_done();
}

/* Either the mapping comes first and keeps the range, or the range is gone and nothing is mapped. */
static void A5_explore_last_release_against_map(void)
{
    keel_io_memory_t again = {0};
    struct keel_mapping mapping;
    space = unit_space();
    CHECK_OK(acquire(BASE, PAGE, &io));
    keel_task_t other = race_start(map_theirs, 0);
    CHECK_OK(keel_io_memory_release(io));
    keel_status_t mine = acquire(BASE, PAGE, &again);
    race_finish(other);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_BAD_HANDLE);
    CHECK_STATUS(keel_space_query(space, VA, &mapping), theirs == KEEL_OK ? KEEL_OK : KEEL_E_NOT_FOUND);
    CHECK(mine == KEEL_OK ? theirs == KEEL_E_BAD_HANDLE : mine == KEEL_E_BUSY);
    if (mine == KEEL_OK) {
        CHECK_OK(keel_io_memory_release(again));
    }
    CHECK_OK(keel_space_release(space));
}

static void store_theirs(uint64_t argument)
{
    (void)argument;
    CHECK_OK(keel_space_activate(space));
    race_wait();
    theirs = keel_user_store(VA, 8, 1);
    race_done();
}

/* The range comes back with its last mapping, when no CPU can write through it any more. */
static void A2_explore_store_against_unmap_and_reuse(void)
{
    keel_io_memory_t again = {0};
    uint64_t unmapped = 0;
    space = unit_space();
    CHECK_OK(acquire(BASE, PAGE, &io));
    CHECK_OK(keel_space_map_io(space, VA, io, 0, 1, RW));
    CHECK_OK(keel_io_memory_release(io));
    keel_task_t other = race_start(store_theirs, 0);
    CHECK_OK(keel_space_unmap(space, VA, 1, &unmapped));
    CHECK_OK(acquire(BASE, PAGE, &again));
    race_finish(other);
    CHECK_EQUAL(unmapped, 1);
    CHECK(theirs == KEEL_OK || theirs == KEEL_E_FAULT);
    CHECK_OK(keel_io_memory_release(again));
    CHECK_OK(keel_space_release(space));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE_DEVICES(D5_explore_two_acquisitions, 2),
        EXPLORE_DEVICES(D5_explore_two_holders_of_a_device, 2),
        EXPLORE_DEVICES(D6_explore_last_release_against_next_holder, 1),
        EXPLORE_DEVICES(D6_explore_two_acquire_after_a_reset, 1),
        EXPLORE_DEVICES(D5_explore_acquisition_of_a_held_range, 2),
        EXPLORE_DEVICES(A5_explore_last_release_against_map, 1),
        EXPLORE_DEVICES(A2_explore_store_against_unmap_and_reuse, 1),
    };
    return unit_main(tests, argc, argv);
}
