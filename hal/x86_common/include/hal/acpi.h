/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI tables, read with bounds (ACPI specification 6.4). All memory is reached through a callback, so that
 * the parsers run on the real machine, on the hosted one and under a fuzzer alike. Whatever the tables say,
 * every loop here is bounded, every length is checked before use, and nothing outside the caller's structures
 * is written. Firmware is trusted to be honest, not to be free of bugs.
 */
#ifndef HAL_ACPI_H
#define HAL_ACPI_H

#include "hal/types.h"

/* Physical memory as the parser sees it. `read` fills `to` with the `size` bytes at `physical`, or answers
 * false and leaves `to` as it likes: the address is not readable memory. */
struct acpi_memory {
    bool (*read)(void *context, uint64_t physical, void *to, size_t size);
    void *context;
};

#define ACPI_HEADER_SIZE 36u
/* No real table comes near: a longer one is refused, so that a checksum ends in reasonable time. */
#define ACPI_TABLE_SIZE_MAX (UINT32_C(16) << 20)
/* Entries of an RSDT or XSDT that are looked at. */
#define ACPI_TABLE_COUNT_MAX 256u

/* The root table: RSDT (4-byte entries) or XSDT (8-byte entries). */
struct acpi_root {
    uint64_t address;
    uint32_t entry_count, entry_size;
};

/* A table whose header, length and checksum were found good. */
struct acpi_table {
    uint64_t address;
    uint32_t length; /* bytes, header included; >= ACPI_HEADER_SIZE */
    uint8_t revision;
};

/* Finds the root table behind the RSDP at `rsdp` (5.2.5). False: none that is well formed. */
bool acpi_find_root(const struct acpi_memory *memory, uint64_t rsdp, struct acpi_root *root);

/* The table with this 4-byte signature; `nth` counts from 0 (there may be several SSDTs). False: none. */
bool acpi_find_table(const struct acpi_memory *memory, const struct acpi_root *root, const char *signature,
                     unsigned nth, struct acpi_table *table);

/* Checks the table at `address`: signature, length, checksum. */
bool acpi_check_table(const struct acpi_memory *memory, uint64_t address, const char *signature,
                      struct acpi_table *table);

/* Bytes [offset, offset + size) of a table; false if they leave it or cannot be read. */
bool acpi_read(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t offset, void *to,
               size_t size);

/* What the MADT says (5.2.12). */
struct acpi_cpus {
    uint64_t local_apic;    /* physical address of the registers */
    unsigned enabled_count; /* CPUs that can run, also those that found no room in apic_id */
    unsigned listed_count;  /* of them, in apic_id */
    uint32_t apic_id[HAL_CPU_MAX];
};

/* Lists the enabled CPUs, each APIC id once. False (with what was found until then) when the table ends in
 * the middle of an entry or an entry is too short for its type. */
bool acpi_parse_madt(const struct acpi_memory *memory, const struct acpi_table *madt, struct acpi_cpus *cpus);

/* The same table's interrupt controllers. */
#define ACPI_IOAPICS_MAX      8u
#define ACPI_LEGACY_IRQ_COUNT 16u

struct acpi_interrupts {
    unsigned ioapic_count, ioapics_left_out; /* the latter found no room */
    struct acpi_ioapic {
        uint32_t address; /* physical, of its registers */
        uint32_t source;  /* the global system interrupt of its first pin */
        uint8_t id;
    } ioapics[ACPI_IOAPICS_MAX];
    /* Where the PC's old lines are wired to. */
    struct acpi_legacy_irq {
        uint32_t source;
        bool level, low;
    } legacy[ACPI_LEGACY_IRQ_COUNT];
    unsigned nmi_count; /* sources that raise NMIs, which nobody else may have */
    uint32_t nmi[ACPI_LEGACY_IRQ_COUNT];
};

/* False (with what was found until then) as above. What does not fit, or means nothing, is left out. */
bool acpi_parse_interrupts(const struct acpi_memory *memory, const struct acpi_table *madt,
                           struct acpi_interrupts *interrupts);

/* What the DMAR says of the hardware that translates devices' addresses (Intel VT-d specification 4.0, 8). */
#define ACPI_DMAR_UNITS_MAX  16u
#define ACPI_DMAR_RANGES_MAX 32u

struct acpi_dmar {
    unsigned address_bits; /* of the addresses that devices use: 1..256 by the table's field */
    uint8_t flags;
    unsigned unit_count;
    /* Units that found no room, or whose registers make no sense or overlap another's: nobody covers what is
     * behind them. The same unit once more does not count. */
    unsigned units_left_out;
    struct acpi_dmar_unit {
        uint64_t address, size; /* of its registers: whole pages */
        uint16_t segment;
        uint16_t scope_count;
        bool include_all; /* it covers all of the segment that no other unit names */
    } units[ACPI_DMAR_UNITS_MAX];
    /* Those that units name, and the source ids of their messages. An I/O APIC behind a bridge, or beyond the
     * last place, is left out. */
    unsigned ioapic_count;
    struct acpi_dmar_ioapic {
        uint16_t segment, source;
        uint8_t id; /* as in the MADT */
    } ioapics[ACPI_IOAPICS_MAX];
    /* By device:5, function:3, what units of segment 0 name of its bus 0. */
#define ACPI_DMAR_ENDPOINT  1u /* the function itself */
#define ACPI_DMAR_HIERARCHY 2u /* the bridge, and all that is behind it */
    uint8_t named[256];
    /* Memory that firmware has a device use all the time (RMRR), once for each device. Left out are those
     * that end before they begin, that name no device or too many, or found no room. */
    unsigned range_count, ranges_left_out;
    struct acpi_dmar_range {
        uint64_t first, last; /* bytes */
        uint16_t segment;
        /* The device: how it is reached from the root bus `bus`, by `depth` hops, of which this is the first.
         * An endpoint stands for itself alone. */
        uint8_t bus, depth, device, function;
        bool is_endpoint;
    } ranges[ACPI_DMAR_RANGES_MAX];
};

