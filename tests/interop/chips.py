#!/usr/bin/env python3
"""Chips beside real QEMU's: the same random accesses to a chip's registers at the same guest time read the same, and leave the same state in
the stream. QEMU's guest, which spins, runs for some milliseconds between; how far its time got is in its stream, and ours is stepped there.
The seeds are fixed; a number as the last argument takes that many others.
"""
import os
import random
import shutil
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer
from stream import Stream
from tap import TESTS, main
from vm import VM

TMP = tempfile.mkdtemp(prefix="chips")
ARGS = ["-M", "pc-q35-7.2", "-m", "16", "-rtc", "base=2021-02-03T04:05:06,clock=vm"]
STEPS, PHASES = 300, 4
BEFORE = int(os.environ.get("BEFORE", 8))


class Ports:
    """Bytes in I/O space; `writes` and `reads` are ports, more often those that are there more often."""

    def __init__(self, sections, writes, reads=None, values=None, setup=()):
        self.sections, self.writes, self.reads = sections, writes, reads or writes
        self.values, self.setup = values or {}, setup

    def steps(self, rnd):
        for port, value in self.setup:
            yield f"outb {port:#x} {value:#x}"
        for _ in range(STEPS):
            if rnd.random() < 0.55:
                port = rnd.choice(self.writes)
                values = self.values.get(port)
                yield f"outb {port:#x} {rnd.choice(values) if values and rnd.random() < 0.8 else rnd.randrange(256):#x}"
            else:
                yield f"inb {rnd.choice(self.reads):#x}"


class Words:
    """32-bit registers in memory at base + one of the offsets."""

    def __init__(self, sections, base, offsets, values=None, mask=0xFFFFFFFF, masks=None):
        self.sections, self.base, self.offsets, self.values, self.mask = sections, base, offsets, values or {}, mask
        self.masks = masks or {}

    def steps(self, rnd):
        for _ in range(STEPS):
            offset = rnd.choice(self.offsets)
            if rnd.random() < 0.55:
                values = self.values.get(offset)
                value = rnd.choice(values) if values else rnd.getrandbits(32) & self.masks.get(offset, self.mask)
                yield f"writel {self.base + offset:#x} {value:#x}"
            else:
                yield f"readl {self.base + offset:#x}"


