#!/usr/bin/env python3
"""What is wrong with a stream is said in QEMU's words: each stream is given to real QEMU 7.2 as well, line for line."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stream import Stream
from tap import Skip, TESTS, equal, main, test
from vm import VM, try_load

TMP = tempfile.mkdtemp(prefix="bad-streams")
QEMU = shutil.which("qemu-system-x86_64")
ARGS = ["-M", "pc-q35-7.2", "-m", "1", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0"]
PORT = "0000:00:01.0/pcie-root-port"


def qemu_is_7_2():
    return QEMU and "version 7.2" in subprocess.run([QEMU, "--version"], capture_output=True, text=True).stdout


with VM("7.2", ARGS) as vm:
    vm.save(os.path.join(TMP, "good"))
GOOD = Stream(open(os.path.join(TMP, "good"), "rb").read())
TIMER, ICH9 = GOOD["timer"], GOOD["0000:00:1f.0/ICH9LPC"]


def put(at, new, old_length=None):
    data = GOOD.data
    return data[:at] + new + data[at + (len(new) if old_length is None else old_length):]


def be32(n): return struct.pack(">I", n)
def be64(n): return struct.pack(">Q", n)


def ram(words):
    """The body of the first PART replaced."""
    part = next(s for s in GOOD.sections if s.kind == "PART")
    return GOOD.data[:part.body] + words + GOOD.data[part.end:]


def ram_list(words):
    start = GOOD["ram"]
    return GOOD.data[:start.body] + words + GOOD.data[start.end:]


def without(section):
    return GOOD.data[:section.start] + GOOD.data[section.end + 5:]


def reversed_sections():
    full = [s for s in GOOD.sections if s.kind == "FULL"]
    blocks = [GOOD.data[s.start:s.end + 5] for s in full]
    return GOOD.data[:full[0].start] + b"".join(reversed(blocks)) + GOOD.data[GOOD.eof:]


machine = GOOD.machine.encode()
name_at = 13
STREAMS = {
    "as it was": GOOD.data,
    "bad magic": put(0, b"X"),
    "version 2": put(4, be32(2)),
    "version 9": put(4, be32(9)),
    "no configuration": put(8, b"\4"),
    "another machine type": put(name_at, b"pc-q35-7.1"),
    "a machine name that is a prefix": put(9, be32(8) + machine[:8], 4 + len(machine)),
    "a machine name that is longer": put(9, be32(len(machine) + 2) + machine + b".1", 4 + len(machine)),
    "unknown element": put(TIMER.start, b"\x11"),
    "unknown section": put(TIMER.start + 6, b"tumer"),
    "unknown instance": put(TIMER.start + 11, be32(7)),
    "section too new": put(TIMER.start + 15, be32(9)),
    "section version 1 of timer": put(TIMER.start + 15, be32(1)),
    "section version 0 of timer": put(TIMER.start + 15, be32(0)),
    "section version -1 of timer": put(TIMER.start + 15, be32(0xFFFFFFFF)),
    "footer missing": put(TIMER.end, b"\x7d"),
    "footer of another": put(TIMER.end + 1, be32(0x1234)),
    "section too short": put(TIMER.end - 4, b"", 4),
    "section missing": without(TIMER),
    "root port missing": without(GOOD[PORT]),
    "sections reversed": reversed_sections(),
    "part of nothing": put(TIMER.start, b"\2" + be32(77)),
    "end of nothing": put(TIMER.start, b"\3" + be32(0xFFFFFFFE)),
    "unknown command": put(TIMER.start, b"\x08\0\x0b\0\0"),
    "ping": put(TIMER.start, b"\x08\0\x02\0\4\0\0\0\1"),
    "ping of the wrong length": put(TIMER.start, b"\x08\0\x02\0\3\0\0\0\1"),
    "return path": put(TIMER.start, b"\x08\0\x01\0\0"),
    "ram version 3": put(GOOD["ram"].body - 4, be32(3)),
    "ram unknown block in list": ram_list(be64(0x1000 | 4) + b"\6pc.rum" + be64(0x1000) + be64(0x10)),
    "ram larger": ram_list(be64(0x200000 | 4) + b"\6pc.ram" + be64(0x200000) + be64(0x10)),
    "ram smaller": ram_list(be64(0x1000 | 4) + b"\6pc.ram" + be64(0x1000) + be64(0x10)),
    "ram rom too large": ram_list(be64(0x400000 | 4) + b"\x14/rom@etc/acpi/tables" + be64(0x400000) + be64(0x10)),
    "ram unknown block": ram(be64(0x08) + b"\6pc.rum" + bytes(4096) + be64(0x10)),
    "ram outside": ram(be64(0x40000008) + b"\6pc.ram" + bytes(4096) + be64(0x10)),
    "ram unknown flags": ram(be64(0x400) + be64(0x10)),
    "ram no flags": ram(be64(0)),
    "ram continue first": ram(be64(0x28) + bytes(4096) + be64(0x10)),
    "ram fill byte": ram(be64(0x02) + b"\6pc.ram\x55" + be64(0x10)),
    "ram xbzrle of another kind": ram(be64(0x40) + b"\6pc.ram\2\0\4\2\2\xaa\xbb" + be64(0x10)),
    "ram xbzrle too long": ram(be64(0x40) + b"\6pc.ram\1\x10\1" + bytes(0x1001) + be64(0x10)),
    "ram xbzrle broken": ram(be64(0x40) + b"\6pc.ram\1\0\4\2\3\xaa\xbb" + be64(0x10)),
    "ram xbzrle": ram(be64(0x40) + b"\6pc.ram\1\0\4\2\2\xaa\xbb" + be64(0x10)),
    "unknown subsection": GOOD.data.replace(b"\x09ich9_pm/tco", b"\x09ich9_pm/tca").replace(b"\x0bich9_pm/tco", b"\x0bich9_pm/tca"),
    "no description": GOOD.data[:GOOD.eof + 1],
    "description cut off": GOOD.data[:GOOD.eof + 30],
    "trailing junk": GOOD.data + b"junk",
    "config device id": put(GOOD[PORT].body + 4 + 2, b"\x0d"),
    "config slot": put(GOOD[PORT].body + 4 + 0x6A, b"\x40"),
    "config revision": put(ICH9.body + 4 + 8, b"\x77"),
    "pci version": put(GOOD[PORT].body, be32(3)),
    "pci version negative": put(GOOD[PORT].body, be32(0xFFFFFFFF)),
    "irq state": put(GOOD[PORT].body + 4 + 4096, be32(2)),
    "aer log max": put(GOOD[PORT].body + 4116 + 2, b"\0\4"),
    "run state": put(GOOD["globalstate"].body + 4, b"nonsense\0\0\0\0"),
    "empty": b"",
}
# At each border of a section of each kind, and a byte to each side.
CUT = [s for s in GOOD.sections if s.idstr in ("ram", PORT, "PCIBUS", "dma", "globalstate")]
BORDERS = sorted({at + d for s in CUT for at in (s.start, s.start + 5, s.body, s.end, s.end + 5) for d in (-1, 0, 1)}
                 | {1, 4, 8, 9, 13, 23})
for at in BORDERS:
    if at < GOOD.eof:
        STREAMS[f"cut at {at:#x}"] = GOOD.data[:at]
TAKEN = ("ram fill byte", "ram xbzrle")
# Where QEMU goes on without a word, and godwit says what it misses; or QEMU prints what godwit has no reason to.
OURS = {
    "ram xbzrle too long": "it reads on into what should be the difference",
    "empty": "it waits for ever",
}


def words(result):
    """Whether it loaded, and QEMU's part of what was said, without the program's name."""
    ok, said = result
    said = re.sub(r"^(QMP: .*?|exit status \d+): ", "", said)
    lines = [re.sub(r"^(godwit-7\.2|qemu-system-x86_64): ", "", line) for line in said.splitlines()]
    end = next((i + 1 for i, line in enumerate(lines) if line.startswith("load of migration failed")), len(lines))
    return ok, [line for line in lines[:end] if line]


def compare(name):
    path = os.path.join(TMP, "stream")
    with open(path, "wb") as f:
        f.write(STREAMS[name])
    ours = words(try_load("7.2", ARGS, path))
    if not qemu_is_7_2():
        raise Skip("there is no QEMU 7.2 to compare with")
    equal(ours, words(try_load(QEMU, ARGS, path)), name)


for name in STREAMS:
    if name not in OURS:
        TESTS.append((f"as QEMU says: {name}", lambda name=name: compare(name)))


@test
def a_refused_stream_leaves_a_machine_that_takes_another():
    path = os.path.join(TMP, "stream")
    with VM("7.2", ARGS, incoming="defer") as vm:
        for name in [n for n in STREAMS if n.startswith(("cut", "ram", "config", "section too")) and n not in TAKEN]:
            with open(path, "wb") as f:
                f.write(STREAMS[name])
            vm.qmp("migrate-incoming", uri=f"exec:cat {path}", exit_on_error=False)
            reply = vm.wait("query-migrate", "status", ("failed", "completed"))
            if reply["status"] == "completed":
                raise AssertionError(f"{name} was taken")
            equal("load of migration failed" in reply["error-desc"], True, reply["error-desc"])
        vm.qmp("migrate-incoming", uri=f"exec:cat {os.path.join(TMP, 'good')}", exit_on_error=False)
        vm.wait("query-migrate", "status", ("completed",))
        equal(vm.qmp("query-status")["status"], "prelaunch")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
