#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_names.py NM CLIENT_OBJECT... -- ARCHIVE...: proves that a client defines no name that a library of Keel's defines.
The linker would take the client's and say nothing, and core would call that function, or write to that variable."""

import sys

from check_symbols import defined


def main(arguments):
    nm, *rest = arguments
    split = rest.index("--")
    objects, archives = rest[:split], rest[split + 1 :]
    # The compiler's own names, of sanitizers and counters, are in every file.
    taken = {name for name in defined([nm, "-g", "--defined-only", *archives]) if not name.startswith("__")}
    clashes = sorted(defined([nm, "-g", "--defined-only", *objects]) & taken)
    for name in clashes:
        print(f"names: {name} is also a name of Keel's; make it static, or give it another one")
    return 1 if clashes or not taken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
