/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hosted machine, as tests, fuzzers and main.c see it: configure one, run the linked kernel on it, judge
 * how it ended. One machine exists at a time; each run starts from the same state, whatever the one before
 * did, and is a function of its configuration alone.
 */
#ifndef HOSTED_MACHINE_H
#define HOSTED_MACHINE_H

#include "hal/boot.h"
#include "hal/pte.h"
#include "hosted/pci.h"
#include "hosted/virtio.h"
#include "keel/user_regs.h"

#define HOSTED_CPU_MAX    8u
#define HOSTED_STORES_MAX 8u

/* The one device that is not on PCI: memory of its own, far above RAM, that clients may map. It keeps what is
 * written. Behind it and below 4 GiB there is the same for BARs (hosted/pci.h). */
#define HOSTED_IO_BASE (UINT64_C(1) << 40)
#define HOSTED_IO_SIZE (UINT64_C(4) << 20)

/* Interrupt sources: 0..HOSTED_IRQ_COUNT-1, of which the first 16 are a PC's old lines, and, after a gap,
 * some more; one is kept for NMIs. */
#define HOSTED_IRQ_COUNT     24u
#define HOSTED_IRQ_FAR       32u
#define HOSTED_IRQ_FAR_COUNT 8u
#define HOSTED_IRQ_NMI       23u

/* 2026-01-01 00:00:00 UTC: no run knows the host's date. */
#define HOSTED_WALL_TIME UINT64_C(1767225600000000000)

/* Who chooses which CPU runs next. */
enum hosted_strategy {
    HOSTED_SEQUENTIAL, /* switch only where a CPU waits, relaxes or stops */
    HOSTED_RANDOM, /* by `seed`, about every `switch_period` points; timers also fire early in virtual time */
    HOSTED_PCT,    /* priorities by `seed`, `change_points` demotions among the first `pct_steps` points */
    HOSTED_BYTES,  /* by `choices` as distances between switches (schedule.c); sequential once they run out */
    HOSTED_REPLAY, /* by `choices`, one at each point, as hosted_explore reports them */
};

enum hosted_user_engine {
    HOSTED_USER_UNICORN, /* user programs run for real */
    HOSTED_USER_SCRIPT,  /* `user_script` plays them; NULL: none is to run */
};

/* Plays a user program for a moment: may change registers, reach memory by hosted_user_access, and says in
 * `event` why it stops; reason 0: the moment is over and the program goes on later. */
typedef void hosted_user_script(void *context, struct keel_user_regs *regs, struct keel_user_event *event);

/* Remapping units that are others than the usual two (hal/hosted/README.md), bits of hosted_config.iommu. */
enum {
    HOSTED_IOMMU_NONE = 1,            /* there are none: devices reach all memory */
    HOSTED_IOMMU_REGISTERS = 2,       /* no queue, and the second can forget whole domains only; AMD's: no
                                         command for everything */
    HOSTED_IOMMU_NARROW = 4,          /* domains of three levels only */
    HOSTED_IOMMU_RANGE = 8,           /* firmware has a device use frame 0 all the time, which it reserves */
    HOSTED_IOMMU_DIES = 16,           /* with iommu_stalls: the unit never does anything again */
    HOSTED_IOMMU_AMD = 32,            /* they are AMD's, and not Intel's */
    HOSTED_IOMMU_OLD_INTERRUPTS = 64, /* interrupts are not remapped: devices raise what they like; so too
                                         without Intel's queues */
    HOSTED_IOMMU_APART = 128,         /* no tables are good for both: they block all, and hold nobody */
    HOSTED_IOMMU_PLAIN = 256,         /* none caches what is not there, or has a write buffer, and all know
                                         leaves of 1 GiB (Intel's) */
    HOSTED_IOMMU_RANGE_WRONG = 512,   /* with RANGE: it is a frame that core has */
};
#define HOSTED_IOMMU_RANGE_SOURCE 0x00e8u

/* Zero means the default wherever one is named. */
struct hosted_config {
    uint64_t ram_size;  /* bytes, a multiple of 4096; default 16 MiB */
    unsigned cpu_count; /* 1..HOSTED_CPU_MAX; default 2 */

    enum hosted_strategy strategy;
    uint64_t seed;
    unsigned switch_period; /* default 16 */
    unsigned change_points; /* HOSTED_PCT: depth of the bugs sought, less one */
    unsigned pct_steps;     /* default 1000 */
    const uint8_t *choices;
    size_t choice_count;
    bool explore_timers; /* REPLAY: an armed timer may also ring at any point */
    /* Atomic stores that each CPU keeps back, 0 to HOSTED_STORES_MAX: 0 makes interleavings sequentially
     * consistent, others allow orders that x86-TSO does. Without effect under ThreadSanitizer, which would
     * see them made by somebody else. */
    unsigned store_buffer;
    unsigned tlb_tags; /* hal_tlb_tag_count; default 3 */

