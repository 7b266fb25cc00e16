#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the initrd maker, the transcript, the firmware search and the judgement of a run."""

import contextlib
import io
import os
import re
import signal
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import acpi_tables
import bochs_machine
import console
import disk
import make_initrd
import qemu_machine
import run_bochs
import run_hosted
import run_linux
import run_qemu
import transcript
import virtio


def ended(status, lines=(), timed_out=False, matched=False):
    """A run that has ended, without having run."""
    result = console.Console(["none"], timeout=5)
    result.status, result.lines = status, list(lines)
    result.timed_out, result.matched = timed_out, matched
    return result


class Transcript(unittest.TestCase):
    def test_cleans_lines(self):
        self.assertEqual(transcript.clean_line(b"\x1b[2J\x1b[01;01Hhello| Hi\r"), "hello| Hi")
        self.assertEqual(transcript.clean_line(b"\x1b[=3hBdsDxe: \x00load\xff"), "BdsDxe: load\ufffd")

    def test_groups_by_name_and_keeps_order(self):
        lines = ["b| 1", "[0.1 0 info] log", "a| 2", "b| 0", "a| 1", "no bar", " c| no", "d|x"]
        self.assertEqual(transcript.transcript(lines), ["a| 2", "a| 1", "b| 1", "b| 0"])

    def test_same_for_every_interleaving_of_programs(self):
        first = ["a| 1", "b| 1", "a| 2", "b| 2"]
        second = ["b| 1", "b| 2", "a| 1", "a| 2"]
        self.assertEqual(transcript.transcript(first), transcript.transcript(second))

    def test_difference(self):
        self.assertEqual(transcript.difference(["a| 1"], ["a| 1"], "x", "y"), "")
        self.assertIn("-a| 1", transcript.difference(["a| 1"], [], "x", "y"))


