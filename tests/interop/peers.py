#!/usr/bin/env python3
"""Real QEMU 7.2 and 10.0 as live peers: a machine that one of them saved is loaded here, saved, and loaded there again, and the other way
round, for each machine type that both know. At every stop RAM and all sections are the same bytes but for what real time moves.
"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer
from stream import Stream
from tap import TESTS, cases, contains, equal, main
from vm import VM

TMP = tempfile.mkdtemp(prefix="peers")
DISK = os.path.join(TMP, "disk")
with open(DISK, "wb") as f:
    f.truncate(16 << 20)
PORT = ["-device", "pcie-root-port,id=rp0,slot=1,chassis=1,bus=pcie.0,addr=1.0"]


def drive(name):
    return ["-drive", f"if=none,id={name},file={DISK},format=raw,snapshot=on"]


CONFIGURATIONS = {
    "bare": [],
    "blk": [*PORT, *drive("d0"), "-device", "virtio-blk-pci,drive=d0,bus=rp0"],
    "full": [*PORT, *drive("d0"), "-device", "virtio-blk-pci,drive=d0,bus=rp0,num-queues=4", "-smp", "4",
             *drive("d1"), "-device", "ide-hd,drive=d1,bus=ide.0", "-device", "ide-cd,bus=ide.1",
             "-chardev", "null,id=c0", "-device", "isa-serial,chardev=c0"],
    "switches": [*PORT],
}
SWITCHES = ",sata=off,smbus=off,hpet=off,vmport=off,pit=off,smm=off"
# What moves with the host's clock: the RTC's time and flags in CMOS, its base and its timers.
VARIES = {"mc146818rtc": {*range(0, 13), 0x37, *range(0x9D, 0xF5)}}
# Sections that say what QEMU 10.0 alone says.
NEWER = {"globalstate", "hpet"}


def args(machine, configuration):
    return ["-M", f"pc-q35-{machine}" + (SWITCHES if configuration == "switches" else ""), "-m", "16",
            *CONFIGURATIONS[configuration]]


def parts(path):
    """Of a stream: {section: bytes} without what time moves, and {(block, address): page}."""
    with open(path, "rb") as f:
        stream = Stream(f.read())
    sections = {}
    for s in stream.sections:
        if s.kind == "FULL":
            data = bytearray(stream.data[s.body:s.end])
            for at in VARIES.get(s.idstr, ()):
                if at < len(data):
                    data[at] = 0
            sections[s.idstr, s.instance] = (s.version, bytes(data))
    ram = {(name, address): stream.data[at:at + 4096]
           for name, block in stream.ram.items() for address, at in block["pages"].items()}
    return sections, {k: page for k, page in ram.items() if any(page)}


def same(a, b, what, but=()):
    (sections, ram), (other, other_ram) = parts(a), parts(b)
    equal(sorted(sections), sorted(other), f"{what}: sections")
    for key in sections:
        if key[0] not in but:
            mine, theirs = sections[key][1], other[key][1]
            equal(len(mine), len(theirs), f"{what}: length of {key}")
            equal({i: (x, y) for i, (x, y) in enumerate(zip(mine, theirs)) if x != y}, {}, f"{what}: {key}")
    equal([k for k in {**ram, **other_ram} if ram.get(k) != other_ram.get(k)], [], f"{what}: pages of RAM")


def taken(result):
    ok, said = result
    equal(ok, True, said)


def goes_round(first, second, arguments):
    """first saves, second loads and saves, first loads and saves."""
    paths = [os.path.join(TMP, f"s{i}") for i in range(3)]
    peer.save(first, arguments, paths[0], touch=peer.in_use)
    taken(peer.load(second, arguments, paths[0], again=paths[1]))
    taken(peer.load(first, arguments, paths[1], again=paths[2]))
    newer = NEWER if "10.0" in first + second else ()
    same(paths[0], paths[1], "saved again by the other", newer)
    same(paths[0], paths[2], "back home", newer)


def releases_that_know(machine):
    """The first release with the machine type and the newest one: between them nothing else decides."""
    known = [r for r in ("5.1", "5.2", "7.2", "8.0.1", "8.1", "8.2") if machine in peer.machines(r)]
    return sorted({known[0], known[-1]})


def add(version):
    theirs = peer.machines(peer.qemu(version))
    for machine in [m for m in ("5.1", "5.2", "7.2", "8.0", "8.1", "8.2") if m in theirs]:
        for release in releases_that_know(machine):
            for configuration in CONFIGURATIONS if release == "8.2" else ("full",):
                a = args(machine, configuration)
                TESTS.append((f"qemu {version} to {release} and back: pc-q35-{machine} {configuration}",
                              lambda a=a, r=release: goes_round(peer.qemu(version), r, a)))
                TESTS.append((f"{release} to qemu {version} and back: pc-q35-{machine} {configuration}",
                              lambda a=a, r=release: goes_round(r, peer.qemu(version), a)))


@cases("7.2", "10.0")
def qemu_refuses_what_8_0_sends_for_7_2(version):
    """QEMU 8.0's mistake: the uncorrectable errors' mask was on for old machine types as well."""
    path = os.path.join(TMP, "mask")
    peer.save("8.0", args("7.2", "blk"), path)
    ok, said = peer.load(peer.qemu(version), args("7.2", "blk"), path)
    equal(ok, False)
    contains(said, "i=0x10a")


@cases("7.2", "10.0")
def differences_of_pages_are_applied(version):
    """xbzrle: a guest that writes a little into many pages again and again."""
    path, first, pages = os.path.join(TMP, "xbzrle"), 2 << 20, 64
    arguments = args("7.2", "bare")
    with VM(peer.qemu(version), arguments, qtest=True) as vm:
        for page in range(pages):
            vm.qtest(f"memset {first + page * 4096:#x} 0x1000 {1 + page:#x}")
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": name, "state": True} for name in
                                                         ("xbzrle", "pause-before-switchover")])
        vm.qmp("migrate-set-parameters", max_bandwidth=1 << 20, downtime_limit=1)
        vm.qmp("migrate", uri=f"exec:cat > {path}")
        count, status = 0, "active"
        while status in ("setup", "active"):
            for page in range(pages):
                vm.write(first + page * 4096 + 700 * (count % 5), bytes([1 + (count + page) % 255]) * 600)
            count += 1
            reply = vm.qmp("query-migrate")
            status, sent = reply["status"], reply.get("xbzrle-cache", {"pages": 0})["pages"]
            if sent > 3 * pages:
                vm.qmp("migrate-set-parameters", max_bandwidth=1 << 40, downtime_limit=10000)
                break
        equal(sent > 0, True, str(reply))
        vm.wait("query-migrate", "status", ("pre-switchover",))
        want = vm.read(first, pages * 4096)
        vm.qmp("migrate-continue", state="pre-switchover")
        equal(vm.wait("query-migrate", "status", ("completed", "failed"))["status"], "completed")
    with VM("8.2", arguments, qtest=True, incoming=f"file:{path}") as vm:
        vm.wait_loaded()
        equal(vm.read(first, pages * 4096) == want, True, "the pages are other ones")


def sent_with(version, capability, uri):
    """A stream of real QEMU's with a capability that changes what is sent."""
    with VM(peer.qemu(version), args("7.2", "bare"), qtest=True) as vm:
        vm.qtest("memset 0x200000 0x400000 0x5a")
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": capability, "state": True}])
        vm.qmp("migrate", uri=uri)
        return vm.wait("query-migrate", "status", ("completed", "failed"))["status"]


