/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The size classes of slabs: 16 bytes apart at first, then a fifth to a third; half a page is the last, since
 * between a third and a half no more than two fit either. Each makes good use of a page; a slot's natural
 * alignment is the largest power of two in its size, since slots begin with the page.
 */
#include "core/slab.h"

#define SIZES(X, use)                                                                                        \
    X(32, use), X(48, use), X(64, use), X(80, use), X(96, use), X(112, use), X(128, use), X(160, use),       \
        X(192, use), X(224, use), X(256, use), X(320, use), X(384, use), X(448, use), X(512, use),           \
        X(640, use), X(800, use), X(1024, use), X(1344, use), X(2048, use)
#define CLASS(bytes, its_use) {.size = (bytes), .slots = HAL_PAGE_SIZE / (bytes), .use = (its_use)}

const struct slab_class slab_classes[SLAB_CLASSES_ALL] = {
    SIZES(CLASS, SLAB_NATIVE),
    SIZES(CLASS, SLAB_HANDLE),
    CLASS(HAL_PAGE_SIZE, SLAB_NATIVE),
    CLASS(HAL_PAGE_SIZE, SLAB_HANDLE),
};
_Static_assert(HAL_PAGE_SIZE / 32 <= SLAB_SLOTS_MAX, "the smallest slots have a bit each");

uint8_t slab_smallest[SLAB_SIZE_MAX / SLAB_GRANULE + 1];

void slab_classes_init(void)
{
    unsigned size_class = 0;
    for (unsigned granules = 0; granules <= SLAB_SIZE_MAX / SLAB_GRANULE; granules++) {
        if (granules * SLAB_GRANULE > slab_classes[size_class].size) {
            size_class++;
        }
        slab_smallest[granules] = (uint8_t)size_class;
    }
}