/* False (with what was found until then) when the table ends in the midst of an entry or of a device scope,
 * or one is too short for its type. */
bool acpi_parse_dmar(const struct acpi_memory *memory, const struct acpi_table *table,
                     struct acpi_dmar *dmar);

/* What the IVRS says of the same hardware by AMD (I/O Virtualization Technology specification 3.0, 5.2). */
#define ACPI_IVRS_UNITS_MAX    16u
#define ACPI_IVRS_RANGES_MAX   32u
#define ACPI_IVRS_SOURCE_WORDS 1024u /* 65,536 bits, one for each source: bus:8, device:5, function:3 */

struct acpi_ivrs {
    unsigned unit_count;
    /* Units that found no room, or whose registers make no sense or overlap another's: nobody covers what is
     * behind them. The same unit once more does not count. */
    unsigned units_left_out;
    struct acpi_ivrs_unit {
        uint64_t address; /* of its registers: ACPI_IVRS_REGISTERS_SIZE of them at least */
        uint16_t segment;
        uint16_t source; /* its own PCI function's */
    } units[ACPI_IVRS_UNITS_MAX];
    /* Memory that firmware has its devices use all the time (IVMD), of sources [first_source, last_source].
     */
    unsigned range_count, ranges_left_out;
    struct acpi_ivrs_range {
        uint64_t first, last; /* bytes */
        uint16_t first_source, last_source;
        bool may_read, may_write; /* the devices */
    } ranges[ACPI_IVRS_RANGES_MAX];
    /* Of segment 0: I/O APICs, and the source ids of their messages. One beyond the last place is left out.
     */
    unsigned ioapic_count;
    struct acpi_ivrs_ioapic {
        uint16_t source;
        uint8_t id;    /* as in the MADT */
        bool doubtful; /* it is said to have another one as well */
    } ioapics[ACPI_IOAPICS_MAX];
    /* Of segment 0: sources that some unit is responsible for, and those that stand for another's requests,
     * an I/O APIC's or a timer's too, or whose requests come under another one. */
    uint64_t named[ACPI_IVRS_SOURCE_WORDS], aliased[ACPI_IVRS_SOURCE_WORDS];
};

#define ACPI_IVRS_REGISTERS_SIZE UINT64_C(0x4000)

static inline bool acpi_ivrs_has(const uint64_t *sources, uint16_t source)
{
    return (sources[source / 64] >> source % 64 & 1) != 0;
}

/* False (with what was found until then) when the table ends in the midst of a block or of a device entry, or
 * one is too short for its type. */
bool acpi_parse_ivrs(const struct acpi_memory *memory, const struct acpi_table *table,
                     struct acpi_ivrs *ivrs);

/* A register named by a generic address structure (5.2.3.2). */
enum acpi_space {
    ACPI_SPACE_MEMORY = 0,
    ACPI_SPACE_IO = 1,
    ACPI_SPACE_PCI = 2,
};

/* How to switch off, restart and measure time. A port that is 0 is not there. */
struct acpi_power {
    uint64_t dsdt;
    uint16_t pm1a_control, pm1b_control; /* ports (4.8.3.2.1) */
    uint16_t pm_timer;                   /* port of the 3.579545 MHz counter (4.8.3.3) */
    bool pm_timer_is_32_bit;             /* else it has 24 bits */
    uint8_t rtc_century;                 /* register of the real-time clock; 0: it has none */
    bool has_no_rtc;                     /* ports 0x70 and 0x71 are not to be touched */
    bool has_reset;                      /* the three below hold (4.8.3.6) */
    enum acpi_space reset_space;
    uint8_t reset_value;
    uint64_t reset_address;
};

/* Reads the FADT (5.2.9). False: too short to be one. */
bool acpi_parse_fadt(const struct acpi_memory *memory, const struct acpi_table *fadt,
                     struct acpi_power *power);

/* The register block of the first HPET: aligned to its size. False: no table that names one in memory. */
#define ACPI_HPET_BLOCK_SIZE 1024u
bool acpi_parse_hpet(const struct acpi_memory *memory, const struct acpi_table *table, uint64_t *address);

/* Where configuration space of PCI segment 0 is mapped: 4096 bytes for each function. */
#define ACPI_ECAM_BUS_SIZE (UINT64_C(1) << 20)
struct acpi_ecam {
    uint64_t address; /* of bus 0, whether or not that is mapped; a multiple of ACPI_ECAM_BUS_SIZE, not 0 */
    uint8_t bus_first, bus_last;
};

/* Reads the MCFG table. False: it names no such place, or one that cannot be. */
bool acpi_parse_mcfg(const struct acpi_memory *memory, const struct acpi_table *table,
                     struct acpi_ecam *ecam);
#define ACPI_ECAM_WINDOWS_MAX 64u
/* The bytes of window `index` of them all, of whatever segment, sensible or not (`last` may be before
 * `first`): no device's registers are there. False: there are not so many, or ACPI_ECAM_WINDOWS_MAX. */
bool acpi_mcfg_window(const struct acpi_memory *memory, const struct acpi_table *table, uint32_t index,
                      uint64_t *first, uint64_t *last);

/* The two SLP_TYP values of the \_S5 package (7.4.2), found in the DSDT's byte code by a bounded scan: no AML
 * is executed. False: not found in the plain form that firmware uses. */
bool acpi_find_s5(const struct acpi_memory *memory, const struct acpi_table *dsdt, uint8_t slp_typ[2]);

#endif
