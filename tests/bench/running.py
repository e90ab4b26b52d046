"""Guests that run: booting Linux, programs in it, and how long it stands still when it moves."""
import os
import re
import subprocess
import tempfile
import time

from guest import Guest
from rows import GODWIT, alternate, bench, report, report_at_least

HERE = os.path.dirname(os.path.abspath(__file__))
Q35 = ["-M", "pc-q35-7.2"]
# Those that count instructions of their own, with the rounds that take about a second; the rest is the kernel's speed.
COUNTED = {"int": 1, "sieve": 2, "chase": 1, "vm": 1, "hash": 1, "fp": 1}
OTHERS = {"copy": 2, "call": 1, "pipe": 1, "fork": 1}


def build(name, folder):
    path = os.path.join(folder, name)
    subprocess.run(["cc", "-O2", "-ffreestanding", "-fno-math-errno", "-fno-stack-protector", "-fno-pie", "-no-pie", "-nostdlib", "-static",
                    "-o", path, os.path.join(HERE, "programs", name + ".c")], check=True)
    return f"bin/{name}", path


def boot_time(release, cpus):
    begin = time.monotonic()
    with Guest(release, [*Q35, "-smp", cpus]) as g:
        g.expect("~% shell\n")
        seconds = time.monotonic() - begin
        g.kill()
    return seconds


@bench
def boot():
    for cpus in (1, 2):
        boot_time(GODWIT, cpus)     # the kernel is in the host's cache
        report(f"boot to a shell, {cpus} vCPU{'s' if cpus > 1 else ''}", "s", *alternate(lambda r: boot_time(r, cpus), 3, min), goal=1 / 3,
               better="lower")


def time_programs(release, files, programs, args=()):
    """Seconds by the guest's clock, by name."""
    with Guest(release, [*Q35, *args], files=files) as g:
        g.wait_shell()
        words = {name: g.run(f"/bin/programs {name} {rounds}", 180).split() for name, rounds in programs.items()}
        g.kill()
    return {name: (int(w[1]), int(w[2]) / 1e9) for name, w in words.items()}


@bench
def programs():
    with tempfile.TemporaryDirectory() as folder:
        files = (build("programs", folder),)
        everything = {**COUNTED, **OTHERS}
        mine = [time_programs(GODWIT, files, everything) for _ in range(2)]
        theirs = time_programs("qemu-system-x86_64", files, everything)
        # Where an instruction is a nanosecond, the clock counts them.
        counts = time_programs(GODWIT, files, COUNTED, ["-icount", "shift=0,sleep=off"])
    for name in everything:
        seconds = min(m[name][1] for m in mine)
        if mine[0][name][0] != theirs[name][0]:
            raise SystemExit(f"{name}: its result is {mine[0][name][0]}, with QEMU {theirs[name][0]}")
        if name in COUNTED:
            million = counts[name][1] * 1e3
            report_at_least(f"program {name}", "MIPS", million / seconds, million / theirs[name][1], goal=200)
        else:
            report(f"program {name}", "ms", seconds * 1e3, theirs[name][1] * 1e3, goal=1 / 3, better="lower")


def gap(text):
    """The longest time between two lines of what the guest told, by its own clock."""
    told = [int(n) for n in re.findall(r"^(\d{8,})$", text, re.M)]
    return max((b - a for a, b in zip(told, told[1:])), default=0) / 1e6


def live_move(release, files, folder):
    """A guest with 1 GiB, half of it written, that writes to 64 MiB all the time. ms: what the source says, how long its console was
    silent by the host's clock, and by the guest's."""
    path = os.path.join(folder, "move")
    if os.path.exists(path):
        os.unlink(path)
    args = [*Q35, "-smp", "2"]
    with Guest(release, args, memory=1024, files=files) as g:
        g.wait_shell()
        g.run("mount -t tmpfs -o size=600m tmp /mnt; dd if=/dev/urandom of=/tmp/r bs=1M count=8 2>/dev/null; "
              "for i in $(seq 64); do cat /tmp/r; done > /mnt/r", 180)
        with Guest(release, args, memory=1024, files=files, incoming=f"unix:{path}") as d:
            d.qmp("cont")
            g.run("/bin/busy 64 & sleep 1")
            g.send("/bin/busy")
            g.expect(r"(\d{8,}\n){100}")
            g.qmp("migrate-set-parameters", max_bandwidth=1 << 40, downtime_limit=300)
            g.qmp("migrate", uri=f"unix:{path}")
            g.console.settimeout(0.001)
            d.console.settimeout(0.001)
            last, silent, after, end = time.monotonic(), 0, 0, time.monotonic() + 120
            while after < 100 and time.monotonic() < end:
                here, there = g.read_console(), d.read_console()
                now = time.monotonic()
                if there:
                    after += there.count("\n")
                if here or there:
                    silent, last = max(silent, now - last), now
            reply = g.qmp("query-migrate")
            if reply["status"] != "completed":
                raise SystemExit(f"the guest did not move: {reply}")
            result = reply["downtime"], silent * 1e3, gap(g.text + d.text)
            g.kill(), d.kill()
    return result


@bench
def downtime():
    with tempfile.TemporaryDirectory() as folder:
        files = (build("busy", folder),)
        mine, theirs = alternate(lambda r: live_move(r, files, folder), 3, lambda runs: [min(of) for of in zip(*runs)])
    for what, a, b in zip(("by query-migrate", "the console's silence", "by the guest's clock"), mine, theirs):
        report(f"live move of 1 GiB, downtime {what}", "ms", max(a, 0.5), max(b, 0.5), goal=1, better="lower")
