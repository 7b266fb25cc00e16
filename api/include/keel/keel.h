/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All of Keel's public surface. Each header stands alone as well.
 */
#ifndef KEEL_KEEL_H
#define KEEL_KEEL_H

#include "keel/boot.h"
#include "keel/frame.h"
#include "keel/handle.h"
#include "keel/machine.h"
#include "keel/policy.h"
#include "keel/space.h"
#include "keel/status.h"
#include "keel/task.h"
#include "keel/user.h"
#include "keel/user_regs.h"

#endif
