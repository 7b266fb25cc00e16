/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every entry point does first and last, see calls.h.
 */
#include "calls.h"

#include "core/boot.h"
#include "core/cmdline.h"
#include "core/cpu.h"
#include "core/log.h"

bool call_traced;

void call_trace_init(void)
{
    const struct hal_boot *boot = boot_info();
    struct cmdline_value value;
    call_traced = cmdline_find(boot->command_line, boot->command_line_size, "keel.trace", &value);
}

KEEL_COLD void call_trace(enum call_id id, const uint64_t *arguments, keel_status_t status)
{
    const struct call_descriptor *call = &call_descriptors[id];
    if (cpu_context() == CONTEXT_EARLY) {
        return;
    }
    struct text line;
    text_clear(&line);
    text_string(&line, call->name);
    text_char(&line, '(');
    for (unsigned i = 0; i < call->argument_count; i++) {
        text_string(&line, i > 0 ? ", " : "");
        text_string(&line, call->arguments[i].name);
        text_char(&line, '=');
        text_hex(&line, arguments[i]);
    }
    text_string(&line, ") -> ");
    text_string(&line, keel_status_text(status));
    log_text(LOG_DEBUG, &line);
}
