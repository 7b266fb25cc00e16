#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots a kernel like run_qemu.py and sends it NMIs at random moments (U4).

An NMI cannot be masked: it comes in the entry and exit paths too, between SWAPGS and the switch of stacks, where GS or the
stack is still the user's. The kernel must count it and go on, and end well. The seed chooses the pauses between
NMIs; it is printed, but the moments also depend on the host's timing, so a run cannot be repeated exactly.
"""

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import run_qemu

STARTED = "keel: starting"
PAUSE_MAX = 0.002  # seconds


class Injector(threading.Thread):
    """Speaks QMP (QEMU, docs/interop/qmp-spec.txt) with the machine for as long as it lives."""

    def __init__(self, path, seed):
        super().__init__(daemon=True)
        self.path = path
        self.random = random.Random(seed)
        self.started = threading.Event()  # the firmware takes NMIs for fatal errors: they are the kernel's only
        self.sent = 0

    def watch(self, line):
        if STARTED in line:
            self.started.set()

    def run(self):
        try:
            with self.connect() as connection, connection.makefile("rw") as stream:
                stream.readline()  # the greeting
                self.command(stream, "qmp_capabilities")
                self.started.wait()
                while self.command(stream, "inject-nmi"):
                    self.sent += 1
                    time.sleep(self.random.uniform(0, PAUSE_MAX))
        except OSError:
            pass  # the machine has ended

    def connect(self):
        while True:  # until QEMU listens; the thread ends with the process
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.path)
                return connection
            except OSError:
                connection.close()
                time.sleep(0.05)

    @staticmethod
    def command(stream, name):
        stream.write(json.dumps({"execute": name}) + "\n")
        stream.flush()
        for line in stream:
            if "event" not in json.loads(line):
                return True
        return False


def main(argument_list):
    parser = argparse.ArgumentParser(prog="nmi.py", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    arguments, rest = parser.parse_known_args(argument_list)
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="keel-nmi-", dir="/tmp") as folder:
        qmp = os.path.join(folder, "qmp")
        injector = Injector(qmp, arguments.seed)
        injector.start()
        status = run_qemu.main([*rest, "--", "-qmp", f"unix:{qmp},server=on,wait=off"], injector.watch)
    print(f"sent {injector.sent} NMIs")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
