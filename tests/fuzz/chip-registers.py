#!/usr/bin/env python3
"""Random accesses to each chip's registers over qtest, with steps of time, resets and saves between: no crash, no hang, no memory without end.

    tests/fuzz/chip-registers.py [--build DIR] [--seconds N] [--seed N] [CHIP ...]

A run is a chip and a seed. Those of chip-registers.corpus, which once found something, come first; then fresh ones until the time is over
(0 seconds: one each). What fails is printed as a line for the corpus. Meant for a build with ASan and UBSan.
"""
import argparse
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
ap = argparse.ArgumentParser()
ap.add_argument("--build", default=os.environ.get("GODWIT_BUILD", os.path.join(HERE, "..", "..", "build")))
ap.add_argument("--seconds", type=float, default=0)
ap.add_argument("--seed", type=int)
ap.add_argument("chips", nargs="*")
opt = ap.parse_args()
os.environ["GODWIT_BUILD"] = os.path.abspath(opt.build)
from vm import VM, VMError  # noqa: E402

STEPS, BATCH, MEMORY_MAX = 1500, 50, 2 << 30     # bytes of address space that a process may have touched
ARGS = ["-M", "pc-q35-8.2", "-m", "32", "-smp", "2", "-no-shutdown", "-action", "panic=none,watchdog=none",
        "-blockdev", "driver=null-co,node-name=n0,size=1048576", "-blockdev", "driver=null-co,node-name=n1,size=1048576",
        "-device", "ide-hd,drive=n0,bus=ide.0", "-device", "ide-cd,bus=ide.1", "-device", "virtio-blk-pci,drive=n1,addr=4.0",
        "-device", "pcie-root-port,id=rp0,chassis=1,addr=5.0", "-chardev", "null,id=c0", "-device", "isa-serial,chardev=c0"]
AHCI_BAR, VIRTIO_BAR = 0xE0000000, 0xE0100000


def io(base, length):
    return ("io", base, length)


def memory(base, length):
    return ("memory", base, length)


CHIPS = {
    "i8259": [io(0x20, 2), io(0xA0, 2), io(0x4D0, 2)],
    "i8254": [io(0x40, 4), io(0x61, 1)],
    "i8257": [io(0, 16), io(0x80, 16), io(0xC0, 32)],
    "i8042": [io(0x60, 1), io(0x64, 1), io(0x92, 1)],
    "mc146818rtc": [io(0x70, 2)],
    "serial": [io(0x3F8, 8)],
    "vmport": [io(0x5658, 4)],
    "fw_cfg": [io(0x510, 12)],
    "hpet": [memory(0xFED00000, 0x400)],
    "ioapic": [memory(0xFEC00000, 0x44)],
    "apic": [memory(0xFEE00000, 0x400), memory(0xFEE00000, 0x100000)],
    "pm": [io(0x600, 0x80), io(0xB2, 2), io(0xAE00, 0x18), io(0xCD8, 12)],
    "smbus": [io(0x700, 16)],
    "ahci": [memory(AHCI_BAR, 0x400), memory(AHCI_BAR + 0x100, 0x100)],
    "virtio-blk": [memory(VIRTIO_BAR, 0x4000), io(0xC100, 0x40)],
    "pci": [io(0xCF8, 8), memory(0xB0000000, 0x1000), memory(0xB00F8000, 0x8000), memory(0xB0020000, 0x10000)],
    "reset": [io(0xCF9, 1)],
}
VALUES = (0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x7F, 0x80, 0xFF, 0xFFFF, 0x8000, 0xFFFFFFFF, 0x80000000, 0x100000, 0xFFFFF000)


def config(devfn, offset, value, size="l"):
    return [f"outl 0xcf8 {0x80000000 | devfn << 8 | offset & 0xFC:#x}", f"out{size} {0xCFC + (offset & 3):#x} {value:#x}"]


def setup():
    """BARs and blocks where the ranges above have them, bus mastering on."""
    return [*config(0xF8, 0x40, 0x601), *config(0xF8, 0x44, 0x80, "b"), *config(0xFB, 0x20, 0x701), *config(0xFB, 0x40, 1, "b"),
            *config(0xFA, 0x24, AHCI_BAR), *config(0xFA, 0x04, 7, "w"), *config(0x20, 0x10, 0xC101), *config(0x20, 0x20, VIRTIO_BAR),
            *config(0x20, 0x24, 0), *config(0x20, 0x04, 7, "w"), *config(0x00, 0x60, 0xB0000001)]


