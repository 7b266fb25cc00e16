/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The log: one line, one write, under the console's lock (the innermost of all).
 */
#include "core/log.h"

#include "core/spinlock.h"
#include "hal/machine.h"

static struct spinlock console_lock;

void log_init(void)
{
    spinlock_init(&console_lock);
}

void console_write(const char *bytes, size_t size)
{
    bool interrupts = spinlock_acquire(&console_lock);
    hal_console_write(bytes, size);
    spinlock_release(&console_lock, interrupts);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "?";
}

void log_bytes(enum log_level level, const char *bytes, size_t size)
{
    uint64_t microseconds = hal_time_now() / 1000;
    struct text line;
    text_clear(&line);
    text_char(&line, '[');
    text_padded(&line, microseconds / 1000000, 5, ' ');
    text_char(&line, '.');
    text_padded(&line, microseconds % 1000000, 6, '0');
    text_string(&line, " cpu");
    text_u64(&line, hal_cpu_id());
    text_char(&line, ' ');
    text_string(&line, level_name(level));
    text_string(&line, "] ");
    size_t room = TEXT_SIZE - 1 - line.size;
    text_bytes(&line, bytes, size < room ? size : room);
    text_char(&line, '\n');
    console_write(line.bytes, line.size);
}

void log_text(enum log_level level, const struct text *text)
{
    log_bytes(level, text->bytes, text->size);
}

void log_string(enum log_level level, const char *string)
{
    struct text text;
    text_clear(&text);
    text_string(&text, string);
    log_text(level, &text);
}
