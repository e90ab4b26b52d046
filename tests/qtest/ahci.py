#!/usr/bin/env python3
"""The AHCI controller with a disk and a CD-ROM drive, through its registers. tests/data/ahci has what QEMU 7.2 and 10.0
(as 8.2) answered to the conversation of lib/ahci_trace.py; it is made anew by `ahci.py --record /path/to/qemu > trace`."""
import gzip
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import ahci as A  # noqa: E402
import ahci_trace  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, VMError, run  # noqa: E402

DATA = os.path.join(HERE, "..", "data", "ahci")
TMP = tempfile.mkdtemp(prefix="ahci")
RECORDED = {"7.2": "pc-q35-7.2", "8.2": "pc-q35-8.2"}


def recorded(release):
    """The lines of each part."""
    parts = {}
    with gzip.open(os.path.join(DATA, f"{release}.trace.gz"), "rt") as f:
        for line in f.read().splitlines():
            if line.startswith("# "):
                parts[line[2:]] = lines = []
            else:
                lines.append(line)
    return parts


@cases(*((release, part) for release in RECORDED for part in ahci_trace.PARTS))
def answers_as_qemu_does(release, part):
    def start(args):
        return VM(release, ["-M", RECORDED[release], *args], qtest=True)

    ours = ahci_trace.trace(start, TMP, (part,))[1:]
    theirs = recorded(release)[part]
    for number, (mine, other) in enumerate(zip(ours, theirs), 1):
        equal(mine, other, f"{part}, line {number}")
    equal(len(ours), len(theirs))


class Guest:
    """A machine with a disk (a file of 1 MiB, or `disk`) at port 0 and a CD-ROM drive at port 2."""
    def __init__(self, disk=None, extra=(), release="8.2", props="", cd="", **kw):
        self.image = os.path.join(TMP, "disk.raw")
        if disk is None:
            with open(self.image, "wb") as f:
                f.write(b"".join(bytes([i & 255]) * 512 for i in range(2048)))
            disk = f"driver=file,filename={self.image},discard=unmap"
        self.args = ["-m", "64", "-blockdev", f"{disk},node-name=d0", "-device", f"ide-hd,drive=d0,bus=ide.0,id=hd{props}",
                     "-blockdev", f"driver=file,filename={self.image},read-only=on,node-name=c0,force-share=on",
                     "-device", f"ide-cd,drive=c0,bus=ide.2,id=cd{cd}", *extra]
        self.vm = VM(release, self.args, qtest=True, **kw)
        self.find()

    def find(self, start=True):
        self.hba = A.AHCI(self.vm)
        self.disk, self.cd = self.hba.port(0), self.hba.port(2)
        if start:
            self.disk.start()
            self.cd.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        return self.vm.__exit__(kind, *rest)


def sector(i):
    return bytes([i & 255]) * 512


# ------------------------------------------------------------ interrupts

@test
def an_interrupt_is_a_message_when_the_guest_wants_one():
    with Guest() as g:
        g.hba.config_write(0x84, 0x300000)
        g.hba.config_write(0x8c, 0x4142)
        g.hba.config_write(0x80, 0x10000)
        g.hba.writel(A.GHC, A.GHC_ENABLE | A.GHC_IRQ)
        g.disk.writel(A.PIE, A.IS_D2H)
        g.disk.read(1, 1)
        equal(g.vm.readl(0x300000), 0x4142)
        equal(g.hba.config_read(4) >> 19 & 1, 0, "INTx")


@test
def the_line_follows_what_is_pending_and_enabled():
    with Guest() as g:
        g.vm.qtest("irq_intercept_in ioapic")
        g.hba.writel(A.GHC, A.GHC_ENABLE | A.GHC_IRQ)
        g.disk.writel(A.PIE, A.IS_D2H)
        g.disk.writel(A.PIS, 0xffffffff)
        g.cd.writel(A.PIE, A.IS_D2H)
        g.disk.read(1, 1)
        g.cd.packet([0] * 12)
        equal(g.hba.readl(A.IS), 5)
        g.disk.writel(A.PIS, 0xffffffff)
        equal((g.hba.readl(A.IS), g.hba.config_read(4) >> 19 & 1), (4, 1))
        g.hba.writel(A.GHC, A.GHC_ENABLE)
        equal(g.hba.config_read(4) >> 19 & 1, 0)


# ------------------------------------------------------------ transfers