def value(rnd, size):
    v = rnd.choice(VALUES) if rnd.random() < 0.5 else rnd.getrandbits(64)
    if rnd.random() < 0.2:
        v = rnd.randrange(0x10000, 0x1F0000)    # an address in RAM
    return v & ((1 << 8 * size) - 1)


def steps(rnd, ranges):
    for _ in range(STEPS):
        space, base, length = rnd.choice(ranges)
        r = rnd.random()
        if r < 0.04:
            # A PIT that counts to one wants to be heard a million times a second.
            longest = 60000000000 if ranges == CHIPS["mc146818rtc"] else 20000000
            yield f"clock_step {rnd.choice((1, 1000, 1000000, 20000000, longest))}"
        elif r < 0.07:
            at = rnd.randrange(0x10000, 0x1F0000) & ~7
            yield f"writeq {at:#x} {rnd.getrandbits(64):#x}"
        else:
            size = rnd.choice((1, 2, 4) if space == "io" else (1, 2, 4, 8))
            at = max(0, base + rnd.randrange(length))
            if rnd.random() < 0.7:
                at &= ~(size - 1)
            at = min(at, 0xFFFF - size) if space == "io" else at
            name = {("io", 1): "b", ("io", 2): "w", ("io", 4): "l", ("memory", 1): "b", ("memory", 2): "w", ("memory", 4): "l", ("memory", 8): "q"}[space, size]
            if rnd.random() < 0.6:
                yield f"{'out' if space == 'io' else 'write'}{name} {at:#x} {value(rnd, size):#x}"
            else:
                yield f"{'in' if space == 'io' else 'read'}{name} {at:#x}"


def batch(vm, lines):
    """Sends them in one go and takes all answers."""
    vm.qt.send("".join(line + "\n" for line in lines).encode())
    for line in lines:
        while True:
            reply = vm.qt.recv()
            if not reply:
                raise VMError(f"it is gone at or before {line!r}: {vm.stderr()[-3000:]}")
            if not reply.startswith(b"IRQ"):
                break


def touched(vm):
    with open(f"/proc/{vm.proc.pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def one(chip, seed):
    rnd = random.Random(seed)
    with VM("8.2", ARGS, qtest=True, timeout=20) as vm:
        vm.qmp("cont")
        batch(vm, setup())
        todo = list(steps(rnd, CHIPS[chip]))
        for i in range(0, len(todo), BATCH):
            batch(vm, todo[i:i + BATCH])
            r = rnd.random()
            if r < 0.1:
                vm.qmp("system_reset")
                batch(vm, setup())
            elif r < 0.15:
                vm.qmp("stop")
                vm.save("/dev/null")
            if vm.qmp("query-status")["status"] != "running":
                vm.qmp("system_reset")
                vm.qmp("cont")
                batch(vm, setup())
        if touched(vm) > MEMORY_MAX:
            raise VMError(f"{touched(vm) >> 20} MiB of memory")


def corpus():
    with open(os.path.join(HERE, "chip-registers.corpus")) as f:
        return [(line.split()[0], int(line.split()[1])) for line in f if line.strip() and not line.startswith("#")]


def runs():
    for chip, seed in corpus():
        if not opt.chips or chip in opt.chips:
            yield chip, seed
    end = time.monotonic() + opt.seconds
    seed = opt.seed if opt.seed is not None else random.randrange(1 << 30) if opt.seconds else 1
    while True:
        for chip in opt.chips or CHIPS:
            yield chip, seed
        seed += 1
        if time.monotonic() >= end:
            return


bad = number = 0
for chip_name, chip_seed in runs():
    number += 1
    try:
        one(chip_name, chip_seed)
        print(f"ok {number} - {chip_name} {chip_seed}", flush=True)
    except Exception as e:
        bad += 1
        print(f"not ok {number} - {chip_name} {chip_seed}", flush=True)
        print("\n".join("# " + line for line in f"{type(e).__name__}: {e}".splitlines()[:60]), flush=True)
print(f"1..{number}")
sys.exit(1 if bad else 0)
