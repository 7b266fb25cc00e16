/* SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O APICs, see hal/ioapic.h.
 */
#include "hal/ioapic.h"

#include "hal/irq_message.h"
#include "hal/remap_interrupt.h"
#include "hal/remapping.h"

_Static_assert(IOAPIC_VECTOR_FIRST + HAL_IRQ_SOURCES_MAX <= 256, "every source has a vector");

/* Registers (data sheet, 3.2). A pin's entry are two of them. */
enum {
    REGISTER_VERSION = 0x01,
    REGISTER_ENTRIES = 0x10,
};

/* Low half of an entry. The rest of it: fixed delivery, physical destination. */
#define ENTRY_LOW    (UINT32_C(1) << 13)
#define ENTRY_LEVEL  (UINT32_C(1) << 15)
#define ENTRY_MASKED (UINT32_C(1) << 16)
/* High half: where to, unless interrupts are remapped. */
#define ENTRY_DESTINATION 24

#define VERSION_ENDS 0x20u /* from this one on, interrupts are ended by a register */

/* The index of the last pin's second register fits in 8 bits. */
#define PINS_MAX          120u
#define DESTINATION_LIMIT UINT32_C(255) /* which means all CPUs */

struct pin {
    bool exists;
    bool kept;   /* raises NMIs */
    bool routed; /* and not closed since; its entry of remapping is set no sooner, and cleared no later */
    uint8_t unit, number;
    uint32_t low; /* as written last */
    struct hal_irq_source source;
};

static struct pin pins[HAL_IRQ_SOURCES_MAX];
static unsigned source_count, routed_count;
static uint16_t source_ids[ACPI_IOAPICS_MAX]; /* of units, where interrupts are remapped */

static uint8_t register_of_pin(unsigned number)
{
    return (uint8_t)(REGISTER_ENTRIES + 2 * number);
}

static uint8_t register_of(const struct pin *pin)
{
    return register_of_pin(pin->number);
}

static void write_low(struct pin *pin, uint32_t value)
{
    pin->low = value;
    ioapic_write(pin->unit, register_of(pin), value);
}

static void set_routed(struct pin *pin, bool routed)
{
    routed_count = routed_count - pin->routed + routed;
    pin->routed = routed;
}

/* 0: there is no such unit. */
static unsigned pin_count(unsigned unit)
{
    const uint32_t version = ioapic_read(unit, REGISTER_VERSION);

    return version != UINT32_MAX ? (version >> 16 & 0xff) + 1 : 0;
}

/* It is masked. PCI's usual wire, unless the line is one of the old ones (mark_legacy). */
static void add_pin(unsigned unit, unsigned number, uint64_t source)
{
    struct pin *pin = &pins[source < HAL_IRQ_SOURCES_MAX ? source : 0];

    if (source >= HAL_IRQ_SOURCES_MAX || pin->exists) {
        return;
    }
    *pin = (struct pin){.exists = true,
                        .unit = (uint8_t)unit,
                        .number = (uint8_t)number,
                        .low = ENTRY_MASKED,
                        .source = {.wire = {.level = true, .low = true}, .legacy = HAL_IRQ_NOT_LEGACY}};
    source_count = source >= source_count ? (unsigned)source + 1 : source_count;
}

static void mark_legacy(const struct acpi_interrupts *interrupts)
{
    for (unsigned irq = 0; irq < ACPI_LEGACY_IRQ_COUNT; irq++) {
        const struct acpi_legacy_irq *legacy = &interrupts->legacy[irq];
        struct hal_irq_source *source;

        if (legacy->source >= source_count) {
            continue;
        }
        source = &pins[legacy->source].source;
        /* The cascade's number is nobody's where another line was moved to its pin. */
        if (source->legacy == HAL_IRQ_NOT_LEGACY || legacy->source != irq) {
            *source = (struct hal_irq_source){.wire = {legacy->level, legacy->low}, .legacy = irq};
        }
    }
}

/* Nothing else would pass; and a level would interrupt once, and never end. */
static bool can_be_remapped(unsigned unit, uint8_t id)
{
    if (remap_interrupts_on() && !remap_ioapic_source(id, &source_ids[unit])) {
        remap_print("keel: irq: firmware does not say who an I/O APIC is: its lines cannot be used");
        return false;
    }
    if (remap_ioapic_loses_levels() && (ioapic_read(unit, REGISTER_VERSION) & 0xff) < VERSION_ENDS) {
        remap_print(
            "keel: irq: an I/O APIC cannot be told of the end of interrupts: its lines cannot be used");
        return false;
    }
    return true;
}