@test
def many_queued_commands_are_done_each_by_its_tag():
    with Guest() as g:
        for slot in range(32):
            g.disk.command(0x60, slot * 3, slot << 3, 2, 0x40, slot=slot, ncq=True, wait=False,
                           entries=[(g.disk.data + 4096 * slot, 1024)])
        for slot in range(32):
            g.disk.wait(slot, True)
        for slot in range(32):
            equal(g.disk.get(1024, 4096 * slot), sector(slot * 3) + sector(slot * 3 + 1), f"slot {slot}")


@test
def a_table_of_single_bytes_is_followed_to_its_end():
    with Guest() as g:
        port = g.disk
        words = b"".join((port.data + i).to_bytes(8, "little") + bytes(8) for i in range(1024))
        port.tables = port.memory + 0x10000
        g.vm.write(port.tables + 0x80, words)
        for command, count in ((0x25, dict(count=2)), (0x60, dict(features=2, count=0, ncq=True))):
            g.vm.qtest(f"memset {port.data:#x} 0x1000 0")
            fis = bytes([0x27, 0x80, command, count.get("features", 0), 4, 0, 0, 0x40, 0, 0, 0, 0, count["count"]]).ljust(20, b"\0")
            g.vm.write(port.tables, fis)
            port.header(0, 0, 1024)
            if count.get("ncq"):
                port.writel(A.SACT, 1)
            port.writel(A.CI, 1)
            port.wait(0, count.get("ncq", False))
            equal(port.get(1024), sector(4) + sector(5), f"{command:x}")


@test
def a_transfer_of_32_mib_is_done_whole():
    with Guest("driver=null-co,size=67108864,read-zeroes=on") as g:
        g.vm.qtest(f"memset {g.disk.data:#x} 0x2000000 0x55")
        entries = [(g.disk.data + (i << 22), 1 << 22) for i in range(8)]
        equal(g.disk.command(0x25, 0, 0, entries=entries), (0x50, 0))
        equal(g.disk.count(0), 32 << 20)
        for at in (0, (32 << 20) - 4096):
            equal(g.disk.get(4096, at), bytes(4096))


@test
def what_is_written_is_in_the_image():
    with Guest() as g:
        g.disk.write(7, b"seven".ljust(512, b"\0"))
        g.disk.write(8, b"eight".ljust(512, b"\0"), command=0x34)
        g.disk.write_ncq(9, b"nine".ljust(512, b"\0"), slot=4)
        equal(g.disk.command(0xea), (0x50, 0))
        with open(g.image, "rb") as f:
            f.seek(7 * 512)
            equal([f.read(512)[:5] for _ in range(3)], [b"seven", b"eight", b"nine\0"])


@test
def the_controller_can_not_be_made_to_write_its_own_registers():
    with Guest() as g:
        own = A.ABAR + 0x100
        for command, kw in ((0x25, dict(count=1)), (0x24, dict(count=1)), (0x60, dict(count=0, features=1, ncq=True))):
            g.disk.command(command, 1, device=0x40, entries=[(own, 512)], **kw)
        equal(g.disk.readl(A.CLB), g.disk.list)
        g.disk.writel(A.FB, own)
        g.disk.command(0xe7)
        g.disk.writel(A.FB, g.disk.fis)
        equal(g.disk.read(3, 1)[1], sector(3))


@cases(("port", A.SCTL), ("controller", None), ("machine", ""))
def a_reset_ends_what_is_under_way(what, register):
    with Guest("driver=null-co,size=67108864,latency-ns=300000000") as g:
        for slot in range(8):
            g.disk.command(0x60, slot * 8, slot << 3, 8, 0x40, 4096, slot=slot, ncq=True, wait=False)
        g.cd.command(0xa0, 0x800 << 8, 0, 0, 0xa0, 4096, False, [0x28, 0, 0, 0, 0, 0, 0, 0, 2], wait=False)
        g.disk.command(0x25, 5, 3, size=1536, slot=9, wait=False)
        if register == "":
            g.vm.qmp("system_reset")
            g.vm.wait_event("RESET")
            g.find()
        elif register is None:
            g.hba.writel(A.GHC, A.GHC_RESET)
            g.find()
        else:
            g.disk.writel(register, 1)
            g.disk.writel(register, 0)
        equal((g.disk.readl(A.SACT), g.disk.readl(A.CI), g.disk.readl(A.TFD)), (0, 0, 0x130))
        time.sleep(0.35)
        equal((g.disk.readl(A.SACT), g.disk.readl(A.CI), g.disk.readl(A.TFD)), (0, 0, 0x130))
        equal(g.disk.command(0xe7), (0x50, 0))


# ------------------------------------------------------------ errors that stop the machine

