#!/usr/bin/env python3
"""An unmodified Linux (Debian's cloud kernel, busybox) boots, uses its disk, reboots and powers off."""
import os
import random
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import busy
from guest import Guest, vmlinux
from tap import cases, contains, equal, main, test

TMP = tempfile.mkdtemp(prefix="linux")
DISK = os.path.join(TMP, "disk")
with open(DISK, "wb") as f:
    f.write(random.Random(1).randbytes(16 << 20))
Q35 = ["-M", "pc-q35-7.2"]
BLK = ["-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0", "-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on",
       "-device", "virtio-blk-pci,drive=d0,bus=rp0"]


@cases(1, 2, 4)
def boots_to_a_shell(cpus):
    with Guest("8.2", [*Q35, "-smp", str(cpus)]) as g:
        g.wait_shell()
        equal(g.run("nproc"), str(cpus))
        contains(g.run("uname -m"), "x86_64")
        g.send("poweroff -f")
        equal(g.wait_end(), 0)


@test
def boots_by_the_pvh_entry_of_its_elf_image():
    with Guest("8.2", [*Q35, "-smp", "2"], image=vmlinux(), append="by=pvh") as g:
        g.wait_shell()
        contains(g.run("dmesg | grep -i pvh; cat /proc/cmdline"), "by=pvh")
        equal(g.run("nproc"), "2")
        equal(int(g.run("awk '/MemTotal/ { print $2 }' /proc/meminfo")) > 180 << 10, True)
        g.send("reboot -f")
        g.wait_shell()


@test
def a_cpu_of_all_there_is_has_what_the_engine_executes():
    with Guest("8.2", [*Q35, "-smp", "2", "-cpu", "max"]) as g:
        g.wait_shell()
        flags = g.run("grep -m 1 flags /proc/cpuinfo").split()
        for flag in "adx bmi1 bmi2 erms fsgsbase invpcid movbe pcid popcnt rdrand rdseed rdtscp smap smep umip xsave".split():
            contains(flags, flag)
        g.run("(for i in 1 2 3 4 5 6 7 8; do head -c 3000000 /dev/urandom | gzip | gunzip | md5sum & done; wait) >/dev/null", 120)
        equal(g.run("dmesg | grep -E 'BUG|WARNING|Call Trace' || true"), "")


@cases("5.1", "8.0.1")
def boots_on_the_releases_own_machine(release):
    with Guest(release, ["-M", f"pc-q35-{release[:3]}"]) as g:
        g.wait_shell()
        g.send("poweroff -f")
        equal(g.wait_end(), 0)


@cases("virtio-blk-pci,drive=d0", "virtio-blk-pci,drive=d0,bus=rp0", "virtio-blk-pci,drive=d0,disable-modern=on,disable-legacy=off")
def disk_reads_and_writes(device):
    args = [*Q35, "-smp", "2", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0",
            "-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on", "-device", device]
    with Guest("8.2", args) as g:
        g.wait_shell()
        before = g.run("md5sum </dev/vda")
        g.run("dd if=/dev/urandom of=/tmp/r bs=64k count=32 2>/dev/null")
        g.run("dd if=/tmp/r of=/dev/vda bs=64k seek=7 conv=fsync 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches")
        equal(g.run("dd if=/dev/vda bs=64k skip=7 count=32 2>/dev/null | md5sum"), g.run("md5sum </tmp/r"))
        equal(g.run("md5sum </dev/vda") != before, True)
        g.send("poweroff -f")
        equal(g.wait_end(), 0)


@test
def reboots():
    with Guest("8.2", [*Q35, "-smp", "2"]) as g:
        for _ in range(3):
            g.wait_shell()
            g.send("reboot -f")
        g.wait_shell()


@test
def no_reboot_ends_the_process():
    with Guest("8.2", [*Q35, "-no-reboot"]) as g:
        g.wait_shell()
        g.send("reboot -f")
        equal(g.wait_end(), 0)


