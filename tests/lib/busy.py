"""A Linux guest that is kept busy by tests/guest/busy.c, which checks disk, clock, memory and arithmetic all the time, and
that is saved, loaded and moved meanwhile.

    with Busy("8.2", cpus=2, folder=TMP) as b:
        b.start()
        b.save_and_load("7.2")
        b.check()               # nothing was wrong, and all of its workers went on
"""
import atexit
import functools
import os
import re
import subprocess
import tempfile
import time

from guest import Guest, GuestError
from vm import VMError

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "guest", "busy.c")
WORKERS = ("reads", "writes", "forks", "ticks", "rounds", "sums")
BAD = "BUG:|WARNING:|lockup|stalls? |I/O error|Oops|Call Trace|Kernel panic|blocked for more"
DISK_SIZE = 8 << 20
JUMP_MS = 10000     # a guest's process may wait for its turn on a host with more to do; a clock that jumps does so by more


@functools.cache
def program():
    """The path of busy, linked statically."""
    fd, path = tempfile.mkstemp(prefix="busy")
    os.close(fd)
    atexit.register(os.unlink, path)
    subprocess.run(["gcc", "-O2", "-static", "-Wall", "-o", path, SOURCE], check=True)
    return path


def new_disk(folder, name):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.truncate(DISK_SIZE)
    return path


class Busy:
    """The guest `g`, one process after the other. ports: for disks that are plugged later."""

    def __init__(self, release, cpus, folder, machine="pc-q35-7.2", ports=0, memory=128, extra=(), boot=True):
        self.release, self.cpus, self.folder, self.machine, self.memory = release, cpus, folder, machine, memory
        self.ports, self.extra = ports, list(extra)
        self.plugged = {}       # id of a disk: its port
        self.serial = 0
        self.disk = new_disk(folder, "disk")
        self.counters = {}
        if boot:
            self.g = self.machine_of(release)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.g.__exit__(kind, *rest)

    # ------------------------------------------------------------ the machine

    def arguments(self):
        args = ["-M", self.machine, "-smp", self.cpus, *self.extra]
        for n in range(self.ports):
            args += ["-device", f"pcie-root-port,id=rp{n},chassis={n + 1},addr={n + 1}.0"]
        args += ["-drive", f"if=none,id=d0,file={self.disk},format=raw", "-device", "virtio-blk-pci,drive=d0,addr=10.0"]
        for name, port in self.plugged.items():
            args += ["-blockdev", f"driver=file,filename={self.folder}/{name},node-name={name}",
                     "-device", f"virtio-blk-pci,id={name},drive={name},serial={name},bus={port}"]
        return args

    def machine_of(self, release, incoming=None):
        self.release = release
        return Guest(release, self.arguments(), files=(("bin/busy", program()),), incoming=incoming, memory=self.memory)

    def memory_kib(self):
        with open(f"/proc/{self.g.proc.pid}/status") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])

    def files(self):
        return len(os.listdir(f"/proc/{self.g.proc.pid}/fd"))

    # ------------------------------------------------------------ its work

    def start(self):
        self.g.wait_shell(300)
        self.work()

    def work(self):
        self.g.run("dmesg -n 1; busy fill /dev/vda; busy start /dev/vda", 300)
        for name in self.plugged:
            self.use_plugged(name)
        self.counters = dict.fromkeys(WORKERS, 0)
        self.check()

    def status(self):
        text = self.g.run("busy status", 120)
        match = re.search(r"errors \d+.*", text)
        if not match:
            raise GuestError(f"busy status: {text}")
        words = match[0].split()
        return {words[i]: int(words[i + 1]) for i in range(0, len(words), 2)}

    def check(self, timeout=240):
        """Nothing was wrong, and every worker went on since the last time."""
        end = time.monotonic() + timeout
        while True:
            now = self.status()
            if now["errors"]:
                raise GuestError(f"the guest found {now}: {self.g.run('cat /tmp/busy.log')}")
            if now["jump"] > JUMP_MS:
                raise GuestError(f"time jumped by {now['jump']} ms")
            stands = [w for w in WORKERS if now[w] <= self.counters.get(w, 0)]
            if not stands:
                break
            if time.monotonic() > end:
                raise GuestError(f"no longer works: {stands}: {now}; {self.g.run('ps; dmesg | tail -n 40')}")
            time.sleep(0.05)
        self.counters = now
        return now

    def check_log(self):
        bad = self.g.run(f"dmesg -c | grep -E -C 8 '{BAD}' | head -n 60; true", 120)
        if bad:
            raise GuestError(f"the kernel says: {bad}")

    def uptime(self):
        return float(re.search(r"([\d.]+) [\d.]+", self.g.run("cat /proc/uptime"))[1])

    # ------------------------------------------------------------ disks that come and go

    def plug(self, port):
        self.serial += 1
        name = f"hot{self.serial}"
        new_disk(self.folder, name)
        self.g.qmp("blockdev-add", driver="file", filename=f"{self.folder}/{name}", node_name=name)
        self.g.qmp("device_add", driver="virtio-blk-pci", id_=name, drive=name, serial=name, bus=port)
        self.plugged[name] = port
        return name

    def use_plugged(self, name):
        """The guest finds the disk and works on it."""
        find = f"d=$(grep -lx {name} /sys/block/vd*/serial 2>/dev/null | cut -d/ -f4)"
        self.g.run(f"i=0; {find}; while ! [ -b /dev/$d -a -n \"$d\" ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); {find}; done; "
                   f"busy disk /dev/$d", 300)

    def unplug(self, name):
        self.g.qmp("device_del", id_=name)

    def is_there(self, name):
        return name in [child["name"] for child in self.g.qmp("qom-list", path="/machine/peripheral")]

    def forget(self, name):
        """It was unplugged: its file goes, too."""
        del self.plugged[name]
        self.g.qmp("blockdev-del", node_name=name)
        os.unlink(os.path.join(self.folder, name))

    # ------------------------------------------------------------ moves

    def replace(self, g):
        console_text = self.g.text
        self.g.kill()
        self.g = g
        self.g.text = console_text + self.g.text

    def finish(self, g):
        reply = self.g.wait("query-migrate", "status", ("completed", "failed"), 300)
        if reply["status"] != "completed":
            raise VMError(f"{reply.get('error-desc', '')}: {self.g.stderr()}; {g.stderr() if g else ''}")

    def save_and_load(self, release):
        """Through a file; returns its size."""
        path = os.path.join(self.folder, "state")
        self.g.qmp("migrate", uri=f"exec:cat > {path}")
        self.finish(None)
        self.replace(self.machine_of(release, f"exec:cat {path}"))
        self.g.wait_loaded(300)
        self.g.qmp("cont")
        return os.path.getsize(path)

    def move_live(self, release, stop_after=None):
        path = os.path.join(self.folder, "live")
        dest = self.machine_of(release, "defer")
        try:
            dest.qmp("migrate-incoming", uri=f"unix:{path}")
            self.g.qmp("migrate-set-parameters", max_bandwidth=1 << 30, downtime_limit=500)
            self.g.qmp("migrate", uri=f"unix:{path}")
            self.finish(dest)
            dest.wait_loaded(300)
        except Exception:
            dest.kill()
            raise
        self.replace(dest)
        self.g.qmp("cont")

    def save_and_load_in_place(self):
        self.g.qmp("stop")
        for command in ("savevm here", "loadvm here", "delvm here"):
            said = self.g.hmp(command)
            if said:
                raise VMError(f"{command}: {said}; {self.g.stderr()}")
        self.g.qmp("cont")
