/* SPDX-License-Identifier: BSD-2-Clause
 *
 * main() of a kernel that is linked with the native machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native/machine.h"

static const char usage[] =
    "Runs this kernel on the native machine.\n"
    "\n"
    "  --command-line TEXT  the kernel's command line\n"
    "  --cpus N             CPUs, 1 to 8 (default 1); each is a thread\n"
    "  --memory MIB         RAM (default 64)\n"
    "  --ticks              timer interrupts reach running tasks\n"
    "  --help               this text\n"
    "\n"
    "Exit status: 0 when the kernel powered off with status 0, 2 for a wrong command line, "
    "otherwise 1.\n";

static _Noreturn void refuse(const char *sentence, const char *what)
{
    fprintf(stderr, "keel: %s: %s (--help lists the options)\n", sentence, what);
    exit(2);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || value < least || value > most) {
        refuse("not a number in range", option);
    }
    return value;
}

/* One option, with the value that follows it or NULL. Answers how many arguments it took. */
static int take_option(struct native_config *config, const char *name, const char *value)
{
    if (strcmp(name, "--help") == 0) {
        fputs(usage, stdout);
        exit(0);
    }
    if (strcmp(name, "--ticks") == 0) {
        config->ticks = true;
        return 1;
    }
    if (strcmp(name, "--cpus") != 0 && strcmp(name, "--memory") != 0 && strcmp(name, "--command-line") != 0) {
        refuse("unknown option", name);
    }
    if (value == NULL) {
        refuse("a value is missing after", name);
    }
    if (strcmp(name, "--cpus") == 0) {
        config->cpu_count = (unsigned)number(name, value, 1, NATIVE_CPU_MAX);
    } else if (strcmp(name, "--memory") == 0) {
        config->ram_size = number(name, value, 1, 65536) << 20;
    } else {
        config->command_line = value;
    }
    return 2;
}

int main(int argc, char **argv)
{
    struct native_config config = {.ram_size = UINT64_C(64) << 20, .cpu_count = 1};
    for (int i = 1; i < argc;) {
        i += take_option(&config, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    }
    native_run(&config);
}