class RTC(Ports):
    """Its registers by index; dates and alarms are such in binary and in BCD."""

    DATE = {1: (0, 6, 8, 0x30, 0xC0), 3: (5, 6, 0x10, 0xC0), 5: (4, 5, 0xC0), 0: range(0x30), 2: range(0x30), 4: (0, 1, 9, 0x10, 0x12), 6: range(1, 8), 7: (1, 5, 9, 0x10), 8: range(1, 10),
            9: (0, 0x21, 0x59), 0x32: (0x20,), 0x37: (0x20,), 0x0A: (0x26, 0x26, 0x20, 0x76, 0x16),
            0x0B: (0x02, 0x06, 0x82, 0x42, 0x12, 0x22, 0x72, 0x00, 0x04), 0x0C: (0,), 0x0D: (0,)}    # one rate: of a changed one the first interrupt may be due at once, which a stopped guest does not see

    def __init__(self):
        super().__init__({"mc146818rtc"}, ())

    def steps(self, rnd):
        indexes = [*range(0x0E), *range(0x0E), *range(0x0E, 0x80)]
        for _ in range(STEPS // 2):
            index = rnd.choice(indexes)
            yield f"outb 0x70 {index | rnd.choice((0, 0x80)):#x}"
            if rnd.random() < 0.4:
                yield f"outb 0x71 {rnd.choice(self.DATE.get(index) or range(256)):#x}"
            else:
                yield rnd.choice(("inb 0x71", "inb 0x71", "inb 0x70"))


class IOAPIC(Words):
    """By index and window, and its input lines."""

    def __init__(self):
        super().__init__({"ioapic"}, 0, ())

    def steps(self, rnd):
        for _ in range(STEPS // 2):
            r = rnd.random()
            if r < 0.3:
                yield f"set_irq_in /machine/q35/ioapic unnamed-gpio-in {rnd.randrange(3, 24)} {rnd.randrange(2)}"
                continue
            index = rnd.choice((0, 1, 2, 3, *range(0x10, 0x42)))
            yield f"writel 0xfec00000 {index:#x}"
            if r < 0.7:
                yield f"writel 0xfec00010 {rnd.getrandbits(32) & (0x1A7FF if index % 2 == 0 else 0xFFFFFFFF):#x}"
            else:
                yield "readl 0xfec00010"
                yield "readl 0xfec00000"


CHIPS = {
    "i8259": Ports({"i8259"}, [0x20, 0x20, 0x21, 0xA0, 0xA0, 0xA1, 0x4D0, 0x4D1], [0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1],
                   {0x20: [0x11, 0x13, 0x20, 0x60, 0x61, 0x0A, 0x0B, 0x0C, 0x68, 0x48, 0x80, 0xA0, 0xC1, 0xE2],
                    0xA0: [0x11, 0x19, 0x20, 0x60, 0x67, 0x0A, 0x0B, 0x0C, 0x68, 0x48]}),
    "i8254": Ports({"i8254", "pcspk"}, [0x40, 0x41, 0x42, 0x43, 0x43, 0x61], None,
                   {0x43: [0x34, 0x30, 0x36, 0x38, 0x3A, 0x14, 0x24, 0x70, 0x76, 0xB6, 0xB8, 0xBA, 0x00, 0x40, 0x80, 0xC2, 0xE2, 0xD2, 0xCE, 0xEE]}),
    "mc146818rtc": RTC(),
    "i8257": Ports({"dma"}, [*range(0x00, 0x10), *range(0x80, 0x90), *range(0xC0, 0xE0, 2)],
                   [*range(0x00, 0x10), *range(0x80, 0x90), *range(0xC0, 0xE0, 2)]),
    "ioapic": IOAPIC(),
    "hpet": Words({"hpet"}, 0xFED00000, [0, 4, 0x10, 0x14, 0x20, 0xF0, 0xF4, *(0x100 + 0x20 * t + o for t in range(3) for o in range(0, 24, 4))],
                  masks={0x10: 3}),
    "acpi pm": Ports({"0000:00:1f.0/ICH9LPC"}, [*range(0x600, 0x606), *range(0x620, 0x640), 0xB2, 0xB3, *range(0xAE00, 0xAE14)],
                     [*range(0x600, 0x608), *range(0x620, 0x640), 0xB2, 0xB3, *range(0xAE00, 0xAE14)],
                     {0x604: [0, 1], 0x605: [0, 4], 0xB2: [2, 3, 0x55]},
                     setup=[(0xCF8, 0x40), (0xCF9, 0xF8), (0xCFA, 0), (0xCFB, 0x80), (0xCFC, 0x01), (0xCFD, 0x06),
                            (0xCF8, 0x44), (0xCFC, 0x80)]),
    "i8042": Ports({"pckbd", "ps2kbd", "ps2mouse", "port92"}, [0x60, 0x60, 0x64, 0x92], [0x60, 0x64, 0x92],
                   {0x64: [0x20, 0x60, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAD, 0xAE, 0xC0, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xDD, 0xDF, 0xF0],
                    0x60: [0xED, 0xEE, 0xF0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xEB, 0, 1, 2, 3, 0x47],
                    0x92: [0, 2]}),
    "fw_cfg": Ports({"fw_cfg"}, [0x510, 0x511], [0x511, 0x511, 0x511, 0x510], {0x511: [0, 0x40, 0x80]}),
}
# When a periodic comparator is armed anew, some nanoseconds after it fired, is QEMU's host's matter: the low bytes of its timers.
NOISE = {"hpet": {65, 66, 107, 108, 149, 150}}
# Port 0x61's bit 4 toggles with real time.
ALWAYS_SKIPPED = {"i8254": lambda step: step.startswith("inb 0x61")}


def state(vm, name):
    path = os.path.join(TMP, name)
    vm.save(path)
    with open(path, "rb") as f:
        return Stream(f.read())


def advance(ours, theirs):
    """Lets QEMU's guest run, and takes our time to where its time is."""
    theirs.qmp("cont")
    time.sleep(0.005)
    theirs.qmp("stop")
    path = os.path.join(TMP, "now")
    theirs.qmp("xen-save-devices-state", filename=path, live=False)     # without RAM, and the machine may still be saved
    with open(path, "rb") as f:
        data = f.read()
    at = data.index(b"\x05timer") + 6 + 8      # behind its name, instance and version
    now = struct.unpack(">q", data[at + 16:at + 24])[0]
    ours.qmp("stop")
    state(ours, "now")      # what saving does to a chip, it does on both sides
    ours.qmp("cont")
    ours.qtest(f"clock_set {now}")
    return now


def compare(name, seed):
    chip, skipped = CHIPS[name], ALWAYS_SKIPPED.get(name, lambda step: False)
    rnd = random.Random(seed)
    with VM("7.2", ARGS, qtest=True) as ours, VM(peer.qemu("7.2"), [*ARGS, "-bios", SPIN], qtest=True) as theirs:
        ours.qmp("cont")
        for phase in range(PHASES):
            now = advance(ours, theirs) if phase else 0
            done = [f"(phase {phase}, {now} ns)"]
            for step in chip.steps(rnd):
                if skipped(step):
                    continue
                got, want = ours.qtest(step), theirs.qtest(step)
                done.append(step)
                if [int(x, 0) for x in got] != [int(x, 0) for x in want]:
                    raise AssertionError(f"seed {seed}, phase {phase} at {now} ns, step {len(done)}: {step}: {got}, wanted {want}; "
                                         f"before: {done[-BEFORE:-1]}")
        a, b = state(ours, "ours"), state(theirs, "theirs")
        for s in [s for s in b.sections if s.idstr in chip.sections]:
            mine = next(x for x in a.sections if (x.idstr, x.instance, x.kind) == (s.idstr, s.instance, s.kind))
            x, y = a.data[mine.body:mine.end], b.data[s.body:s.end]
            differ = {i: (p, q) for i, (p, q) in enumerate(zip(x, y)) if p != q and i not in NOISE.get(s.idstr, ())}
            if differ or len(x) != len(y):
                raise AssertionError(f"seed {seed}: section {s.idstr}/{s.instance}: {len(x)} bytes, wanted {len(y)}: {differ}; last: {done[-8:]}")


# A firmware that spins: the reset vector jumps to itself, interrupts are off.
SPIN = os.path.join(TMP, "spin.bin")
with open(SPIN, "wb") as f:
    f.write(bytes(0x1FFF0) + b"\xeb\xfe" + bytes(14))
seeds = range(1, 3)
if len(sys.argv) > 1 and sys.argv[-1].isdigit():
    start = random.randrange(1 << 30)
    seeds = range(start, start + int(sys.argv.pop()))
for chip_name in CHIPS:
    for number in seeds:
        TESTS.append((f"{chip_name} as qemu's, {number}", lambda n=chip_name, s=number: compare(n, s)))
try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
