# SPDX-License-Identifier: BSD-2-Clause
"""The virtio devices of a machine besides its disk: an entropy source, a network and a console, with the console's two
ends as files PORT.in and PORT.out."""

import os
import shutil


def add_options(parser):
    parser.add_argument(
        "--virtio-input", metavar="FILE", help="a virtio entropy source, network and console; what is typed at that"
    )
    parser.add_argument("--expect-virtio", metavar="FILE", help="fail unless that console printed this")


def prepare(arguments, folder):
    """The PORT of the console that the machine is to have, or None."""
    if not arguments.virtio_input:
        return None
    port = os.path.join(folder, "port")
    shutil.copyfile(arguments.virtio_input, port + ".in")
    with open(port + ".out", "wb"):
        return port


def problem(arguments):
    """The sentence about what cannot be read, or None."""
    for path in (arguments.virtio_input, arguments.expect_virtio):
        if path is not None and not os.access(path, os.R_OK):
            return f"The console's file {path} cannot be read."
    if arguments.expect_virtio and not arguments.virtio_input:
        return "Without --virtio-input there is no console that could print anything."
    return None


def judge(arguments, port):
    """What the console printed that it should not, as a sentence, or None."""
    if not arguments.expect_virtio:
        return None
    with open(port + ".out", "rb") as file:
        found = file.read()
    with open(arguments.expect_virtio, "rb") as file:
        expected = file.read()
    return None if found == expected else f"The virtio console printed {found!r}, not {expected!r}."
