/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The client as core sees it: functions of api's.
 */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include <stdint.h>

/* The first task's entry: runs the client's main and powers off with what it answers. */
void client_main(uint64_t argument);

/* Drops a reference of the client's to what the handle names, if it still has one. From a task. */
void client_drop(uint64_t handle);

#endif
