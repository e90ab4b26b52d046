#!/usr/bin/env python3
"""A Debian with systemd boots from its disk, finds the machine's devices, powers off and reboots by ACPI, and moves while it boots and
while it works; its programs keep their vector registers."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer
from debian import Debian, copy
from tap import Skip, contains, equal, main, test

HERE = os.path.dirname(os.path.abspath(__file__))
TMP = tempfile.mkdtemp(prefix="systemd")
PORT = ["-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0"]
LSPCI = """\
00:00.0 Host bridge: Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller
00:01.0 PCI bridge: Red Hat, Inc. QEMU PCIe Root port
00:05.0 SCSI storage controller: Red Hat, Inc. Virtio block device
00:1f.0 ISA bridge: Intel Corporation 82801IB (ICH9) LPC Interface Controller (rev 02)
00:1f.2 SATA controller: Intel Corporation 82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode] (rev 02)
00:1f.3 SMBus: Intel Corporation 82801I (ICH9 Family) SMBus Controller (rev 02)"""
# With vector registers, as real QEMU's TCG has them, too.
VECTORS = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+movbe,+xsave,+avx,+avx2,+fma,+f16c,+bmi1,+bmi2,+abm"
SEVERAL = "for i in 1 2 3 4 5; do /run/files/avx $i %d & done > /tmp/avx 2>&1"
READ_MASK = "setpci -s 00:01.0 ECAP_AER+08.l"
# Writes at random places and reads what it wrote, until it is told to end or has read something else.
FIO = ("(until [ -e /root/end ]; do fio --name=job --directory=/root --size=8M --bs=4k --rw=randwrite --verify=crc32c --verify_fatal=1"
       " --ioengine=libaio --iodepth=8 --direct=1 --minimal || exit; done; echo fio-ends-well) > /root/fio 2>&1 &")


def args(machine="7.2", extra=()):
    return ["-M", f"pc-q35-{machine}", "-smp", "2", *PORT, *extra]


def wait_running(g, timeout=180):
    """A shell after all of the boot's jobs have ended well."""
    g.wait_shell(timeout)
    try:
        equal(g.run("systemctl is-system-running --wait || systemctl --no-pager --failed --plain", timeout), "running")
    except AssertionError as e:
        raise AssertionError(f"{e}\n{g.run('journalctl -b --no-pager -p warning')}") from None


def healthy(g):
    """Nothing in the kernel's log that says the machine did wrong."""
    equal(g.run("dmesg | grep -E 'BUG|WARNING|Call Trace|soft lockup|hung|I/O error|EXT4-fs error|rcu.*stall' || true"), "")


def ends(g):
    """The guest has powered the machine off: what QMP says of it."""
    g.wait("query-status", "status", ("shutdown",), 120)
    event = g.wait_event("SHUTDOWN", 10)["data"]
    equal(event, {"guest": True, "reason": "guest-shutdown"})


def saved(g, path):
    g.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
    g.save(path, 60)


