#!/usr/bin/env python3
"""What a machine begins with: firmware in its ROM."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, run  # noqa: E402

SEABIOS = "/usr/share/seabios/bios-256k.bin"
QUIET = ("-S", "-nodefaults", "-display", "none")


def machine(*args, m="q35", stopped=True):
    return VM("8.2", ["-M", m, "-m", "64", *args], qtest=True, stopped=stopped)


def temp(data, folder=tempfile.mkdtemp(prefix="godwit")):
    handle, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as f:
        f.write(data)
    return path


@test
def seabios_is_the_firmware():
    with open(SEABIOS, "rb") as f:
        bios = f.read()
    with machine() as vm:
        equal(vm.read(0x100000000 - len(bios), len(bios)), bios, "below 4 GiB")
        equal(vm.read(0xe0000, 0x20000), bios[-0x20000:], "its end below 1 MiB")
        equal(vm.readb(0xfffffff0), 0xea, "a far jump at the reset vector")


@cases(64, 128, 192, 1024)
def a_bios_of_the_users(kib):
    data = bytes(i >> 8 & 0xff for i in range(kib << 10))
    isa = min(kib << 10, 0x20000)
    with machine("-bios", temp(data)) as vm:
        equal(vm.read(0x100000000 - len(data), len(data)), data)
        equal(vm.read(0x100000 - isa, isa), data[-isa:])


@cases(0, 1000, 70000, 9 << 20)
def a_bios_of_a_wrong_size_is_refused(size):
    path = temp(bytes(size))
    status, _, err = run("8.2", "-M", "q35", *QUIET, "-bios", path)
    equal(status, 1)
    contains(err, f"could not load PC BIOS '{path}'")


@test
def a_bios_that_is_not_there_is_refused():
    status, _, err = run("8.2", "-M", "q35", *QUIET, "-bios", "/nonexistent")
    equal(status, 1)
    contains(err, "could not load PC BIOS '/nonexistent'")


main()
