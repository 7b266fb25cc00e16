/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What boot left for later questions. Constant once tasks run.
 */
#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include "core/memmap.h"

const struct hal_boot *boot_info(void);
const struct memmap *boot_memmap(void);

#endif
