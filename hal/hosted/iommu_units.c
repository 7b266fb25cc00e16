/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The remapping units, whoever made them: start-up, and what happens every now and then.
 */
#include "amdvi_model.h"
#include "hal/atomic.h"
#include "hal/vtd.h"
#include "hosted/counts.h"
#include "report.h"
#include "schedule.h"
#include "state.h"
#include "vtd_model.h"

#define WATCH_PERIOD_NS (UINT64_C(500) * 1000 * 1000)

struct iommu_unit iommu_units[IOMMU_UNITS];
const struct iommu_format *iommu_format;

static uint64_t watched;

void iommu_wait(void)
{
    hosted_point(HAL_POINT_RELAX, NULL);
}

void iommu_wait_with(const struct iommu_unit *unit)
{
    if (unit->queue_waits) {
        iommu_wait();
    }
}

/* Only the first does. */
bool iommu_gives_up(struct iommu_unit *unit)
{
    uint64_t limit = machine.config.iommu_stalls;
    if (!machine.running || limit == 0 || unit->id != 0) {
        return false;
    }
    unit->stalled = unit->stalled || unit->commands == limit;
    unit->owes = unit->owes || unit->stalled;
    return unit->stalled;
}

void iommu_goes_on(struct iommu_unit *unit)
{
    if (unit->stalled && !iommu_is_dead(unit)) {
        unit->stalled = false;
        unit->commands++;
    }
}

bool iommu_is_dead(const struct iommu_unit *unit)
{
    return unit->stalled && (machine.config.iommu & HOSTED_IOMMU_DIES) != 0;
}

uint64_t iommu_firmwares(void)
{
    return (machine.config.iommu & HOSTED_IOMMU_RANGE_WRONG) != 0 ? machine.config.ram_size / 2 : 0;
}

struct hosted_iommu_counts hosted_iommu_counts(void)
{
    const struct iommu_unit *unit = &iommu_units[0];
    return (struct hosted_iommu_counts){unit->commands - unit->waits, unit->waits, iommu_entries};
}

void iommu_timer(void)
{
    uint64_t now = schedule_now();
    for (unsigned i = 0; i < IOMMU_UNITS; i++) {
        iommu_format->run(&iommu_units[i]);
    }
    if (now - watched >= WATCH_PERIOD_NS) {
        watched = now;
        vtd_watch();
        amdvi_watch();
    }
}

/* What it says before there is a kernel is the same each time. */
void remap_print(const char *line)
{
    if (machine.running) {
        machine_print("%s", line);
    }
}

/* Firmware left the caches full of entries that let every device through. */
static void reset(unsigned id)
{
    struct iommu_unit *unit = &iommu_units[id], old = *unit;
    *unit = (struct iommu_unit){.id = id,
                                .lies_contexts = true,
                                .lies_translations = true,
                                .cached = old.cached,
                                .cached_capacity = old.cached_capacity,
                                .spare = old.spare,
                                .spare_capacity = old.spare_capacity,
                                .contexts = old.contexts,
                                .context_capacity = old.context_capacity,
                                .sources = old.sources,
                                .source_capacity = old.source_capacity};
}

void iommu_prepare(void)
{
    iommu_memory_prepare();
    iommu_dma_prepare();
    iommu_interrupts_prepare();
    vtd_interrupts_prepare();
    iommu_places_changed();
    for (unsigned unit = 0; unit < IOMMU_UNITS; unit++) {
        reset(unit);
    }
    watched = 0;
    iommu_format = (machine.config.iommu & HOSTED_IOMMU_AMD) != 0 ? &amdvi_format : &vtd_format;
    amdvi_prepare();
    vtd_prepare();
    for (unsigned unit = 0; unit < IOMMU_UNITS; unit++) {
        iommu_units[unit].commands = iommu_units[unit].waits = 0;
    }
}