@test
def finds_the_machine_and_obeys_its_power_button():
    with Debian("8.2", args(extra=["-no-shutdown"])) as g:
        wait_running(g)
        equal(g.run("nproc"), "2")
        equal(g.run("lspci"), LSPCI)
        equal(g.run(READ_MASK), "00000000")
        equal(g.run("readlink -f /dev/disk/by-id/virtio-debian /dev/disk/by-path/pci-0000:00:05.0 /dev/disk/by-label/godwit"),
              "/dev/vda\n/dev/vda\n/dev/vda")
        contains(g.run("findmnt -n -o SOURCE,FSTYPE,OPTIONS /"), "/dev/vda ext4   rw")
        contains(g.run("systemd-analyze"), "graphical.target reached after")
        contains(g.run("systemctl is-active multi-user.target systemd-journald systemd-logind systemd-udevd dbus"), "active")
        contains(g.run("journalctl -b --no-pager -o cat _TRANSPORT=kernel | head -n 1"), "Linux version")
        contains(g.run("journalctl -b --no-pager -o cat -u systemd-logind"), "Power Button")
        for clock in ("date +%s", "cat /sys/class/rtc/rtc0/since_epoch"):
            off = int(g.run(clock)) - time.time()
            equal(-10 < off < 3, True, f"{clock} is off by {off:.1f} s")
        equal(g.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource") in ("tsc", "hpet", "acpi_pm"), True)
        healthy(g)
        boot = g.run("cat /proc/sys/kernel/random/boot_id")

        g.send("systemctl reboot")
        wait_running(g)
        equal(g.run("cat /proc/sys/kernel/random/boot_id") != boot, True)
        healthy(g)

        g.qmp("system_powerdown")
        g.wait_event("POWERDOWN", 10)
        ends(g)


def has(feature):
    with open("/proc/cpuinfo") as f:
        return feature in re.search(r"^flags.*", f.read(), re.M)[0].split()


def vector_program():
    """The path of one that keeps its own numbers in all AVX registers and looks whether they stay."""
    if not has("avx2") or not has("fma"):
        raise Skip("the host's CPU has no AVX2 or FMA")
    program = os.path.join(TMP, "avx")
    subprocess.run(["gcc", "-O2", "-static", "-mavx2", "-mfma", "-o", program, os.path.join(HERE, "avx.c"), "-lm"], check=True)
    return program


@test
def moves_while_it_boots_and_while_it_works():
    qemu, disk, path = peer.qemu("7.2"), copy(os.path.join(TMP, "disk")), os.path.join(TMP, "stream")
    shared = {"args": args(extra=["-cpu", VECTORS]), "disk": disk, "append": "systemd.show_status=yes", "files": [vector_program()]}
    with Debian("7.2", **shared) as g:
        g.expect("Listening on", 120)
        saved(g, path)
    with Debian.loaded("8.2", path=path, **shared) as g:
        g.expect("Started|Finished", 120)
        saved(g, path)
    with Debian.loaded("8.0.1", path=path, **shared) as g:
        wait_running(g)
        equal(g.run("lspci"), LSPCI)
        equal(g.run(READ_MASK), "00000000")
        g.run("dd if=/dev/urandom of=/root/random bs=1M count=4 2>/dev/null; find /usr/bin /usr/sbin /root -xdev -type f -size -2M"
              " | sort | head -n 200 | xargs sha256sum > /var/tmp/sums", 120)
        g.run(f"{FIO} {SEVERAL % 12}; sleep 2")
        before = uptime(g)
        saved(g, path)
    for station in (qemu, "8.2"):
        with Debian.loaded(station, path=path, **shared) as g:
            after = uptime(g)
            equal(before <= after < before + 90, True, f"uptime was {before}, is {after}")
            equal(g.run("lspci"), LSPCI)
            equal(g.run(READ_MASK), "00000000")
            g.run("sha256sum --quiet -c /var/tmp/sums", 120)
            healthy(g)
            before = uptime(g)
            if station == qemu:
                saved(g, path)
                continue
            contains(g.run("touch /root/end; wait; tail -n 5 /root/fio", 120), "fio-ends-well")
            equal(g.run("grep -c rounds /tmp/avx"), "5", g.run("cat /tmp/avx"))
            g.run("rm /root/job*; echo 3 > /proc/sys/vm/drop_caches; sha256sum --quiet -c /var/tmp/sums", 120)
            equal(g.run("systemctl is-system-running"), "running")
            healthy(g)
            g.send("systemctl poweroff")
            equal(g.wait_end(120), 0)
    p = subprocess.run(["e2fsck", "-fn", disk], capture_output=True, text=True)
    equal(p.returncode, 0, p.stdout)


def uptime(g):
    return float(g.run("cut -d' ' -f1 /proc/uptime"))


@test
def programs_with_vector_registers_keep_them():
    path = os.path.join(TMP, "stream")
    machine = {"args": args(extra=["-cpu", "max", "-no-shutdown"]), "files": [vector_program()], "disk": copy(os.path.join(TMP, "disk"))}
    with Debian("8.2", **machine) as g:
        g.wait_shell(180)
        flags = g.run("grep -m 1 ^flags /proc/cpuinfo").split()
        equal([f for f in ("avx", "avx2", "fma", "xsave") if f not in flags], [])
        g.run(SEVERAL % 3 + "; wait")
        equal(g.run("grep -c rounds /tmp/avx"), "5", g.run("cat /tmp/avx"))
        # Programs that choose their code by the CPU's features, each checked against another way to the same.
        g.run("dd if=/dev/urandom of=/tmp/r bs=64k count=64 2>/dev/null")
        g.run("gzip -1 < /tmp/r | gzip -d | cmp - /tmp/r")
        equal(g.run("openssl dgst -sha256 -r /tmp/r | cut -c1-64"), g.run("sha256sum /tmp/r | cut -c1-64"))
        g.run("openssl enc -aes-256-gcm 2>/dev/null; openssl enc -aes-256-ctr -K 00 -iv 00 -in /tmp/r 2>/dev/null | "
              "openssl enc -d -aes-256-ctr -K 00 -iv 00 2>/dev/null | cmp - /tmp/r")
        equal(g.run("perl -e 'my ($a, $b) = (0, 1); ($a, $b) = ($b, ($a + $b) % 1000003) for 1..100000; print $a'"), "345")
        g.run("openssl genpkey -algorithm ed25519 -out /tmp/k && openssl pkey -in /tmp/k -pubout -out /tmp/p && "
              "head -c 1000 /tmp/r > /tmp/m && openssl pkeyutl -sign -rawin -inkey /tmp/k -in /tmp/m -out /tmp/s && "
              "openssl pkeyutl -verify -pubin -rawin -inkey /tmp/p -in /tmp/m -sigfile /tmp/s")
        g.send(SEVERAL % 8 + "; wait; echo vectors-end")
        time.sleep(1)
        saved(g, path)
    with Debian.loaded("8.1", path=path, **machine) as g:
        g.expect("vectors-end\n", 60)
        equal(g.run("grep -c rounds /tmp/avx"), "5", g.run("cat /tmp/avx"))
        healthy(g)
        g.send("systemctl poweroff")
        ends(g)


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
