#!/usr/bin/env python3
"""What devices there are properties of, with which types, defaults and descriptions, is what QEMU 7.2 says, for each device
type that is in both: in -device X,help word for word, in device-list-properties value for value."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer  # noqa: E402
from tap import equal, main, test  # noqa: E402
from vm import VM, run  # noqa: E402

RELEASE = "7.2"
# The inner parts that QEMU's objects show beside their properties: memory regions, lines, children; and what a CPU reports.
INNER = re.compile(r"^(child|link)<(memory-region|irq)>$")
INNER_LINE = re.compile(r"=<(child|link)<(memory-region|irq)>>")
# QEMU's link leads to any PIT, this program has one kind.
OTHERWISE = {("isa-pcspk", "pit"), *((None, name) for name in ("crash-information",))}


def help_of(binary, *what):
    status, out, said = run(binary, "-device", ",".join([*what, "help"]))
    equal(status, 0, said)
    return out


def names_in(text):
    return set(re.findall(r'^name "([^"]+)"', text, re.M))


def both():
    return sorted(names_in(help_of(RELEASE)) & names_in(help_of(peer.qemu(RELEASE))))


def without_inner(text):
    """Nor the blanks, which depend on the longest line."""
    return [" ".join(line.split()) for line in text.splitlines() if not INNER_LINE.search(line)]


@test
def help_of_each_device_is_qemus():
    names = both()
    equal(len(names) >= 12, True, str(names))
    for name in names:
        equal(without_inner(help_of(RELEASE, name)), without_inner(help_of(peer.qemu(RELEASE), name)), name)


@test
def each_device_of_the_list_is_described_as_in_qemu():
    def lines(text):
        return {re.match(r'name "([^"]+)"', line)[1]: line for line in text.splitlines() if line.startswith("name ")}
    ours, theirs = lines(help_of(RELEASE)), lines(help_of(peer.qemu(RELEASE)))
    for name in both():
        equal(ours[name], theirs[name])


def properties(binary, only=None):
    """{type: {name: property}} of the devices that are no abstract types; some of QEMU's abort when asked, hence `only`."""
    with VM(binary, ["-M", "q35"]) as vm:
        types = [t["name"] for t in vm.qmp("qom-list-types", implements="device")]
        return {t: {p["name"]: p for p in vm.qmp("device-list-properties", typename=t) if not INNER.match(p["type"])}
                for t in types if not only or t in only}


@test
def properties_of_each_type_are_qemus():
    ours = properties(RELEASE)
    theirs = properties(peer.qemu(RELEASE), set(ours))
    equal(len(theirs) > 150, True)
    for name, props in theirs.items():
        for what in {*ours[name], *props}:
            if (name, what) not in OTHERWISE and (None, what) not in OTHERWISE:
                equal(ours[name].get(what), props.get(what), f"{name}.{what}")


main()
