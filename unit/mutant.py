# SPDX-License-Identifier: BSD-2-Clause
"""What a deliberate bug is (mutants.py)."""
from typing import NamedTuple


class Mutant(NamedTuple):
    """A deliberate bug."""
    id: str
    invariant: str
    file: str
    text: str
    replacement: str
    tests: tuple  # what must catch it, in the order to try: a program, or PROGRAM:TEST where that saves much time
    stores: int = 0  # that each CPU keeps back: what only other orders than sequential consistency show

    def programs(self):
        return tuple(name.split(":")[0] for name in self.tests)
