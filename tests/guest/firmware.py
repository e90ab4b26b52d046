#!/usr/bin/env python3
"""SeaBIOS runs: what it says on its debug port as it sets the machine up and finds nothing to boot."""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import contains, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402


def log_of(*args, until="No bootable device.", seconds=60):
    path = os.path.join(tempfile.mkdtemp(prefix="godwit"), "log")
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


main()
