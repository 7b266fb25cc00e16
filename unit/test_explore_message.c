/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A message that arrives against who closes it, gives its device back, or moves its line: every schedule
 * within the stated number of preemptions. The line goes to CPU 1, where the other task runs; the device is
 * the first task's.
 */
#include "hal/ioapic.h"
#include "message_script.h"
#include "race.h"

#define ON_CPU_0 UINT64_C(1)
#define ON_CPU_1 UINT64_C(2)

static struct listener one;
static keel_pci_device_t device;

static void start(uint32_t kind)
{
    device = message_sender(kind);
    CHECK_OK(listener_create(&one, message_open(device, 0), ON_CPU_1));
    CHECK_OK(keel_irq_handler_enable(one.handler));
    CHECK_OK(keel_task_sleep(1000000)); /* what is done once when the line opens is over */
}

/* What was on its way comes only after the message was closed. */
static void finish(keel_task_t other, uint32_t kind)
{
    race_finish(other);
    uint32_t before = calls_of(&one);
    CHECK(!hosted_pci_message(message_place(kind), 0));
    hosted_irq_message(1, IOAPIC_VECTOR_FIRST + one.source);
    CHECK_OK(keel_task_sleep(1000000));
    CHECK_EQUAL(calls_of(&one), before);
    CHECK_OK(keel_irq_handler_release(one.handler));
}

static void close_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_pci_message_close(device, 0));
    race_done();
}

static void D4_explore_close_against_message(void)
{
    for (uint32_t kind = 0; kind < MESSAGE_DEVICES; kind++) {
        start(kind);
        keel_task_t other = race_start(close_in_race, 0);
        (void)hosted_pci_message(message_place(kind), 0);
        finish(other, kind);
        CHECK_OK(keel_pci_device_release(device));
    }
}

static void release_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_pci_device_release(device));
    race_done();
}

/* The next holder wants it at once; the old one's handler is on its line still. */
static void D4_explore_last_release_against_next_holder(void)
{
    start(MSIX_DEVICE);
    keel_task_t other = race_start(release_in_race, 0);
    keel_pci_device_t next = {0};
    uint32_t source = 0;
    (void)hosted_pci_message(message_place(MSIX_DEVICE), 0);
    bool taken = keel_pci_device_acquire(MSIX_DEVICE, &next) == KEEL_OK;
    if (taken) {
        CHECK_OK(keel_pci_message_open(next, 0, &source));
        CHECK(source != one.source);
    }
    finish(other, MSIX_DEVICE);
    if (taken) {
        CHECK_OK(keel_pci_device_release(next));
    }
}

static void disable_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    (void)keel_irq_handler_disable(one.handler);
    CHECK_OK(keel_irq_handler_enable(one.handler));
    race_done();
}

/* Masking and unmasking the line against closing its message. */
static void D4_explore_close_against_mask(void)
{
    for (uint32_t kind = 0; kind < MESSAGE_DEVICES; kind++) {
        start(kind);
        keel_task_t other = race_start(disable_in_race, 0);
        CHECK_OK(keel_pci_message_close(device, 0));
        finish(other, kind);
        CHECK_OK(keel_pci_device_release(device));
    }
}

static void move_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    CHECK_OK(keel_irq_handler_set_affinity(one.handler, ON_CPU_0));
    race_done();
}

/* The line moves while its message is sent: it comes, and goes to one of the two CPUs. */
static void T9_explore_affinity_against_message(void)
{
    for (uint32_t kind = 0; kind < MESSAGE_DEVICES; kind++) {
        start(kind);
        uint32_t before = calls_of(&one);
        keel_task_t other = race_start(move_in_race, 0);
        CHECK_OK(keel_cpu_relax()); /* the one preemption is for the other */
        (void)hosted_pci_message(message_place(kind), 0);
        race_finish(other);
        CHECK_OK(keel_task_sleep(1000000));
        CHECK(calls_of(&one) > before);
        CHECK_OK(keel_irq_handler_release(one.handler));
        CHECK_OK(keel_pci_device_release(device));
    }
}

static uint32_t wanted;
static bool listens;

static void listen_in_race(uint64_t argument)
{
    (void)argument;
    race_wait();
    listens =
        listener_create(&one, wanted, ON_CPU_1) == KEEL_OK && keel_irq_handler_enable(one.handler) == KEEL_OK;
    race_done();
}

/* Anybody may find the source while the message is still being opened. */
static void T9_explore_open_against_handler(void)
{
    for (uint32_t kind = 0; kind < MESSAGE_DEVICES; kind++) {
        device = message_sender(kind);
        wanted = message_open(device, 0);
        CHECK_OK(keel_pci_message_close(device, 0));
        keel_task_t other = race_start(listen_in_race, 0);
        CHECK_EQUAL(message_open(device, 0), wanted);
        race_finish(other);
        if (listens) {
            CHECK(hosted_pci_message(message_place(kind), 0));
            CHECK_OK(keel_task_sleep(1000000));
            CHECK(calls_of(&one) > 0);
            CHECK_OK(keel_irq_handler_release(one.handler));
        }
        CHECK_OK(keel_pci_device_release(device));
    }
}

#define WITH_DEVICES .config.pci = message_devices, .config.pci_count = MESSAGE_DEVICES

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EXPLORE_DEVICES(D4_explore_close_against_message, 1, WITH_DEVICES),
        EXPLORE_DEVICES(D4_explore_last_release_against_next_holder, 1, WITH_DEVICES),
        EXPLORE_DEVICES(D4_explore_close_against_mask, 1, WITH_DEVICES),
        EXPLORE_DEVICES(T9_explore_open_against_handler, 1, WITH_DEVICES),
        EXPLORE_DEVICES(T9_explore_affinity_against_message, 1, WITH_DEVICES),
    };
    return unit_main(tests, argc, argv);
}
