#!/usr/bin/env python3
"""A busy guest is saved and loaded again and again, and whatever else may happen to a machine happens to it at random moments.

The environment says how much: STRESS_SAVES (20), STRESS_SECONDS (20), STRESS_SEED (1; of what happens and when). With
STRESS_PROGRESS it says what it does on stderr.
"""
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from busy import Busy
from tap import equal, main, test
from vm import QMPError

SAVES = int(os.environ.get("STRESS_SAVES", 20))
SECONDS = int(os.environ.get("STRESS_SECONDS", 20))
SEED = int(os.environ.get("STRESS_SEED", 1))
TMP = tempfile.mkdtemp(prefix="stress")
BUILDS = ["7.2", "8.0", "8.0.1", "8.2"]
ACPI_OFF = ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
start_time = time.monotonic()


def say(text):
    if os.environ.get("STRESS_PROGRESS"):
        print(f"# {time.monotonic() - start_time:.1f} s: {text}", file=sys.stderr, flush=True)


def folder(name):
    path = os.path.join(TMP, name)
    os.makedirs(path)
    return path


# ---------------------------------------------------------------- saves and loads in a row

def grew(first, now, what, allowed):
    if now > first + allowed:
        raise AssertionError(f"{what} grew from {first} to {now}")


@test
def a_busy_guest_is_saved_and_loaded_many_times():
    """Through files and sockets from build to build; uptime goes on by no more than passed."""
    sizes, files = [], set()
    with Busy("7.2", 2, folder("saves"), machine="pc-q35-7.2") as b:
        b.start()
        up, at = b.uptime(), time.monotonic()
        for n in range(SAVES):
            release = BUILDS[(n + 1) % len(BUILDS)]
            if n % 5 == 4:
                b.move_live(release)
            else:
                sizes.append(b.save_and_load(release))
            now = b.check()
            files.add(b.files())
            say(f"load {n + 1} in {release}: {now}, {sizes[-1] >> 10} KiB, {b.memory_kib()} KiB of memory, {b.files()} files")
            grew(sizes[0], sizes[-1], "the state", 48 << 20)
            later, then = b.uptime(), time.monotonic()
            equal(up < later <= up + (then - at) + 0.5, True, f"uptime went from {up} to {later} in {then - at} s")
            up, at = later, then
        b.check_log()
        equal(max(files) - min(files) <= 1, True, f"open files: {files}")


@test
def a_busy_guest_is_saved_and_loaded_in_place_many_times():
    with Busy("8.2", 2, folder("places"), machine=f"pc-q35-7.2,snapshot-dir={folder('states')}") as b:
        b.start()
        for n in range(SAVES):
            b.save_and_load_in_place()
            now = b.check()
            say(f"load {n + 1} in place: {now}, {b.memory_kib()} KiB of memory, {b.files()} files")
            if n == SAVES // 4:
                memory, files = b.memory_kib(), b.files()
        grew(memory, b.memory_kib(), "memory", (24 << 10) + 50 * SAVES)
        grew(files, b.files(), "open files", 0)
        b.check_log()


@test
def sixteen_cpus_work_and_are_saved_and_loaded():
    begin = time.monotonic()
    with Busy("8.2", 16, folder("sixteen"), memory=192) as b:
        b.g.wait_shell(300)
        say(f"16 CPUs are up after {time.monotonic() - begin:.1f} s")
        equal(b.g.run("nproc"), "16")
        equal(b.g.run("cat /sys/devices/system/cpu/online"), "0-15")
        equal(b.g.run("grep -c x2apic /proc/cpuinfo || true"), "0")     # as QEMU's TCG until 8.2
        b.work()
        b.save_and_load("8.2")
        b.check()
        equal(b.g.run("cat /sys/devices/system/cpu/online"), "0-15")
        # All of them execute: each says so from a process that is bound to it.
        equal(b.g.run("for i in $(seq 0 15); do taskset $(printf %x $((1 << i))) busy exit 0 && echo -n $i,; done"),
              "".join(f"{i}," for i in range(16)))
        b.check_log()


# ---------------------------------------------------------------- anything at any moment

