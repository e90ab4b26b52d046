#!/usr/bin/env python3
"""A client that does what no client should: sets every property to every value, adds, deletes and resets in any order, and leaves or
ends the program at any moment. The machine runs all the while. COUNT= makes it thorough, SEED= repeats a run."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, QMPError, binary  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="godwit-random")
os.chdir(folder.name)
COUNT = int(os.environ.get("COUNT", "1"))
SEED = int(os.environ.get("SEED", "7"))
MACHINE = ["-M", "q35", "-m", "64", "-smp", "2", "-device", "pcie-root-port,id=rp0,chassis=1,addr=3.0", "-device",
           "pcie-root-port,id=rp1,chassis=2,addr=4.0", "-blockdev", "null-co,node-name=n0,size=1048576", "-blockdev",
           "null-co,node-name=n1,size=1048576", "-device", "virtio-blk-pci,drive=n0,id=b0,bus=rp0", "-serial", "null", "-object", "iothread,id=io0",
           "-object", "secret,id=sec,data=abc", "-object", "memory-backend-ram,id=mb,size=1M", "-chardev", "null,id=cn", "-chardev",
           "ringbuf,id=cr", "-chardev", "null,id=cm,mux=on", "-device", "virtio-rng-pci,id=rng0"]
VALUES = [None, True, False, 0, 1, -1, 255, 65536, 2**32, 2**63 - 1, 2**64 - 1, 1.5, "", "on", "auto", "/machine/peripheral/rp0", "n1", "cn",
          "io0", "x" * 5000, "%s%n", "1M", "00:11:22:33:44:55", "03.0", [], [1, 2], {}, {"a": 1}]
LOOKS = ("info qtree", "info pci", "info mtree", "info block", "info registers -a", "info qom-tree", "info chardev")


def properties(vm, path="/"):
    try:
        for p in vm.qmp("qom-list", path=path):
            yield path, p["name"]
            if p["type"].startswith("child<"):
                yield from properties(vm, path.rstrip("/") + "/" + p["name"])
    except QMPError:
        pass


def still_works(vm):
    for line in LOOKS:
        vm.hmp(line)
    for command in ("query-block", "query-pci", "query-chardev", "query-cpus-fast", "query-iothreads", "query-memory-size-summary"):
        vm.qmp(command)
    equal(vm.quit()[0], 0)


@test
def every_property_set_to_any_value_is_taken_or_refused():
    rand = random.Random(SEED)
    with VM("8.2", MACHINE, stopped=False, timeout=60) as vm:
        sets = [(path, name, value) for path, name in properties(vm) for value in rand.sample(VALUES, 6) + ([False, True] if name == "realized" else [])]
        refused = 0
        for _ in range(COUNT):
            rand.shuffle(sets)
            for path, name, value in sets:
                try:
                    vm.qmp("qom-set", path=path, property=name, value=value)
                except QMPError:
                    refused += 1
        equal(len(sets) * COUNT // 2 < refused < len(sets) * COUNT, True, f"{refused} of {len(sets) * COUNT} refused")
        still_works(vm)


def step(vm, rand, types):
    """One command, of any kind."""
    ids = [f"d{i}" for i in range(6)] + ["b0", "rp0", "rp1", "rng0"]
    kind = rand.choices(("add", "del", "object", "chardev", "block", "run"), (45, 30, 8, 6, 6, 5))[0]
    if kind == "add":
        args = {"driver": rand.choice(types), "id": rand.choice(ids), "bus": rand.choice(["rp0", "rp1", "pcie.0", "isa.0", "none", "d0", "d1"])}
        args.update({k: v for k, v in (("drive", rand.choice(["n0", "n1"])), ("chardev", rand.choice(["cn", "cr", "cm"])), ("iothread", "io0"),
                                       ("addr", rand.choice(["0", "1", "1f.7", "x"]))) if rand.random() < 0.3})
        vm.qmp("device_add", **args)
    elif kind == "del":
        vm.qmp("device_del", id=rand.choice(ids + ["/machine/unattached/device[0]"]))
    elif kind == "object":
        if rand.random() < 0.5:
            vm.qmp("object-del", id=rand.choice(["io0", "mb", "sec", "pc.ram"]))
        else:
            vm.qmp("object-add", **{"qom-type": "iothread", "id": "io0"})
    elif kind == "chardev":
        if rand.random() < 0.6:
            vm.qmp("chardev-remove", id=rand.choice(["cn", "cr", "cm", "cm-base", "serial0"]))
        else:
            vm.qmp("chardev-add", id=rand.choice(["cn", "cr"]), backend={"type": "null", "data": {}})
    elif kind == "block":
        if rand.random() < 0.5:
            vm.qmp("blockdev-del", **{"node-name": rand.choice(["n0", "n1"])})
        else:
            vm.qmp("blockdev-add", **{"driver": "null-co", "node-name": rand.choice(["n0", "n1"]), "size": 1 << 20})
    else:
        vm.qmp(rand.choice(["system_reset", "stop", "cont"]))


@test
def devices_and_what_they_use_come_and_go_in_any_order():
    rand = random.Random(SEED)
    with VM("8.2", MACHINE, stopped=False, timeout=60) as vm:
        types = [t["name"] for t in vm.qmp("qom-list-types", implements="device", abstract=False)]
        types += ["virtio-blk-pci"] * 20 + ["pcie-root-port"] * 5 + ["virtio-rng-pci"] * 3
        done = 0
        for i in range(8000 * COUNT):
            try:
                step(vm, rand, types)
                done += 1
            except QMPError:
                pass
            if i % 500 == 0:
                vm.hmp(rand.choice(LOOKS))
        equal(done > 100, True, f"{done} were done")
        still_works(vm)


@cases(("/machine/unattached/device[0]", "qemu64-x86_64-cpu"), ("/machine/peripheral/rng0/virtio-backend", "virtio-rng-device"),
       ("/machine/peripheral/rng0", "virtio-rng-pci"))
def part_that_cannot_be_unplugged_stays_realized(path, name):
    """Real QEMU 7.2 aborts when virtio-backend is realized again."""
    with VM("8.2", MACHINE) as vm:
        try:
            vm.qmp("qom-set", path=path, property="realized", value=False)
            raise AssertionError("was taken")
        except QMPError as e:
            equal(e.desc, f"Device '{name}' does not support hotplugging")


@test
def device_that_was_unrealized_is_shown_and_comes_back():
    with VM("8.2", MACHINE) as vm:
        vm.qmp("qom-set", path="/machine/peripheral/b0", property="realized", value=False)
        contains(vm.hmp("info qtree"), 'dev: virtio-blk-pci, id "b0"')
        vm.qmp("qom-set", path="/machine/peripheral/b0", property="realized", value=True)
        contains(vm.hmp("info qtree"), "class SCSI controller, addr 00:00.0, pci id 1af4:1042")


@test
def it_ends_whenever_it_is_told():
    """By quit or a signal, while it starts, runs, comes in, is saved, or a device is on its way out."""
    rand = random.Random(SEED)
    for signo in signal.SIGINT, signal.SIGHUP:      # which nohup and job control have children ignore until they say otherwise
        signal.signal(signo, signal.SIG_DFL)
    for _ in range(24 * COUNT):
        args = [binary("8.2"), *MACHINE, "-display", "none", "-nodefaults", "-qmp", "stdio"]
        mode = rand.choice(["start", "run", "in", "save", "del"])
        text = '{"execute":"qmp_capabilities"}\n'
        if mode == "in":
            args += ["-incoming", rand.choice(["defer", "exec:sleep 1", "exec:cat /dev/zero", "unix:sock"])]
        elif mode != "run":
            args += ["-S"]
        if mode == "save":
            text += '{"execute":"migrate","arguments":{"uri":"%s"}}\n' % rand.choice(["exec:cat >/dev/null", "exec:sleep 1", "file:out", "unix:/none"])
        elif mode == "del":
            text += '{"execute":"device_del","arguments":{"id":"b0"}}\n'
        p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        signo = rand.choice([None, None, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
        try:
            p.stdin.write(text)
            p.stdin.flush()
            time.sleep(rand.random() * rand.choice([0.001, 0.05, 0.3]))
            if signo:
                p.send_signal(signo)
            else:
                p.stdin.write('{"execute":"quit"}\n')
                p.stdin.flush()
        except BrokenPipeError:
            pass
        try:
            _, err = p.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            p.kill()
            raise AssertionError(f"{mode}: does not end") from None
        # A signal may come before it is caught; a stream of nonsense ends it with 1.
        if p.returncode not in (0, -(signo or 0)) and not (mode == "in" and p.returncode == 1):
            raise AssertionError(f"{mode}: status {p.returncode}: {err[-2000:]}")


main()
