#!/usr/bin/env python3
"""Streams that real QEMU saved: each is taken apart to its end, this program's own stream of the same machine has the same
sections with the same bytes and descriptions, and what is loaded from one is saved again as it came.

The streams (tests/data/streams) are of machines that never ran (-S), with the firmware's pages made zero.
"""
import lzma
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stream import Stream
from tap import TESTS, cases, equal, main
from vm import VM

HERE = os.path.dirname(os.path.abspath(__file__))
TMP = tempfile.mkdtemp(prefix="golden")
DISK = os.path.join(TMP, "disk")
with open(DISK, "wb") as f:
    f.truncate(16 << 20)
PORT_AND_DISK = ["-m", "16", "-device", "pcie-root-port,id=rp0,slot=1,chassis=1,bus=pcie.0,addr=1.0",
                 "-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on", "-device", "virtio-blk-pci,drive=d0,bus=rp0"]
TRIMMED = ",sata=off,smbus=off,hpet=off,vmport=off"
ON_ROOT = ["-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on", "-device"]
MASK = ["-global", "pci-device.x-pcie-err-unc-mask=on"]
GOLDEN = {
    "s72-rpblk-q7.2": ("7.2", ["-M", "pc-q35-7.2", *PORT_AND_DISK]),
    "s72-trim-rpblk-q7.2": ("7.2", ["-M", "pc-q35-7.2" + TRIMMED, *PORT_AND_DISK]),
    "s72-trim-bare-q7.2": ("7.2", ["-M", "pc-q35-7.2" + TRIMMED, "-m", "16"]),
    "s72-rpblk-novmdesc-q7.2": ("7.2", ["-M", f"pc-q35-7.2{TRIMMED},suppress-vmdesc=on", *PORT_AND_DISK]),
    "s72-rcblk-transitional-q7.2": ("7.2", ["-M", "pc-q35-7.2" + TRIMMED, "-m", "16", *ON_ROOT, "virtio-blk-pci,drive=d0,addr=2.0"]),
    "s72-rcblk-legacy-q7.2": ("7.2", ["-M", "pc-q35-7.2" + TRIMMED, "-m", "16", *ON_ROOT,
                                      "virtio-blk-pci,drive=d0,addr=2.0,disable-modern=on,disable-legacy=off"]),
    "s72-rpblk-q10.0": ("8.2", ["-M", "pc-q35-7.2", *PORT_AND_DISK]),
    "s72-rpblk-q10.0-mask": ("8.0", ["-M", "pc-q35-7.2", *PORT_AND_DISK]),
    "s72-trim-rpblk-q10.0": ("8.2", ["-M", "pc-q35-7.2" + TRIMMED, *PORT_AND_DISK]),
    "s72-trim-rpblk-q10.0-mask": ("8.2", ["-M", "pc-q35-7.2" + TRIMMED, *PORT_AND_DISK, *MASK]),
    "s52-rpblk-smp4-q5.2": ("5.2", ["-M", "pc-q35-5.2", *PORT_AND_DISK, "-smp", "4"]),
    "s52-rpblk-smp4-q7.2": ("7.2", ["-M", "pc-q35-5.2", *PORT_AND_DISK, "-smp", "4"]),
    "s51-rpblk-nq1-q5.2": ("5.2", ["-M", "pc-q35-5.1", *PORT_AND_DISK, "-smp", "4"]),
    "s51-rpblk-nq1-q7.2": ("7.2", ["-M", "pc-q35-5.1", *PORT_AND_DISK, "-smp", "4"]),
    "s80-rpblk-q10.0": ("8.2", ["-M", "pc-q35-8.0", *PORT_AND_DISK]),
    "s82-rpblk-q10.0": ("8.2", ["-M", "pc-q35-8.2", *PORT_AND_DISK]),
}
# Of a Linux guest that ran; of its RAM there are the pages of the virtqueues.
SERIAL = ["-m", "40", "-chardev", "null,id=c0", "-device", "isa-serial,chardev=c0", *PORT_AND_DISK[2:]]
RUNNING = {
    "r72-tiny-q7.2": ("7.2", ["-M", "pc-q35-7.2", *SERIAL]),
    "r72-tiny-q10.0": ("8.2", ["-M", "pc-q35-7.2", *SERIAL]),
    "r72-tiny-trim-q7.2": ("7.2", ["-M", "pc-q35-7.2" + TRIMMED, *SERIAL]),
    "r72-tiny-trim-smp2-q7.2": ("8.1", ["-M", "pc-q35-7.2" + TRIMMED, *SERIAL, "-smp", "2"]),
    "r52-tiny-q5.2": ("5.2", ["-M", "pc-q35-5.2", *SERIAL]),
}
# The real-time clock reads the host's time: seconds, minutes, date and flags of its CMOS, its base and its timers.
# Whether QEMU's CPU has seen its local APIC yet (interrupt_request 0x10) depends on when it was stopped.
VARIES = {"mc146818rtc": {*range(0, 13), 0x37, *range(0xD0, 0xF5)}, "cpu_common": {7}}
# QEMU 10.0's own: what is newer than any release here.
NEWER = {name: {("globalstate", 0), ("hpet", 0)} for name in [*GOLDEN, *RUNNING] if "q10.0" in name}
streams = {}