STOPS = {
    "dma read": ("read", lambda p: p.command(0x25, 5, 3, size=1536, wait=False)),
    "pio read": ("read", lambda p: p.command(0x24, 5, 3, size=1536, wait=False)),
    "queued read": ("read", lambda p: p.command(0x60, 5, 3 << 3, 3, 0x40, 1536, slot=3, ncq=True, wait=False)),
    "dma write": ("write", lambda p: p.command(0x35, 5, 3, size=1536, write=True, wait=False)),
    "pio write": ("write", lambda p: p.command(0x34, 5, 3, size=1536, write=True, wait=False)),
    "queued write": ("write", lambda p: p.command(0x61, 5, 3 << 3, 3, 0x40, 1536, True, slot=3, ncq=True, wait=False)),
    "trim": ("discard", lambda p: p.command(6, 0, 1, 1, size=512, write=True, wait=False)),
    "flush": ("flush", lambda p: p.command(0xe7, wait=False)),
}


def blkdebug(kind):
    where = ",inject-error.0.sector=5" if kind in ("read", "write") else ""
    return (f"driver=blkdebug,image.driver=file,image.filename={TMP}/disk.raw,discard=unmap,image.discard=unmap,"
            f"inject-error.0.event=none,inject-error.0.iotype={kind},inject-error.0.once=on{where}")


def stop_at(name):
    kind, start = STOPS[name]
    with open(f"{TMP}/disk.raw", "wb") as f:
        f.write(b"".join(sector(i) for i in range(2048)))
    g = Guest(blkdebug(kind), props=",rerror=stop,werror=stop", stopped=False)
    data = (5 | 3 << 48).to_bytes(8, "little").ljust(1536, b"\0") if name == "trim" else b"w" * 1536
    g.disk.put(data)
    start(g.disk)
    g.vm.wait_event("STOP")
    equal(g.vm.qmp("query-status")["status"], "io-error")
    return g


def check_done(name, g):
    g.disk.wait(3 if "queued" in name else 0, "queued" in name)
    equal(g.disk.readl(A.TFD) & 0xff, 0x50)
    if "read" in name:
        equal(g.disk.get(1536), sector(5) + sector(6) + sector(7))
    else:
        want = {"trim": bytes(1536), "flush": sector(5) + sector(6) + sector(7)}.get(name, b"w" * 1536)
        equal(g.disk.read(5, 3)[1], want)


@cases(*STOPS)
def what_an_error_stopped_is_done_when_the_machine_goes_on(name):
    with stop_at(name) as g:
        g.vm.qmp("cont")
        check_done(name, g)


@cases(*STOPS)
def what_an_error_stopped_is_done_at_the_destination(name):
    with stop_at(name) as g:
        g.vm.save(f"{TMP}/stopped")
    args = [a.replace("iotype=" + STOPS[name][0], "iotype=write-zeroes") for a in g.args]
    with VM("8.2", args, qtest=True, incoming=f"exec:cat {TMP}/stopped") as vm:
        g.vm = vm
        vm.wait_loaded()
        g.hba.vm = g.disk.vm = vm
        vm.qmp("cont")
        check_done(name, g)


@test
def a_packet_that_an_error_stopped_is_done_when_the_machine_goes_on():
    with Guest(cd=",rerror=stop") as g:
        g.vm.qmp("blockdev-open-tray", id_="cd")
        g.vm.qmp("blockdev-remove-medium", id_="cd")
        g.vm.qmp("blockdev-add", driver="blkdebug", node_name="bad", read_only=True, image="c0",
                 inject_error=[{"event": "none", "iotype": "read", "sector": 8, "once": True}])
        g.vm.qmp("blockdev-insert-medium", id_="cd", node_name="bad")
        g.vm.qmp("blockdev-close-tray", id_="cd")
        for _ in range(3):
            g.cd.packet([0] * 12)
            g.cd.sense()
            g.cd.recover()
        g.vm.qmp("cont")
        g.cd.command(0xa0, 2048 << 8, 0, 1, 0xa0, 4096, False, [0x28, 0, 0, 0, 0, 2, 0, 0, 2], wait=False)
        g.vm.wait_event("STOP")
        g.vm.qmp("cont")
        equal(g.cd.wait(), (0x50, 0))
        equal(g.cd.get(4096), b"".join(sector(i) for i in range(8, 16)))


@test
def a_machine_that_was_saved_goes_on_with_its_disk():
    with Guest() as g:
        g.vm.save(f"{TMP}/saved")
        equal(g.disk.write(3, b"x" * 512)[0], 0x41, "given up")
        g.disk.recover()
        g.vm.qmp("cont")
        equal(g.disk.write(3, b"x" * 512), (0x50, 0))


