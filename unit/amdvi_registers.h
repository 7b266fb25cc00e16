/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Registers of AMD's remapping units, sound and broken ones, for tests of their driver (hal/amdvi.h), whose
 * functions the build gives other names in these programs, since the hosted machine has them as well.
 */
#ifndef UNIT_AMDVI_REGISTERS_H
#define UNIT_AMDVI_REGISTERS_H

#include "hal/amdvi.h"
#include "hosted_kernel.h"

#define AMDVI_TEST_UNITS 3
#define ENABLE           (UINT64_C(1) << 0)
#define LOG              (UINT64_C(1) << 2)
#define COMMANDS         (UINT64_C(1) << 12)
#define OVERFLOW         UINT64_C(1)
#define LOG_RUNS         (UINT64_C(1) << 3)
#define COMMANDS_RUN     (UINT64_C(1) << 4)
#define FORGETS_ALL      (UINT64_C(1) << 6)
#define RING             4096u
#define NEVER            UINT32_MAX

/* One unit's registers. */
struct registers {
    uint64_t table, commands, events, control, exclusion, exclusion_limit, features, status;
    uint64_t head, tail, event_head, event_tail; /* bytes */
    bool lazy;                                   /* it carries out one command when a register is read */
    bool stands;                                 /* it carries out none */
    uint32_t refuses;                            /* 1 << number: of commands that it stops at, once */
    bool stays_on, is_off;                       /* what runs does not end; translation does not begin */
    unsigned late;                               /* reads for which what ends seems to run yet */
    unsigned stopping;
    bool stopped;                         /* by an error */
    unsigned sources, pages, all, waits;  /* commands carried out */
    unsigned entries;                     /* the same: tables of interrupts forgotten */
    uint64_t low, high;                   /* of the last one about pages */
    bool between;                         /* a source was forgotten, and not waited for yet */
    bool unfenced, overrun, ring_at_work; /* what the driver did wrong */
    bool early; /* what it was told before the table stood, or while firmware's ran */
};
extern struct registers units[AMDVI_TEST_UNITS];

/* Memory that the machine's map calls firmware's; last 0: none. */
extern uint64_t reserved_first, reserved_last;

/* What the units have done, in order: S a source, I its table of interrupts, P pages, A all forgotten, f a
 * barrier, w a ticket stored.
 */
extern char done[64];
/* Accesses to registers so far; from which of them on nothing answers any more. */
extern unsigned accesses, gone_from;
extern char lines[8192];
extern unsigned line_count;

/* The stores of the driver, in order; those beyond the last place are not noted. */
#define STORES_MAX 32u
extern struct store {
    uint64_t address, value;
} stores[STORES_MAX];
extern unsigned store_count;

/* The driver's memory: pages from PAGES on, tables from TABLES on, those of interrupts from
 * INTERRUPT_TABLES on. */
#define PAGES            UINT64_C(0x100000)
#define TABLES           UINT64_C(0x40000000)
#define INTERRUPT_TABLES UINT64_C(0x80000000)
uint64_t test_word(uint64_t address);
void test_set_word(uint64_t address, uint64_t value);

/* All as at power-on, units that know every command; memory is empty. */
void reset(void);
/* So many units of segment 0 that are responsible for all sources, and the driver started. */
void begin(unsigned count);
extern struct acpi_ivrs ivrs;
/* The unit carries out what it was told until its ring is empty, or it stops. */
void run_commands(unsigned unit);
/* The unit logs an event, if it may. */
void log_event(unsigned unit, uint64_t low, uint64_t high);

#endif
