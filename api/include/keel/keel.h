/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All of Keel's public surface. Each header stands alone as well.
 *
 * What native client code owes (everything else is checked):
 *   - the pointer rule: a buffer or a function that it passes is valid C for the length given, for as long as
 * the call's comment says;
 *   - on the real machine it uses no vector or x87 registers: those belong to user programs. The build's
 * compiler flags see to that (-mgeneral-regs-only); prebuilt objects and inline assembly must keep to it
 * themselves.
 */
#ifndef KEEL_KEEL_H
#define KEEL_KEEL_H

#include "keel/boot.h"
#include "keel/cpu.h"
#include "keel/cpu_local.h"
#include "keel/cursor.h"
#include "keel/dma.h"
#include "keel/fault.h"
#include "keel/frame.h"
#include "keel/guard.h"
#include "keel/handle.h"
#include "keel/heap.h"
#include "keel/io_memory.h"
#include "keel/io_port.h"
#include "keel/irq.h"
#include "keel/list.h"
#include "keel/machine.h"
#include "keel/pci.h"
#include "keel/policy.h"
#include "keel/rcu.h"
#include "keel/slab_policy.h"
#include "keel/space.h"
#include "keel/spinlock.h"
#include "keel/status.h"
#include "keel/sync.h"
#include "keel/task.h"
#include "keel/timer.h"
#include "keel/unique.h"
#include "keel/user.h"
#include "keel/user_memory.h"
#include "keel/user_regs.h"
#include "keel/work.h"

#endif
