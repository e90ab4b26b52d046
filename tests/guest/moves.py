#!/usr/bin/env python3
"""A running Linux guest moves: between builds, live over a socket, and between godwit and real QEMU; its processes, memory and disk go on."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer
from guest import Guest, setpci
from tap import cases, contains, equal, main, test

TMP = tempfile.mkdtemp(prefix="moves")
DISK = os.path.join(TMP, "disk")
with open(DISK, "wb") as f:
    f.write(random.Random(1).randbytes(8 << 20))
BLK = ["-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0", "-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on",
       "-device", "virtio-blk-pci,drive=d0,bus=rp0"]
# Counts, and reads the whole disk again and again; what it reads must stay the same.
WORK = "(n=0; while :; do echo $n $(dd if=/dev/vda iflag=direct bs=256k 2>/dev/null | md5sum); n=$((n+1)); done > /tmp/log) & echo $!"
READ_MASK = "setpci -s 0:1.0 ECAP_AER+8.L"       # the port's PCI_ERR_UNCOR_MASK


def args(machine="7.2", cpus=1, extra=()):
    return ["-M", f"pc-q35-{machine}", "-smp", str(cpus), *BLK, *extra]


def start_work(g):
    g.wait_shell()
    g.run("dd if=/dev/urandom of=/tmp/random bs=64k count=160 2>/dev/null; md5sum /tmp/random > /tmp/sum")
    g.run(WORK)
    g.run("while ! [ -s /tmp/log ]; do sleep 0.2; done")


def goes_on(g):
    """Its work goes on in the shell that it had, nothing it read or keeps has changed; returns how far it counted."""
    first = int(g.run("tail -n 1 /tmp/log | cut -d' ' -f1"))
    for _ in range(60):
        g.run("sleep 0.3")
        last = int(g.run("tail -n 1 /tmp/log | cut -d' ' -f1"))
        if last > first + 1:
            break
    equal(last > first + 1, True, f"counted {first} to {last}")
    equal(g.run("cut -d' ' -f2 /tmp/log | grep -v '^$' | sort -u | wc -l"), "1")
    contains(g.run("md5sum -c /tmp/sum"), "OK")
    return last


def uptime(g):
    return float(g.run("cut -d' ' -f1 /proc/uptime"))


def save(g, path):
    g.qmp("migrate", uri=f"exec:cat > {path}")
    reply = g.wait("query-migrate", "status", ("completed", "failed"), 60)
    equal(reply["status"], "completed", reply.get("error-desc", ""))


def travels(stations, arguments):
    """Starts in the first station and goes on in each of the others."""
    path = os.path.join(TMP, "travel")
    counted, up = 0, 0
    with Guest(stations[0], arguments) as g:
        start_work(g)
        counted, up = goes_on(g), uptime(g)
        save(g, path)
    for i, station in enumerate(stations[1:], 1):
        with Guest.loaded(station, arguments, path=path) as g:
            now = goes_on(g)
            equal(now > counted, True, f"counted {counted}, then {now}")
            later = uptime(g)
            equal(up <= later < up + 90, True, f"uptime was {up}, is {later}")
            counted, up = now, later
            if i < len(stations) - 1:
                save(g, path)


@cases(1, 2)
def goes_on_in_the_same_build(cpus):
    travels(["8.2", "8.2", "8.2"], args(cpus=cpus))


@test
def goes_on_in_other_builds():
    travels(["5.2", "7.2", "8.0.1", "8.2", "7.2"], args("5.2"))


def theirs(stations):
    return [peer.qemu(s[5:]) if s.startswith("qemu ") else s for s in stations]


@cases("qemu 7.2, 8.2, qemu 7.2", "8.2, qemu 7.2, 8.2", "qemu 7.2, 8.2, qemu 10.0, 7.2", "qemu 10.0, 8.0.1, qemu 7.2")
def goes_on_here_and_there(stations):
    travels(theirs(stations.split(", ")), args())


@test
def goes_on_here_and_there_with_two_cpus():
    travels(theirs(["qemu 7.2", "8.2", "qemu 7.2"]), args(cpus=2))


@cases("unix", "tcp")
def moves_live(kind):
    """The guest runs on while its memory goes over, and stands still only for the last of it."""
    with Guest("8.2", args(cpus=2)) as g:
        start_work(g)
        counted = goes_on(g)
        target = f"unix:{TMP}/live" if kind == "unix" else "tcp:127.0.0.1:0"
        with Guest("8.2", args(cpus=2), incoming="defer") as d:
            d.qmp("migrate-incoming", uri=target)
            if kind == "tcp":
                address = d.qmp("query-migrate")["socket-address"][0]
                target = f"tcp:127.0.0.1:{address['port']}"
            g.qmp("migrate-set-parameters", max_bandwidth=1 << 30, downtime_limit=300)
            g.qmp("migrate", uri=target)
            reply = g.wait("query-migrate", "status", ("completed", "failed"), 60)
            equal(reply["status"], "completed", reply.get("error-desc", ""))
            d.wait_loaded(30)
            d.qmp("cont")
            equal(goes_on(d) > counted, True)
            equal(reply["downtime"] < 2000, True, f"stood still for {reply['downtime']} ms")


@cases(1, 2)
def no_write_is_lost_while_memory_goes_over(cpus):
    """A program writes to the same 64 MiB over and over and looks whether each page has what it wrote before."""
    programs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "programs")
    busy = os.path.join(TMP, "busy")
    subprocess.run(["cc", "-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie", "-nostdlib", "-static", "-o", busy,
                    os.path.join(programs, "busy.c")], check=True)
    files = [("bin/busy", busy)]
    with Guest("8.2", args(cpus=cpus), files=files) as g:
        g.wait_shell()
        g.run("/bin/busy 64 > /tmp/busy & sleep 1")
        with Guest("8.2", args(cpus=cpus), files=files, incoming=f"unix:{TMP}/busy-move") as d:
            g.qmp("migrate-set-parameters", max_bandwidth=50 << 20, downtime_limit=50)
            g.qmp("migrate", uri=f"unix:{TMP}/busy-move")
            for _ in range(600):
                if g.qmp("query-migrate").get("ram", {}).get("dirty-sync-count", 0) >= 4:
                    break
                time.sleep(0.1)
            g.qmp("migrate-set-parameters", max_bandwidth=1 << 40, downtime_limit=2000)
            reply = g.wait("query-migrate", "status", ("completed", "failed"), 60)
            equal(reply["status"], "completed", reply.get("error-desc", ""))
            d.wait_loaded(30)
            d.qmp("cont")
            d.run("sleep 2")
            equal(d.run("cat /tmp/busy; pidof busy > /dev/null && echo runs"), "runs")


# ---------------------------------------------------------------- the story, with a guest that looks

class Looker(Guest):
    """A guest with setpci."""

    def __init__(self, *a, **kw):
        super().__init__(*a, files=setpci(), **kw)


MASK_BY_BUILD = {"7.2": "00000000", "8.0": "02400000", "8.0.1": "00000000"}


@cases(*MASK_BY_BUILD)
def guest_reads_the_mask_that_its_build_has(release):
    with Looker(release, args()) as g:
        g.wait_shell()
        equal(g.run(READ_MASK), MASK_BY_BUILD[release])


@test
def nine_pairs_with_a_live_guest():
    for source in MASK_BY_BUILD:
        path = os.path.join(TMP, "pair-" + source)
        with Looker(source, args()) as g:
            start_work(g)
            save(g, path)
        for dest, mask in MASK_BY_BUILD.items():
            if mask == MASK_BY_BUILD[source]:
                with Guest.loaded(dest, args(), path=path) as g:
                    goes_on(g)
                    equal(g.run(READ_MASK), mask)
            else:
                try:
                    Guest.loaded(dest, args(), path=path).kill()
                    raise AssertionError(f"{source} to {dest} loads")
                except Exception as e:
                    contains(str(e), "PCI_ERR_UNCOR_MASK")


@test
def mitigation_and_the_chain_to_8_2():
    on = ["-global", "pcie-root-port.x-pcie-err-unc-mask=on"]
    path = os.path.join(TMP, "chain")
    with Looker("8.0", args()) as g:
        start_work(g)
        save(g, path)
    with Guest.loaded("8.0.1", args(extra=on), path=path) as g:
        goes_on(g)
        equal(g.run(READ_MASK), MASK_BY_BUILD["8.0"])
        save(g, path)
    with Guest.loaded("8.2", args(extra=on), path=path) as g:
        goes_on(g)
        equal(g.run(READ_MASK), MASK_BY_BUILD["8.0"])


@test
def injected_error_reaches_the_guests_driver():
    with Guest("8.2", args(machine="8.2"), append="pci=pcie_bus_perf") as g:
        g.wait_shell()
        g.run("echo 8 > /proc/sys/kernel/printk")
        g.hmp("pcie_aer_inject_error rp0 RCVR")
        for _ in range(50):
            log = g.run("dmesg | grep -i aer || true")
            if re.search("Corrected error", log):
                break
            time.sleep(0.1)
        contains(log, "Corrected error")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
