/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The log: one line, one write, one record, under the console's lock (the innermost of all).
 */
#include "core/log.h"

#include "core/spinlock.h"
#include "hal/machine.h"

static struct spinlock console_lock;
/* Under the lock: the lines before line_count, as far as there is room, each at its number modulo that. */
static struct log_record records[LOG_LINES];
static uint64_t line_count;

void log_init(void)
{
    spinlock_init(&console_lock);
    line_count = 0;
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

static void format(const struct log_record *record, struct text *line)
{
    uint64_t microseconds = record->time / 1000;
    text_clear(line);
    text_char(line, '[');
    text_padded(line, microseconds / 1000000, 5, ' ');
    text_char(line, '.');
    text_padded(line, microseconds % 1000000, 6, '0');
    text_string(line, " cpu");
    text_u64(line, record->cpu);
    text_char(line, ' ');
    text_string(line, level_name(record->level));
    text_string(line, "] ");
    size_t room = TEXT_SIZE - 1 - line->size;
    text_bytes(line, record->text, record->size < room ? record->size : room);
    text_char(line, '\n');
}

/* The next line's record. The lock is held. */
static const struct log_record *add_record(enum log_level level, const struct text *text)
{
    struct log_record *record = &records[line_count % LOG_LINES];
    *record = (struct log_record){.number = line_count++,
                                  .time = hal_time_now(),
                                  .cpu = hal_cpu_id(),
                                  .size = (uint32_t)text->size,
                                  .level = level};
    for (size_t i = 0; i < text->size; i++) {
        record->text[i] = text->bytes[i];
    }
    return record;
}

void log_bytes(enum log_level level, const char *bytes, size_t size)
{
    struct text text, line;
    text_clear(&text);
    text_bytes(&text, bytes, size < LOG_LINE_MAX ? size : LOG_LINE_MAX);
    bool interrupts = spinlock_acquire(&console_lock);
    format(add_record(level, &text), &line);
    hal_console_write(line.bytes, line.size);
    spinlock_release(&console_lock, interrupts);
}

bool log_read(uint64_t number, struct log_record *record)
{
    bool interrupts = spinlock_acquire(&console_lock);
    uint64_t oldest = line_count > LOG_LINES ? line_count - LOG_LINES : 0;
    bool found = number < line_count;
    if (found) {
        *record = records[(number > oldest ? number : oldest) % LOG_LINES];
    }
    spinlock_release(&console_lock, interrupts);
    return found;
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
