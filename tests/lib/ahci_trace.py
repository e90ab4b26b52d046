"""What an AHCI controller, its disk and its CD-ROM drive answer to a fixed conversation, a line for each step. Two
emulators that are the same to a guest give the same lines: tests/data/ahci has those of QEMU."""
import struct
import zlib

import ahci as A
from vm import VMError

SECTORS = 16384             # of the disk
BLOCKS = 600                # of the disc


def make_images(folder):
    """A disk and two discs whose every sector says which it is; and a large empty one."""
    paths = [f"{folder}/{name}" for name in ("disk.img", "one.iso", "two.iso", "dvd.iso")]
    with open(paths[3], "wb") as f:
        f.truncate(2 << 30)
    for path, count, size in zip(paths, (SECTORS, BLOCKS, 33), (512, 2048, 2048)):
        with open(path, "wb") as f:
            f.write(b"".join(struct.pack("<II", i, size).ljust(16, b"%c" % (65 + i % 26)) * (size // 16)
                             for i in range(count)))
    return paths


def arguments(images):
    return ["-m", "64", "-drive", f"if=none,id=d0,file={images[0]},format=raw,discard=unmap",
            "-device", "ide-hd,drive=d0,bus=ide.0,id=hd,serial=S1,ver=V2,model=DISK,wwn=0x5001,rotation_rate=1",
            "-drive", f"if=none,id=c0,file={images[1]},format=raw,media=cdrom",
            "-device", "ide-cd,drive=c0,bus=ide.2,id=cd"]


PARTS = ("registers", "starting", "every_command", "identify", "reads", "writes", "bad_prds", "odd_fis", "ncq", "features",
         "packets", "packet_errors", "dvd", "medium", "attention", "interrupts", "resets", "software_reset", "errors_and_lists")


def trace(start, folder, parts=PARTS):
    """The lines of each part, each with an emulator and images of its own: start(arguments) gives one."""
    lines = []
    for part in parts:
        images = make_images(folder)
        with start(arguments(images)) as vm:
            t = Trace(vm, images)
            t.say(f"# {part}")
            try:
                t.run(part)
            except (VMError, OSError) as e:
                t.say("ended:", str(e).split("\n")[0])
        lines += t.lines
    return lines


# What never ends; waited for only shortly.
HANGS = {"port1 identify", "disk 90", "cd 08", "cd 90", "90", "none 60", "one byte 60", "bytes 60", "not a command",
         "control, reset", "control, off", "other type", "data", "port multiplier", "zero count", "tag is not the slot",
         "short table", "not ready"}
NO_DMA = ("none", "nowhere", "one byte", "odd sum", "partly nowhere", "far", "end of ram")     # QEMU ends by an assertion


class Trace:
    def __init__(self, vm, images):
        self.vm, self.images = vm, images
        self.lines = []
        self.hba = A.AHCI(vm)
        self.disk, self.empty, self.cd = (self.hba.port(i) for i in (0, 1, 2))

    def say(self, text, *more):
        self.lines.append(" ".join([text, *(f"{m:x}" if isinstance(m, int) else str(m) for m in more)]))

    def run(self, part):
        if part not in ("registers", "starting"):
            for port in (self.disk, self.empty, self.cd):
                port.start()
        getattr(self, part)()

    # what is seen after a step

    def registers_of(self, port):
        names = ("PIS", "CMD", "TFD", "SIG", "SSTS", "SCTL", "SERR", "SACT", "CI")
        return " ".join(f"{n.lower()}={port.readl(getattr(A, n)):x}" for n in names)

    def fis_of(self, port):
        """The received FISes, the empty ones left out; cleared."""
        raw = port.received(0, 0x100)
        self.vm.qtest(f"memset {port.fis:#x} 0x100 0")
        out = []
        for name, at, size in (("dma", 0, 28), ("pio", 0x20, 20), ("d2h", 0x40, 20), ("sdb", 0x58, 8)):
            if any(raw[at:at + size]):
                out.append(f"{name}:{raw[at:at + size].hex()}")
        return " ".join(out)

    def step(self, name, port, slot=0, size=0, quiet=False, **kw):
        """Issues a command, and says all that came of it."""
        port.writel(A.PIS, 0xffffffff)
        self.hba.writel(A.IS, 0xffffffff)
        if size and not kw.get("write"):
            self.vm.qtest(f"memset {port.data:#x} {size:#x} 0xaa")
        try:
            port.command(size=size, slot=slot, seconds=0.1 if name in HANGS else 10, **kw)
        except TimeoutError:
            self.say(f"{name}: hangs, {self.registers_of(port)} {self.fis_of(port)}")
            port.stop()
            port.writel(A.SCTL, 1)
            port.writel(A.SCTL, 0)
            port.start()
            self.say(f"then: {self.registers_of(port)} {self.fis_of(port)}")
            return
        data = f" data={zlib.crc32(port.get(size)):08x}" if size and not kw.get("write") else ""
        self.say(f"{name}: {self.registers_of(port)} is={self.hba.readl(A.IS):x} prdbc={port.count(slot):x}{data} "
                 f"{self.fis_of(port)}")
        if port.readl(A.PIS) & A.IS_TFES or port.readl(A.CI) or port.readl(A.SACT):
            port.recover()

    # the parts

    def registers(self):
        hba, port = self.hba, self.hba.port(1)
        self.say("config", *(hba.config_read(i) for i in range(0, 256, 4)))
        self.say("hba", *(hba.readl(i) for i in range(0, 0x100, 4)))
        for i in range(8):
            self.say(f"port{i}", *(hba.port(i).readl(o) for o in range(0, 0x80, 4)))
        for value in (0xffffffff, 0x5a5a5a5a, 0):
            for offset in list(range(0, 0x80, 4)):
                if offset != A.CMD:
                    port.writel(offset, value)
                    self.say(f"port1+{offset:x}={value:x}:", *(port.readl(o) for o in range(0, 0x80, 4)))
        for bit in range(32):
            if bit not in (0, 4):
                port.writel(A.CMD, 1 << bit)
                self.say(f"cmd bit {bit}", port.readl(A.CMD))
        port.writel(A.CMD, 6)
        for offset in range(0, 0x100, 4):
            if offset != 4:
                hba.writel(offset, 0xffffffff)
        self.say("hba", *(hba.readl(i) for i in range(0, 0x100, 4)))
        for value in (0xfffffffe, 0, 2, 0x80000000):
            hba.writel(A.GHC, value)
            self.say(f"ghc={value:x}", hba.readl(A.GHC))
        abar, vm = hba.abar, self.vm
        self.say("bytes", *(vm.readb(abar + i) for i in range(0x14)))
        self.say("words", *(vm.readw(abar + i) for i in range(0x14)))
        self.say("longs", *(vm.readl(abar + i) for i in range(0x14)))
        self.say("quads", vm.readq(abar), vm.readq(abar + 8), vm.readq(abar + 0x100), vm.readq(abar + 4))
        for do, at, value in ((vm.writeb, 0x114, 0x5a), (vm.writeb, 0x115, 0x66), (vm.writew, 0x114, 0x1234),
                              (vm.writew, 0x116, 0x1255), (vm.writeq, 0x110, 0x4321ffff00000000), (vm.writel, 0x114, 0)):
            do(abar + at, value)
            self.say(f"{at:x}={value:x}", hba.readl(0x114))
        idp = hba.idp
        self.say("idp", *(vm.inl(idp + i) for i in range(0, 0x20, 4)))
        for do, value in ((vm.outl, 0x10), (vm.outl, 0xffffffff), (vm.outl, 0x118), (vm.outb, 0x1c), (vm.outw, 0x1120)):
            do(idp + 0x10, value)
            self.say(f"index={value:x}", vm.inl(idp + 0x10), vm.inl(idp + 0x14), vm.inb(idp + 0x14), vm.inw(idp + 0x14))
        vm.outl(idp + 0x10, 0x114)
        vm.outl(idp + 0x14, 0x77)
        self.say("by index", hba.readl(0x114), vm.inl(idp), vm.inb(idp + 0x11))
        vm.outl(idp + 0x14, 0)

    def starting(self):
        hba = self.hba
        for number in (0, 1, 2):
            port = hba.port(number)
            self.vm.qtest(f"memset {port.memory:#x} 0x1000 0")
            for text, offset, value in (("start without memory", A.CMD, 0x17), ("stop", A.CMD, 6),
                                        ("list nowhere", A.CLB, 0xe0000000), ("start", A.CMD, 7), ("stop", A.CMD, 6),
                                        ("fis nowhere", A.FB, 0xe0000000), ("fre", A.CMD, 0x16), ("stop", A.CMD, 6),
                                        ("list", A.CLB, port.list), ("fis", A.FB, port.fis), ("fre", A.CMD, 0x16),
                                        ("start", A.CMD, 0x17), ("no fre", A.CMD, 7), ("stop", A.CMD, 6),
                                        ("both", A.CMD, 0x17), ("clo", A.CMD, 0x1f), ("again", A.CMD, 0x17),
                                        ("list while running", A.CLB, port.list + 0x10), ("list", A.CLB, port.list),
                                        ("icc", A.CMD, 0x10000017), ("serr", A.SERR, 0xffffffff)):
                port.writel(offset, value)
                self.say(f"port{number} {text}: {self.registers_of(port)} clb={port.readl(A.CLB):x} "
                         f"fb={port.readl(A.FB):x} {self.fis_of(port)}")
            self.step(f"port{number} identify", port, command=0xec, size=512)
            port.stop()
            port.writel(A.CI, 1)
            self.say(f"port{number} stopped, issued: {self.registers_of(port)}")
            port.start()
            self.say(f"port{number} started: {self.registers_of(port)} {self.fis_of(port)}")
        hba.writel(A.GHC, 0x80000001)
        self.say("after reset", *(hba.readl(i) for i in range(0, 0x100, 4)))
        for number in (0, 1, 2):
            self.say(f"port{number}", self.registers_of(hba.port(number)))
            hba.port(number).start()
            self.say(f"port{number}", self.registers_of(hba.port(number)), self.fis_of(hba.port(number)))

    def every_command(self):
        for name, port in (("disk", self.disk), ("cd", self.cd)):
            for command in range(256):
                if command not in (0x60, 0x61, 0xa0):
                    self.step(f"{name} {command:02x}", port, command=command, lba=3, count=1, device=0x40, size=512,
                              write=command in (0x06, 0x30, 0x31, 0x34, 0x35, 0x38, 0x39, 0x3c, 0xc5, 0xca, 0xcb, 0xcd))

    def identify(self):
        for name, port, command in (("disk", self.disk, 0xec), ("cd", self.cd, 0xa1)):
            data = port.identify(command)
            self.say(name, data.hex())
            self.fis_of(port)

    def reads(self):
        disk = self.disk
        for command in (0x20, 0x24, 0xc4, 0x29, 0xc8, 0x25):
            for lba, count, size in ((0, 1, 512), (5, 2, 1024), (7, 16, 8192), (1, 17, 8704), (100, 40, 20480),
                                     (SECTORS - 1, 1, 512), (SECTORS - 1, 2, 1024), (SECTORS, 1, 512), (9, 256, 131072),
                                     (1 << 27, 1, 512), (3, 8, 512), (3, 1, 8192), (2, 1, 0)):
                if size == 0 and command in (0xc8, 0x25):
                    continue    # QEMU ends by an assertion
                self.step(f"{command:02x} {lba}+{count}/{size}", disk, command=command, lba=lba, count=count, size=size,
                          device=0x40 | (lba >> 24 & 15))
        for device in (0, 0x0f, 0xa0, 0xb0, 0x50, 0x4f):
            for lba in (0, 1, 0x10105, 0xffff3f):
                self.step(f"chs {device:02x} {lba:x}", disk, command=0xc8, lba=lba, count=1, size=512, device=device)
        self.step("verify", disk, command=0x40, lba=4, count=9, device=0x40)
        self.step("verify ext", disk, command=0x42, lba=4, count=9, device=0x40)
        self.step("verify beyond", disk, command=0x42, lba=SECTORS - 1, count=9, device=0x40)
        self.step("big", disk, command=0x25, lba=1, count=600, size=600 * 512)
        for offset in (1, 2, 3):
            self.vm.qtest(f"memset {disk.data:#x} 0x800 0xaa")
            self.step(f"odd address +{offset}", disk, command=0x25, lba=1, count=2, size=0,
                      entries=[(disk.data + offset, 1024)])
            self.say("data", zlib.crc32(disk.get(0x800)))

    def writes(self):
        disk = self.disk
        for command in (0x30, 0x34, 0xc5, 0x39, 0xca, 0x35, 0x3c, 0xcb, 0x31, 0x38):
            for lba, count, size in ((200, 1, 512), (210, 3, 1536), (220, 33, 16896), (SECTORS - 1, 2, 1024),
                                     (300, 4, 512), (300, 1, 2048), (2, 1, 0)):
                if size == 0 and command in (0xca, 0x35, 0xcb):
                    continue    # QEMU ends by an assertion
                disk.put(b"%02x" % command * (max(size, 512) // 2))
                self.step(f"{command:02x} {lba}+{count}/{size}", disk, command=command, lba=lba, count=count, size=size,
                          write=True)
                self.step("read", disk, command=0x25, lba=200, count=150, size=150 * 512)
        for ranges in ([(400, 8)], [(0, 0), (410, 1)], [(SECTORS - 4, 8)], [(SECTORS, 1)], [(420, 0xffff)],
                       [(500 + 10 * i, 5) for i in range(64)]):
            disk.put(b"".join(struct.pack("<Q", lba | n << 48) for lba, n in ranges).ljust(512, b"\0"))
            self.step(f"trim {ranges[0]}", disk, command=6, features=1, count=1, size=512, write=True)
            self.step("read", disk, command=0x25, lba=390, count=300, size=300 * 512)
        disk.put(bytes(1024))
        for features, count, size in ((0, 1, 512), (1, 0, 512), (1, 2, 1024), (1, 2, 512), (3, 1, 512)):
            self.step(f"dsm {features} {count} {size}", disk, command=6, features=features, count=count, size=size,
                      write=True)

    def bad_prds(self):
        disk, vm = self.disk, self.vm
        data = disk.data
        for name, entries in (
                ("none", []), ("one byte", [(data, 1)]), ("bytes", [(data + i * 8, 2) for i in range(100)]),
                ("odd sum", [(data, 511), (data + 600, 513)]), ("split", [(data, 100), (data + 4096, 924)]),
                ("nowhere", [(0xe0000000, 1024)]), ("partly nowhere", [(data, 512), (0xe0000000, 512)]),
                ("far", [(1 << 40, 1024)]), ("end of ram", [((64 << 20) - 512, 1024)]),
                ("reserved bits", [(data, 0, 0xffffffff, 0x7fc003ff)]), ("interrupt", [(data, 0, 0, 0x800003ff)]),
                ("itself", [(disk.table(0), 1024)]), ("long", [(data, 4 << 20)])):
            for command in (0x25, 0x24, 0x60):
                if command == 0x25 and name in NO_DMA:
                    continue
                vm.qtest(f"memset {data:#x} 0x2000 0xaa")
                count = dict(features=2, count=0, ncq=True) if command == 0x60 else dict(count=2)
                self.step(f"{name} {command:02x}", disk, command=command, lba=6, entries=entries, **count)
                self.say("data", zlib.crc32(disk.get(0x2000)))
        for name, table in (("table nowhere", 0xe0000000), ("table at the end", (64 << 20) - 0x80)):
            for command in (0x25, 0x24, 0xec):
                disk.header(0, 0, 1, table)
                disk.writel(A.PIS, 0xffffffff)
                vm.write(min(table, (64 << 20) - 0x80), struct.pack("<BBBB", 0x27, 0x80, command, 0).ljust(20, b"\0"))
                disk.writel(A.CI, 1)
                for _ in range(5):
                    vm.qmp("query-status")
                self.say(f"{name} {command:02x}: {self.registers_of(disk)} {self.fis_of(disk)}")
                disk.recover()

    def odd_fis(self):
        disk = self.disk
        for name, fis, kw in (
                ("not a command", bytes([0x27, 0, 0xec]), {}), ("control, reset", bytes([0x27, 0]).ljust(15, b"\0") + b"\x04", {}),
                ("control, off", bytes([0x27, 0]).ljust(15, b"\0") + b"\0", {}), ("other type", bytes([0x34, 0x80, 0xec]), {}),
                ("data", bytes([0x46, 0x80]), {}), ("port multiplier", bytes([0x27, 0x81, 0xec]), {}),
                ("slave", bytes([0x27, 0x80, 0xec, 0, 0, 0, 0, 0xf0]), {}),
                ("two dwords", bytes([0x27, 0x80, 0xec]), {"flags": -3}), ("no dwords", bytes([0x27, 0x80, 0xec]), {"flags": -5}),
                ("long", bytes([0x27, 0x80, 0xec]), {"flags": 11}), ("reset bit", bytes([0x27, 0x80, 0xec]), {"flags": 0x100}),
                ("bist", bytes([0x27, 0x80, 0xec]), {"flags": 0x200}), ("clear busy", bytes([0x27, 0x80, 0xec]), {"flags": 0x400}),
                ("atapi", bytes([0x27, 0x80, 0xec]), {"flags": 0x20}), ("prefetch", bytes([0x27, 0x80, 0xec]), {"flags": 0x80}),
                ("pmp", bytes([0x27, 0x80, 0xec]), {"flags": 0x3000})):
            self.step(name, disk, command=0, fis=fis.ljust(20, b"\0"), size=512, **kw)
        self.disk.start()
        # several at once
        self.vm.qtest(f"memset {disk.data:#x} 0x4000 0xaa")
        for slot in (0, 3, 31):
            fis = struct.pack("<BBBBBBBBBBBBHBB", 0x27, 0x80, 0x25, 0, slot, 0, 0, 0x40, 0, 0, 0, 0, 2, 0, 0)
            self.vm.write(disk.table(slot), fis.ljust(20, b"\0"))
            disk.prds(slot, [(disk.data + 0x100 * slot, 1024)])
            disk.header(slot, 0, 1)
        disk.writel(A.CI, 0x80000009)
        for slot in (0, 3, 31):
            disk.wait(slot)
        self.say(f"three: {self.registers_of(disk)} {self.fis_of(disk)}", zlib.crc32(disk.get(0x4000)),
                 *(disk.count(s) for s in (0, 3, 31)))

    def ncq(self):
        disk = self.disk
        for slot, lba, count in ((0, 0, 1), (5, 10, 8), (31, 20, 100), (1, SECTORS - 1, 1), (2, SECTORS - 1, 2),
                                 (3, SECTORS, 1), (4, 1 << 40, 1), (6, 7, 300)):
            self.step(f"read {slot} {lba}+{count}", disk, slot, count * 512, command=0x60, lba=lba, features=count,
                      count=slot << 3, device=0x40, ncq=True)
        for slot, lba, count in ((0, 600, 1), (9, 610, 8), (31, 620, 100), (2, SECTORS - 1, 2)):
            disk.put(b"%02x" % slot * count * 256)
            self.step(f"write {slot} {lba}+{count}", disk, slot, count * 512, command=0x61, lba=lba, features=count,
                      count=slot << 3, device=0x40, ncq=True, write=True)
            self.step("read", disk, command=0x25, lba=600, count=150, size=150 * 512)
        self.step("zero count", disk, 0, 1024, command=0x60, lba=1, features=0, count=0, device=0x40, ncq=True)
        self.step("tag is not the slot", disk, 2, 512, command=0x60, lba=1, features=1, count=5 << 3, device=0x40, ncq=True)
        disk.start()
        self.step("fua", disk, 2, 512, command=0x61, lba=700, features=1, count=2 << 3, device=0xc0, ncq=True, write=True)
        self.step("short table", disk, 2, 512, command=0x60, lba=1, features=3, count=2 << 3, device=0x40, ncq=True)
        self.step("read log", disk, 0, 512, command=0x2f, lba=0x10, count=1, device=0x40)
        for command in (0x63, 0x64, 0x65):
            self.step(f"other {command:x}", disk, 2, 512, command=command, lba=1, features=1, count=2 << 3, device=0x40,
                      ncq=True)
            disk.start()
        self.step("cd", self.cd, 2, 512, command=0x60, lba=1, features=1, count=2 << 3, device=0x40, ncq=True)
        self.cd.start()

    def features(self):
        disk = self.disk
        for port, name in ((disk, "disk"), (self.cd, "cd")):
            for feature in range(256):
                self.step(f"{name} feature {feature:02x}", port, command=0xef, features=feature, count=0x0c)
        for mode in range(0, 0x50, 1):
            self.step(f"mode {mode:02x}", disk, command=0xef, features=3, count=mode)
            if mode in (0x08, 0x0c, 0x20, 0x22, 0x40, 0x45):
                self.say("identify", disk.identify()[94:180].hex())
        for count in (0, 1, 2, 3, 8, 16, 32, 128):
            self.step(f"multiple {count}", disk, command=0xc6, count=count)
            self.step("read multiple", disk, command=0xc4, lba=1, count=5, size=2560)
        self.say("identify", disk.identify().hex())
        self.step("multiple 16", disk, command=0xc6, count=16)
        for feature in list(range(0xd0, 0xdd)):
            for lba in (0xc24f00, 0, 0xc24f01, 0xc24f02, 0xc24f06, 0xc24f80):
                self.step(f"smart {feature:02x} {lba:x}", disk, command=0xb0, features=feature, lba=lba, count=1, size=512)
        for feature, count in ((0xd9, 0), (0xda, 0), (0xd0, 1), (0xd8, 0), (0xd2, 0), (0xd0, 1), (0xd2, 0xf1), (0xd0, 1),
                               (0xd5, 1), (0xdb, 0xf8)):
            self.step(f"smart {feature:02x} {count}", disk, command=0xb0, features=feature, lba=0xc24f00, count=count,
                      size=512)
            self.say("identify", disk.identify()[164:176].hex())
        for command in (0xe7, 0xea, 0x27, 0xf8, 0xe5, 0x98, 0xe0, 0xe6, 0x91, 0x90, 0x70, 0x10):
            self.step(f"{command:02x}", disk, command=command, lba=0x123456, count=0x3f, device=0x45)
        self.say("identify", disk.identify().hex())

    def packet(self, name, cdb, size=0, dma=False, limit=None, **kw):
        limit = size if limit is None else limit
        self.step(name, self.cd, size=size, command=0xa0, lba=(limit & 0xffff) << 8, features=1 if dma else 0, device=0xa0,
                  packet=cdb, **kw)
        if 0 < size <= 512:
            self.say("data", self.cd.get(size).hex())

    def sense(self):
        self.packet("sense", [3, 0, 0, 0, 18, 0], 18)

    def packets(self):
        self.step("identify packet", self.cd, command=0xa1, size=512)
        for i in range(3):
            self.packet("ready", [0] * 12)
            self.sense()
        for dma in (False, True):
            for name, cdb, size in (
                    ("inquiry", [0x12, 0, 0, 0, 36, 0], 36), ("inquiry 5", [0x12, 0, 0, 0, 5, 0], 5),
                    ("inquiry 96", [0x12, 0, 0, 0, 96, 0], 96), ("vpd 0", [0x12, 1, 0, 0, 96, 0], 96),
                    ("vpd 83", [0x12, 1, 0x83, 0, 96, 0], 96), ("vpd 80", [0x12, 1, 0x80, 0, 96, 0], 96),
                    ("capacity", [0x25], 8), ("toc", [0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0], 100),
                    ("toc msf", [0x43, 2, 0, 0, 0, 0, 0, 0, 100, 0], 100),
                    ("toc session", [0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0x40], 100),
                    ("toc full", [0x43, 2, 0, 0, 0, 0, 0, 0, 100, 0x80], 100), ("toc track 2", [0x43, 0, 0, 0, 0, 0, 2, 0, 100, 0], 100),
                    ("toc lead-out", [0x43, 0, 0, 0, 0, 0, 0xaa, 0, 100, 0], 100), ("toc 4", [0x43, 0, 0, 0, 0, 0, 0, 0, 4, 0], 4),
                    ("configuration", [0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0], 64), ("configuration rt 2", [0x46, 2, 0, 1, 0, 0, 0, 0, 64, 0], 64),
                    ("mode sense 2a", [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64, 0], 64), ("mode sense 01", [0x5a, 0, 1, 0, 0, 0, 0, 0, 64, 0], 64),
                    ("mode sense 0e", [0x5a, 0, 0x0e, 0, 0, 0, 0, 0, 64, 0], 64), ("mode sense 3f", [0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 64, 0], 64),
                    ("mode sense changeable", [0x5a, 0, 0x6a, 0, 0, 0, 0, 0, 64, 0], 64),
                    ("mode sense saved", [0x5a, 0, 0xea, 0, 0, 0, 0, 0, 64, 0], 64),
                    ("mechanism", [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 64], 64), ("events", [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 64], 64),
                    ("events 2", [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 64], 64), ("events all", [0x4a, 1, 0, 0, 0xff, 0, 0, 0, 64], 64),
                    ("events async", [0x4a, 0, 0, 0, 0x10, 0, 0, 0, 64], 64), ("events none", [0x4a, 1, 0, 0, 0, 0, 0, 0, 64], 64),
                    ("disc info", [0x51, 0, 0, 0, 0, 0, 0, 0, 64], 64), ("dvd 0", [0xad, 0, 0, 0, 0, 0, 0, 0, 0, 64], 64),
                    ("dvd 1", [0xad, 0, 0, 0, 0, 0, 0, 1, 0, 64], 64), ("dvd ff", [0xad, 0, 0, 0, 0, 0, 0, 0xff, 0, 64], 64),
                    ("read 10", [0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0], 4096), ("read 12", [0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 1], 2048),
                    ("read cd", [0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0x10], 4096), ("read cd raw", [0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0xf8], 4704),
                    ("read cd nothing", [0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0], 4096), ("read cd header", [0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0x20], 4096),
                    ("read none", [0x28, 0, 0, 0, 0, 7, 0, 0, 0, 0], 0), ("read many", [0x28, 0, 0, 0, 0, 7, 0, 0, 70, 0], 70 * 2048),
                    ("read last", [0x28, 0, 0, 0, 2, 0x57, 0, 0, 1, 0], 2048), ("read beyond", [0x28, 0, 0, 0, 2, 0x57, 0, 0, 2, 0], 4096),
                    ("read far", [0x28, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 1, 0], 2048)):
                self.packet(f"{name} {'dma' if dma else 'pio'}", cdb, size, dma)
            self.sense()
        for limit in (2048, 2047, 1000, 512, 2, 0, 0xffff, 0xfffe, 4096):    # 1 hangs QEMU
            self.packet(f"read, limit {limit}", [0x28, 0, 0, 0, 0, 7, 0, 0, 3, 0], 6144, limit=limit)
            self.packet(f"inquiry, limit {limit}", [0x12, 0, 0, 0, 36, 0], 36, limit=limit)
        for entries in ([(self.cd.data, 100)], [(self.cd.data + 4096 * i, 700) for i in range(9)]):
            for dma in (False, True):
                self.packet(f"read {len(entries)} {dma}", [0x28, 0, 0, 0, 0, 7, 0, 0, 3, 0], 0, dma, 2048, entries=entries)
                self.say("data", zlib.crc32(self.cd.get(32768)))

    def packet_errors(self):
        for op in range(256):
            self.packet(f"op {op:02x}", [op, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64)
            self.sense()
        self.step("reset", self.cd, command=8)
        self.step("check power", self.cd, command=0xe5)

    def medium(self):
        vm = self.vm

        def look(name):
            info = [b for b in vm.qmp("query-block") if b.get("qdev") == "cd"][0]
            self.say(name, {k: info.get(k) for k in ("locked", "removable", "tray_open")},
                     info.get("inserted", {}).get("image", {}).get("virtual-size"))
            for e in list(vm.events):
                if e["event"] == "DEVICE_TRAY_MOVED" or e["event"] == "DEVICE_UNPLUG_GUEST_ERROR":
                    self.say("event", e["event"], sorted(e["data"].items()))
            vm.events.clear()
            for i in range(3):
                self.packet(f"{name} ready", [0] * 12)
                self.sense()
            self.packet(f"{name} events", [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8], 8)
            self.packet(f"{name} events", [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8], 8)
            self.packet(f"{name} capacity", [0x25], 8)
            self.packet(f"{name} read", [0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0], 4096)
            self.packet(f"{name} toc", [0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0], 100)
            self.packet(f"{name} mechanism", [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8], 8)
            self.packet(f"{name} mode", [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64, 0], 64)
            self.packet(f"{name} configuration", [0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0], 64)
            self.packet(f"{name} dvd", [0xad, 0, 0, 0, 0, 0, 0, 0, 0, 64], 64)

        def qmp(command, **kw):
            try:
                reply = vm.qmp(command, **kw)
            except Exception as e:          # its words are part of the trace
                reply = str(e)
            self.say(command, {k: v for k, v in kw.items() if k != "filename"}, reply)

        look("closed")
        self.packet("start", [0x1b, 0, 0, 0, 1])
        self.packet("stop", [0x1b, 0, 0, 0, 0])
        self.packet("open", [0x1b, 0, 0, 0, 2])
        look("open")
        self.packet("close", [0x1b, 0, 0, 0, 3])
        look("closed again")
        self.packet("lock", [0x1e, 0, 0, 0, 1])
        look("locked")
        self.packet("open", [0x1b, 0, 0, 0, 2])
        self.sense()
        qmp("eject", id_="cd")
        look("asked")
        qmp("blockdev-open-tray", id_="cd")
        look("asked again")
        qmp("eject", id_="cd", force=True)
        look("forced")
        self.packet("unlock", [0x1e, 0, 0, 0, 0])
        qmp("blockdev-close-tray", id_="cd")
        look("empty")
        self.packet("load", [0x1b, 0, 0, 0, 3])
        qmp("blockdev-change-medium", id_="cd", filename=self.images[2])
        look("changed")
        qmp("blockdev-change-medium", id_="cd", filename="/nonexistent")
        look("not changed")
        qmp("blockdev-remove-medium", id_="cd")
        qmp("blockdev-open-tray", id_="cd")
        qmp("blockdev-remove-medium", id_="cd")
        qmp("blockdev-insert-medium", id_="cd", node_name="nothing")
        vm.qmp("blockdev-add", driver="raw", node_name="n0", read_only=True,
               file={"driver": "file", "filename": self.images[1]})
        qmp("blockdev-insert-medium", id_="cd", node_name="n0")
        qmp("blockdev-insert-medium", id_="cd", node_name="n0")
        qmp("blockdev-close-tray", id_="cd")
        look("inserted")
        for command in ("eject", "blockdev-open-tray", "blockdev-close-tray", "blockdev-remove-medium"):
            qmp(command, id_="hd")
            qmp(command, id_="nobody")
        qmp("blockdev-change-medium", id_="hd", filename=self.images[2])
        qmp("eject", device="nothing")
        look("in the end")

    def dvd(self):
        self.vm.qmp("blockdev-change-medium", id_="cd", filename=self.images[3])
        for i in range(3):
            self.packet("ready", [0] * 12)
            self.sense()
        for media in (0, 1):
            for format in (0, 1, 2, 3, 4, 5, 0x10, 0xff):
                self.packet(f"dvd {media} {format:x}", [0xad, media, 0, 0, 0, 0, 0, format, 0x10, 0], 4096)
                self.sense()
        for name, cdb, size in (
                ("capacity", [0x25], 8), ("configuration", [0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0], 64),
                ("vpd 83, short", [0x12, 1, 0x83, 0, 10], 64), ("vpd 0, short", [0x12, 1, 0, 0, 1], 64),
                ("inquiry, page", [0x12, 0, 0x83, 0, 96], 96), ("disc information 1", [0x51, 1, 0, 0, 0, 0, 0, 0, 64], 64),
                ("seek", [0x2b, 0, 0, 0, 0, 5], 0), ("seek end", [0x2b, 0, 0, 0x10, 0, 0], 0), ("toc", [0x43, 0, 0, 0, 0, 0, 0, 0, 100], 100),
                ("toc full lba", [0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0x80], 100), ("toc msf", [0x43, 2, 0, 0, 0, 0, 0, 0, 100], 100),
                ("toc 3", [0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0xc0], 100), ("short sense", [3, 0, 0, 0, 4], 18), ("power", [0x1b, 0, 0, 0, 0x12], 0),
                ("mode, short", [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 6], 64), ("read last", [0x28, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 1], 2048),
                ("read end", [0x28, 0, 0, 0x10, 0, 0, 0, 0, 1], 2048), ("read far", [0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1], 2048)):
            self.packet(name, cdb, size)
            self.sense()

    def attention(self):
        self.vm.qmp("blockdev-change-medium", id_="cd", filename=self.images[2])
        for i in range(2):
            self.packet("ready", [0] * 12)
        self.packet("not ready", [0] * 12)
        self.packet("inquiry", [0x12, 0, 0, 0, 36, 0], 36)
        self.packet("unknown", [0x99])
        self.packet("events", [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8], 8)
        self.sense()
        self.packet("ready", [0] * 12)

    def settle(self, name, port):
        for _ in range(5):
            self.vm.qmp("query-status")
        self.say(f"{name}: {self.registers_of(port)} {self.fis_of(port)}")

    def software_reset(self):
        def control(value, slot):
            fis = bytes([0x27, 0]).ljust(15, b"\0") + bytes([value])
            port.command(0, fis=fis.ljust(20, b"\0"), wait=False, slot=slot)

        for port in (self.disk, self.cd):
            self.step("error", port, command=0xff)
            control(4, 0)
            self.settle("on", port)
            control(0, 1)
            self.settle("off", port)
            port.recover()
            control(4, 0)
            self.settle("on", port)
            port.recover()
            control(0, 0)
            self.settle("off", port)
            port.command(0xe7, wait=False, slot=2)
            self.settle("flush", port)
            port.recover()
            port.command(0x90, wait=False, slot=2)
            self.settle("diagnostic", port)
            port.command(0xe7, wait=False, slot=3)
            self.settle("flush", port)
            port.recover()
            self.settle("recovered", port)

    def errors_and_lists(self):
        disk = self.disk
        disk.command(0xff, wait=False)
        self.settle("error in slot 0", disk)
        disk.command(0xe7, wait=False, slot=1)
        self.settle("flush in slot 1", disk)
        disk.writel(A.PIS, 0xffffffff)
        disk.writel(A.CI, 0)
        self.settle("nothing issued", disk)
        disk.writel(A.PIS, 0xffffffff)
        disk.writel(A.CMD, disk.readl(A.CMD))
        self.settle("command again", disk)
        disk.writel(A.SCTL, 1)
        disk.writel(A.SCTL, 0)
        self.settle("reset", disk)
        disk.start()
        for name, lba in (("queued error", SECTORS), ("queued", 1), ("queued again", 1)):
            slot = 0 if lba == SECTORS else 1
            disk.command(0x60, lba=lba, features=1, count=slot << 3, device=0x40, size=512, ncq=True, slot=slot, wait=False)
            self.settle(name, disk)
        disk.command(0xec, slot=4, wait=False, size=512)
        self.settle("identify", disk)
        for command in (0x63, 0x64, 0x65):
            for count in (1, 3):
                disk.writel(A.SCTL, 1)
                disk.writel(A.SCTL, 0)
                disk.start()
                disk.command(command, lba=1, features=count, count=2 << 3, device=0x40, size=512, ncq=True, slot=2, wait=False)
                self.settle(f"{command:x} {count}", disk)

    def interrupts(self):
        disk, hba = self.disk, self.hba
        for enable in (0, 1, 2, 0x20, 0xffffffff):
            for ghc in (0x80000000, 0x80000002):
                hba.writel(A.GHC, ghc)
                disk.writel(A.PIE, enable)
                self.step(f"pio, pie={enable:x} ghc={ghc:x}", disk, command=0xec, size=512)
                self.say("status", hba.config_read(4), hba.readl(A.IS))
                disk.writel(A.PIS, 0xffffffff)
                self.say("cleared", hba.config_read(4), hba.readl(A.IS))
                hba.writel(A.IS, 0xffffffff)
                self.say("and", hba.config_read(4), hba.readl(A.IS))
                self.step("dma", disk, command=0x25, lba=1, count=1, size=512)
                self.step("none", disk, command=0xe7)
                self.step("error", disk, command=0xff)
                self.step("ncq", disk, 1, 512, command=0x60, lba=1, features=1, count=8, device=0x40, ncq=True)
                self.say("status", hba.config_read(4), hba.readl(A.IS))
        disk.writel(A.PIE, 0)
        self.say("masked", hba.config_read(4), hba.readl(A.IS))
        hba.writel(A.GHC, 0x80000000)

    def resets(self):
        disk = self.disk
        for port, name in ((disk, "disk"), (self.empty, "empty"), (self.cd, "cd")):
            for running in (True, False):
                if not running:
                    port.stop()
                for value in (1, 0x301, 0, 4, 0):
                    port.writel(A.SCTL, value)
                    self.say(f"{name} sctl={value:x}: {self.registers_of(port)} {self.fis_of(port)}")
            port.start()
            self.say(f"{name} started: {self.registers_of(port)} {self.fis_of(port)}")
        self.hba.writel(A.GHC, 0x80000003)
        self.say("hba reset", *(self.hba.readl(i) for i in range(0, 0x30, 4)))
        for port in (disk, self.empty, self.cd):
            self.say("port", *(port.readl(o) for o in range(0, 0x80, 4)))
        disk.start()
        self.step("identify", disk, command=0xec, size=512)
        self.vm.qmp("system_reset")
        for _ in range(50):
            self.vm.qmp("query-status")
        self.say("config", *(self.hba.config_read(i) for i in range(0, 256, 4)))
        self.hba = A.AHCI(self.vm)
        self.say("hba", *(self.hba.readl(i) for i in range(0, 0x30, 4)))
        for i in range(3):
            self.say("port", *(self.hba.port(i).readl(o) for o in range(0, 0x80, 4)))
