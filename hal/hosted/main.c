/* SPDX-License-Identifier: BSD-2-Clause
 *
 * main() of a kernel that is linked with the hosted machine: `keel run` starts it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted/machine.h"

#define MEMORY_DEFAULT (UINT64_C(64) << 20)

struct options {
    struct hosted_config config;
    const char *initrd_path;
    struct hosted_disk disk;
    struct hosted_entropy entropy;
    struct hosted_network network;
    struct hosted_arp_host host;
    struct hosted_console console;
};

static const char usage[] =
    "Runs this kernel on the hosted machine.\n"
    "\n"
    "  --initrd FILE        the initial ramdisk\n"
    "  --command-line TEXT  the kernel's command line\n"
    "  --seed N             chooses the interleaving of the CPUs (default 1); the same seed, the same run\n"
    "  --cpus N             simulated CPUs, 1 to 8 (default 2)\n"
    "  --memory SIZE        RAM, with a suffix K, M or G (default 64M)\n"
    "  --iommu plain        remapping units as in real machines: a new entry is seen without a flush\n"
    "  --disk FILE          a virtio disk: this raw image, in whole sectors of 512 bytes, which is written "
    "to\n"
    "  --virtio FILE        a virtio entropy source, a network with a host 10.0.2.2, and a console that "
    "prints "
    "to\n"
    "                       this file\n"
    "  --virtio-input FILE  what is typed at that console\n"
    "  --help               this text\n"
    "\n"
    "Exit status: 0 when the kernel powered off with status 0, 1 when it ended in any other way, 2 for a "
    "wrong\n"
    "command line.\n";

static _Noreturn void refuse(const char *sentence, const char *what)
{
    fprintf(stderr, "keel: %s: %s (--help lists the options)\n", sentence, what);
    exit(2);
}

static uint64_t number(const char *text, const char *option, const char **rest)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (end == text || errno || text[0] == '-') {
        refuse("not a number", option);
    }
    *rest = end;
    return value;
}

static uint64_t plain_number(const char *text, const char *option)
{
    const char *rest;
    uint64_t value = number(text, option, &rest);
    if (*rest) {
        refuse("not a number", option);
    }
    return value;
}

static uint64_t memory_size(const char *text)
{
    const char *rest;
    uint64_t value = number(text, "--memory", &rest);
    unsigned shift = *rest == 'K' ? 10 : *rest == 'M' ? 20 : *rest == 'G' ? 30 : 0;
    if (shift && !rest[1] && value <= UINT64_MAX >> shift) {
        value <<= shift;
    } else if (*rest) {
        refuse("not a size", text);
    }
    if (value < UINT64_C(1) << 20 || value > UINT64_C(64) << 30 || value % 4096) {
        refuse("memory must be between 1M and 64G, in whole pages", text);
    }
    return value;
}

static unsigned cpu_count(const char *text)
{
    uint64_t value = plain_number(text, "--cpus");
    if (value < 1 || value > HOSTED_CPU_MAX) {
        refuse("there can be 1 to 8 CPUs", text);
    }
    return (unsigned)value;
}

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    long end = -1;
    if (!file || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        refuse("cannot read", path);
    }
    *size = (size_t)end;
    char *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size) {
        refuse("cannot read", path);
    }
    fclose(file);
    return bytes;
}

/* What the kernel writes is in the file at once, also if the run ends badly. */
static void open_disk(struct options *options, const char *path)
{
    struct hosted_disk *disk = &options->disk;
    struct stat state;
    int file = open(path, O_RDWR);
    if (file < 0 || fstat(file, &state) != 0) {
        refuse("cannot open the disk", path);
    }
    if (state.st_size <= 0 || state.st_size % HOSTED_DISK_SECTOR != 0) {
        refuse("the disk is not made of whole sectors", path);
    }
    void *bytes = mmap(NULL, (size_t)state.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED) {
        refuse("cannot map the disk", path);
    }
    close(file);
    *disk = (struct hosted_disk){.bytes = bytes, .size = (size_t)state.st_size};
    options->config.disk = disk;
}

