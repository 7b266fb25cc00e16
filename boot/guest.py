# SPDX-License-Identifier: BSD-2-Clause
"""What the real machines have in common, whoever emulates them: the EFI system partition, and the last words of a guest."""

import os
import re
import shutil

# The loader speaks only when it gives up; the firmware would then wait for a key for ever.
LOADER = re.compile(r"^keel loader: (.*)")
POWER_OFF = re.compile(r"^keel: (power off|restart), status (-?\d+)$")


def add_options(parser):
    parser.add_argument("--kernel", required=True, help="the kernel ELF file; a missing one is left out of the ESP")
    parser.add_argument("--loader", required=True, help="BOOTX64.EFI")
    parser.add_argument("--timeout", type=float, help="seconds after which the guest counts as hung (it fails)")


def make_esp(folder, loader, kernel, initrd, command_line):
    """The EFI system partition as a folder, from which the firmware starts the loader. No kernel: None."""
    esp = os.path.join(folder, "esp")
    os.makedirs(os.path.join(esp, "EFI", "BOOT"))
    os.makedirs(os.path.join(esp, "keel"))
    shutil.copyfile(loader, os.path.join(esp, "EFI", "BOOT", "BOOTX64.EFI"))
    if kernel:
        shutil.copyfile(kernel, os.path.join(esp, "keel", "kernel.elf"))
    shutil.copyfile(initrd, os.path.join(esp, "keel", "initrd.cpio"))
    with open(os.path.join(esp, "keel", "cmdline.txt"), "w", encoding="utf-8") as file:
        file.write(command_line.rstrip() + "\n")
    return esp


def judge_power_off(guest):
    """Why the last word of a guest that switched itself off is not that all is well, or None."""
    said = guest.last_matching(POWER_OFF)
    if not said:
        return "The machine reset without a word."
    if said.group(1) == "power off" and int(said.group(2)) == 0:
        return None
    return f"The kernel ended with {said.group(0)[6:]}."
