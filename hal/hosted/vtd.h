/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DMA remapping: two units at register level, under the driver of the real machine (hal/vtd.h).
 */
#ifndef HOSTED_VTD_H
#define HOSTED_VTD_H

/* Both units are as firmware leaves them; the driver starts them. */
void vtd_prepare(void);

/* A timer interrupt: every now and then the driver looks at the fault records. */
void vtd_timer(void);

#endif
