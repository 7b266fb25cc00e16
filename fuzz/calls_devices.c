/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Hostile devices, and handlers of their interrupts that make calls of their own.
 */
#include "calls_world.h"
#include "core/domain.h"
#include "hal/ioapic.h"
#include "hal/machine.h"
#include "hosted/machine.h"

/* Sources that devices use: old lines, PCI's, the one that is kept, the next unit's, and messages. */
#define MESSAGES (HOSTED_IRQ_FAR + HOSTED_IRQ_FAR_COUNT)
static const uint8_t sources[] = {
    0, 1, 5, 9, 16, 17, HOSTED_IRQ_NMI, HOSTED_IRQ_FAR, HOSTED_IRQ_FAR + 7, MESSAGES, MESSAGES + 1};

uint32_t calls_source(uint8_t byte)
{
    return byte < 0xf0 ? sources[byte % sizeof(sources)] : calls_number("source", byte) & UINT32_MAX;
}

static uint32_t serve(void *context)
{
    uint64_t random = calls_random(&calls_world.random);
    if (random % 4 != 0) {
        hosted_irq_assert((uint32_t)(uintptr_t)context, false);
    }
    struct calls_op op;
    if ((random >> 8) % 2 == 0 && calls_next(&op)) {
        calls_execute(&op);
    }
    return (uint32_t)(random >> 16) % 4;
}

struct keel_irq_handler_options calls_irq_handler_options(uint8_t source, uint8_t flags)
{
    return (struct keel_irq_handler_options){.handler = serve,
                                             .context = (void *)(uintptr_t)calls_source(source),
                                             .source = calls_source(source),
                                             .flags = flags < 0xf8 ? flags % 8u : flags,
                                             .affinity = flags / 8 % 16};
}

/* Has some device that goes by this source a domain? */
static bool has_domain(uint16_t source)
{
    for (uint32_t index = 0; index < pci_count(); index++) {
        if (pci_source(pci_at(index)) == source && domain_of(pci_at(index))->state != DOMAIN_OFF) {
            return true;
        }
    }
    return false;
}

/* Reaches for memory, as any device there is or is not, by a physical address or one of its own. What it
 * comes to then is the machine's to judge (D1); without a domain it is nothing (D3). */
void calls_reach(uint64_t random)
{
    if ((calls_world.input.machine & WORLD_NONE) != 0) {
        return; /* without a remapping unit all memory is every device's: nothing is promised */
    }
    uint8_t bytes[8] = {0};
    uint16_t source = (uint16_t)random;
    uint64_t address = (random >> 16) % (UINT64_C(8) << 20);
    if ((random >> 60) % 4 != 0 && pci_count() > 0) {
        source = pci_source(pci_at((uint32_t)(random % pci_count())));
    }
    if ((random >> 59) % 2 != 0) {
        uint64_t order = (random >> 32) % (IOVA_ORDERS + IOVA_LARGE_ORDERS);
        uint64_t arena = order < IOVA_ORDERS ? (order + 1) << IOVA_ARENA_SHIFT
                                             : (order - IOVA_ORDERS + 1) << IOVA_LARGE_ARENA_SHIFT;
        address = arena | address % (8 * HAL_PAGE_SIZE);
    }
    bool firmwares = source == HOSTED_IOMMU_RANGE_SOURCE && address < HAL_PAGE_SIZE;
    if (hosted_dma(source, address, bytes, sizeof(bytes), random >> 63 != 0) && !has_domain(source) &&
        !firmwares) {
        hal_panic("D3: a device without a domain reached memory");
    }
}

/* Any function's message, as its registers have it. */
void calls_send(uint64_t random)
{
    const struct hosted_pci_function *from = (calls_world.input.flags & CALLS_LIARS) != 0
                                                 ? &hosted_pci_liars[random % HOSTED_PCI_LIARS]
                                                 : &hosted_pci_bus[random % HOSTED_PCI_COUNT];
    (void)hosted_pci_message((struct hal_pci_address){from->bus, from->device, from->function},
                             (random >> 8) % 4);
}

/* Whatever any device likes, by its own source or another; the machine looks whose it is (D4). */
void calls_forge(uint64_t random)
{
    uint16_t source = (uint16_t)random;
    uint64_t address = UINT64_C(0xfee00000) | (random >> 16 & 0xfffff);
    uint32_t data = (uint32_t)(random >> 36) & 0x1ff;
    if (random >> 62 != 0 && pci_count() > 0) {
        source = pci_source(pci_at((uint32_t)(random % pci_count())));
    }
    if ((random >> 61) % 2 != 0) { /* the message of some source, as Intel's table has it, or AMD's */
        uint64_t of = (random >> 16) % (MESSAGES + 4);
        bool by_amd = (calls_world.input.flags & CALLS_AMD) != 0;
        address = by_amd ? UINT64_C(0xfee00000) : UINT64_C(0xfee00010) | of << 5;
        data = by_amd ? (uint32_t)(IOAPIC_VECTOR_FIRST + of) : data;
    }
    (void)hosted_message(source, address, data);
}

void calls_devices(void)
{
    uint64_t random = calls_random(&calls_world.random);
    switch (random % 8) {
    case 0:
        hosted_irq_message((random >> 8) % 2, (random >> 16) % 256);
        break;
    case 1:
    case 2:
    case 3:
        hosted_irq_assert(calls_source((uint8_t)(random >> 8) % 16), (random >> 16) % 2 != 0);
        break;
    case 4:
        calls_reach(calls_random(&calls_world.random));
        break;
    case 5:
    case 6:
        calls_send(random >> 8);
        break;
    default:
        calls_forge(calls_random(&calls_world.random));
        break;
    }
}
