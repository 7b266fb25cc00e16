/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of devices and I/O APICs, as AMD's remapping units let them pass (AMD I/O Virtualization
 * Technology specification 3.0, 2.2.5): by whatever a unit may have cached of the device table and of the
 * source's own table, and by these. See amdvi_model.h. Like QEMU's, they take no message that names a CPU.
 */
#include "amdvi_model.h"
#include "ioapic.h"

#define MESSAGES       UINT64_C(0xfee00000)
#define TYPE(data)     ((data) >> 8 & 7)
#define INDEX(data)    ((data) & 0x7ff)
#define PRESENT        UINT32_C(1)
#define OTHERS         UINT32_C(0xff0000fe) /* all but Keel's: fixed delivery, to one CPU by its physical id */
#define VECTOR(entry)  ((unsigned)((entry) >> 16 & 0xff))
#define APIC_ID(entry) ((uint32_t)((entry) >> 8 & 0xff))

struct request {
    struct iommu_unit *unit;
    uint16_t source;
    uint64_t address;
    uint32_t data;
};

/* What becomes of it by an entry. */
struct verdict {
    bool passes, as_sent;
    enum iommu_reason reason; /* why it does not pass */
    uint32_t entry;
};

static struct verdict block(enum iommu_reason reason)
{
    return (struct verdict){.reason = reason};
}

static struct verdict by_entry(bool absent, uint32_t entry)
{
    if (absent || (entry & PRESENT) == 0) {
        return block(IOMMU_NO_ENTRY);
    }
    return (entry & OTHERS) != 0 ? block(IOMMU_ENTRY_RESERVED)
                                 : (struct verdict){.passes = true, .entry = entry};
}

/* By the source's table. What is cached of it is used first, and of that whatever lets it pass. */
static struct verdict by_table(const struct request *request, uint64_t word)
{
    struct iommu_interrupt cached;
    struct verdict verdict = {.passes = false};
    uint32_t index = INDEX(request->data), entry;
    unsigned place = 0;
    while (!verdict.passes &&
           iommu_interrupts_cached(request->unit, request->source, index, place, &cached)) {
        verdict = by_entry(cached.absent, (uint32_t)cached.low);
        place++;
    }
    if (place > 0) {
        return verdict;
    }
    return amdvi_interrupts_load(word, index, &entry) ? by_entry(false, entry) : block(IOMMU_INDEX_BEYOND);
}

/* By an entry of the device table. */
static struct verdict by_word(const struct request *request, uint64_t word)
{
    if (amdvi_interrupts_is_as_sent(word, TYPE(request->data))) {
        return (struct verdict){.passes = true, .as_sent = true};
    }
    if (request->address != MESSAGES) {
        return block(IOMMU_REQUEST_RESERVED);
    }
    /* Other types than fixed ones are beyond tables of Keel's length. */
    return amdvi_interrupts_is_remapped(word) ? by_table(request, word) : block(IOMMU_NO_ENTRY);
}

static struct verdict judge(const struct request *request)
{
    struct iommu_interrupt cached;
    struct verdict verdict = {.passes = false};
    unsigned place = 0;
    while (!verdict.passes &&
           iommu_interrupts_cached(request->unit, request->source, AMDVI_WORD_INDEX, place, &cached)) {
        verdict = by_word(request, cached.low);
        place++;
    }
    return place > 0 ? verdict : by_word(request, amdvi_interrupts_word(request->source));
}

bool amdvi_message(uint16_t source, uint64_t address, uint32_t data)
{
    struct iommu_unit *unit = &iommu_units[iommu_unit_of(source)];
    const struct request request = {.unit = unit, .source = source, .address = address, .data = data};
    if (!amdvi_format.translates(unit) || iommu_interrupts_lie(unit)) {
        return ioapic_message(address, data);
    }
    if (address >> 20 != MESSAGES >> 20) {
        return false;
    }
    const struct verdict verdict = judge(&request);
    if (!verdict.passes) {
        amdvi_record(unit, &(struct iommu_attempt){.source = source,
                                                   .address = address,
                                                   .write = true,
                                                   .reason = (uint8_t)verdict.reason});
        return false;
    }
    return verdict.as_sent ? ioapic_message(address, data)
                           : iommu_interrupt_pass(source, VECTOR(verdict.entry), APIC_ID(verdict.entry));
}
