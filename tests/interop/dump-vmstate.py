#!/usr/bin/env python3
"""-dump-vmstate: the file is in QEMU's format, and what it says of the devices that are in both is what QEMU's says."""
import json
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import run  # noqa: E402

TMP = tempfile.mkdtemp(prefix="dump-vmstate")
PAIRS = (("5.2", "5.2", "pc-q35-5.2"), ("7.2", "7.2", "pc-q35-7.2"), ("7.2", "7.2", "pc-q35-6.0"))
# Sections that are there at least, of those that QEMU has too.
WANTED = {"pcie-root-port", "virtio-blk-device", "ICH9-LPC", "mch", "ioapic", "hpet", "isa-i8259", "mc146818rtc", "isa-pit",
          "isa-pcspk", "i8257", "port92", "kvmvapic", "virtio-rng-device"}
# No CPUs are hot-plugged here; and in 5.2 this has what it never sends.
SUBSECTIONS = {"ich9_pm/cpuhp", "ich9_pm/pcihp"}
# Buffers that QEMU's field points to have no size there.
BUFFERS = {"data"}


# Here fields of these depend on the release: one description says all of them. Compared without when they are there.
BY_RELEASE = {"i8042", "ps2-kbd", "ps2-mouse", "ICH9-SMB", "ICH9 SMB"}


def common(ours, theirs):
    """What both have, of such a description: the fields' names in order, and what they hold."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if "Fields" in ours and "Fields" in theirs:
            names = [f["field"] for f in theirs["Fields"]]
            ours = {**ours, "Fields": [f for f in ours["Fields"] if f["field"] in names or not f["field_exists"]]}
        keys = [k for k in ours if k in theirs and k not in ("field_exists", "version_id")]
        pairs = {k: common(ours[k], theirs[k]) for k in keys}
        return {k: v[0] for k, v in pairs.items()}, {k: v[1] for k, v in pairs.items()}
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [common(a, b) for a, b in zip(ours, theirs)]
        return [a for a, _ in pairs], [b for _, b in pairs]
    return ours, theirs


def described(x):
    """Without the sizes of QEMU's own structs, subsections by name."""
    if isinstance(x, dict):
        x = {k: described(v) for k, v in x.items()
             if not (k == "size" and ("Description" in x or x.get("field") in BUFFERS))}
        if "Subsections" in x:
            x["Subsections"] = {s["name"]: s for s in x["Subsections"] if s["name"] not in SUBSECTIONS}
        return x
    return [described(v) for v in x] if isinstance(x, list) else x


def dump(binary, machine):
    path = os.path.join(TMP, "dump")
    status, _, said = run(binary, "-M", machine, "-nodefaults", "-display", "none", "-dump-vmstate", path)
    equal((status, said), (0, ""))
    with open(path) as f:
        text = f.read()
    # Names are not unique in it: QEMU lists fields of one name twice where it has them.
    return text, json.loads(text)


@cases(*PAIRS)
def devices_of_both_are_described_alike(release, version, machine):
    ours, theirs = dump(release, machine)[1], dump(peer.qemu(version), machine)[1]
    equal(sorted(WANTED - {*ours}), [], "missing here")
    equal(ours["vmschkmachine"], theirs["vmschkmachine"])
    for name in [n for n in ours if n in theirs]:
        mine, their = described(ours[name]), described(theirs[name])
        equal(*(common(mine, their) if name in BY_RELEASE else (mine, their)), name)


@cases(*PAIRS)
def the_text_is_laid_out_alike(release, version, machine):
    ours, theirs = dump(release, machine)[0], dump(peer.qemu(version), machine)[0]

    def entry(text, name):
        start = text.index(f'  "{name}": {{\n')
        return re.sub(r'"size": \d+', '"size": N', text[start:text.index("\n  }", start)])
    for name in ("port92", "kvmvapic", "pcie-root-port", "hpet", "virtio-rng-device"):
        equal(entry(ours, name), entry(theirs, name))
    equal((ours[:40], ours[-8:]), (theirs[:40], theirs[-8:]))


@test
def without_a_machine_it_is_none():
    equal(dump("8.2", "none")[1]["vmschkmachine"], {"Name": "none"})


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
