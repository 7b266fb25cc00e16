# SPDX-License-Identifier: BSD-2-Clause
"""The disk of a machine: a raw image, which the machine writes to, and what it is afterwards."""

import os
import shutil

SECTOR = 512


def add_options(parser):
    parser.add_argument("--disk", metavar="FILE", help="a virtio disk: this raw image, which is written to")
    parser.add_argument("--fresh-disk", metavar="FILE", help="a virtio disk: a copy of this raw image")
    parser.add_argument("--expect-disk", metavar="FILE", help="fail unless the disk equals this afterwards")


def prepare(arguments, folder):
    """The path of the image that the machine is to have, or None."""
    if not arguments.fresh_disk:
        return arguments.disk
    path = os.path.join(folder, "disk.img")
    shutil.copyfile(arguments.fresh_disk, path)
    return path


def problem(arguments):
    """The sentence about what cannot be a disk, or None."""
    for path in (arguments.disk, arguments.fresh_disk, arguments.expect_disk):
        if path is None:
            continue
        if not os.access(path, os.R_OK | (os.W_OK if path == arguments.disk else 0)):
            return f"The disk {path} cannot be {'written' if path == arguments.disk else 'read'}."
        if os.path.getsize(path) == 0 or os.path.getsize(path) % SECTOR != 0:
            return f"The disk {path} is not made of whole sectors of {SECTOR} bytes."
    return None


def judge(arguments, path):
    """Where the disk is not as it is to be, as a sentence, or None."""
    if not arguments.expect_disk:
        return None
    with open(path, "rb") as file:
        found = file.read()
    with open(arguments.expect_disk, "rb") as file:
        expected = file.read()
    for at in range(0, max(len(found), len(expected)), SECTOR):
        if found[at : at + SECTOR] != expected[at : at + SECTOR]:
            return f"Sector {at // SECTOR} of the disk is not as in {arguments.expect_disk}."
    return None
