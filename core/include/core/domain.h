/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A domain for each function of PCI: what its device reaches by the addresses that it uses (D1).
 *
 *          enable                       too many attempts
 *   OFF --------> CHANGING --> ON ----------------------> CUT_OFF
 *    ^                         |                             |
 *    +------- CHANGING <-------+-----------------------------+
 *               disable
 *
 * CHANGING belongs to the one call that made it so. In ON and CUT_OFF the domain has tables: from the
 * beginning those from the root down to the directory of the first GiB, where small mappings are
 * (core/iova.h); others for each GiB and each 2 MiB that were ever in use by smaller entries, until the
 * domain is OFF. So tables never go while a device may walk them, and the paging-structure caches need no
 * thought.
 *
 * Each time that it is enabled begins a new `life`, and each end of one as well: what was mapped in an
 * earlier one is reached no more, and its addresses mean nothing. The lock guards all but what is said; it is
 * not held while anyone waits, nor while frames are allocated or freed.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include "core/audit.h"
#include "core/frame.h"
#include "core/iova.h"
#include "core/pci.h"
#include "core/spinlock.h"
#include "core/sync.h"

/* Attempts in a life that do not cut it off. */
#define DOMAIN_FAULTS_MAX 256u

enum domain_state { DOMAIN_OFF, DOMAIN_CHANGING, DOMAIN_ON, DOMAIN_CUT_OFF };

struct domain {
    struct spinlock lock;
    const struct pci_function *function; /* constant */
    enum domain_state state;
    uint64_t life;
    uint32_t number;      /* at the remapping hardware; 0: physical addresses, since devices are trusted */
    struct frame *tables; /* all of them, linked as core/pagetable.h does */
    hal_paddr_t root, top, directory; /* of tables: that of level 2, and of level 1 for the first GiB */
    struct frame *bits;               /* of `iova` */
    struct iova iova;
    uint64_t pages, page_limit; /* of mappings, those that are captive among them */
    uint32_t tables_owed;       /* mappings that link tables, and have not flushed what led nowhere before */
    uint64_t faults, fault_address;
    struct event *watch; /* signalled when it becomes CUT_OFF, and then let go; NULL: none */
    struct dma *captive; /* released, and waiting for a flush; linked by `next` */
    uint32_t captive_count;
};

/* Boot CPU, once, after PCI's functions and the remapping hardware are known. `trusts`: where no hardware
 * holds devices, they may have all of memory; where it does, but not to their interrupts, they may raise any.
 */
void domain_init(bool trusts);

/* Of that function. */
struct domain *domain_of(const struct pci_function *function);

/* E_EXISTS, E_BUSY (another such call is under way), E_UNSUPPORTED, E_NO_MEMORY, E_LIMIT. */
keel_status_t domain_enable(struct domain *domain, uint64_t page_limit);
/* E_NOT_FOUND, E_BUSY (as above). */
keel_status_t domain_disable(struct domain *domain);

/* The event is signalled when the device is cut off, at once if it was; NULL: none any more. Until the end of
 * the life. E_NOT_FOUND: the domain is neither ON nor CUT_OFF; E_LIMIT: the event's count is full. */
keel_status_t domain_watch(struct domain *domain, struct event *event);

/* All that is captive, which is the caller's now. The lock is held. */
struct dma *domain_take_captive(struct domain *domain);

/* --- Tables; the lock is held, and the domain has tables --- */

/* Addresses differ in tables of this level and below; an entry stands for 2^DOMAIN_LEVEL_BITS of those of the
 * level below. */
#define DOMAIN_TOP_LEVEL  2u
#define DOMAIN_LEVEL_BITS 9

/* Steps: of so many pages from the address on, mapped to memory in a row that begins at `page`, or so mapped
 * before, those that stand together: one large leaf, or entries of one table. Each answers how many. */

/* Adds how many tables are missing for the step. `first`: of a mapping's. The others begin where the one
 * before ends. */
uint64_t domain_plan(const struct domain *domain, uint64_t address, uint64_t page_count, hal_paddr_t page,
                     bool first, uint64_t *missing);
/* `spare` has the tables that are missing. */
uint64_t domain_map(struct domain *domain, uint64_t address, uint64_t page_count, hal_paddr_t page,
                    bool may_read, bool may_write, struct frame **spare);
/* All of a mapping, where that is one step and no table is missing. False: it is not. */
bool domain_map_at_once(struct domain *domain, uint64_t address, uint64_t page_count, hal_paddr_t page,
                        bool may_read, bool may_write);
uint64_t domain_unmap(struct domain *domain, uint64_t address, uint64_t page_count);

/* Frozen. Reports what the tables say that no mapping does. */
void domain_audit(audit_report_t *report);

#endif
