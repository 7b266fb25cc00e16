/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The other half of resolve.h: references that may be the last are dropped out of line.
 */
#include "resolve.h"

#define LET_GO_LAST(name, type, kind, count, put)                                                            \
    KEEL_COLD void let_go_last_##name(struct type *name)                                                     \
    {                                                                                                        \
        put(name);                                                                                           \
    }

RESOLVE_TABLE(LET_GO_LAST)

void let_go_last_dma(struct dma *dma)
{
    dma_put(dma);
}