@test
def panics_and_reboots():
    with Guest("8.2", [*Q35, "-no-reboot"]) as g:
        g.wait_shell()
        g.send("echo c > /proc/sysrq-trigger")
        equal(g.wait_end(), 0)


@test
def clock_goes_as_the_hosts():
    with Guest("8.2", Q35) as g:
        g.wait_shell()
        begin = float(g.run("cut -d' ' -f1 /proc/uptime"))
        g.run("sleep 3")
        passed = float(g.run("cut -d' ' -f1 /proc/uptime")) - begin
        equal(2.9 < passed < 8, True, f"3 s of sleep took {passed} s of uptime")


@test
def is_stopped_and_continued():
    with Guest("8.2", [*Q35, *BLK, "-smp", "2"]) as g:
        g.wait_shell()
        g.send("i=0; while [ $i -lt 400 ]; do dd if=/dev/vda bs=64k count=4 2>/dev/null | md5sum; i=$((i+1)); done > /tmp/sums; echo done-$i")
        for _ in range(10):
            g.qmp("stop")
            g.qmp("cont")
        g.expect("done-400\n", 120)
        equal(g.run("sort -u /tmp/sums | wc -l"), "1")


def fall_asleep(g):
    g.send("echo mem > /sys/power/state; echo wo\"\"ken")
    g.wait("query-status", "status", ("suspended",), 30)


def is_itself_after_sleep(g):
    g.expect("woken\n")
    equal(g.run("nproc"), "2")
    equal(g.run("md5sum </dev/vda; echo 3 > /proc/sys/vm/drop_caches"), g.run("md5sum </dev/vda"))


@test
def sleeps_and_wakes():
    with Guest("8.2", [*Q35, *BLK, "-smp", "2"]) as g:
        g.wait_shell()
        for _ in range(2):
            fall_asleep(g)
            g.qmp("system_wakeup")
            is_itself_after_sleep(g)
        g.run("echo +5 > /sys/class/rtc/rtc0/wakealarm")      # the clock chip's alarm wakes it
        fall_asleep(g)
        is_itself_after_sleep(g)
        g.qmp("query-status")
        equal([e["event"] for e in g.events if e["event"] in ("SUSPEND", "WAKEUP")], ["SUSPEND", "WAKEUP"] * 3)


@test
def sleeps_here_and_wakes_there():
    saved = os.path.join(TMP, "asleep")
    with Guest("8.1", [*Q35, *BLK, "-smp", "2"]) as g:
        g.wait_shell()
        fall_asleep(g)
        g.save(saved)
    with Guest("8.2", [*Q35, *BLK, "-smp", "2"], incoming=f"exec:cat {saved}") as g:
        g.wait_loaded()
        equal(g.qmp("query-status")["status"], "suspended")
        g.qmp("system_wakeup")
        is_itself_after_sleep(g)


def counted_boot(cpus, shift):
    """The kernel's log and counters and the TSC with instructions counted and a clock of its own: nothing of the host in it."""
    args = [*Q35, "-smp", str(cpus), "-icount", f"shift={shift},sleep=off", "-rtc", "base=2020-01-01T00:00:00,clock=vm"]
    # It is there before it is shown: how fast the console goes is the host's matter.
    more = "(dmesg; cat /proc/interrupts /proc/stat /proc/vmstat /proc/uptime; busy tsc) > /tmp/all; cat /tmp/all; echo log-ends"
    with Guest("8.2", args, files=(("bin/busy", busy.program()),), more=more) as g:
        return g.expect("(.*)log-ends\n", 300)[1]


@cases((1, 0), (2, 3))
def boots_the_same_to_the_instruction_when_they_are_counted(cpus, shift):
    first, second = counted_boot(cpus, shift), counted_boot(cpus, shift)
    contains(first, "Linux version")
    contains(first, "tsc ")
    equal([pair for pair in zip(first.splitlines(), second.splitlines()) if pair[0] != pair[1]], [])
    equal(second, first)


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
