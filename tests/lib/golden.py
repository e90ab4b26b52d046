"""godwit's own streams as they were when they were looked at last: tests/data/golden.tar.xz holds, for each release and each
machine type that it knows, the stream of one fixed machine, RELEASE/MACHINE. scripts/write-golden makes them anew.

Two processors, two root ports, one with a disk whose guest's driver has read from it, a random number generator; clocks
stand still, and what is read from the host (date, firmware) is given.
"""
import io
import os
import re
import tarfile

from pci import PCI
from virtio import Block, F_RING_INDIRECT, F_VERSION_1
from vm import RELEASES, VM, run
from stream import Stream

ARCHIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "golden.tar.xz")
NAME = "golden"


def machine_types(release):
    return re.findall(r"^(pc-q35-[\d.]+) ", run(release, "-M", "help")[1], re.M)


def all_names():
    return [f"{release}/{machine}" for release in RELEASES for machine in machine_types(release)]


def arguments(machine, folder):
    """The fixed machine; `folder` gets the firmware, which is blank."""
    firmware = os.path.join(folder, "firmware")
    with open(firmware, "wb") as f:
        f.truncate(65536)
    return ["-M", machine, "-m", "2", "-smp", "2", "-uuid", "188d32e0-1459-496f-b901-f9ca59772764",
            "-rtc", "base=2023-04-20T12:00:00,clock=vm", "-bios", firmware, "-L", folder,
            "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0", "-device", "pcie-root-port,id=rp1,chassis=2,addr=2.0",
            "-blockdev", "driver=null-co,node-name=d0,size=1048576,read-zeroes=on",
            "-device", "virtio-blk-pci,id=blk0,drive=d0,bus=rp0", "-device", "virtio-rng-pci,id=rng0,addr=3.0"]


def drive(vm):
    """What the guest does."""
    disk = next(f for f in list(PCI(vm).scan()) if f.id in ((0x1af4, 0x1042), (0x1af4, 0x1001)))
    if not disk.bars:
        disk.map_bars()
    block = Block(disk, 1 << F_VERSION_1 | 1 << F_RING_INDIRECT)
    for sector in range(3):
        if block.read(sector, 512) != bytes(512):
            raise AssertionError("the disk does not read as zeroes")


def make(name, folder):
    """The stream that the binary of today writes."""
    release, machine = name.split("/")
    path = os.path.join(folder, NAME)
    with VM(release, arguments(machine, folder), qtest=True) as vm:
        drive(vm)
        vm.save(path)
    with open(path, "rb") as f:
        return f.read()


def read_archive():
    """{name: bytes}"""
    with tarfile.open(ARCHIVE) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def write_archive(streams):
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as tar:
        for name, data in streams.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def borders(stream):
    """Where an element of the stream begins or ends, and its parts."""
    return sorted({at for s in stream.sections for at in (s.start, s.start + 1, s.start + 5, s.body, s.end, s.end + 5)}
                  | {4, 8, 9, stream.eof, stream.eof + 1})


def difference(name, want, got):
    """Where and how two streams first differ, in words; None if they are the same."""
    if want == got:
        return None
    old, new = Stream(want), Stream(got)
    was, is_ = ([(s.kind, s.idstr, s.instance, s.version) for s in s.sections] for s in (old, new))
    if was != is_:
        gone, come = [s for s in was if s not in is_], [s for s in is_ if s not in was]
        return f"{name}: sections gone {gone}, come {come}" if gone or come else f"{name}: the sections' order is another"
    for a, b in zip(old.sections, new.sections):
        x, y = want[a.start:a.end + 5], got[b.start:b.end + 5]
        if x != y:
            at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            return (f"{name}: {a.kind} {a.idstr} differs at {at - (a.body - a.start):#x} of its body: {x[at:at + 8].hex()} was, "
                    f"{y[at:at + 8].hex()} is; {len(x)} and {len(y)} bytes")
    for part, x, y in (("the header", want[:old.sections[0].start], got[:new.sections[0].start]),
                       ("the description", want[old.eof:], got[new.eof:])):
        if x != y:
            at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            return f"{name}: {part} differs at {at}: {x[max(at - 60, 0):at + 60]!r} was, {y[max(at - 60, 0):at + 60]!r} is"
    return f"{name}: differs"
