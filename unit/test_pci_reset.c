/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI functions that change hands are reset (core/pci_reset.c): honest ones, and those that are something
 * else afterwards.
 */
#include "core/pci.h"
#include "hal/io.h"
#include "support.h"

#define PAGE   UINT64_C(4096)
#define NEAR   ((uint32_t)HOSTED_PCI_BASE)
#define MS     UINT64_C(1000000)
#define CACHED KEEL_CACHE_UNCACHED

enum {
    EXPRESS_AT = 0x40,
    ADVANCED_AT = 0x40,
    MESSAGES_AT = 0x80,
    TABLE = 0x2000, /* in the BAR */
    REGISTER = 8,
    REGISTER_FIRST = 0x5eed,
    FIRMWARES_LINE = 11,
    FIRMWARES_CONTROL = 0x2950,
    CONTROL_NO_SNOOP = 0x800, /* which nobody keeps */
};

/* --- Devices, each with a register behind its BAR --- */

static uint64_t kept_value;

static void power_on(void *context)
{
    (void)context;
    kept_value = REGISTER_FIRST;
}

static uint64_t read_register(void *context, const struct hosted_pci_function *function, unsigned bar,
                              uint64_t offset, unsigned width)
{
    (void)context;
    (void)function;
    (void)bar;
    (void)width;
    return offset == REGISTER ? kept_value : 0;
}

static void write_register(void *context, const struct hosted_pci_function *function, unsigned bar,
                           uint64_t offset, unsigned width, uint64_t value)
{
    (void)context;
    (void)function;
    (void)bar;
    (void)width;
    kept_value = offset == REGISTER ? value : kept_value;
}

static const struct hosted_device model = {
    .power_on = power_on, .read = read_register, .write = write_register};

enum { EXPRESS, AF, PLAIN, IGNORED, NEVER, SLOW, WAKES, GROWS, STUCK };

#define DEVICE(number, ...)                                                                                  \
    {.device = (number),                                                                                     \
     .vendor_id = 0x4b45,                                                                                    \
     .device_id = (number),                                                                                  \
     .class_code = 0x020000,                                                                                 \
     .irq_pin = 1,                                                                                           \
     .command = 7,                                                                                           \
     .bars = {NEAR + 0x8000 * (number), 0xc001},                                                             \
     .masks = {0xffffc000, 0xffe0},                                                                          \
     .capabilities = 0x40,                                                                                   \
     .device_model = &model,                                                                                 \
     __VA_ARGS__}
#define MESSAGES {0x80, 0x00030011}, {0x84, TABLE}, {0x88, TABLE + 0x1000}
#define RESETS(number, ...)                                                                                  \
    DEVICE(number, .words = {{0x40, 0x00028010}, {0x44, 0x10000000}, {0x48, FIRMWARES_CONTROL}, MESSAGES},   \
           __VA_ARGS__)

static const struct hosted_pci_function devices[] = {
    [EXPRESS] = RESETS(0, .lie = HOSTED_PCI_HONEST),
    [AF] = DEVICE(1, .words = {{0x40, 0x03068013}, {0x44, 0}, MESSAGES}),
    /* PCI Express without it; Advanced Features without one of the two bits. */
    [PLAIN] =
        DEVICE(2, .words = {{0x40, 0x00028010}, {0x44, 0x0fffffff}, {0x80, 0x02069013}, {0x90, 0x01060013}}),
    [IGNORED] = RESETS(3, .lie = HOSTED_PCI_RESET_IGNORED),
    [NEVER] = RESETS(4, .lie = HOSTED_PCI_RESET_NEVER),
    [SLOW] = RESETS(5, .lie = HOSTED_PCI_RESET_SLOW),
    [WAKES] = RESETS(6, .lie = HOSTED_PCI_RESET_WAKES),
    [GROWS] = RESETS(7, .lie = HOSTED_PCI_RESET_GROWS),
    [STUCK] = RESETS(8, .stuck = {0x10, NEAR}),
    RESETS(9, .stuck = {0x04, 0x00100007}),  /* masters the bus, and decodes */
    RESETS(10, .stuck = {0x04, 0x00100003}), /* decodes */
    RESETS(11, .stuck = {0x04, 0x00100000}), /* does not */
    RESETS(12, .stuck = {0x08, 0x01080200}), /* of another class */
    RESETS(13, .stuck = {0x80, 0x80030011}), /* its messages are on */
    RESETS(14, .stuck = {0x80, 0x00070011}), /* there are more of them, */
    RESETS(15, .stuck = {0x84, 0}),          /* or their table is elsewhere */
    RESETS(16, .lie = HOSTED_PCI_RESET_FORGETS),
};