@cases(("7.2", "compress", "exec:cat > {}", "turn the capability 'compress' off on the source"),
       ("10.0", "mapped-ram", "file:{}", "Received unknown capability mapped-ram"))
def what_can_not_be_read_is_refused_with_the_reason(version, capability, uri, words):
    path = os.path.join(TMP, capability)
    equal(sent_with(version, capability, uri.format(path)), "completed")
    ok, said = peer.load("8.2", args("7.2", "bare"), path)
    equal(ok, False)
    contains(said, words)


@cases("7.2", "10.0")
def more_than_one_connection_is_not_taken(version):
    """multifd: the source is told by its second connection, runs on, and may move without."""
    path = os.path.join(TMP, "socket")
    with VM("8.2", args("7.2", "bare"), incoming="defer") as vm:
        vm.qmp("migrate-incoming", uri=f"unix:{path}", exit_on_error=False)
        equal(sent_with(version, "multifd", f"unix:{path}"), "failed")
        vm.wait("query-migrate", "status", ("failed",))
        peer.save(peer.qemu(version), args("7.2", "bare"), path + "2")
        vm.qmp("migrate-incoming", uri=f"file:{path}2")
        vm.wait_loaded()


@cases(*("xbzrle", "auto-converge", "compress", "postcopy-ram", "multifd", "background-snapshot", "dirty-bitmaps", "return-path",
         "zero-copy-send"))
def a_capability_that_is_missing_here_is_refused_and_off(name):
    with VM("8.2", args("7.2", "bare")) as vm:
        reply = vm.qmp_raw({"execute": "migrate-set-capabilities", "arguments": {"capabilities": [
            {"capability": "events", "state": True}, {"capability": name, "state": True}]}})
        equal(reply["error"]["desc"], f"Capability '{name}' is not supported")
        equal([c for c in vm.qmp("query-migrate-capabilities") if c["state"]], [])


@cases("7.2", "godwit")
def a_capability_that_nobody_knows_is_refused_in_the_same_words(which):
    with VM("8.2" if which == "godwit" else peer.qemu(which), args("7.2", "bare")) as vm:
        reply = vm.qmp_raw({"execute": "migrate-set-capabilities", "arguments": {"capabilities": [
            {"capability": "mapped-ram", "state": True}]}})
        equal(reply["error"], {"class": "GenericError", "desc": "Parameter 'capability' does not accept value 'mapped-ram'"})


add("7.2")
add("10.0")
try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
