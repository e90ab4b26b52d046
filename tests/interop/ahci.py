#!/usr/bin/env python3
"""The AHCI controller with a disk and a CD-ROM drive beside real QEMU's: after the same commands both have the same bytes in
their sections; what one of them saved the other loads, and saves again unchanged. And random commands are answered alike."""
import os
import random
import shutil
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ahci as A  # noqa: E402
import ahci_trace  # noqa: E402
import peer  # noqa: E402
from stream import Stream  # noqa: E402
from tap import cases, equal, main  # noqa: E402
from vm import VM  # noqa: E402

TMP = tempfile.mkdtemp(prefix="ahci")
SECTION = "0000:00:1f.2/ich9_ahci"
QEMU = "7.2"
MACHINE = ["-M", "pc-q35-7.2"]
SEEDS = range(1, 9) if len(sys.argv) < 2 or not sys.argv[-1].isdigit() else range(100, 100 + int(sys.argv.pop()))
IMAGES = ahci_trace.make_images(TMP)


def software_reset(hba):
    hba.port(0).command(0, fis=bytes([0x27, 0]).ljust(15, b"\0") + b"\x04" + bytes(4), wait=False)


def failures(hba):
    hba.port(0).command(0xff)
    hba.port(0).read_ncq(ahci_trace.SECTORS, 1, slot=2)
    hba.port(2).packet([0x99])


def modes(hba):
    disk = hba.port(0)
    disk.identify()
    disk.command(0xef, count=0x42, features=3)
    disk.command(0xef, features=0x82)
    disk.command(0xc6, count=4)


def message(hba):
    for offset, value in ((0x84, 0x200000), (0x8c, 0x41), (0x80, 0x10000)):
        hba.config_write(offset, value)
    hba.writel(A.GHC, A.GHC_ENABLE | A.GHC_IRQ)
    hba.port(0).writel(A.PIE, 0xffffffff)
    hba.port(0).identify()


def lock(hba):
    hba.port(2).packet([0x1e, 0, 0, 0, 1])
    hba.vm.qmp("blockdev-open-tray", id_="cd")


def other_disc(hba):
    hba.vm.qmp("blockdev-change-medium", id_="cd", filename=IMAGES[2])
    hba.port(2).packet([0] * 12)
    hba.port(2).recover()


STATES = {
    "reset": None,
    "started": lambda hba: None,
    "pio read": lambda hba: hba.port(0).read(5, 3, 0x24),
    "pio write": lambda hba: hba.port(0).write(5, b"x" * 1024, 0x34),
    "dma read": lambda hba: hba.port(0).read(5, 3),
    "dma write": lambda hba: hba.port(0).write(5, b"x" * 1024),
    "queued": lambda hba: (hba.port(0).identify(), hba.port(0).read_ncq(5, 3, slot=7)),
    "packets": lambda hba: (hba.port(2).identify(0xa1), hba.port(2).packet([0x28, 0, 0, 0, 0, 7, 0, 0, 3, 0], 6144),
                            hba.port(2).packet([0x28, 0, 0, 0, 0, 7, 0, 0, 3, 0], 6144, dma=True)),
    "failures": failures,
    "modes": modes,
    "message": message,
    "diagnostic": lambda hba: (hba.port(0).command(0x90, wait=False), hba.port(2).command(8, wait=False)),
    "software reset": software_reset,
    "ejected": lambda hba: hba.vm.qmp("eject", id_="cd", force=True),
    "locked": lock,
    "other disc": other_disc,
}


def machine(who, **kw):
    return VM(who, [*MACHINE, *ahci_trace.arguments(IMAGES)], qtest=True, **kw)


def section(path):
    with open(path, "rb") as f:
        stream = Stream(f.read())
    s = stream[SECTION]
    return stream.data[s.body:s.end].hex()


def save(who, state, path):
    ahci_trace.make_images(TMP)
    with machine(who) as vm:
        if STATES[state]:
            hba = A.AHCI(vm)
            for number in range(3):
                hba.port(number).start()
            STATES[state](hba)
        vm.save(path)
    return section(path)


