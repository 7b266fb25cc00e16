/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The client as core sees it: one function of api's, the first task's entry.
 */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include <stdint.h>

/* Runs the client's main and powers off with what it answers. */
void client_main(uint64_t argument);

#endif
