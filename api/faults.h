/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The injected page-fault handler.
 */
#ifndef API_FAULTS_H
#define API_FAULTS_H

/* None is injected. Boot CPU, once. */
void faults_init(void);

#endif
