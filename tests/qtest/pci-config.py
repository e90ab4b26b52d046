#!/usr/bin/env python3
"""The config space of every function, as the guest reads it, is QEMU's byte for byte; and so are the bits that it can write.
The data was measured with QEMU 5.2, 7.2 and 10.0: config, cmask, wmask and w1cmask of each device by machine type."""
import gzip
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from pci import PCI  # noqa: E402
from tap import cases, main  # noqa: E402
from vm import VM  # noqa: E402

DATA = os.path.join(HERE, "..", "data", "pciconfig")
PORTS = [(n, 0x10 + n) for n in range(5)]
# id, where, options
DISKS = [("rp1", ""), ("rp2", ",disable-legacy=off"), ("2.0", ""), ("3.0", ",disable-legacy=on"),
         ("4.0", ",disable-modern=on,disable-legacy=off"), ("5.0", ""), ("rp3", ""), ("rp4", ",ats=on")]


def reference(name):
    """{path: (bytes of config, wmask)}"""
    devices = {}
    with gzip.open(os.path.join(DATA, name + ".txt.gz"), "rt") as f:
        for line in f:
            word = line.split()
            if word[0] == "device":
                size = int(word[2])
                config, wmask = bytearray(size), bytearray(b"\0" * 64 + b"\xff" * (size - 64))
                devices[word[1]] = config, wmask
            else:
                at, value, _, writable, _ = (int(x, 16) for x in word)
                config[at:at + 4], wmask[at:at + 4] = value.to_bytes(4, "little"), writable.to_bytes(4, "little")
    return devices


def machine_with_all(release, machine, port_options=""):
    args = ["-M", machine, "-m", "16"]
    for n, slot in PORTS:
        args += ["-device", f"pcie-root-port,id=rp{n},slot={n},chassis={n},bus=pcie.0,addr={slot:x}.0{port_options}"]
    aer = ",aer=on" if release not in ("5.1", "5.2") else ""
    for n, (where, options) in enumerate(DISKS):
        at = f"bus={where}" if where.startswith("rp") else f"addr={where}"
        queues = 4 if where == "5.0" else 1
        args += ["-blockdev", f"driver=null-co,node-name=d{n},size=1048576",
                 "-device", f"virtio-blk-pci,drive=d{n},{at},num-queues={queues}{options}" + (aer if where == "rp4" else "")]
    return VM(release, args, qtest=True)


def open_ports(pci):
    """Bus 1 + n behind port n."""
    for n, slot in PORTS:
        pci.function(0, slot << 3).w32(0x18, (1 + n) << 8 | (1 + n) << 16)


def function_of(pci, path):
    steps = path.split("/")[0].split(":")[2:]
    devfns = [int(s.split(".")[0], 16) << 3 | int(s.split(".")[1]) for s in steps]
    bus = dict((slot << 3, 1 + n) for n, slot in PORTS)[devfns[0]] if len(devfns) == 2 else 0
    return pci.function(bus, devfns[-1])


# Written by the test itself: ECAM's base, the ports' bus numbers. 5.1 was measured with 5.2, whose ATS is page aligned.
def ignored(release, path):
    if path.endswith("mch"):
        return range(0x60, 0x68)
    if release == "5.1" and path == "0000:00:14.0:00.0/virtio-blk":
        return range(0x104, 0x108)
    return range(0x18, 0x1c) if "root-port" in path else ()


