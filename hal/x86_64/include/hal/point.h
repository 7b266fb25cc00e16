/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scheduling points on the real machine: there are none, the CPUs interleave by themselves.
 */
#ifndef HAL_POINT_H
#define HAL_POINT_H

#include "hal/no_point.h"

#endif