def golden(name):
    if name not in streams:
        with lzma.open(os.path.join(HERE, "..", "data", "streams", name + ".qevm.xz")) as f:
            streams[name] = Stream(f.read())
    return streams[name]


def own(name):
    path = os.path.join(TMP, "own")
    release, args = GOLDEN[name]
    with VM(release, args) as vm:
        vm.save(path)
    with open(path, "rb") as f:
        return Stream(f.read())


def sections(stream, kind="FULL"):
    return {(s.idstr, s.instance): s for s in stream.sections if s.kind == kind}


def body(stream, section):
    data = bytearray(stream.data[section.body:section.end])
    for at in VARIES.get(section.idstr, ()):
        if at < len(data):
            data[at] = 0
    return bytes(data)


def compare(name, ours, theirs, but=()):
    mine, their = sections(ours), sections(theirs)
    for key in [k for k in mine if k not in NEWER.get(name, ()) and k not in but]:
        equal(mine[key].version, their[key].version, f"version of {key}")
        equal(body(ours, mine[key]).hex(), body(theirs, their[key]).hex(), f"{key}")


@cases(*GOLDEN, *RUNNING, "s72-rpblk-uuid-q7.2", "s100-rpblk-q10.0")
def is_taken_apart_to_its_end(name):
    stream = golden(name)
    equal(stream.data[stream.eof], 0)
    if "novmdesc" not in name:
        equal(stream.vmdesc["page_size"], 4096)
        equal([d["name"] for d in stream.vmdesc["devices"]], [s.idstr for s in stream.sections if s.kind == "FULL"])


@cases(*GOLDEN)
def has_the_bytes_of_our_own_stream(name):
    compare(name, own(name), golden(name))


def without_changes(description):
    """QEMU 10.0 has an index on all elements of an array but the last, and counts AHCI ports with no sign."""
    if isinstance(description, list):
        return [without_changes(d) for d in description]
    if isinstance(description, dict):
        kind = {"type": "int32 equal"} if description.get("name") == "ports" else {}
        return {k: without_changes(v) for k, v in description.items() if k != "index"} | kind
    return description


@cases(*GOLDEN)
def has_the_descriptions_of_our_own_stream(name):
    ours, theirs = own(name).devices, golden(name).devices
    for key in [k for k in ours if k not in NEWER.get(name, ())]:
        mine, other = ours[key], theirs[key]
        if "q10.0" in name:
            mine, other = without_changes(mine), without_changes(other)
        equal(mine, other, str(key))


@cases(*[name for name in GOLDEN if "q10.0" not in name])
def has_the_order_of_our_own_stream(name):
    equal(list(sections(own(name))), list(sections(golden(name))))


@cases(*GOLDEN)
def has_the_blocks_of_our_own_stream(name):
    ours, theirs = own(name).ram, golden(name).ram
    equal({n: b["length"] for n, b in ours.items()}, {n: b["length"] for n, b in theirs.items()})


@cases(*GOLDEN, *RUNNING)
def loads_and_is_saved_again_as_it_came(name):
    theirs = golden(name)
    path, again = os.path.join(TMP, "in"), os.path.join(TMP, "again")
    with open(path, "wb") as f:
        f.write(theirs.data)
    release, args = {**GOLDEN, **RUNNING}[name]
    with VM(release, args, incoming=f"exec:cat {path}") as vm:
        vm.wait_loaded()
        vm.save(again)
    with open(again, "rb") as f:
        ours = Stream(f.read())
    equal(sorted(sections(ours)), sorted(sections(theirs)))
    compare(name, ours, theirs, {("globalstate", 0)} if name in RUNNING else ())    # it ran, and is paused here
    for block, contents in theirs.ram.items():
        equal(sorted(ours.ram[block]["pages"]), sorted(contents["pages"]), f"pages of {block}")
        for address, at in contents["pages"].items():
            mine_at = ours.ram[block]["pages"][address]
            equal(ours.data[mine_at:mine_at + 4096] == theirs.data[at:at + 4096], True, f"{block} at {address:#x}")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
