/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The log and the console. Any context but a panic; one line or one write stays together.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/text.h"

enum log_level {
    LOG_ERROR = 1,
    LOG_WARNING = 2,
    LOG_INFO = 3,
    LOG_DEBUG = 4,
};

void log_init(void);
void console_write(const char *bytes, size_t size);
void log_bytes(enum log_level level, const char *bytes, size_t size);
void log_text(enum log_level level, const struct text *text);
void log_string(enum log_level level, const char *string);

#endif
