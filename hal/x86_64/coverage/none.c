/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel that counts nothing, which is every one but those of the preset x86_64-coverage.
 */
#include "../parts.h"

void x86_coverage_write(void)
{
}
