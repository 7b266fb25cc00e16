#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots a kernel under OVMF in QEMU and judges the run. ./keel boot and the boot tests both use it.

Exit status: 0 the guest said that all is well, 1 it did not, 2 the run could not be started.
"""

import argparse
import os
import shutil
import sys

import console
import disk
import guest
import qemu_machine
import virtio

# isa-debug-exit ends QEMU with (value << 1) | 1; the kernel writes these values.
EXIT_WELL, EXIT_STATUS, EXIT_PANIC = 0x10 << 1 | 1, 0x11 << 1 | 1, 0x12 << 1 | 1


def parse(arguments):
    own, extra = arguments, []
    if "--" in arguments:
        split = arguments.index("--")
        own, extra = arguments[:split], arguments[split + 1 :]
    parser = argparse.ArgumentParser(prog="run_qemu.py", description=__doc__.split("\n")[0])
    guest.add_options(parser)
    console.add_common_options(parser)
    disk.add_options(parser)
    virtio.add_options(parser)
    parser.add_argument("--debug", action="store_true", help="wait for gdb")
    iommu = parser.add_mutually_exclusive_group()
    iommu.add_argument("--no-iommu", action="store_const", dest="iommu", const=None, help="a machine without one")
    iommu.add_argument(
        "--plain-iommu", action="store_const", dest="iommu", const=qemu_machine.PLAIN_IOMMU, help="VT-d as it is in real machines"
    )
    iommu.add_argument(
        "--amd-iommu", action="store_const", dest="iommu", const=qemu_machine.AMD_IOMMU, help="AMD-Vi instead of VT-d"
    )
    parser.set_defaults(iommu=qemu_machine.INTEL_IOMMU)
    parser.add_argument("--no-kernel", action="store_true", help="leave the kernel off the ESP")
    parser.add_argument(
        "--refusal", metavar="REGEX", help="the loader must refuse with a console line that matches"
    )
    parser.add_argument("--counters", metavar="FILE", help="where a kernel writes what it executed, if it counts that")
    result = parser.parse_args(own)
    result.extra = [*qemu_machine.counter_options(result.counters), *extra]
    return result


def judge(machine, refusal=None, panic=False, says=()):
    """Why the run failed, or None."""
    if machine.timed_out:
        return f"The guest hangs: it did not end within {machine.timeout:g} s."
    if refusal:
        return console.missing_line(machine, [refusal])
    if machine.matched:
        return f"The loader gave up: {machine.last_matching(guest.LOADER).group(1)}."
    if panic:
        return console.judge_panic(machine, says, machine.status == EXIT_PANIC)
    return judge_end(machine) or console.missing_line(machine, says)


def judge_end(machine):
    """Why the end of a run is not one with which all is well, or None."""
    if machine.status == EXIT_WELL:
        return None
    if machine.status == EXIT_STATUS:
        said = machine.last_matching(guest.POWER_OFF)
        return f"The kernel ended with {said.group(0)[6:] if said else 'a status that is not 0'}."
    if machine.status == EXIT_PANIC:
        return "The kernel panicked."
    if machine.status == 0:
        return guest.judge_power_off(machine)
    return f"QEMU ended with status {machine.status}; its message is above."


def print_debug_help(kernel):
    print("QEMU waits for gdb. In another terminal:")
    print(f"  gdb -ex 'file {os.path.abspath(kernel)}' -ex 'target remote :1234'", flush=True)


def boot(arguments, folder, watch):
    code, variables = qemu_machine.find_firmware()
    own_variables = os.path.join(folder, "variables.fd")
    shutil.copyfile(variables, own_variables)
    kernel = None if arguments.no_kernel else arguments.kernel
    esp = guest.make_esp(folder, arguments.loader, kernel, arguments.initrd, f"keel.exit=isa-debug {arguments.command_line}")
    disk_path, port = disk.prepare(arguments, folder), virtio.prepare(arguments, folder)
    command = qemu_machine.qemu_command(
        code, own_variables, esp, arguments.debug, arguments.extra, arguments.iommu, disk_path, port
    )
    if arguments.debug:
        print_debug_help(arguments.kernel)
    machine = console.Console(command, arguments.timeout, until=guest.LOADER, watch=watch)
    machine.run()
    failure = judge(machine, arguments.refusal, arguments.panic, arguments.says)
    failure = failure or disk.judge(arguments, disk_path) or virtio.judge(arguments, port)
    return console.finish(machine, failure, arguments)


def main(argument_list, watch=None):
    arguments = parse(argument_list)
    problem = console.readable(arguments.loader, arguments.kernel, arguments.initrd)
    problem = problem or disk.problem(arguments) or virtio.problem(arguments)
    if problem is None and shutil.which("qemu-system-x86_64") is None:
        problem = "qemu-system-x86_64 was not found. Install it (Debian: apt-get install qemu-system-x86)."
    return console.start(problem, "keel-boot-", lambda folder: boot(arguments, folder, watch))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
