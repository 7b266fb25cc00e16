#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots a kernel under OVMF in Bochs and judges the run: another emulator than QEMU, with CPU features that QEMU lacks.

The guest ends by ACPI, and its last line says with which status.
Exit status: 0 the guest said that all is well, 1 it did not, 2 the run could not be started.
"""

import argparse
import os
import re
import shutil
import sys

import bochs_machine
import console
import guest

STAYS_ON = re.compile(r"^keel: this machine does not switch itself off;")
END = re.compile(f"{guest.LOADER.pattern}|{STAYS_ON.pattern}")
# What Bochs logs last, where the guest told the power management to switch off.
SWITCHED_OFF = "ACPI control: soft power off"
# What it says of its options, or why it gives up, before it has a log.
COMPLAINT = re.compile(r"bochsrc:|PANIC")
CPU = "corei7_skylake_x"


def parse(argument_list):
    parser = argparse.ArgumentParser(prog="run_bochs.py", description=__doc__.split("\n")[0])
    guest.add_options(parser)
    console.add_common_options(parser)
    parser.add_argument("--firmware", required=True, help="FIRMWARE.EFI")
    parser.add_argument("--cpu", default=CPU, help=f"a model of `bochs --help cpu` (default: {CPU})")
    parser.add_argument("--cpus", type=int, default=2, help="how many there are (default: 2)")
    parser.add_argument("--memory", type=int, default=128, help="MiB of RAM (default: 128)")
    parser.add_argument("--x2apic", action="store_true", help="the firmware hands over the local APICs in x2APIC mode")
    return parser.parse_args(argument_list)


def judge(machine, log, panic=False, says=()):
    """Why the run failed, or None."""
    if machine.timed_out:
        return f"The guest hangs: it did not end within {machine.timeout:g} s."
    gave_up = machine.last_matching(guest.LOADER)
    if gave_up:
        return f"The loader gave up: {gave_up.group(1)}."
    panicked = machine.last_matching(console.PANIC) is not None
    if panicked and not panic:
        return "The kernel panicked."
    if machine.matched:
        return "The kernel did not switch the machine off."
    if SWITCHED_OFF not in log:
        return f"Bochs ended by itself; the last that it said: {''.join(log.splitlines()[-1:])}"
    if panic:
        return console.judge_panic(machine, says, panicked)
    return guest.judge_power_off(machine) or console.missing_line(machine, says)


def read_text(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def complaints(text):
    """The lines by which Bochs says what it does not like."""
    return [line for line in text.splitlines() if COMPLAINT.search(line)]


def boot(arguments, folder):
    esp = guest.make_esp(folder, arguments.firmware, arguments.kernel, arguments.initrd, arguments.command_line)
    bochs_machine.prepare_firmware(esp, arguments.loader, arguments.cpus, arguments.x2apic)
    cylinders = bochs_machine.make_disk(os.path.join(folder, "disk.img"), esp)
    with open(os.path.join(folder, "bochsrc"), "w", encoding="utf-8") as file:
        file.write(bochs_machine.configuration(folder, cylinders, arguments))
    machine = console.Console(bochs_machine.command(folder), arguments.timeout, until=END)
    machine.run()
    log = read_text(os.path.join(folder, "bochs.log"))
    said = complaints(read_text(os.path.join(folder, "bochs.out")))
    failure = judge(machine, log or "\n".join(said), arguments.panic, arguments.says)
    if failure is not None:
        print("\n".join(said + log.splitlines()[-10:]))
    return console.finish(machine, failure, arguments)


def main(argument_list):
    arguments = parse(argument_list)
    problem = console.readable(arguments.loader, arguments.firmware, arguments.kernel, arguments.initrd)
    if problem is None and shutil.which("bochs") is None:
        problem = "bochs was not found. Install it (Debian: apt-get install bochs bochs-term)."
    return console.start(problem, "keel-bochs-", lambda folder: boot(arguments, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