@cases(
    ("5.1", "pc-q35-5.1", "5.1-5.2"), ("5.2", "pc-q35-5.1", "5.1-5.2"), ("5.2", "pc-q35-5.2", "5.2-5.2"),
    ("7.2", "pc-q35-5.1", "5.1-7.2"), ("7.2", "pc-q35-5.2", "5.2-7.2"), ("7.2", "pc-q35-6.1", "6.1-7.2"),
    ("7.2", "pc-q35-7.2", "7.2-7.2"),
    ("8.0", "pc-q35-7.2", "7.2-8.0"), ("8.0", "pc-q35-8.0", "8.0-8.2"),
    ("8.0.1", "pc-q35-7.2", "7.2-8.2"), ("8.0.1", "pc-q35-8.0", "8.0-8.2"),
    ("8.1", "pc-q35-7.2", "7.2-8.2"), ("8.1", "pc-q35-8.0", "8.0-8.2"), ("8.1", "pc-q35-8.1", "8.1-8.2"),
    ("8.2", "pc-q35-5.1", "5.1-8.2"), ("8.2", "pc-q35-7.2", "7.2-8.2"), ("8.2", "pc-q35-8.0", "8.0-8.2"),
    ("8.2", "pc-q35-8.1", "8.1-8.2"), ("8.2", "pc-q35-8.2", "8.2-8.2"),
)
def config_space_is_qemus(release, machine, name):
    differences = []
    with machine_with_all(release, machine) as vm:
        pci = PCI(vm)
        open_ports(pci)
        for path, (config, _) in reference(name).items():
            got = function_of(pci, path).config(len(config))
            skip = ignored(release, path)
            wrong = [f"{i:#x}: {got[i]:02x}, not {config[i]:02x}" for i in range(len(config)) if got[i] != config[i] and i not in skip]
            if wrong:
                differences.append(f"{path}: {len(wrong)} bytes differ: {'; '.join(wrong[:6])}")
    assert not differences, "\n".join(differences)


# Where a write does something else than to stay: commands and BARs are tested elsewhere.
def not_probed(path, at):
    if "root-port" in path:
        return at in (0x04, 0x18, 0x1c, 0x3c, 0x6c)
    if "mch" in path:
        return at in (0x50, 0x60, 0x64, 0x9c)
    if "ahci" in path and at == 0x80:   # one message: the number of enabled ones is held at that
        return True
    return at == 0x04


# Written bits that do something and read as 0: function level reset, the SMBus host's reset.
def reads_as_zero(path, at):
    return 0x8000 if "virtio" in path and at == 0x48 else 0x08 if "smb" in path and at == 0x40 else 0


@cases(("5.2", "pc-q35-5.2", "5.2-5.2"), ("7.2", "pc-q35-7.2", "7.2-7.2"), ("8.0", "pc-q35-7.2", "7.2-8.0"),
       ("8.2", "pc-q35-7.2", "7.2-8.2"), ("8.2", "pc-q35-8.2", "8.2-8.2"))
def the_guest_can_write_the_same_bits(release, machine, name):
    differences = []
    with machine_with_all(release, machine) as vm:
        pci = PCI(vm)
        open_ports(pci)
        for path, (config, wmask) in reference(name).items():
            f = function_of(pci, path)
            for at in range(0, min(len(config), 0x160), 4):
                if not_probed(path, at):
                    continue
                old = f.r32(at)
                f.w32(at, 0xffffffff)
                ones = f.r32(at)
                f.w32(at, 0)
                writable = ones ^ f.r32(at)
                f.w32(at, old)
                want = int.from_bytes(wmask[at:at + 4], "little") & ~reads_as_zero(path, at)
                if writable != want:
                    differences.append(f"{path} {at:#x}: {writable:08x}, not {want:08x}")
    assert not differences, "\n".join(differences)


@cases("5.2", "7.2", "8.0", "8.2")
def nothing_is_where_nothing_was_put(release):
    with machine_with_all(release, "pc-q35-5.2") as vm:
        pci = PCI(vm)
        open_ports(pci)
        there = {0x00, 0xf8, *(slot << 3 for _, slot in PORTS), *(n << 3 for n in range(2, 6))}
        for devfn in range(256):
            here = pci.function(0, devfn).r32(0) != 0xffffffff
            on_board = devfn in (0xfa, 0xfb)
            assert here == (devfn in there) or on_board, f"00:{devfn >> 3:02x}.{devfn & 7}: {here}"
        assert pci.function(1, 0).r32(0) == 0xffffffff, "an empty port has something behind it"
        assert pci.function(9, 0).r32(0) == 0xffffffff, "a bus that no bridge has"


main()
