"""Real QEMU as the peer: where its binaries are, and a machine's way between it and godwit.

    with_ram = peer.save(peer.qemu("7.2"), args, path)
    ok, said = peer.load("8.2", args, path, again=other)     # loaded, and saved again to `other`
"""
import functools
import os
import random
import re
import shutil
import subprocess

from vm import VM, VMError, run

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")


@functools.cache
def qemu(version):
    """The binary of QEMU 7.2 (Debian's package), 10.0 or 5.2 (unpacked beside it); installed when missing."""
    if version == "7.2":
        if not shutil.which("qemu-system-x86_64"):
            subprocess.run([os.path.join(SCRIPTS, "install-deps"), "--peer"], check=True, stdout=subprocess.DEVNULL)
        return shutil.which("qemu-system-x86_64")
    p = subprocess.run([os.path.join(SCRIPTS, "get-peer"), version], check=True, stdout=subprocess.PIPE, text=True)
    return p.stdout.strip()


@functools.cache
def machines(binary):
    """The versions of pc-q35 that a binary knows."""
    return set(re.findall(r"^pc-q35-(\d+\.\d+) ", run(binary, "-M", "help")[1], re.M))


def save(binary, args, path, touch=None):
    """A machine that never ran; touch(vm) may use qtest on it."""
    with VM(binary, args, qtest=touch is not None) as vm:
        if touch:
            touch(vm)
        vm.save(path)


def load(binary, args, path, again=None):
    """(True, stderr) when the stream was taken, (False, what was said) when not; taken, it is saved to `again`."""
    try:
        with VM(binary, args, incoming=f"exec:cat {path}") as vm:
            vm.wait_loaded()
            if again:
                vm.save(again)
            return True, vm.stderr()
    except VMError as e:
        return False, str(e)


def in_use(vm):
    """Puts random pages into RAM and the chips into some state that no reset leaves."""
    rnd = random.Random(7)
    for page in rnd.sample(range(0x100, 0xC00), 16):
        vm.write(page << 12, rnd.randbytes(4096))
    for port, value in [
        (0x20, 0x11), (0x21, 0x30), (0x21, 0x04), (0x21, 0x01), (0x21, 0xFB),                       # i8259 pair
        (0xA0, 0x11), (0xA1, 0x38), (0xA1, 0x02), (0xA1, 0x01), (0xA1, 0xFF), (0x4D0, 0x00), (0x4D1, 0x0C),
        (0x43, 0x34), (0x40, 0x9C), (0x40, 0x2E), (0x43, 0xB6), (0x42, 0x33), (0x42, 0x05), (0x61, 0x01),  # i8254, speaker
        (0x70, 0x0B), (0x71, 0x42), (0x70, 0x40), (0x71, 0x5A),                                     # RTC: PIE, CMOS
        (0x0B, 0x46), (0x02, 0x34), (0x02, 0x12), (0x81, 0x09), (0xD6, 0xC1),                       # i8257
        (0xB3, 0x77), (0x92, 0x02),                                                                 # APMS, port 92
        (0x510, 0x19), (0x511, 0x00),                                                               # fw_cfg: the file directory
    ]:
        vm.outb(port, value)
    for address, value in [
        (0xFEC00000, 0x12), (0xFEC00010, 0x0001A931), (0xFEC00000, 0x13), (0xFEC00010, 0x01000000),  # I/O APIC, pin 1
        (0xFED00100, 0x0000004C), (0xFED00108, 0x00345678), (0xFED00010, 1),                          # HPET: a comparator, on
    ]:
        vm.writel(address, value)
