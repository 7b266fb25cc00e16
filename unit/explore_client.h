/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A client's code to be explored, as docs/testing.md shows it: it counts, and knows of no test.
 */
#ifndef UNIT_EXPLORE_CLIENT_H
#define UNIT_EXPLORE_CLIENT_H

#include <stdint.h>

void client_reset(void);
void client_count_badly(void);
void client_count_well(void);
uint32_t client_counted(void);

#endif
