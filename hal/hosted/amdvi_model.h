/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of AMD's modelled remapping units share (AMD I/O Virtualization Technology specification
 * 3.0).
 *
 * The device table, of all units, lies beyond RAM, where nobody else comes: it is larger than the RAM of many
 * runs. The queue of struct iommu_unit is the ring of commands.
 */
#ifndef HOSTED_AMDVI_MODEL_H
#define HOSTED_AMDVI_MODEL_H

#include "hal/amdvi.h"
#include "iommu_model.h"

#define AMDVI_RING       4096u /* bytes, of either ring */
#define AMDVI_SLOT       16u
#define AMDVI_WORDS      4u /* of an entry of the device table */
#define AMDVI_PUT_OFF    4u
#define AMDVI_EACH_WORDS 1024u /* 65,536 bits */

/* Of the control register (3.4.2). */
#define AMDVI_ON       (UINT64_C(1) << 0)
#define AMDVI_LOGS     (UINT64_C(1) << 2)
#define AMDVI_SNOOPS   (UINT64_C(1) << 10)
#define AMDVI_COMMANDS (UINT64_C(1) << 12)

struct amdvi_registers {
    uint64_t control;
    uint64_t ending; /* bits that were switched off, for `late` looks yet: what they are of runs still */
    unsigned late;
    bool forgets_all; /* it knows the command for that */
    bool stopped;     /* by a command that is wrong, until commands were switched off */
    uint64_t exclusion, exclusion_limit;
    uint64_t events; /* the log; 0: firmware's */
    uint64_t event_head, event_tail;
    bool overflow;    /* as the status says */
    bool log_stopped; /* from then on until the log was switched off */
    /* Sources whose entries it was told to forget, and has not yet; there are no more than this at once. */
    uint16_t put_off[AMDVI_PUT_OFF];
    unsigned put_off_count;
    /* Sources, domains, and sources' tables of interrupts, of which it has not forgotten yet what was cached
     * before the table was set. */
    uint64_t sources_left[AMDVI_EACH_WORDS], domains_left[AMDVI_EACH_WORDS],
        interrupts_left[AMDVI_EACH_WORDS];
    unsigned source_count, domain_count, interrupt_count;
};
extern struct amdvi_registers amdvi_registers[IOMMU_UNITS];

extern const struct iommu_format amdvi_format;

/* --- amdvi.c --- */

/* Units, if there are any, are as firmware leaves them; the driver starts them. */
void amdvi_prepare(void);
bool amdvi_carries_out(const struct iommu_unit *unit);

/* --- amdvi_firmware.c --- */

/* What an IVRS says that names both units. */
void amdvi_read_ivrs(struct acpi_ivrs *ivrs);

/* --- amdvi_devices.c: the device table --- */

#define AMDVI_TABLE_AT (UINT64_C(1) << 41)

/* Or one of interrupts, which follow it. */
static inline bool amdvi_is_table(uint64_t at)
{
    return at - AMDVI_TABLE_AT < AMDVI_TABLE_SIZE + AMDVI_INTERRUPT_TABLES_SIZE;
}

uint64_t amdvi_table_load(uint64_t at);
void amdvi_table_store(uint64_t at, uint64_t value);
/* remap_fill. */
void amdvi_table_fill(uint64_t at, uint64_t end, uint64_t stride, uint64_t value);
/* Entries that would let their source reach all memory. */
unsigned amdvi_table_open(void);

/* --- amdvi_interrupts.c: tables of interrupts --- */

/* In the place of an index (struct iommu_interrupt): the word in the source's entry of the device table that
 * says which interrupts pass. */
#define AMDVI_WORD_INDEX UINT32_MAX

void amdvi_interrupts_prepare_model(void);
/* That word. Does it say that the source's table counts; or that the message of this type passes as it is? */
uint64_t amdvi_interrupts_word(uint16_t source);
bool amdvi_interrupts_is_remapped(uint64_t word);
bool amdvi_interrupts_is_as_sent(uint64_t word, unsigned type);
/* The entry of the table that the word leads to. False: there is none. */
bool amdvi_interrupts_load(uint64_t word, uint32_t index, uint32_t *entry);
/* The word becomes another. Called before it does. */
void amdvi_interrupts_edit_word(uint16_t source, uint64_t old, uint64_t word);
/* So many words become this one, of 0, and no unit goes by the table. */
void amdvi_interrupts_fill_words(unsigned count, uint64_t word);
/* 8 bytes of a table. */
uint64_t amdvi_interrupts_load_words(uint64_t at);
void amdvi_interrupts_store_words(uint64_t at, uint64_t value);
/* The unit was told to forget the word, or entries. */
void amdvi_interrupts_forget_word(struct iommu_unit *unit, uint16_t source);
void amdvi_interrupts_forget_entries(struct iommu_unit *unit, uint16_t source);
const char *amdvi_interrupts_wrong(void);

/* --- amdvi_message.c --- */

bool amdvi_message(uint16_t source, uint64_t address, uint32_t data);

/* --- amdvi_commands.c --- */

void amdvi_commands_look(struct iommu_unit *unit);
void amdvi_commands_run(struct iommu_unit *unit);
void amdvi_commands_write_tail(struct iommu_unit *unit, uint64_t value);
/* The device table was set: whatever is cached was so by another. */
void amdvi_forget_nothing_yet(struct iommu_unit *unit);

/* --- amdvi_events.c --- */

void amdvi_record(struct iommu_unit *unit, const struct iommu_attempt *attempt);
/* A command that is wrong. */
void amdvi_record_command(struct iommu_unit *unit, uint64_t at);

#endif
