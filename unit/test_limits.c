/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Every pool has an end: the call that finds none left answers E_LIMIT, and what is given back is there again
 * (M8).
 */
#include "core/object.h"
#include "dma_script.h"

#define SLOTS_MAX 512u

static keel_pci_device_t device;
static keel_segment_t segment;

static void do_nothing(void *context)
{
    (void)context;
}

static uint32_t not_mine(void *context)
{
    (void)context;
    return KEEL_IRQ_NOT_MINE;
}

static const struct keel_timer_options timer_options = {.handler = do_nothing};
static const struct keel_work_options work_options = {.handler = do_nothing};

/* One more object, number `number` of its kind; `call` gives its handle to `made`. */
#define MAKE(kind, call)                                                                                     \
    static keel_status_t make_##kind(uint32_t number, uint64_t *handle)                                      \
    {                                                                                                        \
        (void)number;                                                                                        \
        keel_##kind##_t made = {0};                                                                          \
        keel_status_t status = call;                                                                         \
        *handle = made.value;                                                                                \
        return status;                                                                                       \
    }
MAKE(event, keel_event_create(&made))
MAKE(semaphore, keel_semaphore_create(number, &made))
MAKE(spinlock, keel_spinlock_create(number % 2 == 0 ? 0 : KEEL_SPINLOCK_IRQ_OFF, &made))
MAKE(cpu_local, keel_cpu_local_create(&made))
MAKE(timer, keel_timer_create(&timer_options, &made))
MAKE(work, keel_work_create(&work_options, &made))
MAKE(dma, keel_dma_map(device, segment, 0, 1, 1 + number % 3, &made))
/* The UART has eight, the printer what is left. */
MAKE(io_port, keel_io_port_acquire(number < 8 ? 0x2f8 + number : 0x378, 1, &made))

static keel_status_t make_and_arm(uint32_t number, uint64_t *handle)
{
    keel_status_t status = make_timer(number, handle);
    return status == KEEL_OK ? keel_timer_arm((keel_timer_t){*handle}, KEEL_FOREVER - number) : status;
}

/* As many to a line as it takes. */
static keel_status_t make_irq_handler(uint32_t number, uint64_t *handle)
{
    keel_irq_handler_t made = {0};
    const struct keel_irq_handler_options options = {.handler = not_mine,
                                                     .source = 3 + number / KEEL_IRQ_SHARERS_MAX,
                                                     .flags = KEEL_IRQ_SHARED | KEEL_IRQ_LEVEL};
    keel_status_t status = keel_irq_handler_create(&options, &made);
    *handle = made.value;
    return status;
}

/* Fills the pool, twice. */
static void fill(enum object_kind kind, keel_status_t (*make)(uint32_t, uint64_t *),
                 keel_status_t (*release)(uint64_t))
{
    static uint64_t handles[SLOTS_MAX];
    for (unsigned round = 0; round < 2; round++) {
        uint32_t count = 0;
        uint64_t none = 0;
        while (count < SLOTS_MAX && make(count, &handles[count]) == KEEL_OK) {
            count++;
        }
        CHECK_EQUAL(count, object_slots(kind));
        CHECK_STATUS(make(count, &none), KEEL_E_LIMIT);
        CHECK_EQUAL(none, 0);
        CHECK_AUDIT();
        while (count > 0) {
            CHECK_OK(release(handles[--count]));
        }
    }
}

#define RELEASE(kind)                                                                                        \
    static keel_status_t release_##kind(uint64_t handle)                                                     \
    {                                                                                                        \
        return keel_##kind##_release((keel_##kind##_t){handle});                                             \
    }
RELEASE(event)
RELEASE(semaphore)
RELEASE(spinlock)
RELEASE(cpu_local)
RELEASE(timer)
RELEASE(work)
RELEASE(irq_handler)
RELEASE(dma)
RELEASE(io_port)

static keel_status_t cancel_and_release(uint64_t handle)
{
    keel_status_t status = keel_timer_cancel((keel_timer_t){handle});
    return status == KEEL_OK ? release_timer(handle) : status;
}

