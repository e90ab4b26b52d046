#!/usr/bin/env python3
"""Each row of the compat history, by what it is for: between a release from before the change and the newest, the row makes both
sides agree; with the property overridden on one side they don't, and the refusal names it.

The rows are the program's own list (x-query-compat-history), so that none is left out.
"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TESTS, contains, equal, main, test  # noqa: E402
from vm import BUILD, RELEASES, VM, try_load  # noqa: E402

TMP = tempfile.mkdtemp(prefix="compat-rows")
NEWEST = RELEASES[-1]
STUCK = os.path.join(BUILD, "tests", "godwit-stuck")     # has a device with ARI more
FLIP = {"on": "off", "off": "on", "true": "false", "false": "true"}
PORT = ["-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0"]
DISK = [*PORT, "-blockdev", "driver=null-co,node-name=d0,size=1048576", "-device", "virtio-blk-pci,drive=d0,bus=rp0"]
# What a row needs on both sides, and the new value where it is no switch.
NEEDS = {
    ("virtio-blk-device", "num-queues"): ([*DISK, "-smp", "4"], "4"),
    ("virtio-blk-device", "report-discard-granularity"): (DISK, None),
    ("virtio-device", "queue_reset"): (DISK, None),
    ("virtio-pci", "x-ats-page-aligned"): ([*DISK, "-global", "virtio-blk-pci.ats=on"], None),
    ("virtio-rng-pci", "vectors"): (["-device", "virtio-rng-pci,addr=2.0"], "2"),
    ("virtio-rng-pci-transitional", "vectors"): (["-device", "virtio-rng-pci-transitional,addr=2.0"], "2"),
    ("virtio-rng-pci-non-transitional", "vectors"): (["-device", "virtio-rng-pci-non-transitional,addr=2.0"], "2"),
    ("x86_64-cpu", "hv-version-id-build"): ([], "0x3839"),
    ("x86_64-cpu", "hv-version-id-major"): ([], "0x000a"),
    ("x86_64-cpu", "hv-version-id-minor"): ([], "0x0000"),
    ("qemu64-x86_64-cpu", "family"): ([], "15"),
    ("qemu64-x86_64-cpu", "model"): ([], "107"),
    ("qemu64-x86_64-cpu", "stepping"): ([], "1"),
    ("pci-device", "x-pcie-ari-nextfn-1"): (["-device", "test-ari,addr=2.0"], None),
    ("pvpanic", "events"): (["-device", "pvpanic"], "3"),
}
# A refusal that has no property to name: what it says instead.
WORDS = {**{(f"virtio-rng-pci{kind}", "vectors"): "the capabilities are not the same ones" for kind in ("", "-transitional", "-non-transitional")},
         ("virtio-pci", "x-ats-page-aligned"): "PCI_ATS_CAP"}
# Rows that nothing here depends on: overridden, it loads all the same.
HARMLESS = {
    ("migration", "x-preempt-pre-7-2"): "a channel of postcopy",
    ("migration", "multifd-flush-after-each-section"): "multifd",
    ("x86_64-cpu", "kvm-msi-ext-dest-id"): "KVM",
}


def number(version):
    return tuple(map(int, (version + ".0").split(".")[:3]))


def history():
    with VM(NEWEST, ["-M", "none"]) as vm:
        return [row for row in vm.qmp("x-query-compat-history") if row["kind"] == "property" and "machine-types-up-to" in row]


def knows(release, machine):
    return number(machine) <= number(release)


def place(row):
    """The release on the source's side and the machine type: from before the change where such a release is built."""
    table, change = row["machine-types-up-to"], number(row["changed-in"])
    before = [r for r in RELEASES if number(r) < change]
    old = before[-1] if before else RELEASES[0]
    machines = [m for m in ("5.1", "5.2", "6.0", "6.1", "6.2", "7.0", "7.1", "7.2", "8.0", "8.1") if number(m) <= number(table)]
    # A second row of the same property for older types would hide this one: its own newest type then, where there is one.
    newest = machines[-1]
    if not knows(old, newest):
        fitting = [m for m in machines if knows(old, m)]
        if fitting and row["property"] != "x-keep-pci-slot-hpc":
            newest = fitting[-1]
        else:
            old = next(r for r in RELEASES if knows(r, newest))
    return old, newest


def start(release, args, **kw):
    if "test-ari" in " ".join(args):
        return VM(STUCK, args, prefix=["env", f"RELEASE={release}"], **kw)
    return VM(release, args, **kw)


def move(source, target, machine, args, override=()):
    path = os.path.join(TMP, "stream")
    args = ["-M", f"pc-q35-{machine}", "-m", "16", *(args or PORT)]
    with start(source, args) as vm:
        vm.save(path)
    if "test-ari" in " ".join(args):
        return try_load(STUCK, [*args, *override], path, prefix=["env", f"RELEASE={target}"])
    return try_load(target, [*args, *override], path)


def agrees(row):
    source, machine = place(row)
    args = NEEDS.get((row["driver"], row["property"]), ([],))[0]
    for pair in ((source, NEWEST), (NEWEST, source)):
        ok, said = move(*pair, machine, args)
        equal(ok, True, f"{pair}: {said}")


def differs(row):
    key = row["driver"], row["property"]
    source, machine = place(row)
    args, value = NEEDS.get(key, ([], None))
    ok, said = move(source, NEWEST, machine, args, ["-global", f"{key[0]}.{key[1]}={value or FLIP[row['old-value']]}"])
    if key in HARMLESS:
        equal(ok, True, said)
        return
    equal(ok, False, "it loaded")
    contains(said, WORDS.get(key, row["property"]))


for entry in history():
    name = f"{entry['driver']}.{entry['property']}={entry['old-value']} up to {entry['machine-types-up-to']}"
    TESTS.append((f"both sides agree: {name}", lambda entry=entry: agrees(entry)))
    TESTS.append((f"overridden they {'do all the same' if (entry['driver'], entry['property']) in HARMLESS else 'do not'}: {name}",
                  lambda entry=entry: differs(entry)))


@test
def there_are_rows():
    equal(len(TESTS) > 40, True)


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