    const char *command_line;
    size_t command_line_size;
    uint64_t wall_time; /* of hal/boot.h; default HOSTED_WALL_TIME */
    bool no_wall_time;
    const void *initrd;
    size_t initrd_size;
    /* In place of "all RAM is usable". The machine adds its own regions (its tables, the initrd). What is
     * usable or reclaimable must be RAM. */
    const struct hal_region *regions;
    size_t region_count;

    const struct hosted_pci_function *pci; /* in place of those of hosted_pci_bus */
    size_t pci_count;
    bool no_pci;
    /* NULL: none; the machine adds its function to the others. */
    const struct hosted_disk *disk;
    const struct hosted_entropy *entropy;
    const struct hosted_network *network;
    const struct hosted_console *virtio_console;

    unsigned iommu;        /* HOSTED_IOMMU_* */
    uint64_t iommu_stalls; /* after so many commands of invalidation since boot the first unit does no more,
                              until its queue was switched off; default: never */

    enum hosted_user_engine user_engine;
    hosted_user_script *user_script;
    void *user_context;

    void (*console)(void *context, const char *bytes, size_t size); /* default: standard output */
    void *console_context;

    uint64_t step_limit;   /* scheduling points before the run counts as a livelock; default 2^40 */
    bool count_violations; /* count machine checks in the result; otherwise the first one ends the run */
    /* Leave host mappings of the kernel window behind for the next use, poisoned instead of unmapped; without
     * AddressSanitizer only from run to run. Much faster for fuzzing and exploring; a guard page that was
     * mapped before is then seen only by AddressSanitizer. */
    bool lazy_window;
};

enum hosted_end {
    HOSTED_POWER_OFF,
    HOSTED_RESTART,
    HOSTED_PANIC,      /* hal_panic */
    HOSTED_FAULT,      /* a kernel page fault, stack overflow included */
    HOSTED_DEADLOCK,   /* every CPU waits and nothing can wake one */
    HOSTED_STEP_LIMIT, /* livelock */
    HOSTED_CHECK,      /* a machine check, where they are not counted */
    HOSTED_CUT,        /* the explorer needs to see no more of this run */
};

struct hosted_result {
    enum hosted_end end;
    int32_t status;            /* of power off and restart; otherwise 1 */
    unsigned violations;       /* machine checks, where count_violations */
    uint64_t points;           /* scheduling points passed */
    uint64_t choices;          /* choices made among more than one possibility */
    uint64_t time;             /* virtual nanoseconds */
    char message[160];         /* of a panic, fault, deadlock or livelock */
    char first_violation[160]; /* begins with the invariant's id */
};

/* Boots the kernel (hal_upcall_boot on CPU 0) and runs it to its end. */
struct hosted_result hosted_run(const struct hosted_config *config);

/* The end in words. */
const char *hosted_end_text(enum hosted_end end);

/* For user scripts: one access of the running program through its CPU's TLB and MMU. False: the access faults
 * and `event` is filled with the page fault that a CPU would raise. */
enum hosted_access { HOSTED_READ, HOSTED_WRITE, HOSTED_FETCH };
bool hosted_user_access(uint64_t va, void *bytes, size_t size, enum hosted_access access,
                        struct keel_user_event *event);

/* How core reached the page of I/O memory last (hal/io.h); HAL_CACHE_WRITE_BACK: not since its range was
 * acquired. For tests. */
enum hal_cache hosted_io_policy(uint64_t address);

/* What devices do; called by the kernel under test, on any CPU. Sources that there are not do nothing. */
/* Asserts the wire of a source, or no longer. */
void hosted_irq_assert(unsigned source, bool asserted);
/* An interrupt reaches a CPU by any vector: one that was on its way, or a device's where none is remapped. */
void hosted_irq_message(unsigned cpu, unsigned vector);
/* Device `source` writes `data` to an address for interrupts, as it likes; hosted_dma of 4 bytes does the
 * same. True: a CPU takes it. Whatever it raises must be its own (D4). */
bool hosted_message(uint16_t source, uint64_t address, uint32_t data);
/* Device `source` (bus:8, device:5, function:3) writes `bytes` to memory, or reads into them. True: the IOMMU
 * let all of it through, and RAM has it; pages that it blocks are left out. */
bool hosted_dma(uint16_t source, uint64_t address, void *bytes, size_t size, bool write);

#endif