/* What can be reset by a capability that configuration space has no room for, or that is a bridge. */
static const struct hosted_pci_function doubtful[] = {
    {.device = 1,
     .vendor_id = 0x6666,
     .capabilities = 0xf8,
     .words = {{0xf8, 0x00020010}, {0xfc, 0x10000000}}},
    {.device = 2, .vendor_id = 0x6666, .capabilities = 0xfc, .words = {{0xfc, 0x03060013}}},
    {.device = 3,
     .vendor_id = 0x6666,
     .class_code = 0x060400,
     .header = 1,
     .capabilities = 0x40,
     .words = {{0x40, 0x00020010}, {0x44, 0x10000000}}},
    {.device = 4,
     .vendor_id = 0x6666,
     .class_code = 0x060000,
     .capabilities = 0x40,
     .words = {{0x40, 0x00020010}, {0x44, 0x10000000}}},
    /* A list that is a circle. */
    {.device = 5,
     .vendor_id = 0x6666,
     .capabilities = 0x40,
     .words = {{0x40, 0x00024010}, {0x44, 0x10000000}}},
};

static keel_pci_device_t acquire(uint32_t index)
{
    keel_pci_device_t device = {0};
    CHECK_OK(keel_pci_device_acquire(index, &device));
    return device;
}

static keel_status_t try(uint32_t index)
{
    keel_pci_device_t device = {0};
    keel_status_t status = keel_pci_device_acquire(index, &device);
    CHECK_AUDIT();
    if (status == KEEL_OK) {
        CHECK_OK(keel_pci_device_release(device));
    }
    return status;
}

static uint32_t peek(uint32_t index, uint32_t offset, unsigned width)
{
    return hosted_pci_peek((struct hal_pci_address){.device = (uint8_t)index}, offset, width);
}

static void poke(uint32_t index, uint32_t offset, unsigned width, uint32_t value)
{
    hosted_pci_poke((struct hal_pci_address){.device = (uint8_t)index}, offset, width, value);
}

static bool resets(uint32_t index)
{
    struct keel_pci_device_info info = {0};
    CHECK_OK(keel_pci_device_info(index, &info));
    return (info.flags & KEEL_PCI_DEVICE_RESETS) != 0;
}

static keel_io_memory_t registers_of(keel_pci_device_t device)
{
    keel_io_memory_t io = {0};
    CHECK_OK(keel_pci_bar_acquire(device, 0, 0, PAGE, CACHED, &io));
    return io;
}

static uint64_t get(keel_io_memory_t io)
{
    uint64_t value = 0;
    CHECK_OK(keel_io_memory_read(io, REGISTER, 4, &value));
    return value;
}

static uint64_t mask_of(uint32_t index, uint32_t entry)
{
    return hal_io_read(hal_paddr(NEAR + 0x8000 * index + TABLE + 16 * entry + 12), 4, HAL_CACHE_UNCACHED);
}

/* Uses what there is of it, and lets go. */
static void use(uint32_t index)
{
    uint32_t source = 0;
    keel_pci_device_t device = acquire(index);
    keel_io_memory_t io = registers_of(device);
    CHECK_OK(keel_dma_enable(device, 1));
    CHECK_OK(keel_pci_message_open(device, 1, &source));
    CHECK_OK(keel_io_memory_write(io, REGISTER, 4, 0xabcd));
    CHECK_EQUAL(get(io), 0xabcd);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_AUDIT();
}

