/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The log and the console. Any context but a panic; one line or one write stays together.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

#include "core/text.h"

enum log_level {
    LOG_ERROR = 1,
    LOG_WARNING = 2,
    LOG_INFO = 3,
    LOG_DEBUG = 4,
};

/* The last so many lines can be read. */
#define LOG_LINES    64u
#define LOG_LINE_MAX 200u

struct log_record {
    uint64_t number; /* of lines since boot, from 0 */
    uint64_t time;   /* nanoseconds since boot */
    uint32_t cpu, size;
    enum log_level level;
    char text[LOG_LINE_MAX];
};

void log_init(void);
/* The line of that number, or the oldest after it that there is. False: none has come yet. */
bool log_read(uint64_t number, struct log_record *record);
void console_write(const char *bytes, size_t size);
void log_bytes(enum log_level level, const char *bytes, size_t size);
void log_text(enum log_level level, const struct text *text);
void log_string(enum log_level level, const char *string);

#endif
