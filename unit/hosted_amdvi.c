/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AMD's remapping units by their registers, see hosted_amdvi.h.
 */
#include "hosted_amdvi.h"

static hal_paddr_t events; /* the log, once a test uses one of its own */

/* The device table of all units is where the driver told them. */
hal_paddr_t amdvi_device_at(uint16_t source)
{
    return hal_paddr((UINT64_C(1) << 41) + source * UINT64_C(32));
}

void amdvi_set_device(uint16_t source, uint64_t low, uint64_t high)
{
    hal_paddr_t entry = amdvi_device_at(source), second = hal_paddr(entry.value + 8);
    remap_store(entry, AMD_VALID);
    remap_store(second, high);
    remap_store(entry, low);
}

void amdvi_switch(uint64_t bits, bool on)
{
    uint64_t control = amdvi_read(iommu_unit, AMD_CONTROL);
    uint64_t runs = (bits & AMD_COMMANDS) != 0 ? AMD_COMMANDS_RUN : 0;
    runs |= (bits & AMD_LOGS) != 0 ? AMD_LOG_RUNS : 0;
    amdvi_write(iommu_unit, AMD_CONTROL, on ? control | bits : control & ~bits);
    while (!on && (amdvi_read(iommu_unit, AMD_STATUS) & runs) != 0) {
    }
}

static void use_log(void)
{
    events = mini_take_frame(HAL_FRAME_TABLE);
    amdvi_switch(AMD_LOGS, false);
    amdvi_write(iommu_unit, AMD_EVENTS, events.value | AMD_PAGE);
    amdvi_switch(AMD_LOGS, true);
}

void amdvi_use_ring(hal_paddr_t ring)
{
    amdvi_switch(AMD_COMMANDS, false);
    amdvi_write(iommu_unit, AMD_RING, ring.value | AMD_PAGE);
    amdvi_switch(AMD_COMMANDS, true);
    use_log();
}

static void translate_pages(uint64_t scope, uint64_t domain, uint64_t high,
                            void (*put)(uint64_t low, uint64_t high))
{
    uint64_t order = high & 0x3f, span = HAL_PAGE_SIZE << order;
    uint64_t pages = (high & ~(span - 1)) | (span - HAL_PAGE_SIZE) >> 1;
    uint64_t address = scope == 2 ? AMD_EVERY_PAGE : pages & ~(HAL_PAGE_SIZE - 1);
    bool tables = scope == 2 || (high & WITHOUT_TABLES) == 0, several = scope == 2 || order > 0;
    put(AMD_PAGES(domain), address | (tables ? AMD_TABLES : 0) | (several ? AMD_SEVERAL : 0));
}

void amdvi_translate(uint64_t low, uint64_t high, void (*put)(uint64_t low, uint64_t high))
{
    uint64_t scope = low >> 4 & 3;
    uint16_t source = DEVICE(iommu_unit);
    switch (low & 0xf) {
    case 1: /* where all are meant, those of the tests */
        put(AMD_SOURCE(scope == 1 ? source : low >> 32 & 0xffff), 0);
        if (scope == 1) {
            put(AMD_SOURCE(source ^ 1u), 0);
        }
        break;
    case 2:
        if (scope == 1 && (amdvi_read(iommu_unit, AMD_FEATURES) & AMD_FORGETS_ALL) != 0) {
            put(AMD_ALL, 0);
        } else if (scope == 1) {
            translate_pages(2, DOMAIN(iommu_unit), 0, put);
        } else {
            translate_pages(scope, low >> 16 & 0xffff, high, put);
        }
        break;
    default:
        put(AMD_WAIT | AMD_STORES | AMD_FENCE | high, low >> 32);
        break;
    }
}

unsigned amdvi_last_event(void)
{
    uint64_t head = 0, tail = amdvi_read(iommu_unit, AMD_EVENT_TAIL);
    unsigned code = 0;
    for (; head != tail; head += 16) {
        code = (unsigned)(remap_load(hal_paddr(events.value + head)) >> 60);
    }
    use_log();
    return code;
}

unsigned amdvi_code(unsigned reason)
{
    return reason == 3 || reason == 11 ? 1 : reason == 7 ? 4 : 2;
}
