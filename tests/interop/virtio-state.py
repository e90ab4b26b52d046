#!/usr/bin/env python3
"""The state of a virtio disk in the stream, after a guest's driver did the same on both sides: godwit's section is
QEMU's, byte for byte, and QEMU takes a godwit machine and says the same of it."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from pci import PCI  # noqa: E402
from tap import Skip, cases, equal, main  # noqa: E402
from virtio import Block, Device  # noqa: E402
from vm import VM  # noqa: E402

GODWIT, QEMU, MACHINE = "7.2", "qemu-system-x86_64", "pc-q35-7.2"
V1, EVENT_IDX, INDIRECT, PACKED = 1 << 32, 1 << 29, 1 << 28, 1 << 34
folder = tempfile.TemporaryDirectory(prefix="godwit-virtio")


def options(where, props):
    return ["-M", MACHINE, "-m", "64", "-device", "pcie-root-port,id=rp0,addr=1.0,slot=1,chassis=1",
            "-drive", "if=none,id=d0,driver=null-co,size=64M,read-zeroes=on",
            "-device", f"virtio-blk-pci,id=b,drive=d0,{where}{props}"]


def disk(vm):
    function = next(f for f in list(PCI(vm).scan()) if f.id[0] == 0x1af4)
    if not function.bars:
        function.map_bars()
    return function


def nothing(vm): pass


def no_bus_mastering(vm):
    disk(vm).w16(4, 2)


def driver(features, queues=1, size=None):
    def run(vm):
        device = Device(disk(vm)).start(features, queues=range(queues), size=size)
        vm.readl(device.config)
        return device
    return run


def message_interrupts(vm):
    device = driver(V1 | EVENT_IDX)(vm)
    cap = device.fn.cap(0x11)
    device.fn.w16(cap + 2, device.fn.r16(cap + 2) | 0x8000)
    for i in range(2):
        entry = device.fn.bars[1] + 16 * i
        vm.writel(entry, 0xfee00000), vm.writel(entry + 8, 0x40 + i), vm.writel(entry + 12, 0)
    vm.writew(device.common + 0x10, 0), vm.writew(device.common + 0x16, 0), vm.writew(device.common + 0x1a, 1)


def requests(vm):
    block = Block(disk(vm), V1 | INDIRECT)
    for sector in range(5):
        equal(block.read(sector, 512), bytes(512))


def broken_ring(vm):
    device = driver(V1, size=64)(vm)
    queue = device.queues[0]
    vm.writew(queue.avail + 4, 0xffff), vm.writew(queue.avail + 2, 1), vm.writew(device.notify, 0)
    while not vm.readb(device.common + 0x14) & 0x40:
        pass


CASES = [(where, props, name, act) for where, props, name, act in (
    ("bus=rp0", "", "at reset", nothing), ("bus=rp0", "", "bus mastering off", no_bus_mastering),
    ("addr=2.0", "", "at reset", nothing), ("addr=2.0", ",disable-modern=on,disable-legacy=off", "at reset", nothing),
    ("bus=rp0", "", "driver", driver(V1)), ("bus=rp0", "", "driver with a small ring", driver(V1 | EVENT_IDX, size=64)),
    ("bus=rp0", ",num-queues=4", "driver with four queues", driver(V1, queues=4)),
    ("bus=rp0", ",packed=on", "driver with a packed ring", driver(V1 | PACKED)),
    ("bus=rp0", ",vectors=0", "driver", driver(V1)), ("bus=rp0", ",aer=on,ats=on", "driver", driver(V1)),
    ("bus=rp0", "", "message interrupts", message_interrupts),
    ("addr=2.0", "", "message interrupts", message_interrupts),
    ("bus=rp0", "", "requests", requests), ("addr=2.0", "", "requests", requests),
    ("bus=rp0", "", "broken ring", broken_ring),
)]


def section(path):
    """The body of the disk's section: to the footer, which repeats the section's number."""
    with open(path, "rb") as f:
        data = f.read()
    at = data.index(b"/virtio-blk")
    name = data.rindex(b"0000:00:", 0, at)
    body = at + len("/virtio-blk") + 8
    number = data[name - 5:name - 1]
    return data[body:data.index(b"\x7e" + number, body)]


def need_qemu():
    if not shutil.which(QEMU):
        raise Skip(f"no {QEMU}")


def saved(release, where, props, act, name):
    path = os.path.join(folder.name, name)
    with VM(release, options(where, props), qtest=True) as vm:
        act(vm)
        vm.save(path)
    return path


@cases(*((where, props, name) for where, props, name, _ in CASES))
def section_is_qemus(where, props, name):
    need_qemu()
    act = next(c[3] for c in CASES if c[:3] == (where, props, name))
    here, there = (section(saved(release, where, props, act, "state")) for release in (GODWIT, QEMU))
    different = [i for i in range(min(len(here), len(there))) if here[i] != there[i]]
    equal(([f"{i:#x}" for i in different[:8]], len(here)), ([], len(there)))


@cases(*((where, props, name) for where, props, name, _ in CASES))
def qemu_takes_it(where, props, name):
    need_qemu()
    act = next(c[3] for c in CASES if c[:3] == (where, props, name))
    path = saved(GODWIT, where, props, act, "first")
    with VM(QEMU, options(where, props), incoming=f"exec:cat {path}") as vm:
        vm.wait_loaded()
        vm.save(os.path.join(folder.name, "second"))
    equal(section(os.path.join(folder.name, "second")), section(path))


main()