@test
def a_disk_that_fails_tells_the_guest_if_nothing_else_was_said():
    with Guest(blkdebug("read")) as g:
        equal(g.disk.read(5, 1)[0], (0x41, 4))
        g.disk.recover()
        equal(g.disk.read(5, 1)[0], (0x50, 0))


# ------------------------------------------------------------ the command line

def make_image(name):
    with open(f"{TMP}/{name}.raw", "wb") as f:
        f.truncate(1 << 20)


def drives(*args, defaults=False):
    with VM("7.2", ["-M", "pc-q35-7.2", *args], defaults=defaults) as vm:
        return {b["device"]: (b.get("qdev"), b["removable"], "inserted" in b) for b in vm.qmp("query-block")}


@test
def short_options_put_drives_where_qemu_puts_them():
    for name in "abcd":
        make_image(name)
    equal(drives("-drive", f"file={TMP}/a.raw,format=raw", "-cdrom", f"{TMP}/b.raw"),
          {"ide2-cd0": (drives_at(2), True, True), "ide0-hd0": (drives_at(1), False, True)})
    equal(list(drives("-hda", f"{TMP}/a.raw", "-hdb", f"{TMP}/b.raw", "-hdc", f"{TMP}/c.raw", "-hdd", f"{TMP}/d.raw")),
          ["ide0-hd0", "ide1-hd0", "ide2-hd0", "ide3-hd0"])


def drives_at(n):
    with VM("7.2", ["-M", "pc-q35-7.2"]) as vm:
        devices = [p["name"] for p in vm.qmp("qom-list", path="/machine/unattached") if p["type"] == "child<ich9-ahci>"]
    number = int(devices[0].split("[")[1][:-1])
    return f"/machine/unattached/device[{number + n}]"


@test
def a_machine_has_a_cdrom_drive_unless_it_is_told_otherwise():
    make_image("a")
    quiet = ("-display", "none", "-serial", "null", "-monitor", "null")
    equal("ide2-cd0" in drives(*quiet, defaults=True), True)
    equal("ide2-cd0" in drives(*quiet, "-device", "ide-cd", defaults=True), False)
    equal("ide2-cd0" in drives(*quiet, "-hdc", f"{TMP}/a.raw", defaults=True), False)
    equal(drives(), {})


@cases(("-drive if=ide,index=6,file=@,format=raw", "machine type does not support if=ide,bus=6,unit=0"),
       ("-drive if=ide,bus=0,unit=1,file=@,format=raw", "unit 1 too big (max is 0)"),
       ("-M sata=off -cdrom @", "-cdrom @: machine type does not support if=ide,bus=2,unit=0"),
       ("-device ide-hd", "-device ide-hd: No drive specified"),
       ("-drive if=none,id=d -device ide-hd,drive=d", "Device needs media, but drive is empty"),
       ("-drive if=none,id=d,file=@,format=raw -device ide-hd,drive=d,unit=1",
        "Can't create IDE unit 1, bus supports only 1 units"),
       ("-device ide-cd,bus=ide.3 -device ide-cd,bus=ide.3", "Can't create IDE unit 1, bus supports only 1 units"),
       ("-device ide-cd,bus=ide.3 -device ide-cd,bus=ide.3,unit=0", "IDE unit 0 is in use"),
       ("-device ide-cd,bus=ide.9", "Bus 'ide.9' not found"),
       ("-drive if=none,id=d,file=@,format=raw,read-only=on -device ide-hd,drive=d", "Block node is read-only"),
       ("-drive if=none,id=d,file=@,format=raw -device ide-hd,drive=d,discard_granularity=1024",
        "discard_granularity must be 512 for ide"),
       ("-drive if=none,id=d,file=@,format=raw -device ide-hd,drive=d,cyls=70000", "cyls must be between 1 and 65535"),
       ("-drive if=none,id=d,file=@,format=raw -device ide-hd,drive=d,cyls=7,heads=17,secs=63",
        "heads must be between 1 and 16"),
       ("-device ide-cd,rotation_rate=3", "Property 'ide-cd.rotation_rate' not found"))
def a_bad_drive_is_refused_in_qemus_words(line, words):
    make_image("a")
    args = line.replace("@", f"{TMP}/a.raw").split()
    status, _, said = run("7.2", "-display", "none", "-nodefaults", "-S", *args)
    equal(status, 1)
    contains(said, words.replace("@", f"{TMP}/a.raw"))


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["--record"]:
            print("\n".join(ahci_trace.trace(lambda args: VM(sys.argv[2], ["-M", sys.argv[3], *args], qtest=True), TMP)))
        else:
            main()
    except VMError as e:
        sys.exit(str(e))
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