def load_and_save(who, path):
    again = os.path.join(TMP, "again")
    with machine(who, incoming=f"exec:cat {path}") as vm:
        vm.wait_loaded()
        vm.save(again)
    return section(again)


@cases(*STATES)
def section_is_the_same_and_moves_both_ways(state):
    qemu = peer.qemu(QEMU)
    theirs, mine = os.path.join(TMP, "theirs"), os.path.join(TMP, "mine")
    want = save(qemu, state, theirs)
    equal(save("7.2", state, mine), want)
    equal(load_and_save("7.2", theirs), want, "loaded here")
    if state != "failures":     # QEMU tries what failed once more
        equal(load_and_save(qemu, mine), want, "loaded there")


def random_commands(vm, seed):
    """What is seen after each of some hundred commands that do not depend on the time."""
    rnd = random.Random(seed)
    hba, lines = A.AHCI(vm), []
    ports = [hba.port(0), hba.port(2)]
    for port in ports:
        port.start()
    for _ in range(150):
        port = rnd.choice(ports)
        is_cd = port is ports[1]
        count, lba = rnd.choice((1, 2, 8, 17, 40)), rnd.choice((0, 5, rnd.randrange(9000), 16383))
        if is_cd:
            op = rnd.choice((0x00, 0x03, 0x12, 0x25, 0x28, 0x43, 0x46, 0x4a, 0x51, 0xbd, 0xbe, rnd.randrange(256)))
            packet = bytes([op, rnd.choice((0, 1, 2)), 0, 0, rnd.choice((0, 36, 96)), rnd.randrange(256), rnd.choice((0, 1)), 0,
                            rnd.choice((1, 2, 5)), rnd.choice((0, 0x10, 0x40, 0x80, 0xf8)), 0, 0])
            if op in (0x1b, 0x1e, 0x5a):    # trays have a part of their own; a mode page keeps old bytes in QEMU
                continue
            size, dma = 16384, rnd.random() < 0.5
            kw = dict(command=0xa0, lba=rnd.choice((2048, 512, 100, 0xfffe)) << 8, features=int(dma), device=0xa0, packet=packet,
                      size=size)
        else:
            op = rnd.choice((0x20, 0x24, 0x25, 0x30, 0x34, 0x35, 0x60, 0x61, 0xc4, 0xc5, 0xc8, 0xca, 0x06, 0xec, 0xe7, 0xef, 0xb0,
                             0x40, 0x27, 0xf8, 0xc6, 0x10))
            size = max(count, 1) * 512
            ncq = op in (0x60, 0x61)
            slot = rnd.randrange(32) if ncq else 0
            kw = dict(command=op, lba=lba, count=slot << 3 if ncq else count, features=count if ncq else rnd.choice((0, 1, 2, 0xd0)),
                      device=0x40, size=size, write=op in (0x30, 0x34, 0x35, 0x61, 0xc5, 0xca, 0x06), ncq=ncq, slot=slot)
            port.put(rnd.randbytes(size) if op != 6 else bytes(size))
        port.writel(A.PIS, 0xffffffff)
        try:
            port.command(**kw)
        except TimeoutError:
            lines.append("hangs")
        lines.append((f"{kw['command']:x} {op:x} {lba} {count}", [port.readl(r) for r in (A.PIS, A.TFD, A.SACT, A.CI, A.SERR)],
                      port.count(kw.get("slot", 0)), port.received(0x20, 0x40).hex(), zlib.crc32(port.get(size))))
        if port.readl(A.CI) or port.readl(A.SACT) or port.readl(A.TFD) & 1:
            port.stop()
            port.writel(A.SCTL, 1)
            port.writel(A.SCTL, 0)
            port.start()
    return lines


@cases(*SEEDS)
def random_commands_are_answered_alike(seed):
    said = []
    for who in (peer.qemu(QEMU), "7.2"):
        ahci_trace.make_images(TMP)
        with machine(who) as vm:
            said.append(random_commands(vm, seed))
    for number, (theirs, mine) in enumerate(zip(*said)):
        equal(mine, theirs, f"command {number}")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
