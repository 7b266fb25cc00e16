/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Blocks of memory: slots of slab pages, and whole frames for what is larger.
 *
 * A slab is one HEAP frame cut into equal slots of one size class. All that Keel knows of it stands in its
 * `struct frame` (M7): one bit a slot, set while somebody has the slot, and in the reference word the state
 * and a count.
 *
 *   HEAP       Keel itself decides about the free slots; if it has any, it is in its class's list
 *   HEAP_LENT  the injected slab allocator decides about them; Keel asks it for a slot by name
 *
 * The count is the number of slots in use, and three more at most for each CPU that is in the middle of
 * something. Every look into the slab's part of `struct frame` holds one of the count (`pin`), so the page
 * cannot end meanwhile, and a page ends only by the step HEAP(0) -> PRIVATE (M7: it outlives its slots). Bits
 * are set and cleared by atomic operations only, so a slot is handed out once, whatever an allocator answers;
 * freeing looks for a bit that is set at exactly this address, so a slot cannot be forged and cannot return
 * to another slab, and any CPU may free it.
 *
 * A large block is a slab of one slot with more frames than one, always Keel's own.
 */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include "core/frame.h"
#include "keel/cold.h"

/* Native memory and memory behind handles never share a page: a pointer that a client made up cannot free
 * what a handle names. */
enum slab_use { SLAB_NATIVE, SLAB_HANDLE, SLAB_USES };

/* Size classes: those of native memory, then the same of memory behind handles; then one of large blocks for
 * each. */
#define SLAB_SIZES       20u
#define SLAB_CLASSES     (SLAB_SIZES * SLAB_USES) /* that an allocator sees */
#define SLAB_CLASSES_ALL (SLAB_CLASSES + SLAB_USES)
#define SLAB_SIZE_MAX    2048u /* of slots; more is a large block */
#define SLAB_GRANULE     16u   /* every slot's size is a multiple */
#define SLAB_SLOT_BITS   7u    /* of a token: frame number, slot */
#define SLAB_SLOTS_MAX   (1u << SLAB_SLOT_BITS)

struct slab_class {
    uint16_t size; /* bytes of a slot; of a large block: of a frame */
    uint8_t slots; /* of a slab */
    uint8_t use;   /* enum slab_use */
};
extern const struct slab_class slab_classes[SLAB_CLASSES_ALL];
/* The smallest class of a size in granules, rounded up. */
extern uint8_t slab_smallest[SLAB_SIZE_MAX / SLAB_GRANULE + 1];

/* Boot CPU, once. The second is a part of the first. */
void slab_init(void);
void slab_classes_init(void);

/* The smallest class whose slots hold `size` bytes (not 0) at a multiple of `alignment` (a power of two, at
 * most a page); SLAB_CLASSES or more: it takes whole frames. */
static inline unsigned slab_class_of(uint64_t size, uint64_t alignment, enum slab_use use)
{
    unsigned size_class =
        size <= SLAB_SIZE_MAX ? slab_smallest[(size + SLAB_GRANULE - 1) / SLAB_GRANULE] : SLAB_SIZES;
    while (size_class < SLAB_SIZES && (slab_classes[size_class].size & (alignment - 1)) != 0) {
        size_class++;
    }
    return size_class < SLAB_SIZES ? size_class + use * SLAB_SIZES : SLAB_CLASSES + use;
}

/* A slot of the class, whose slots hold `size` bytes: the bytes are zeroed (M9), and open to C accesses if it
 * is native. E_NO_MEMORY. */
keel_status_t slab_alloc(unsigned size_class, uint64_t size, hal_paddr_t *slot);
/* The same in whole contiguous frames. */
KEEL_COLD keel_status_t slab_alloc_large(uint64_t size, enum slab_use use, hal_paddr_t *block);
/* Gives back what one of the two handed out for this use. E_BAD_HANDLE: `address`, which may be any value, is
 * not the start of such a block in use. */
keel_status_t slab_free(hal_paddr_t address, enum slab_use use);

/* Frames in slabs and in large blocks now. */
struct slab_counts {
    uint64_t slab_frames, large_frames;
};
struct slab_counts slab_counts(void);

/* For the audit, frozen. One frame of type HEAP, in ascending order of all; `report` hears what is wrong. */
typedef void slab_report_t(const char *invariant, const char *what, uint64_t where);
void slab_audit_frame(struct frame *frame, slab_report_t *report);
void slab_audit_lists(slab_report_t *report);
/* Slots and large blocks in use. */
uint64_t slab_used_count(void);

#endif
