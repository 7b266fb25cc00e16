#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_initrd.py OUTPUT FILE...: packs files into a newc cpio archive, each under its base name.

The same files give the same bytes: the archive holds no time, owner, or inode number of the host
(format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import os
import sys

HEADER_FIELDS = 13
TRAILER = "TRAILER!!!"


def entry(inode, mode, name, data):
    """One archive member: magic and 13 fields of 8 hex digits, name and data each padded to 4 bytes."""
    name_bytes = name.encode("ascii") + b"\0"
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name_bytes), 0]
    assert len(fields) == HEADER_FIELDS
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name_bytes
    return pad(header) + pad(data)


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def make_initrd(paths):
    """The archive's bytes. Raises ValueError with a sentence for the user."""
    names = [os.path.basename(path) for path in paths]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"Two programs are called {name}; rename one of them.")
        if not name.isascii():
            raise ValueError(f"The name {name!r} has characters outside ASCII; rename the file.")
    archive = b""
    for index, (path, name) in enumerate(zip(paths, names)):
        try:
            with open(path, "rb") as file:
                archive += entry(index + 1, 0o100755, name, file.read())
        except OSError as error:
            raise ValueError(f"Cannot read the program {path}: {error.strerror}.") from error
    return archive + entry(0, 0, TRAILER, b"")


def main(arguments):
    if len(arguments) < 1:
        print("usage: make_initrd.py OUTPUT FILE...", file=sys.stderr)
        return 2
    try:
        archive = make_initrd(arguments[1:])
    except ValueError as error:
        print(f"make_initrd.py: {error}", file=sys.stderr)
        return 1
    with open(arguments[0], "wb") as file:
        file.write(archive)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
