#!/usr/bin/env python3
"""The board beside real QEMU's: for each machine type and configuration of which QEMU's was recorded (tests/data/vmdesc.json.xz: QEMU
5.2, 7.2 and 10.0), our stream has the same RAM blocks, the same sections in the same order with the same versions, sizes and fields,
and the memory map shows the same.
"""
import json
import lzma
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stream import Stream
from tap import TESTS, equal, main
from vm import VM

HERE = os.path.dirname(os.path.abspath(__file__))
TMP = tempfile.mkdtemp(prefix="board")
with lzma.open(os.path.join(HERE, "..", "data", "vmdesc.json.xz")) as f:
    DATA = json.load(f)
RELEASE = {"5.2": "5.2", "7.2": "7.2", "10.0": "8.2"}
# What QEMU 10.0 sends otherwise than the releases up to 8.2, and what it only describes otherwise.
NEWER = {"10.0": {"globalstate", "hpet"}}
NEWER_WORDS = {"10.0": {"0000:00:1f.2/ich9_ahci"}}


def layout(description):
    """A section's description from a stream, in the compact form of the data."""
    fields = []
    for f in description.get("fields", []):
        entry = [f["name"] + (f"[{f['index']}]" if "index" in f else ""), f["type"], f["size"]]
        if "array_len" in f:
            entry.append({"n": f["array_len"]})
        if "struct" in f:
            entry.append(layout(f["struct"]))
        elif "fields" in f:     # a temporary that stands for something else
            entry.append(layout(f))
        fields.append(entry)
    out = {"vmsd": description["vmsd_name"], "v": description["version"], "f": fields}
    if description.get("subsections"):
        out["sub"] = [layout(s) for s in description["subsections"]]
    return out


def difference(ours, theirs, where=""):
    """Where two layouts first differ, as text; None: they are equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        pairs = [(f"{where}.{k}", ours.get(k), theirs.get(k)) for k in {**theirs, **ours}]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(ours, theirs))]
    else:
        return None if ours == theirs else f"{where}: {ours!r}, wanted {theirs!r}"
    return next((d for d in (difference(a, b, w) for w, a, b in pairs) if d), None)


def own(machine):
    """Our machine of the same command line: its stream and its memory map."""
    args = [a.replace("disk.img", os.path.join(TMP, "disk")) for a in machine["args"]]
    path = os.path.join(TMP, "stream")
    with VM(RELEASE[machine["qemu"]], args) as vm:
        vm.save(path)
        tree = vm.hmp("info mtree -f")
    with open(path, "rb") as f:
        return Stream(f.read()), tree


def ram_view(tree):
    """[first, last, kind, name, offset] of all RAM and ROM in the flat map of the system's memory."""
    block = next(b for b in tree.split("FlatView #") if '"memory"' in b)
    ranges = re.findall(r"^\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom|romd)\): (\S+)(?: @([0-9a-f]+))?", block, re.M)
    return [[f"{int(a, 16):x}", f"{int(b, 16):x}", kind, name, f"{int(offset or '0', 16):x}"] for a, b, kind, name, offset in ranges]


def compare(machine):
    stream, tree = own(machine)
    equal([[n, b["length"]] for n, b in stream.ram.items()], machine["ram_blocks"], "RAM blocks")
    newer = NEWER.get(machine["qemu"], ())
    full = [s for s in stream.sections if s.kind == "FULL"]
    equal([[s.idstr, s.instance, s.version] for s in full], [s[:3] for s in machine["sections"]], "sections")
    for ours, theirs in zip(full, machine["sections"]):
        if ours.idstr in newer:
            continue
        mine = layout(stream.devices[ours.idstr, ours.instance])
        del mine["v"]
        if ours.idstr not in NEWER_WORDS.get(machine["qemu"], ()):
            equal(difference(mine, DATA["layouts"][theirs[4]], f"{ours.idstr}/{ours.instance}"), None)
        equal(ours.end - ours.body, theirs[3], f"size of {ours.idstr}/{ours.instance}")
    equal(ram_view(tree), machine["ram_view"], "memory map")


for m in DATA["machines"]:
    TESTS.append((f"is qemu {m['qemu']}'s board: {m['machine']} {m['config']}", lambda m=m: compare(m)))
with open(os.path.join(TMP, "disk"), "wb") as f:
    f.truncate(16 << 20)
try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