class Chaos:
    """A busy guest with three ports, and what may happen to it."""

    def __init__(self, seed, cpus):
        self.rnd = random.Random(seed)
        self.native = self.rnd.random() < 0.5
        native = ACPI_OFF if self.native else []
        # An error that came to a port's root registers keeps the machine from being loaded anywhere, as with QEMU from 8.0 on.
        self.release = self.rnd.choice(["7.2", "8.2"])
        self.b = Busy(self.release, cpus, folder(f"chaos{seed}"), machine=f"pc-q35-7.2,snapshot-dir={folder(f'chaos{seed}-states')}", ports=3,
                      extra=native, memory=192)
        self.leaving = {}       # ids whose unplugging was asked for, and since when
        self.asked = {}         # when that was done again
        self.done = {}

    def settle(self):
        """Of the disks that were asked to go: which are gone."""
        for name in list(self.leaving):
            if not self.b.is_there(name):
                say(f"{name} is gone after {time.monotonic() - self.leaving.pop(name):.1f} s")
                self.b.forget(name)
            elif self.native and time.monotonic() - self.asked.get(name, self.leaving[name]) > 15:
                self.asked[name] = time.monotonic()
                try:
                    self.b.unplug(name)     # a reset let the guest forget that the button was pressed
                except QMPError as e:
                    say(f"{name}: {e}")
            elif time.monotonic() - self.leaving[name] > 240:
                raise AssertionError(f"{name} does not go: {self.b.g.hmp('info pci')[-500:]}; {self.b.g.run('dmesg | tail -n 30')}")

    def stop_and_go_on(self):
        self.b.g.qmp("stop")
        time.sleep(self.rnd.random() * 0.2)
        self.b.g.qmp("cont")

    def save(self):
        self.b.g.qmp("stop")
        self.settle()
        self.b.save_and_load(self.release)

    def move(self):
        if self.leaving:        # one may go after the destination was made with it
            return False
        self.b.move_live(self.release)

    def save_in_place(self):
        if self.leaving:        # the reset before a load takes them out, as QEMU's does: they would be missed
            return False
        self.b.save_and_load_in_place()

    def plug(self):
        used = set(self.b.plugged.values())
        free = [port for port in ("rp0", "rp1", "rp2") if port not in used]
        if not free:
            return False
        name = self.b.plug(self.rnd.choice(free))
        if self.rnd.random() < 0.3:
            self.stop_and_go_on()
        self.b.use_plugged(name)
        return f"{name} in {self.b.plugged[name]}"

    def unplug(self):
        names = [name for name in self.b.plugged if name not in self.leaving]
        if not names:
            return False
        name = self.rnd.choice(names)
        self.b.unplug(name)
        self.leaving[name] = time.monotonic()
        return name

    def inject(self):
        if self.release != "7.2":
            return False
        port, error = self.rnd.choice(["rp0", "rp1", "rp2"]), self.rnd.choice(["RCVR", "BAD_TLP", "BAD_DLLP", "ROLLOVER"])
        self.b.g.hmp(f"pcie_aer_inject_error {port} {error}")

    def reset(self):
        self.b.g.qmp("system_reset")
        self.settle()           # a reset is the end of waiting for a guest
        self.b.start()

    def happens(self):
        what, = self.rnd.choices([self.stop_and_go_on, self.save, self.move, self.save_in_place, self.plug, self.unplug, self.inject,
                                  self.reset], [8, 4, 3, 4, 5, 5, 4, 1])
        time.sleep(self.rnd.random())
        told = what()
        if told is not False:
            self.done[what.__name__] = self.done.get(what.__name__, 0) + 1
            say(f"{what.__name__} {told or ''}")
        self.settle()

    def run(self, seconds):
        b = self.b
        b.start()
        say("started")
        end = time.monotonic() + seconds
        for n in range(1000000):
            if time.monotonic() > end and n >= 12:
                break
            self.happens()
            now = b.check()
            if n % 10 == 9:
                b.check_log()
                say(f"{now}, {b.memory_kib()} KiB of memory, {b.files()} files; {self.done}")
        b.check_log()
        say(f"{self.done}")


@test
def a_busy_guest_goes_on_whatever_happens():
    rnd = random.Random(SEED)
    chaos = Chaos(SEED, rnd.choice([2, 3, 4]))
    say(f"seed {SEED}, {chaos.b.cpus} CPUs, {chaos.release}, {chaos.b.extra}")
    with chaos.b:
        chaos.run(SECONDS)


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
