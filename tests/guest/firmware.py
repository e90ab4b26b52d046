#!/usr/bin/env python3
"""SeaBIOS runs: what it says on its debug port as it sets the machine up and finds nothing to boot; and GRUB, which it starts from a disk."""
import functools
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import guest  # noqa: E402
import peer  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402

TMP = tempfile.mkdtemp(prefix="firmware")


def log_of(*args, until="No bootable device.", seconds=60):
    path = os.path.join(TMP, "log")
    with VM("7.2", ["-M", "q35", "-m", "64", "-debugcon", f"file:{path}", "-global", "isa-debugcon.iobase=0x402", *args],
            stopped=False):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(path, encoding="latin-1") as f:
                text = f.read()
            if until in text:
                return text
            time.sleep(0.1)
    raise AssertionError(f"no {until!r} in {text!r}")


@test
def seabios_finds_the_board_and_its_tables():
    log = log_of()
    for part in ("Running on QEMU (q35)", "Found QEMU fw_cfg", "QEMU fw_cfg DMA interface supported", "Relocating init from",
                 "Found 1 cpu(s) max supported 1 cpu(s)", "Copying SMBIOS from", "ACPI: parse DSDT at", "PS2 keyboard initialized"):
        contains(log, part)
    equal("parse error" in log, False, log)


# ---------------------------------------------------------------- a boot loader

GRUB = """serial --unit=0 --speed=115200
set timeout=10
menuentry "Linux" {
    linux /vmlinuz console=ttyS0 quiet panic=-1 from=grub
    initrd /initramfs
}
"""


@functools.cache
def disk():
    path = os.path.join(TMP, "disk")
    guest.grub_disk(path, GRUB, (("vmlinuz", guest.kernel()), ("initramfs", guest.initramfs())))
    return path


def behind(controller):
    device = {"virtio-blk": "virtio-blk-pci", "ahci": "ide-hd"}[controller]
    return ["-smp", "2", "-drive", f"if=none,id=d,file={disk()},format=raw,snapshot=on", "-device", f"{device},drive=d"]


def boots_linux(g):
    g.expect("Linux")
    g.expect("executed automatically")
    g.send("")
    g.wait_shell()
    contains(g.run("cat /proc/cmdline"), "from=grub")
    equal(g.run("nproc"), "2")


@cases(("virtio-blk", "8.2"), ("ahci", "8.1"), ("virtio-blk", "5.2"))
def grub_boots_linux_from_a_disk(controller, release):
    with guest.Guest(release, behind(controller), direct=False) as g:
        boots_linux(g)


@cases(("8.2", "8.2"), ("8.2", "qemu 7.2"), ("qemu 7.2", "8.2"))
def grub_moves_with_its_menu_on_the_screen(source, dest):
    args, saved = ["-M", "pc-q35-7.2", *behind("virtio-blk")], os.path.join(TMP, "saved")
    source, dest = (peer.qemu(s[5:]) if s.startswith("qemu ") else s for s in (source, dest))
    with guest.Guest(source, args, direct=False) as g:
        g.expect("executed automatically")
        g.save(saved)
    with guest.Guest(dest, args, direct=False, incoming=f"exec:cat {saved}") as g:
        g.wait_loaded()
        g.qmp("cont")
        g.send("")
        g.wait_shell()
        contains(g.run("cat /proc/cmdline"), "from=grub")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
