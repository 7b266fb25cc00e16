# SPDX-License-Identifier: BSD-2-Clause
"""The QEMU command line of Keel's default PC, and the search for its firmware."""

import os

import console

# Pairs of firmware code and variables, by distribution; the first complete pair wins.
FIRMWARE = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),  # Debian 12, Ubuntu
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),  # older Debian
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),  # Fedora
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),  # Arch
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),  # openSUSE
    ("/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),  # QEMU from source
]

# The first caches also what is absent, which asks more of Keel; real ones do not.
INTEL_IOMMU, PLAIN_IOMMU, AMD_IOMMU = "intel-iommu,intremap=on,caching-mode=on", "intel-iommu,intremap=on", "amd-iommu,intremap=on"


def find_firmware(environment=os.environ, pairs=None):
    """The paths of OVMF's code and variables. KEEL_OVMF_CODE and KEEL_OVMF_VARS name a pair of one's own."""
    code, variables = environment.get("KEEL_OVMF_CODE"), environment.get("KEEL_OVMF_VARS")
    if code or variables:
        if not (code and variables and os.path.isfile(code) and os.path.isfile(variables)):
            raise console.MachineError("KEEL_OVMF_CODE and KEEL_OVMF_VARS must both name existing files.")
        return code, variables
    for code, variables in FIRMWARE if pairs is None else pairs:
        if os.path.isfile(code) and os.path.isfile(variables):
            return code, variables
    searched = ", ".join(sorted({os.path.dirname(code) for code, _ in FIRMWARE if pairs is None} or
                                {os.path.dirname(code) for code, _ in pairs or []}))
    raise console.MachineError(
        "The UEFI firmware OVMF was not found. Install it (Debian: apt-get install ovmf), or name a pair of "
        f"files with KEEL_OVMF_CODE and KEEL_OVMF_VARS. Searched: {searched}."
    )


def disk_options(path):
    """A virtio disk of this version of the specification, that goes by the addresses which the IOMMU translates."""
    return [
        "-drive", f"if=none,id=keel-disk,format=raw,file={path.replace(',', ',,')}",
        "-device", "virtio-blk-pci,drive=keel-disk,disable-legacy=on,iommu_platform=on",
    ]  # fmt: skip


def virtio_options(port):
    """The other virtio devices (virtio.py), of the same kind. No option ROM: the firmware need not know the network."""
    kind = "disable-legacy=on,iommu_platform=on"
    return [
        "-device", f"virtio-rng-pci,{kind}",
        "-netdev", "user,id=keel-net,restrict=on",
        "-device", f"virtio-net-pci,netdev=keel-net,romfile=,{kind}",
        "-chardev", f"pipe,id=keel-port,path={port.replace(',', ',,')}",
        "-device", f"virtio-serial-pci,{kind}",
        "-device", "virtconsole,chardev=keel-port",
    ]  # fmt: skip


def counter_options(path):
    """A device that takes what a kernel with coverage counters writes at its end (hal/x86_64/coverage/write.c)."""
    if path is None:
        return []
    chardev = f"file,id=keel-counters,path={path.replace(',', ',,')}"
    return ["-chardev", chardev, "-device", "isa-debugcon,iobase=0xe9,chardev=keel-counters"]


def qemu_command(code, variables, esp, debug=False, extra=(), iommu=INTEL_IOMMU, disk=None, port=None):
    """QEMU takes the last of repeated -m, -smp and -cpu, so the user's options come last and win."""
    return [
        "qemu-system-x86_64",
        "-machine", "q35",
        "-cpu", "max",
        "-smp", "2",
        "-m", "512M",
        *(["-device", iommu] if iommu else []),
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
        "-drive", f"if=pflash,format=raw,readonly=on,file={code}",
        "-drive", f"if=pflash,format=raw,file={variables}",
        "-drive", f"format=raw,file=fat:rw:{esp}",
        *(disk_options(disk) if disk else []),
        *(virtio_options(port) if port else []),
        "-net", "none",
        "-display", "none",
        "-serial", "stdio",
        "-no-reboot",
        *(["-s", "-S"] if debug else []),
        *extra,
    ]  # fmt: skip
