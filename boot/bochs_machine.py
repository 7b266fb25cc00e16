# SPDX-License-Identifier: BSD-2-Clause
"""Bochs as a machine: an emulator that shares no code with QEMU, its configuration, and a disk with the EFI system partition."""

import os
import subprocess

import acpi_tables
import console

# The whole firmware in one file of 2 MiB, which ends at 4 GiB.
FIRMWARE = [
    "/usr/share/ovmf/OVMF.fd",  # Debian 12, Ubuntu
    "/usr/share/edk2/ovmf/OVMF.fd",  # Fedora
]
FIRMWARE_SIZE = 2 << 20
VGA_BIOS = ["/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/vgabios/vgabios.bin"]
SECTOR, SECTORS, HEADS = 512, 63, 16
CYLINDER = SECTOR * SECTORS * HEADS
DISK_ROOM = 4 << 20  # beside the files: tables of the file system, and what FAT rounds up
# Time is counted in instructions. The fewer there are in a second, the sooner waiting ends.
INSTRUCTIONS_A_SECOND = 10_000_000


def find(paths, what, environment_name, package):
    own = os.environ.get(environment_name)
    for path in [own] if own else paths:
        if os.path.isfile(path):
            return path
    raise console.MachineError(
        f"{what} was not found. Install it (Debian: apt-get install {package}), or name a file with {environment_name}."
    )


def find_firmware():
    path = find(FIRMWARE, "The UEFI firmware OVMF, for Bochs,", "KEEL_BOCHS_OVMF", "ovmf")
    if os.path.getsize(path) != FIRMWARE_SIZE:
        raise console.MachineError(f"The firmware {path} has not {FIRMWARE_SIZE} bytes.")
    return path


def tool(command):
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError as error:
        raise console.MachineError(f"{command[0]} was not found. Install it (Debian: apt-get install mtools).") from error
    if result.returncode != 0:
        raise console.MachineError(f"{' '.join(command)} failed: {result.stdout.strip()}")


def make_disk(path, esp):
    """A disk with the folder as its FAT file system; answers how many cylinders it has."""
    size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(esp) for name in names)
    cylinders = (size + DISK_ROOM) // CYLINDER + 1
    tool(["mformat", "-C", "-t", str(cylinders), "-h", str(HEADS), "-s", str(SECTORS), "-i", path, "::"])
    tool(["mcopy", "-s", "-i", path, *(os.path.join(esp, name) for name in sorted(os.listdir(esp))), "::"])
    return cylinders


def prepare_firmware(esp, loader_path, cpus, x2apic):
    """Adds to the partition what boot/firmware wants, which stands in the loader's place."""
    keel = os.path.join(esp, "keel")
    with open(os.path.join(keel, "acpi.bin"), "wb") as file:
        file.write(acpi_tables.build(cpus))
    with open(loader_path, "rb") as source, open(os.path.join(keel, "loader.efi"), "wb") as file:
        file.write(source.read())
    if x2apic:
        with open(os.path.join(keel, "x2apic"), "wb"):
            pass


def configuration(folder, cylinders, arguments):
    """The lines of bochsrc. Whatever Bochs itself panics of ends the run."""
    return f"""\
display_library: term
romimage: file={find_firmware()}, address=0x{(1 << 32) - FIRMWARE_SIZE:x}
vgaromimage: file={find(VGA_BIOS, "A VGA BIOS", "KEEL_BOCHS_VGA_BIOS", "seabios")}
megs: {arguments.memory}
cpu: model={arguments.cpu}, count={arguments.cpus}, quantum=32, ips={INSTRUCTIONS_A_SECOND}, reset_on_triple_fault=0
pci: enabled=1, chipset=i440fx
ata0: enabled=1
ata0-master: type=disk, path={os.path.join(folder, "disk.img")}, mode=flat, cylinders={cylinders}, heads={HEADS}, spt={SECTORS}
com1: enabled=1, mode=file, dev=/dev/fd/3
clock: sync=none
log: {os.path.join(folder, "bochs.log")}
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""


def command(folder):
    """Bochs with the console alone on its output; what it says of itself goes to a file. Debian's is built with a debugger,
    which is told to let the machine run."""
    with open(os.path.join(folder, "debugger"), "w", encoding="ascii") as file:
        file.write("continue\n")
    script = 'exec 3>&1 >"$0/bochs.out" 2>&1; export TERM=xterm; exec bochs -q -rc "$0/debugger" -f "$0/bochsrc"'
    return ["sh", "-c", script, folder]