static void print_to_file(void *context, const uint8_t *bytes, size_t size)
{
    (void)fwrite(bytes, 1, size, context);
}

static void open_virtio(struct options *options, const char *path)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    FILE *file = fopen(path, "wb");
    if (!file) {
        refuse("cannot write what the console prints", path);
    }
    setvbuf(file, NULL, _IONBF, 0); /* it is in the file at once, as with the disk */
    options->console.output = print_to_file;
    options->console.context = file;
    options->network =
        (struct hosted_network){.take = hosted_arp_take, .give = hosted_arp_give, .context = &options->host};
    memcpy(options->network.mac, mac, sizeof mac);
    options->config.entropy = &options->entropy;
    options->config.network = &options->network;
    options->config.virtio_console = &options->console;
}

static void take_option(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--initrd") == 0) {
        options->initrd_path = value;
    } else if (strcmp(name, "--disk") == 0) {
        open_disk(options, value);
    } else if (strcmp(name, "--virtio") == 0) {
        open_virtio(options, value);
    } else if (strcmp(name, "--virtio-input") == 0) {
        options->console.input = read_file(value, &options->console.input_size);
    } else if (strcmp(name, "--command-line") == 0) {
        options->config.command_line = value;
        options->config.command_line_size = strlen(value);
    } else if (strcmp(name, "--seed") == 0) {
        options->config.seed = plain_number(value, name);
    } else if (strcmp(name, "--cpus") == 0) {
        options->config.cpu_count = cpu_count(value);
    } else if (strcmp(name, "--iommu") == 0) {
        if (strcmp(value, "plain") != 0) {
            refuse("no such remapping units", value);
        }
        options->config.iommu = HOSTED_IOMMU_PLAIN;
    } else {
        options->config.ram_size = memory_size(value);
    }
}

static bool known(const char *name)
{
    static const char *const names[] = {"--initrd", "--disk", "--virtio", "--virtio-input", "--command-line",
                                        "--seed",   "--cpus", "--memory", "--iommu"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void take_options(struct options *options, int count, char **arguments)
{
    for (int i = 1; i < count; i += 2) {
        if (strcmp(arguments[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        }
        if (!known(arguments[i])) {
            refuse("unknown option", arguments[i]);
        }
        if (i + 1 == count) {
            refuse("a value is missing after", arguments[i]);
        }
        take_option(options, arguments[i], arguments[i + 1]);
    }
}

static void read_initrd(struct options *options)
{
    options->config.initrd = read_file(options->initrd_path, &options->config.initrd_size);
    if (options->config.initrd_size > options->config.ram_size / 2) {
        refuse("the initial ramdisk does not fit into half of the memory", options->initrd_path);
    }
}

static void print_replay(const struct hosted_result *result, int count, char **arguments)
{
    fprintf(stderr, "keel: ended by %s%s%s after %llu points, %llu choices; replay with:",
            hosted_end_text(result->end), result->message[0] ? ": " : "", result->message,
            (unsigned long long)result->points, (unsigned long long)result->choices);
    for (int i = 0; i < count; i++) {
        fprintf(stderr, " '%s'", arguments[i]);
    }
}

int main(int argc, char **argv)
{
    struct options options = {
        .config = {.ram_size = MEMORY_DEFAULT, .cpu_count = 2, .strategy = HOSTED_RANDOM, .seed = 1},
    };
    take_options(&options, argc, argv);
    if (options.initrd_path) {
        read_initrd(&options);
    }

    struct hosted_result result = hosted_run(&options.config);
    free((void *)(uintptr_t)options.config.initrd);
    free((void *)(uintptr_t)options.console.input);
    if (result.end == HOSTED_POWER_OFF && result.status == 0) {
        return 0;
    }
    print_replay(&result, argc, argv);
    fprintf(stderr, " --seed %llu\n", (unsigned long long)options.config.seed);
    return 1;
}