class Initrd(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_format(self):
        archive = make_initrd.make_initrd([self.file("abc", b"12345")])
        self.assertEqual(archive[:14], b"07070100000001")
        self.assertEqual(int(archive[54:62], 16), 5)  # file size
        self.assertEqual(int(archive[94:102], 16), 4)  # name size with its terminator
        self.assertEqual(archive[110:116], b"abc\0\0\0")  # padded: 110 + 4 is no multiple of 4
        self.assertEqual(archive[116:124], b"12345\0\0\0")
        self.assertEqual(archive[124:130], b"070701")
        self.assertIn(b"TRAILER!!!\0", archive)
        self.assertEqual(len(archive) % 4, 0)

    def test_same_bytes_whatever_the_file_times(self):
        path = self.file("abc", b"x")
        first = make_initrd.make_initrd([path])
        os.utime(path, (1, 1))
        self.assertEqual(make_initrd.make_initrd([path]), first)

    def test_refuses_equal_names_and_missing_files(self):
        one, two = self.file("a/x", b""), self.file("b/x", b"")
        with self.assertRaisesRegex(ValueError, "called x"):
            make_initrd.make_initrd([one, two])
        with self.assertRaisesRegex(ValueError, "Cannot read the program .*none"):
            make_initrd.make_initrd([os.path.join(self.folder, "none")])


class Machine(unittest.TestCase):
    def test_missing_firmware_names_package_and_places(self):
        with self.assertRaisesRegex(console.MachineError, "install ovmf.*Searched: /nowhere"):
            qemu_machine.find_firmware({}, [("/nowhere/code.fd", "/nowhere/vars.fd")])

    def test_own_firmware_needs_both_files(self):
        with self.assertRaisesRegex(console.MachineError, "must both name"):
            qemu_machine.find_firmware({"KEEL_OVMF_CODE": "/bin/sh"})
        pair = {"KEEL_OVMF_CODE": "/bin/sh", "KEEL_OVMF_VARS": "/bin/ls"}
        self.assertEqual(qemu_machine.find_firmware(pair), ("/bin/sh", "/bin/ls"))

    def test_user_options_come_last(self):
        command = qemu_machine.qemu_command("c", "v", "e", extra=["-m", "4G"])
        self.assertEqual(command[-2:], ["-m", "4G"])
        self.assertLess(command.index("512M"), len(command) - 2)

    def test_iommu_is_there_unless_unwanted(self):
        def has_iommu(**named):
            return any("intel-iommu" in word for word in qemu_machine.qemu_command("c", "v", "e", **named))

        self.assertTrue(has_iommu())
        self.assertFalse(has_iommu(iommu=None))
        self.assertFalse(has_iommu(iommu=qemu_machine.AMD_IOMMU))

    def test_counters_have_a_console_only_where_they_are_wanted(self):
        self.assertEqual(qemu_machine.counter_options(None), [])
        self.assertIn("file,id=keel-counters,path=/a,,b", qemu_machine.counter_options("/a,b"))

    def test_disk_goes_by_translated_addresses(self):
        command = qemu_machine.qemu_command("c", "v", "e", disk="/a,b")
        self.assertIn("if=none,id=keel-disk,format=raw,file=/a,,b", command)
        self.assertTrue(any("iommu_platform=on" in word for word in command))
        self.assertFalse(any("keel-disk" in word for word in qemu_machine.qemu_command("c", "v", "e")))


class Disk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def parse(self, *arguments):
        return run_hosted.parse(["--kernel", "k", "--initrd", "i", *arguments])

    def test_fresh_disk_is_a_copy(self):
        path = self.file("image", bytes(1024))
        arguments = self.parse("--fresh-disk", path, "--expect-disk", path)
        self.assertIsNone(disk.problem(arguments))
        copy = disk.prepare(arguments, self.folder)
        self.assertNotEqual(copy, path)
        self.assertIsNone(disk.judge(arguments, copy))
        with open(copy, "r+b") as file:
            file.seek(600)
            file.write(b"x")
        self.assertEqual(disk.judge(arguments, copy), f"Sector 1 of the disk is not as in {path}.")
        self.assertIsNone(disk.judge(arguments, path))

    def test_own_disk_is_used_itself(self):
        path = self.file("image", bytes(512))
        self.assertEqual(disk.prepare(self.parse("--disk", path), self.folder), path)
        self.assertIn(path, run_hosted.machine_command(self.parse("--disk", path), path))
        self.assertIsNone(disk.prepare(self.parse(), self.folder))
        self.assertNotIn("--disk", run_hosted.machine_command(self.parse()))

    def test_refuses_what_is_no_disk(self):
        for size in (0, 511, 513):
            arguments = self.parse("--disk", self.file("image", bytes(size)))
            self.assertIn("whole sectors", disk.problem(arguments))
        self.assertIn("cannot be written", disk.problem(self.parse("--disk", "/none")))
        self.assertIn("cannot be read", disk.problem(self.parse("--fresh-disk", "/none")))

    def test_longer_and_shorter_disks_differ(self):
        path = self.file("expected", bytes(1024))
        arguments = self.parse("--expect-disk", path)
        for size in (512, 1536):
            self.assertIn("Sector", disk.judge(arguments, self.file("found", bytes(size))))


class Virtio(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.typed = os.path.join(self.folder, "typed")
        with open(self.typed, "wb") as file:
            file.write(b"line")

    def parse(self, *arguments):
        return run_hosted.parse(["--kernel", "k", "--initrd", "i", *arguments])

    def test_console_has_two_ends(self):
        arguments = self.parse("--virtio-input", self.typed, "--expect-virtio", self.typed)
        self.assertIsNone(virtio.problem(arguments))
        port = virtio.prepare(arguments, self.folder)
        self.assertIn(port + ".in", run_hosted.machine_command(arguments, None, port))
        self.assertIn("printed b'', not b'line'", virtio.judge(arguments, port))
        with open(port + ".out", "wb") as file:
            file.write(b"line")
        self.assertIsNone(virtio.judge(arguments, port))

    def test_none_unless_wanted(self):
        arguments = self.parse()
        self.assertIsNone(virtio.problem(arguments))
        self.assertIsNone(virtio.prepare(arguments, self.folder))
        self.assertIsNone(virtio.judge(arguments, None))
        self.assertNotIn("--virtio", run_hosted.machine_command(arguments))

    def test_refuses_what_cannot_be_read(self):
        self.assertIn("cannot be read", virtio.problem(self.parse("--virtio-input", "/none")))
        self.assertIn("no console", virtio.problem(self.parse("--expect-virtio", self.typed)))

    def test_devices_go_by_translated_addresses(self):
        devices = [word for word in qemu_machine.virtio_options("/a,b") if word.startswith("virtio-")]
        self.assertEqual(len(devices), 3)
        self.assertTrue(all("iommu_platform=on" in word for word in devices))
        self.assertIn("pipe,id=keel-port,path=/a,,b", qemu_machine.virtio_options("/a,b"))


class Judgement(unittest.TestCase):
    def judge(self, *arguments, refusal=None, **named):
        return run_qemu.judge(ended(*arguments, **named), refusal)

    def test_lines_that_must_be_said(self):
        well = ended(run_qemu.EXIT_WELL, ["cpu 0: WP NX"])
        self.assertIsNone(run_qemu.judge(well, says=["^cpu 0: WP"]))
        self.assertIn("matches: SMEP", run_qemu.judge(well, says=["SMEP"]))

    def test_panic_that_must_come(self):
        panicked = ended(run_qemu.EXIT_PANIC, ["keel: panic: overflow in deep"])
        self.assertIsNone(run_qemu.judge(panicked, panic=True, says=["overflow in deep"]))
        self.assertIn("No line", run_qemu.judge(panicked, panic=True, says=["overflow in wide"]))
        for status in (run_qemu.EXIT_WELL, run_qemu.EXIT_STATUS, 1):
            self.assertIn("did not panic", run_qemu.judge(ended(status, ["overflow in deep"]), panic=True))

    def test_hosted_panic(self):
        arguments = run_hosted.parse(["--kernel", "k", "--initrd", "i", "--panic", "--says", "deep"])
        self.assertIsNone(run_hosted.judge(ended(1, ["overflow in deep", "keel: panic"]), arguments))
        self.assertIn("did not panic", run_hosted.judge(ended(1, ["overflow in deep"]), arguments))
        self.assertIn("did not panic", run_hosted.judge(ended(0, ["overflow in deep"]), arguments))
        self.assertIn("hangs", run_hosted.judge(ended(None, timed_out=True), arguments))

    def test_success_only_when_the_guest_says_so(self):
        self.assertIsNone(self.judge(run_qemu.EXIT_WELL))
        self.assertIsNone(self.judge(0, ["keel: power off, status 0"]))

    def test_failures(self):
        self.assertIn("status 7", self.judge(run_qemu.EXIT_STATUS, ["keel: power off, status 7"]))
        self.assertIn("panicked", self.judge(run_qemu.EXIT_PANIC))
        self.assertIn("status 3", self.judge(0, ["keel: power off, status 3"]))
        self.assertIn("restart", self.judge(0, ["keel: restart, status 0"]))
        self.assertIn("reset", self.judge(0, ["x| keel: power off, status 0"]))
        self.assertIn("QEMU ended with status 1", self.judge(1))
        self.assertIn("hangs", self.judge(None, timed_out=True))

    def test_the_loader_giving_up_is_a_failure(self):
        self.assertIn("no kernel", self.judge(None, ["keel loader: no kernel"], matched=True))

    def test_refusal_must_be_seen(self):
        said = ["keel loader: no kernel"]
        self.assertIsNone(self.judge(None, said, matched=True, refusal="no kernel"))
        self.assertIn("No line", self.judge(None, said, matched=True, refusal="truncated"))
        self.assertIn("No line", self.judge(run_qemu.EXIT_WELL, refusal="no kernel"))


class Bochs(unittest.TestCase):
    OFF = f"{run_bochs.SWITCHED_OFF}\n"

    def judge(self, lines, log=OFF, matched=False, timed_out=False, **named):
        return run_bochs.judge(ended(1, lines, timed_out, matched), log, **named)

    def test_success_only_when_the_guest_says_so(self):
        well = ["keel: power off, status 0"]
        self.assertIsNone(self.judge(well))
        self.assertIsNone(self.judge(["SMAP", *well], says=["SMAP"]))
        self.assertIn("No line", self.judge(well, says=["SMAP"]))
        self.assertIn("status 7", self.judge(["keel: power off, status 7"]))
        self.assertIn("restart", self.judge(["keel: restart, status 0"]))
        self.assertIn("without a word", self.judge(["x| keel: power off, status 0"]))

    def test_the_machine_must_be_switched_off(self):
        well = ["keel: power off, status 0"]
        self.assertIn("3rd exception", self.judge(well, "e[CPU0  ] 3rd exception\n"))
        self.assertIn("did not switch", self.judge(well, "", matched=True))
        self.assertIn("hangs", self.judge(well, "", timed_out=True))
        stays = "keel: this machine does not switch itself off; switch it off by hand"
        self.assertTrue(run_bochs.END.search(stays))

    def test_panic(self):
        lines = ["keel: panic: overflow in deep", "keel: panic"]
        self.assertIn("panicked", self.judge([*lines, "keel: power off, status 0"]))
        self.assertIsNone(self.judge(lines, panic=True, says=["overflow in deep"]))
        self.assertIn("did not panic", self.judge(["keel: power off, status 0"], panic=True))
        self.assertIn("by itself", self.judge(lines, "", panic=True))
        self.assertIn("no kernel", self.judge(["keel loader: no kernel"], "", matched=True))

    def test_what_it_does_not_like_is_told(self):
        line = "00000000000p[      ] >>PANIC<< bochsrc:5: cpu directive malformed."
        self.assertEqual(run_bochs.complaints(f"Bochs x86 Emulator 2.7\n{line}\n"), [line])

    def test_missing_file_names_package_and_variable(self):
        with self.assertRaisesRegex(console.MachineError, "install seabios.*with KEEL_NONE"):
            bochs_machine.find(["/nowhere/bios"], "A VGA BIOS", "KEEL_NONE", "seabios")


class AcpiTables(unittest.TestCase):
    """What is built for Bochs, read again by the rules of ACPI."""

    def setUp(self):
        self.base = acpi_tables.BASE
        self.memory = acpi_tables.build(3)

    def at(self, address, form):
        return struct.unpack_from(form, self.memory, address - self.base)

    def table(self, address, signature):
        found, length = self.at(address, "<4sI")
        start = address - self.base
        self.assertEqual(found, signature)
        self.assertEqual(sum(self.memory[start : start + length]) & 0xFF, 0)
        return self.memory[start : start + length]

    def tables(self):
        xsdt = self.table(self.at(self.base + 24, "<Q")[0], b"XSDT")
        addresses = struct.unpack_from("<3Q", xsdt, 36)
        return [self.table(at, name) for at, name in zip(addresses, (b"FACP", b"APIC", b"HPET"))]

    def test_root_pointer(self):
        self.assertEqual(self.memory[:8], b"RSD PTR ")
        self.assertEqual(sum(self.memory[:20]) & 0xFF, 0)
        self.assertEqual(sum(self.memory[:36]) & 0xFF, 0)

    def test_machine_switches_off(self):
        fadt = self.tables()[0]
        self.assertEqual(len(fadt), 244)
        self.assertIn(b"\x08_S5_\x12", self.table(struct.unpack_from("<Q", fadt, 140)[0], b"DSDT"))
        self.assertEqual(struct.unpack_from("<I", fadt, 64)[0], 0xB004)

    def test_each_cpu_is_listed_once(self):
        madt, cpus, io_apics, at = self.tables()[1], [], [], 44
        while at < len(madt):
            if madt[at] == 0:
                cpus.append(madt[at + 3])
            elif madt[at] == 1:
                io_apics.append(madt[at + 2])
            at += madt[at + 1]
        self.assertEqual((cpus, io_apics, at), ([0, 1, 2], [3], len(madt)))

    def test_hpet(self):
        hpet = self.tables()[2]
        self.assertEqual((len(hpet), struct.unpack_from("<Q", hpet, 44)[0]), (56, 0xFED00000))


class OnLinux(unittest.TestCase):
    def run_linux(self, expected, program):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "transcript")
            transcript.write(path, expected)
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                return run_linux.main(["--expect", path, program])

    def test_other_names_do_not_count(self):
        expected = ["kernel| all is well", "true| [exited with status 0]", "true.1| a child"]
        self.assertEqual(self.run_linux(expected, "/bin/true"), 0)

    def test_differences_count(self):
        self.assertEqual(self.run_linux(["false| [exited with status 1]"], "/bin/false"), 0)
        self.assertEqual(self.run_linux(["false| [exited with status 0]"], "/bin/false"), 1)
        self.assertEqual(self.run_linux(["true| text", "true| [exited with status 0]"], "/bin/true"), 1)
        self.assertEqual(self.run_linux([], "/bin/true"), 1)


class FollowConsole(unittest.TestCase):
    def follow(self, script, **named):
        result = console.Console([sys.executable, "-c", script], **named)
        with contextlib.redirect_stdout(io.StringIO()):
            result.run()
        return result

    def test_lines_and_status(self):
        result = self.follow("print('a\\r\\nb'); raise SystemExit(33)")
        self.assertEqual((result.lines, result.status), (["a", "b"], 33))

    def test_hang_is_a_failure(self):
        result = self.follow("import time; print('x', flush=True); time.sleep(60)", timeout=0.5)
        self.assertTrue(result.timed_out)
        self.assertIsNone(result.status)

    def test_stops_at_the_expected_line(self):
        script = "import time; print('go\\nno kernel', flush=True); time.sleep(60)"
        result = self.follow(script, timeout=30, until=re.compile("no kernel"))
        self.assertTrue(result.matched)


class Start(unittest.TestCase):
    def setUp(self):
        self.folders = []

    def tearDown(self):
        self.assertFalse(any(os.path.exists(folder) for folder in self.folders))

    def start(self, run, problem=None):
        """The status, what was said, and how often it ran."""
        said = io.StringIO()

        def in_folder(folder):
            self.folders.append(folder)
            return run()

        with contextlib.redirect_stderr(said):
            status = console.start(problem, "keel-test-", in_folder)
        return status, said.getvalue(), len(self.folders)

    @staticmethod
    def raiser(error):
        def run():
            raise error

        return run

    def test_a_run_says_how_it_ended(self):
        self.assertEqual(self.start(lambda: 1), (1, "", 1))

    def test_what_keeps_it_from_starting_is_told(self):
        self.assertEqual(self.start(lambda: 0, "No disk."), (2, "FAILED: No disk.\n", 0))
        self.assertEqual(self.start(self.raiser(console.MachineError("No BIOS."))), (2, "FAILED: No BIOS.\n", 1))

    def test_interrupted(self):
        self.assertEqual(self.start(self.raiser(KeyboardInterrupt())), (130, "interrupted\n", 1))

    def test_told_to_end(self):
        with self.assertRaises(SystemExit) as ended_by:
            self.start(lambda: os.kill(os.getpid(), signal.SIGTERM))
        self.assertEqual(ended_by.exception.code, 143)


if __name__ == "__main__":
    unittest.main()
