#!/usr/bin/env python3
"""A guest reboots itself in every way that it knows, and is reset at any moment, and counts on its disk: each boot finds what
the one before it left.

The environment says how often: REBOOTS (7: one of each way), RESETS (25).
"""
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from tap import contains, equal, main, test

REBOOTS = int(os.environ.get("REBOOTS", 7))
RESETS = int(os.environ.get("RESETS", 25))
TMP = tempfile.mkdtemp(prefix="reboots")
DISK = os.path.join(TMP, "disk")
PART = 64 << 10
# The first sector says the number of a boot and the sum of the data that it left, in one of two places by turns. The data
# is there before the sector says so.
COUNT = """
line=$(dd if=/dev/vda bs=512 count=1 iflag=direct 2>/dev/null | head -n 1)
n=${line%% *}
sum=$(dd if=/dev/vda bs=64k skip=$((1 + n % 2 * 8)) count=8 iflag=direct 2>/dev/null | md5sum | cut -c1-32)
echo "boot after $n: $line; $sum."
n=$((n + 1))
dd if=/dev/urandom of=/tmp/data bs=64k count=8 2>/dev/null
dd if=/tmp/data of=/dev/vda bs=64k seek=$((1 + n % 2 * 8)) oflag=direct conv=fsync 2>/dev/null
echo "$n $(md5sum </tmp/data | cut -c1-32)" | dd of=/dev/vda bs=512 count=1 conv=sync,fsync 2>/dev/null
"""
KERNEL_WAYS = ("acpi", "kbd", "triple", "pci")
WAYS = [*KERNEL_WAYS, "sysrq", "reset", "reset twice"]


def make_disk():
    data = random.Random(1).randbytes(8 * PART)
    with open(DISK, "wb") as f:
        f.write(f"0 {hashlib.md5(data).hexdigest()}\n".encode().ljust(PART, b"\0") + data + bytes(9 * PART))


def go(g, way, rnd):
    if way in KERNEL_WAYS:
        g.run(f"echo {way} > /sys/kernel/reboot/type")
        equal(g.run("cat /sys/kernel/reboot/type"), way)
        g.send("reboot -f")
    elif way == "sysrq":
        g.send("echo b > /proc/sysrq-trigger")
    else:
        g.send("while :; do dd if=/dev/vda of=/dev/null bs=64k iflag=direct; done 2>/dev/null")
        time.sleep(rnd.random())
        g.qmp("system_reset")
    g.wait_event("RESET", 60)
    if way == "reset twice":
        time.sleep(3 * rnd.random())
        g.qmp("system_reset")
        g.wait_event("RESET", 60)


@test
def each_boot_finds_what_the_one_before_it_left():
    rnd = random.Random(2)
    make_disk()
    disk = ["-drive", f"if=none,id=d0,file={DISK},format=raw", "-device", "virtio-blk-pci,drive=d0"]
    with Guest("8.2", ["-M", "pc-q35-7.2", "-smp", "2", *disk], memory=128, more=COUNT) as g:
        counted = -1
        for n in range(REBOOTS + 1):
            found = g.expect(r"boot after (\d+): (\d+) (\w+); (\w+)\.\n", 300)
            equal(found[4], found[3], f"data of boot {found[1]}")
            equal(counted + 1 <= int(found[1]) <= counted + (2 if n and WAYS[(n - 1) % len(WAYS)] == "reset twice" else 1), True,
                  f"boot after {found[1]}, was {counted} before")
            counted = int(found[1])
            g.wait_shell(300)
            equal(g.run("nproc"), "2")
            contains(g.run("dmesg | grep -c 'BUG\\|WARNING:\\|I/O error' || true"), "0")
            if n < REBOOTS:
                go(g, WAYS[n % len(WAYS)], rnd)
                if WAYS[n % len(WAYS)] == "reset twice":    # the first boot may have come to say something
                    g.read_console()
                    g.text = g.text[g.text.rfind("boot after "):] if g.text.count("boot after ") > 1 else g.text


@test
def resets_at_any_moment_are_carried_out():
    rnd = random.Random(3)
    with Guest("8.2", ["-M", "pc-q35-7.2", "-smp", "4"], memory=128) as g:
        for n in range(RESETS):
            if n % 50 == 0:
                g.wait_shell(300)
                g.send("while :; do for i in 1 2 3 4; do usleep 1000 & done; wait; done")
            time.sleep(rnd.choice([0.02, 0.1, 0.5]) * rnd.random())
            g.qmp("system_reset")
            g.wait_event("RESET", 60)
            g.text = ""
        g.wait_shell(300)
        equal(g.run("nproc"), "4")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