/* What firmware left armed is masked, also where nobody can use it. */
static void find_pins(unsigned unit, const struct acpi_ioapic *ioapic)
{
    const unsigned count = pin_count(unit);
    const bool usable = count != 0 && count <= PINS_MAX && can_be_remapped(unit, ioapic->id);

    for (unsigned number = 0; number < count && number < PINS_MAX; number++) {
        ioapic_write(unit, register_of_pin(number), ENTRY_MASKED);
        if (usable) {
            add_pin(unit, number, (uint64_t)ioapic->source + number);
        }
    }
}

void ioapic_init(const struct acpi_interrupts *interrupts)
{
    source_count = 0;
    routed_count = 0;
    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++) {
        pins[source].exists = false;
    }
    for (unsigned unit = 0; unit < interrupts->ioapic_count && unit < ACPI_IOAPICS_MAX; unit++) {
        find_pins(unit, &interrupts->ioapics[unit]);
    }
    mark_legacy(interrupts);
    for (unsigned i = 0; i < interrupts->nmi_count; i++) {
        if (interrupts->nmi[i] < source_count) {
            pins[interrupts->nmi[i]].kept = true;
        }
    }
    irq_message_init(source_count);
}

unsigned hal_irq_source_count(void)
{
    return source_count;
}

bool hal_irq_source(unsigned source, struct hal_irq_source *description)
{
    if (source >= source_count || !pins[source].exists || pins[source].kept) {
        return false;
    }
    *description = pins[source].source;
    return true;
}

bool hal_irq_route(unsigned source, struct hal_irq_wire wire, unsigned cpu)
{
    struct pin *pin = &pins[source];
    const uint32_t apic_id = ioapic_apic_id(cpu), before = pin->low;
    const bool was_routed = pin->routed;
    const uint8_t vector = (uint8_t)(IOAPIC_VECTOR_FIRST + source);
    uint32_t high = apic_id << ENTRY_DESTINATION;

    if (source >= source_count) {
        return irq_message_route(source, apic_id);
    }
    if (apic_id >= DESTINATION_LIMIT) {
        return false;
    }
    /* Masked in between: both halves change, and no message must go out with one of them. */
    write_low(pin, pin->low | ENTRY_MASKED);
    set_routed(pin, true);
    if (remap_interrupts_on()) {
        if (!remap_interrupt_set(source, source_ids[pin->unit], vector, apic_id, wire.level)) {
            set_routed(pin, was_routed);
            write_low(pin, before);
            return false;
        }
        high = remap_ioapic_entry(source);
    }
    ioapic_write(pin->unit, (uint8_t)(register_of(pin) + 1), high);
    /* Its end of interrupt names the vector, also where that is remapped. */
    write_low(pin,
              vector | (wire.low ? ENTRY_LOW : 0) | (wire.level ? ENTRY_LEVEL : 0) | (before & ENTRY_MASKED));
    return true;
}

/* As at boot. */
static void close_pin(struct pin *pin, unsigned source)
{
    write_low(pin, ENTRY_MASKED);
    ioapic_write(pin->unit, (uint8_t)(register_of(pin) + 1), 0);
    if (remap_interrupts_on()) {
        (void)remap_interrupt_clear(source); /* if that is not obeyed, nothing will be set there any more */
    }
    set_routed(pin, false);
}

void hal_irq_close(unsigned source)
{
    if (source < source_count) {
        close_pin(&pins[source], source);
    } else {
        irq_message_unroute(source);
    }
}

bool hal_irq_is_routed(unsigned source)
{
    return source < source_count ? pins[source].exists && pins[source].routed : irq_message_is_routed(source);
}

unsigned hal_irq_routed_count(void)
{
    return routed_count + irq_message_routed_count();
}

bool ioapic_owner(unsigned source, uint16_t *source_id)
{
    if (source >= source_count) {
        return irq_message_owner(source, source_id);
    }
    *source_id = source_ids[pins[source].unit];
    return hal_irq_is_routed(source);
}

/* An edge has no end: it is told of one all the same. */
void ioapic_end(unsigned source)
{
    if (source < source_count && pins[source].exists && remap_ioapic_loses_levels()) {
        ioapic_write_end(pins[source].unit, (uint8_t)(IOAPIC_VECTOR_FIRST + source));
    }
}

void hal_irq_mask(unsigned source, bool masked)
{
    struct pin *pin = &pins[source];

    write_low(pin, (pin->low & ~ENTRY_MASKED) | (masked ? ENTRY_MASKED : 0));
}