static void check_restored(uint32_t index)
{
    CHECK_EQUAL(peek(index, PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    CHECK_EQUAL(peek(index, PCI_BARS, 4), devices[index].bars[0]);
    CHECK_EQUAL(peek(index, PCI_BARS + 4, 4), devices[index].bars[1]);
    CHECK_EQUAL(peek(index, PCI_CACHE_LINE, 2), 16);
    CHECK_EQUAL(peek(index, PCI_INTERRUPT, 1), FIRMWARES_LINE);
    CHECK_EQUAL(peek(index, MESSAGES_AT + 2, 2), 3);
    for (uint32_t entry = 0; entry < 4; entry++) {
        CHECK_EQUAL(mask_of(index, entry), 1);
    }
    if (index != AF) {
        CHECK_EQUAL(peek(index, EXPRESS_AT + 8, 2), FIRMWARES_CONTROL & ~CONTROL_NO_SNOOP);
    }
}

/* --- Honest ones --- */

static void D6_next_holder_finds_a_device_that_was_reset(void)
{
    for (uint32_t index = EXPRESS; index <= AF; index++) {
        CHECK(resets(index));
        for (unsigned round = 0; round < 2; round++) {
            use(index);
            CHECK_STATUS(try(index), KEEL_E_BUSY);
            CHECK_EQUAL(peek(index, PCI_COMMAND, 2), 0);
            CHECK_EQUAL(peek(index, PCI_BARS, 4), 0);
            CHECK_OK(keel_task_sleep(90 * MS));
            CHECK_STATUS(try(index), KEEL_E_BUSY);
            CHECK_OK(keel_task_sleep(10 * MS));
            keel_pci_device_t device = acquire(index);
            check_restored(index);
            keel_io_memory_t io = registers_of(device);
            CHECK_EQUAL(get(io), REGISTER_FIRST);
            CHECK_OK(keel_io_memory_release(io));
            CHECK_OK(keel_pci_device_release(device));
            CHECK_OK(keel_task_sleep(100 * MS));
        }
    }
}

static void D6_device_that_cannot_be_reset_changes_hands_at_once(void)
{
    CHECK(!resets(PLAIN));
    keel_pci_device_t device = acquire(PLAIN);
    keel_io_memory_t io = registers_of(device);
    CHECK_OK(keel_io_memory_write(io, REGISTER, 4, 0xabcd));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_STATUS(try(PLAIN), KEEL_OK);
    CHECK_EQUAL(get(io), 0xabcd);
    CHECK_OK(keel_io_memory_release(io));
}

static void D7_what_cannot_be_trusted_is_not_reset(void)
{
    for (uint32_t index = 0; index < sizeof doubtful / sizeof doubtful[0]; index++) {
        CHECK(!resets(index));
        CHECK_STATUS(try(index), KEEL_OK);
        CHECK_STATUS(try(index), KEEL_OK);
    }
}

/* Only then somebody may acquire it, whoever else holds the device meanwhile. */
static void D6_mappings_of_a_device_put_its_reset_off(void)
{
    keel_segment_t segment = {0};
    keel_dma_t dma = {0};
    keel_pci_device_t device = acquire(EXPRESS);
    CHECK_OK(keel_segment_alloc(1, 1, &segment));
    CHECK_OK(keel_dma_enable(device, 0));
    CHECK_OK(keel_dma_map(device, segment, 0, 1, KEEL_DMA_BOTH, &dma));
    CHECK_OK(keel_pci_device_release(device));
    CHECK_OK(keel_task_sleep(200 * MS));
    CHECK_STATUS(try(EXPRESS), KEEL_E_BUSY);
    CHECK((peek(EXPRESS, PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0);
    CHECK_OK(keel_dma_release_later(dma));
    CHECK_STATUS(try(EXPRESS), KEEL_E_BUSY);
    CHECK_EQUAL(peek(EXPRESS, PCI_COMMAND, 2), 0);
    CHECK_OK(keel_task_sleep(100 * MS));
    CHECK_STATUS(try(EXPRESS), KEEL_OK);
    CHECK_OK(keel_segment_release(segment));
}

/* I/O memory of its BARs is whose it was: the device is behind it again, once somebody has it. */
static void D6_registers_come_back_for_who_held_them(void)
{
    keel_pci_device_t device = acquire(EXPRESS);
    keel_io_memory_t io = registers_of(device), other = {0};
    CHECK_OK(keel_io_memory_write(io, REGISTER, 4, 0xabcd));
    CHECK_OK(keel_pci_device_release(device));
    CHECK(get(io) != 0xabcd);
    CHECK_OK(keel_task_sleep(100 * MS));
    device = acquire(EXPRESS);
    CHECK_EQUAL(get(io), REGISTER_FIRST);
    CHECK_STATUS(keel_pci_bar_acquire(device, 0, 0, 1, CACHED, &other), KEEL_E_BUSY);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(device));
}

/* What the device has begun may end first, but not for as long as it likes. */
static void D6_transactions_under_way_have_their_chance(void)
{
    static const struct {
        uint32_t offset, value;
    } pending[] = {[EXPRESS] = {EXPRESS_AT + 10, 0x20}, [AF] = {ADVANCED_AT + 5, 1}};
    for (uint32_t index = EXPRESS; index <= AF; index++) {
        for (unsigned round = 0; round < 2; round++) {
            keel_pci_device_t device = acquire(index);
            poke(index, pending[index].offset, 1, pending[index].value);
            CHECK_OK(keel_pci_device_release(device));
            CHECK_EQUAL(peek(index, PCI_COMMAND, 2), 0);
            CHECK_OK(keel_task_sleep(90 * MS));
            CHECK_STATUS(try(index), KEEL_E_BUSY);
            CHECK_EQUAL(peek(index, PCI_BARS, 4), devices[index].bars[0]); /* not reset */
            if (round == 0) {
                poke(index, pending[index].offset, 1, 0);
            } else {
                CHECK_OK(keel_task_sleep(10 * MS));
            }
            CHECK_STATUS(try(index), KEEL_E_BUSY);
            CHECK_EQUAL(peek(index, PCI_BARS, 4), 0);
            CHECK_OK(keel_task_sleep(90 * MS));
            CHECK_STATUS(try(index), KEEL_E_BUSY);
            CHECK_OK(keel_task_sleep(10 * MS));
            CHECK_STATUS(try(index), KEEL_OK);
            CHECK_OK(keel_task_sleep(100 * MS));
        }
    }
}

/* --- Interrupt handlers --- */

static keel_pci_device_t handed;
static keel_status_t released, acquired;

static void let_go(void *context)
{
    (void)context;
    released = keel_pci_device_release(handed);
    acquired = keel_pci_device_acquire(WAKES, &handed);
}

static void get_again(void *context)
{
    (void)context;
    acquired = keel_pci_device_acquire(WAKES, &handed);
}

static void ring(void (*handler)(void *), uint64_t delay)
{
    const struct keel_timer_options options = {.handler = handler};
    keel_timer_t timer = {0};
    CHECK_OK(keel_timer_create(&options, &timer));
    CHECK_OK(keel_timer_arm(timer, delay));
    CHECK_OK(keel_task_sleep(delay + MS));
    CHECK_OK(keel_timer_release(timer));
}

static void P2_handlers_reset_a_device(void)
{
    handed = acquire(WAKES);
    ring(let_go, MS);
    CHECK_STATUS(released, KEEL_OK);
    CHECK_STATUS(acquired, KEEL_E_BUSY);
    ring(get_again, 100 * MS);
    CHECK_STATUS(acquired, KEEL_OK);
    check_restored(WAKES);
    CHECK_OK(keel_pci_device_release(handed));
}

/* --- Those that are something else afterwards --- */

static void D7_device_that_ignores_its_reset(void)
{
    use(IGNORED);
    CHECK_STATUS(try(IGNORED), KEEL_E_BUSY);
    CHECK_OK(keel_task_sleep(100 * MS));
    keel_pci_device_t device = acquire(IGNORED);
    check_restored(IGNORED);
    keel_io_memory_t io = registers_of(device);
    CHECK_EQUAL(get(io), 0xabcd);
    CHECK_OK(keel_io_memory_release(io));
    CHECK_OK(keel_pci_device_release(device));
}

static void D7_device_that_never_comes_back(void)
{
    use(NEVER);
    for (unsigned i = 0; i < 10; i++) {
        CHECK_STATUS(try(NEVER), KEEL_E_BUSY);
        CHECK_OK(keel_task_sleep(99 * MS));
    }
    CHECK_STATUS(try(NEVER), KEEL_E_BUSY);
    CHECK(!unit_console_contains("nobody is given it"));
    CHECK_OK(keel_task_sleep(10 * MS));
    CHECK_STATUS(try(NEVER), KEEL_E_UNSUPPORTED);
    CHECK_OK(keel_task_sleep(1000 * MS));
    CHECK_STATUS(try(NEVER), KEEL_E_UNSUPPORTED);
    CHECK_EQUAL(
        unit_console_count("device 4 function 0 (0x4b45 0x4): nobody is given it any more, since it does "
                           "not answer after its reset"),
        1);
}

static void D7_device_that_comes_back_late(void)
{
    use(SLOW);
    CHECK_OK(keel_task_sleep(590 * MS));
    CHECK_STATUS(try(SLOW), KEEL_E_BUSY);
    CHECK_OK(keel_task_sleep(10 * MS));
    keel_pci_device_t device = acquire(SLOW);
    check_restored(SLOW);
    CHECK_OK(keel_pci_device_release(device));
}

/* It does not reach anybody, nor send messages, before it is what it was. */
static void D6_device_that_wakes_by_itself_is_put_back(void)
{
    use(WAKES);
    CHECK_EQUAL(peek(WAKES, PCI_COMMAND, 2), 7);
    CHECK(peek(WAKES, PCI_BARS, 4) != devices[WAKES].bars[0]);
    CHECK_OK(keel_task_sleep(100 * MS));
    keel_pci_device_t device = acquire(WAKES);
    check_restored(WAKES);
    CHECK_OK(keel_pci_device_release(device));
}

static void D7_device_that_is_not_what_it_was_is_given_up(void)
{
    for (uint32_t index = GROWS; index < sizeof devices / sizeof devices[0]; index++) {
        CHECK(resets(index));
        use(index);
        CHECK_STATUS(try(index), KEEL_E_BUSY);
        CHECK_OK(keel_task_sleep(100 * MS));
        CHECK_STATUS(try(index), KEEL_E_UNSUPPORTED);
        CHECK_STATUS(try(index), KEEL_E_UNSUPPORTED);
        CHECK_EQUAL(unit_console_count("nobody is given it any more, since it is not what it was"),
                    index - GROWS + 1);
        CHECK_EQUAL(index == STUCK || index == GROWS ? peek(index, PCI_COMMAND, 2) : 0, 0);
    }
    CHECK_STATUS(try(EXPRESS), KEEL_OK);
}

/* --- The machine --- */

static void D6_machine_sees_a_function_reached_too_early(void)
{
    use(EXPRESS);
    (void)hal_pci_read((struct hal_pci_address){.device = EXPRESS}, 0, 4);
}

#define WITH(of) .config.pci = of, .config.pci_count = sizeof(of) / sizeof(of)[0]

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D6_next_holder_finds_a_device_that_was_reset, WITH(devices)),
        UNIT(D6_device_that_cannot_be_reset_changes_hands_at_once, WITH(devices)),
        UNIT(D7_what_cannot_be_trusted_is_not_reset, WITH(doubtful)),
        UNIT(D6_mappings_of_a_device_put_its_reset_off, WITH(devices)),
        UNIT(D6_registers_come_back_for_who_held_them, WITH(devices)),
        UNIT(D6_transactions_under_way_have_their_chance, WITH(devices)),
        UNIT(P2_handlers_reset_a_device, WITH(devices)),
        UNIT(D7_device_that_ignores_its_reset, WITH(devices)),
        UNIT(D7_device_that_never_comes_back, WITH(devices)),
        UNIT(D7_device_that_comes_back_late, WITH(devices)),
        UNIT(D6_device_that_wakes_by_itself_is_put_back, WITH(devices)),
        UNIT(D7_device_that_is_not_what_it_was_is_given_up, WITH(devices)),
        UNIT(D6_machine_sees_a_function_reached_too_early, WITH(devices),
             .violation = "D6: a function is reached before its reset is over"),
    };
    return unit_main(tests, argc, argv);
}
