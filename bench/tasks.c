/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel of ./keel bench tasks.
 */
#include "keel/keel.h"

#include <stddef.h>

#include "measure.h"

static const struct measure *const lists[] = {
    ck_measures,        lock_measures, lock_peer_measures, switch_measures, switch_peer_measures,
    yardstick_measures, NULL,
};

int32_t keel_main(void)
{
    bench_run(lists);
    return 0;
}
