#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a kernel on the hosted machine and judges the run. ./keel run and the tests both use it.

Exit status: 0 the kernel said that all is well, 1 it did not, 2 the run could not be started.
"""

import argparse
import sys

import console
import disk
import virtio

EXIT_FAILED = 1  # of the hosted machine, for every end but a power-off with status 0


def parse(argument_list):
    parser = argparse.ArgumentParser(prog="run_hosted.py", description=__doc__.split("\n")[0])
    parser.add_argument("--kernel", required=True, help="the kernel as a hosted executable")
    console.add_common_options(parser)
    disk.add_options(parser)
    virtio.add_options(parser)
    parser.add_argument("--seed", type=int, help="chooses the interleaving")
    parser.add_argument("--cpus", type=int, help="simulated CPUs")
    parser.add_argument("--memory", help="RAM, like 64M")
    parser.add_argument(
        "--plain-iommu", action="store_const", dest="iommu", const="plain", help="remapping units as they are in real machines"
    )
    parser.add_argument("--timeout", type=float, help="seconds after which the run counts as hung (it fails)")
    return parser.parse_args(argument_list)


def machine_command(arguments, disk_path=None, port=None):
    command = [arguments.kernel, "--initrd", arguments.initrd]
    if disk_path:
        command += ["--disk", disk_path]
    if port:
        command += ["--virtio", port + ".out", "--virtio-input", port + ".in"]
    for option in ("seed", "cpus", "memory", "iommu"):
        value = getattr(arguments, option)
        if value is not None:
            command += [f"--{option}", str(value)]
    if arguments.command_line:
        command += ["--command-line", arguments.command_line]
    return command


def judge(machine, arguments):
    """Why the run failed, or None."""
    if machine.timed_out:
        return f"The machine hangs: it did not end within {machine.timeout:g} s."
    if arguments.panic:
        panicked = machine.status == EXIT_FAILED and machine.last_matching(console.PANIC) is not None
        return console.judge_panic(machine, arguments.says, panicked)
    if machine.status != 0:
        return f"The machine ended with status {machine.status}."
    return console.missing_line(machine, arguments.says)


def run(arguments, folder):
    disk_path, port = disk.prepare(arguments, folder), virtio.prepare(arguments, folder)
    machine = console.Console(machine_command(arguments, disk_path, port), arguments.timeout)
    machine.run()
    failure = judge(machine, arguments) or disk.judge(arguments, disk_path) or virtio.judge(arguments, port)
    return console.finish(machine, failure, arguments)


def main(argument_list):
    arguments = parse(argument_list)
    problem = console.readable(arguments.kernel, arguments.initrd) or disk.problem(arguments) or virtio.problem(arguments)
    return console.start(problem, "keel-run-", lambda folder: run(arguments, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
