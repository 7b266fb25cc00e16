/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A driver of a serial port (PC16550D data sheet, 8) as a client writes one, on ports, a line and both bottom
 * halves: the interrupt handler moves bytes, a work looks whether all have come, a task waits for that. The
 * port talks to itself (loopback), so that every byte that is sent interrupts twice.
 */
#include "check.h"

#define UART      0x2f8u /* the second one of a PC */
#define UART_LINE 3u
#define BYTES     1000u
/* Reasons that one call of the handler answers. */
#define BATCH 8u

enum { DATA, ENABLE, IDENTIFY, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS, SCRATCH };

enum {
    ENABLE_RECEIVED = 1 << 0,
    ENABLE_SENT = 1 << 1,
    NO_REASON = 1 << 0,
    REASON = 7 << 1,
    REASON_RECEIVED = 2 << 1,
    REASON_SENT = 1 << 1,
    EIGHT_BITS = 3,
    LOOPBACK = 1 << 4,
    MODEM_LINES = 1 << 3 | 1 << 1 | 1 << 0,
    RECEIVED = 1 << 0,
};

static keel_io_port_t ports;
static keel_irq_handler_t handler;
static keel_work_t work;
static keel_semaphore_t done;
/* The handler's, while it is enabled. */
static uint32_t sent, received, wrong;
static _Atomic uint32_t received_so_far, finished;

static uint8_t get(uint32_t index)
{
    uint32_t value = 0;
    CHECK_OK(keel_io_port_read(ports, index, 1, &value));
    return (uint8_t)value;
}

static void put(uint32_t index, uint32_t value)
{
    CHECK_OK(keel_io_port_write(ports, index, 1, value));
}

static uint8_t pattern(uint32_t index)
{
    return (uint8_t)(index * 7 + index / 256);
}

static void answer_reason(uint8_t reason)
{
    if (reason == REASON_RECEIVED) {
        wrong += get(DATA) != pattern(received++);
    } else if (reason == REASON_SENT && sent < BYTES) {
        put(DATA, pattern(sent++));
    }
}

static uint32_t serve(void *context)
{
    uint8_t identified = get(IDENTIFY);
    uint32_t answer = (identified & NO_REASON) == 0 ? KEEL_IRQ_HANDLED : KEEL_IRQ_NOT_MINE;
    (void)context;
    for (unsigned i = 0; i < BATCH && (identified & NO_REASON) == 0; i++) {
        answer_reason(identified & REASON);
        identified = get(IDENTIFY);
    }
    received_so_far = received;
    /* The line interrupts when its wire rises: if there still is a reason, it has to fall before. */
    put(ENABLE, 0);
    if (received < BYTES) {
        put(ENABLE, sent < BYTES ? ENABLE_RECEIVED | ENABLE_SENT : ENABLE_RECEIVED);
    } else if (answer == KEEL_IRQ_HANDLED) {
        CHECK_OK(keel_work_schedule(work));
    }
    return answer;
}

static void finish(void *context)
{
    (void)context;
    finished++;
    CHECK_OK(keel_semaphore_up(done, 1));
}

static void open_device(void)
{
    sent = received = wrong = finished = 0;
    const struct keel_irq_handler_options handler_options = {.handler = serve,
                                                             .source = source_of_line(UART_LINE)};
    const struct keel_work_options work_options = {.handler = finish};
    CHECK_OK(keel_io_port_acquire(UART, 8, &ports));
    CHECK_OK(keel_irq_handler_create(&handler_options, &handler));
    CHECK_OK(keel_work_create(&work_options, &work));
    CHECK_OK(keel_semaphore_create(0, &done));
    put(ENABLE, 0);
    put(LINE_CONTROL, EIGHT_BITS);
    put(IDENTIFY, 0); /* no FIFOs */
    put(MODEM_CONTROL, LOOPBACK | MODEM_LINES);
    while ((get(LINE_STATUS) & RECEIVED) != 0) {
        (void)get(DATA);
    }
}

static void close_device(void)
{
    put(ENABLE, 0);
    put(MODEM_CONTROL, 0);
    while (keel_irq_handler_disable(handler) == KEEL_E_BUSY) {
        CHECK_OK(keel_cpu_relax());
    }
    CHECK_OK(keel_irq_handler_release(handler));
    CHECK_OK(keel_work_release(work));
    CHECK_OK(keel_semaphore_release(done));
    CHECK_OK(keel_io_port_release(ports));
}

static void T9_driver_moves_every_byte(void)
{
    struct keel_irq_handler_info info = {0};
    for (unsigned round = 0; round < 3; round++) {
        open_device();
        /* In this order: from when it is enabled the port is the handler's, which may be at its end before
         * this CPU goes on. The edge that is lost is made up for. */
        put(ENABLE, ENABLE_RECEIVED | ENABLE_SENT);
        CHECK_OK(keel_irq_handler_enable(handler));
        keel_status_t status = keel_semaphore_down(done, UINT64_C(20000000000));
        CHECK_OK(status);
        CHECK_VALUE(received_so_far == BYTES, received_so_far);
        CHECK_OK(keel_irq_handler_info(handler, &info));
        close_device();
        CHECK_VALUE(wrong == 0, wrong);
        CHECK_VALUE(finished == 1, finished);
        CHECK_VALUE(info.interrupts >= BYTES / BATCH, info.interrupts);
        CHECK_VALUE(info.state != KEEL_IRQ_CUT_OFF, info.state);
        note("interrupts", info.interrupts);
    }
}

/* While the driver has them, nobody else has its ports, or its line. */
static void D5_ports_of_a_driver_are_its_own(void)
{
    keel_io_port_t other = {0};
    keel_irq_handler_t thief = {0};
    const struct keel_irq_handler_options options = {.handler = serve, .source = source_of_line(UART_LINE)};
    open_device();
    for (uint32_t port = UART; port < UART + 8; port++) {
        CHECK_STATUS(KEEL_E_BUSY, keel_io_port_acquire(port, 1, &other));
    }
    CHECK_STATUS(KEEL_E_BUSY, keel_irq_handler_create(&options, &thief));
    close_device();
    static const uint16_t sensitive[] = {0x20, 0x43,  0x60,  0x64,  0x70, 0x92,
                                         0xb2, 0x3f8, 0xcf8, 0xcf9, 0xcfc};
    for (unsigned i = 0; i < COUNT_OF(sensitive); i++) {
        CHECK_STATUS(KEEL_E_DENIED, keel_io_port_acquire(sensitive[i], 1, &other));
    }
}

int32_t keel_main(void)
{
    static const struct test tests[] = {
        TEST(T9_driver_moves_every_byte),
        TEST(D5_ports_of_a_driver_are_its_own),
    };
    return tests_run("serial", tests, COUNT_OF(tests));
}
