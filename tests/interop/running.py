#!/usr/bin/env python3
"""Linux guests that real QEMU saved while they ran go on here, and then in real QEMU, and here again: their counting, their
uptime and what they read from their disk.

tests/data/streams/running.tar.xz has the streams. The guest reads a sector each second, and says its number, its uptime and
the sector's sum.
"""
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer
from tap import cases, equal, main
from vm import VM, VMError

HERE = os.path.dirname(os.path.abspath(__file__))
TMP = tempfile.mkdtemp(prefix="running")
DISK = os.path.join(TMP, "disk")
SECTORS = [(b"SECTOR %08d\n" % i * 32)[:512] for i in range(2048)]
with open(DISK, "wb") as f:
    f.write(b"".join(SECTORS))
TRIMMED = ",sata=off,smbus=off,hpet=off,vmport=off"
# The stream's machine and CPUs, and who goes on with it after it was loaded by the first release.
STREAMS = {
    "r72-tiny-q7.2": ("pc-q35-7.2", 1, ["8.2", "qemu 7.2", "7.2"]),
    "r72-tiny-q10.0": ("pc-q35-7.2", 1, ["8.2", "qemu 10.0", "8.0.1"]),
    "r72-tiny-trim-q7.2": ("pc-q35-7.2" + TRIMMED, 1, ["7.2", "qemu 10.0", "8.2"]),
    "r72-tiny-trim-smp2-q7.2": ("pc-q35-7.2" + TRIMMED, 2, ["8.1", "qemu 7.2", "7.2"]),
    "r52-tiny-q5.2": ("pc-q35-5.2", 1, ["5.2", "qemu 5.2", "8.2"]),
}
LAST = 5        # what each had counted to when it was saved


def sum_of(sector):
    total = 0
    for byte in SECTORS[sector]:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return f"{total:08x}"


def arguments(name, serial):
    machine, cpus, _ = STREAMS[name]
    return ["-M", machine, "-m", "40", "-smp", str(cpus), "-chardev", f"file,id=c0,path={serial}", "-device", "isa-serial,chardev=c0",
            "-device", "pcie-root-port,id=rp0,slot=1,chassis=1,bus=pcie.0,addr=1.0",
            "-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on", "-device", "virtio-blk-pci,drive=d0,bus=rp0"]


def go_on(name, station, path, ticks):
    """Loads, runs for that many ticks and saves in its place; returns them: (number, uptime, sum)."""
    serial = os.path.join(TMP, "serial")
    binary = peer.qemu(station[5:]) if station.startswith("qemu ") else station
    with VM(binary, arguments(name, serial), incoming=f"exec:cat {path}", stopped=False) as vm:
        vm.wait_loaded(60)
        if vm.qmp("query-status")["status"] != "running":
            vm.qmp("cont")
        end = time.monotonic() + 60
        while True:
            with open(serial) as f:
                text = f.read()
            found = re.findall(r"^TICK (\d+) up ([\d.]+) (.*)\n", text, re.M)
            if len(found) >= ticks:
                break
            if time.monotonic() > end:
                raise VMError(f"in {station}: {text!r}; {vm.stderr()}")
            time.sleep(0.02)
        vm.qmp("stop")
        vm.save(path + ".new", 60)
    os.rename(path + ".new", path)
    return [(int(n), float(up), rest) for n, up, rest in found]


@cases(*STREAMS)
def goes_on_with_its_count_and_its_disk(name):
    path = os.path.join(TMP, name)
    with tarfile.open(os.path.join(HERE, "..", "data", "streams", "running.tar.xz")) as tar:
        with open(path, "wb") as f:
            f.write(tar.extractfile(name + ".qevm").read())
    ticks = []
    for station in STREAMS[name][2]:
        ticks += go_on(name, station, path, 1)
    equal([n for n, _, _ in ticks], list(range(LAST + 1, LAST + 1 + len(ticks))))
    equal([rest for _, _, rest in ticks], [f"sum {sum_of(n)}" for n, _, _ in ticks])
    ups = [up for _, up, _ in ticks]
    for before, after in zip(ups, ups[1:]):
        equal(0.9 < after - before < 8, True, f"uptime went from {before} to {after}")
    equal(LAST - 1 < ups[0] < LAST + 8, True, f"uptime is {ups[0]}")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