static void M8_pools_of_every_kind_have_an_end(void)
{
    fill(OBJECT_EVENT, make_event, release_event);
    fill(OBJECT_SEMAPHORE, make_semaphore, release_semaphore);
    fill(OBJECT_SPINLOCK, make_spinlock, release_spinlock);
    fill(OBJECT_CPU_LOCAL, make_cpu_local, release_cpu_local);
    fill(OBJECT_TIMER, make_and_arm, cancel_and_release);
    fill(OBJECT_WORK, make_work, release_work);
    fill(OBJECT_IRQ_HANDLER, make_irq_handler, release_irq_handler);
}

static void M8_pool_of_mappings_for_devices_has_an_end(void)
{
    device = dma_device(STORAGE);
    segment = dma_segment(1);
    fill(OBJECT_DMA, make_dma, release_dma);
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

static void M8_pool_of_io_ports_has_an_end(void)
{
    fill(OBJECT_IO_PORT, make_io_port, release_io_port);
}

/* Room for one more reference, which the call of any entry point takes. */
static uint64_t nearly_full(enum object_kind kind, uint64_t handle)
{
    struct object *object = object_slot_of(kind, handle);
    uint64_t word = atomic_u64_peek(&object->ref.word);
    atomic_u64_init(&object->ref.word, (word & ~(uint64_t)REF_COUNT_MAX) | (REF_COUNT_MAX - 1));
    return word;
}

static void put_back(enum object_kind kind, uint64_t handle, uint64_t word)
{
    atomic_u64_init(&object_slot_of(kind, handle)->ref.word, word);
}

static void M6_what_is_armed_or_queued_needs_a_reference(void)
{
    keel_timer_t timer = {0};
    keel_work_t work = {0};
    CHECK_OK(keel_timer_create(&timer_options, &timer));
    uint64_t word = nearly_full(OBJECT_TIMER, timer.value);
    CHECK_STATUS(keel_timer_arm(timer, 0), KEEL_E_LIMIT);
    CHECK_STATUS(keel_timer_cancel(timer), KEEL_E_NOT_FOUND);
    CHECK_STATUS(keel_timer_ref(timer), KEEL_E_LIMIT);
    put_back(OBJECT_TIMER, timer.value, word);
    CHECK_OK(keel_timer_release(timer));
    CHECK_OK(keel_work_create(&work_options, &work));
    word = nearly_full(OBJECT_WORK, work.value);
    CHECK_STATUS(keel_work_schedule(work), KEEL_E_LIMIT);
    CHECK_STATUS(keel_work_cancel(work), KEEL_E_NOT_FOUND);
    put_back(OBJECT_WORK, work.value, word);
    CHECK_OK(keel_work_release(work));
}

static void M6_what_devices_keep_needs_a_reference(void)
{
    keel_event_t event = {0};
    keel_dma_t dma = {0};
    device = dma_device(STORAGE);
    segment = dma_segment(1);
    CHECK_OK(keel_event_create(&event));
    uint64_t word = nearly_full(OBJECT_EVENT, event.value);
    CHECK_STATUS(keel_dma_watch(device, event), KEEL_E_LIMIT);
    put_back(OBJECT_EVENT, event.value, word);
    word = nearly_full(OBJECT_SEGMENT, segment.value);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &dma), KEEL_E_LIMIT);
    put_back(OBJECT_SEGMENT, segment.value, word);
    word = nearly_full(OBJECT_PCI_DEVICE, device.value);
    CHECK_STATUS(keel_dma_map(device, segment, 0, 1, BOTH, &dma), KEEL_E_LIMIT);
    put_back(OBJECT_PCI_DEVICE, device.value, word);
    CHECK_EQUAL(dma_state(device).pages, 0);
    CHECK_OK(keel_event_release(event));
    CHECK_OK(keel_segment_release(segment));
    CHECK_OK(keel_pci_device_release(device));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(M8_pools_of_every_kind_have_an_end, .config.ram_size = 4 << 20),
        UNIT(M8_pool_of_mappings_for_devices_has_an_end, .config.ram_size = 4 << 20),
        UNIT(M8_pool_of_io_ports_has_an_end, .config.ram_size = 2 << 20),
        UNIT(M6_what_is_armed_or_queued_needs_a_reference),
        UNIT(M6_what_devices_keep_needs_a_reference),
    };
    return unit_main(tests, argc, argv);
}
