/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The audits of interrupt lines, messages, devices and domains (core/irq_audit.c, core/pci_message.c,
 * core/audit.c, core/domain_audit.c): planted damage is seen.
 */
#include "core/dma.h"
#include "dma_script.h"
#include "irq_script.h"
#include "plant.h"

static struct pci_function *function_at(uint32_t index)
{
    return (struct pci_function *)(uintptr_t)pci_at(index);
}

static void D8_audit_sees_a_line_that_disagrees(void)
{
    static const char other = 0;
    start(one, EDGE, 0);
    struct irq_handler *handler =
        (struct irq_handler *)object_slot_of(OBJECT_IRQ_HANDLER, one->handler.value);
    struct irq_line *line = handler->line;
    wait_for(MS); /* for edges that may have been lost */
    PLANT(handler->line, struct irq_line *, line + 1, "a line calls a handler that is not its own");
    PLANT(handler->object.ref.word, uint64_t, 0, "a line calls a handler that is not its own");
    PLANT(line->sharer_count, uint32_t, 2, "a line is open without handlers, or the other way round");
    PLANT(line->state, enum irq_state, IRQ_CLOSED, "a line is open without handlers, or the other way round");
    PLANT(line->masked, bool, true, "a line is not masked as it must be");
    PLANT(handler->enabled, bool, false, "a line is not masked as it must be");
    PLANT(line->message, const void *, &other, "a line stands for a message that is not open");
    PLANT(line->state, enum irq_state, IRQ_GONE, "a line stands for a message that is not open");
    PLANT(line->state, enum irq_state, IRQ_GONE, "a source is routed though its line is closed");
    PLANT(line[1].state, enum irq_state, IRQ_THROTTLED, "a source is routed though its line is closed");
    PLANT(line->lock.next_ticket, uint32_t, 77, NULL); /* somebody is changing it */
    CHECK_OK(keel_irq_handler_release(one->handler));
}

/* Behind core: a source whose line is closed; also while another line is being changed. */
static void D4_audit_sees_a_source_that_is_nobodys(void)
{
    start(one, EDGE, 0);
    CHECK_OK(keel_irq_handler_release(one->handler));
    bool interrupts = hal_irq_disable();
    struct irq_line *line = (struct irq_line *)(uintptr_t)irq_line_at(EDGE), *other = line + 1;
    CHECK_EQUAL(audit_run(), 0);
    CHECK(hal_irq_route(EDGE, line->wire, 0));
    CHECK_EQUAL(audit_run(), 1);
    (void)atomic_u32_fetch_add(&other->lock.next_ticket, 1);
    CHECK_EQUAL(audit_run(), 1);
    (void)atomic_u32_fetch_sub(&other->lock.next_ticket, 1);
    CHECK_EQUAL(unit_console_count("a source is routed though its line is unused"), 2);
    hal_irq_close(EDGE);
    CHECK_EQUAL(audit_run(), 0);
    hal_irq_restore(interrupts);
}

static void D6_audit_sees_a_device_in_reset_that_is_held(void)
{
    keel_pci_device_t device = dma_acquire(STORAGE);
    struct pci_function *function = function_at(STORAGE);
    PLANT(function->reset.state, enum pci_reset_state, PCI_RESET_LOST,
          "a device is held that is not what it was before its reset");
    PLANT(function->messages.open, uint32_t, 1, "messages are open of a device that nobody holds");
    PLANT(function->messages.open, uint32_t, 1, "messages are open of a device that knows nothing of them");
    CHECK_OK(keel_pci_device_release(device));
}

/* A frame of the mapping in a state, or of a type, that it must not have. */
static void plant_frame(struct dma *dma)
{
    struct frame *frame = dma->pieces[0].segment->first;
    const char *said = "a device reaches a frame that is not untyped and shared";
    uint64_t word = atomic_u64_peek(&frame->ref.word);
    PLANT(frame->type, uint8_t, FRAME_OBJECT, said);
    PLANT(frame->ref.word, uint64_t, (word & ~UINT64_C(0xffffffff)) | (uint64_t)REF_UNIQUE << 24, said);
}

static void D1_audit_sees_a_domain_that_disagrees(void)
{
    keel_pci_device_t device = dma_device(STORAGE);
    keel_dma_t handle = dma_new(device, 3, KEEL_DMA_TO_DEVICE);
    struct dma *dma = (struct dma *)object_slot_of(OBJECT_DMA, handle.value);
    struct domain *domain = dma->domain;
    const char *said = "a mapping's entry says something else";
    plant_frame(dma);
    PLANT(dma->may_read, bool, false, said);
    PLANT(dma->may_write, bool, true, said);
    PLANT(dma->address, uint64_t, dma->address + PAGE, said);
    PLANT(dma->address, uint64_t, dma->address ^ UINT64_C(1) << 30, said);
    PLANT(dma->pieces[0].index, uint64_t, 1, said);
    said = "a device reaches what is not mapped for it";
    PLANT(dma->held, bool, false, said);
    PLANT(dma->life, uint64_t, dma->life + 1, said);
    PLANT(dma->domain, struct domain *, domain_of(pci_at(CARD)), said);
    PLANT(domain->state, enum domain_state, DOMAIN_OFF, "a domain that is off has a number");
    PLANT(domain->lock.next_ticket, uint32_t, 77, NULL); /* somebody is changing it */
    CHECK_OK(keel_dma_release(handle));
    CHECK_OK(keel_pci_device_release(device));
}

/* A mapping that is being made or let go may be in the tables and not yet, or no longer, live. */
static void D1_audit_waits_for_who_is_changing_a_domain(void)
{
    keel_pci_device_t device = dma_device(STORAGE);
    keel_dma_t handle = dma_new(device, 1, KEEL_DMA_TO_DEVICE);
    struct dma *dma = (struct dma *)object_slot_of(OBJECT_DMA, handle.value);
    uint64_t word = atomic_u64_peek(&dma->object.ref.word);
    const uint64_t state = UINT64_C(0xff) << 24;
    PLANT(dma->object.ref.word, uint64_t, (word & ~state) | (uint64_t)REF_BUSY << 24, NULL);
    PLANT(dma->object.ref.word, uint64_t, (word & ~state) | (uint64_t)REF_FREE << 24,
          "a device reaches what is not mapped for it");
    CHECK_OK(keel_dma_release(handle));
    CHECK_OK(keel_pci_device_release(device));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UNIT(D8_audit_sees_a_line_that_disagrees, .config.cpu_count = 1),
        UNIT(D4_audit_sees_a_source_that_is_nobodys, .config.cpu_count = 1),
        UNIT(D6_audit_sees_a_device_in_reset_that_is_held, .config.cpu_count = 1),
        UNIT(D1_audit_sees_a_domain_that_disagrees, .config.cpu_count = 1),
        UNIT(D1_audit_waits_for_who_is_changing_a_domain, .config.cpu_count = 1),
    };
    return unit_main(tests, argc, argv);
}
