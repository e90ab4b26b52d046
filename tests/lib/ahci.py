"""A guest's side of the AHCI controller of a q35 board, over qtest. Works with godwit and with QEMU.

    hba = AHCI(vm)
    port = hba.port(0)
    port.start()
    port.identify(); port.read(lba, count); port.write(lba, data); port.packet(cdb, size)
"""
import struct
import time

DEVFN = 0x1f << 3 | 2
ABAR, IDP = 0xfebf1000, 0xc100
MEMORY = 0x100000           # of the guest: 64 KiB for each port
# HBA
CAP, GHC, IS, PI, VS = 0x00, 0x04, 0x08, 0x0c, 0x10
GHC_RESET, GHC_IRQ, GHC_ENABLE = 1, 2, 1 << 31
# ports
(CLB, CLBU, FB, FBU, PIS, PIE, CMD, TFD, SIG, SSTS, SCTL, SERR, SACT, CI) = \
    (0, 4, 8, 12, 0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38)
CMD_START, CMD_FIS = 1, 0x10
CMD_LIST_RUNNING, CMD_FIS_RUNNING = 1 << 15, 1 << 14
IS_D2H, IS_PIO, IS_DMA, IS_SDB, IS_DESC, IS_TFES = 1, 2, 4, 8, 0x20, 1 << 30
SIG_DISK, SIG_CD = 0x101, 0xeb140101
H2D = 0x27
STATUS_ERR, STATUS_DRQ, STATUS_BSY = 1, 8, 0x80


class AHCI:
    def __init__(self, vm, devfn=DEVFN, abar=ABAR, idp=IDP, memory=MEMORY):
        self.vm, self.devfn, self.abar, self.idp, self.memory = vm, devfn, abar, idp, memory
        self.config_write(0x20, idp)
        self.config_write(0x24, abar)
        self.config_write(0x04, 7)
        self.writel(GHC, GHC_ENABLE)

    def config_read(self, offset):
        self.vm.outl(0xcf8, 1 << 31 | self.devfn << 8 | offset)
        return self.vm.inl(0xcfc)

    def config_write(self, offset, value):
        self.vm.outl(0xcf8, 1 << 31 | self.devfn << 8 | offset)
        self.vm.outl(0xcfc, value)

    def readl(self, offset):
        return self.vm.readl(self.abar + offset)

    def writel(self, offset, value):
        self.vm.writel(self.abar + offset, value)

    def port(self, number):
        return Port(self, number)


class Port:
    def __init__(self, hba, number):
        self.hba, self.vm, self.number = hba, hba.vm, number
        self.base = 0x100 + 0x80 * number
        self.memory = hba.memory + 0x80000 * number
        self.list, self.fis = self.memory, self.memory + 0x400
        self.tables, self.data = self.memory + 0x1000, self.memory + 0x40000

    def readl(self, offset):
        return self.hba.readl(self.base + offset)

    def writel(self, offset, value):
        self.hba.writel(self.base + offset, value)

    def start(self):
        """Memory for it, and it runs."""
        self.vm.qtest(f"memset {self.memory:#x} 0x1000 0")
        self.writel(CLB, self.list)
        self.writel(CLBU, 0)
        self.writel(FB, self.fis)
        self.writel(FBU, 0)
        self.writel(CMD, self.readl(CMD) | CMD_FIS)
        self.writel(SERR, 0xffffffff)
        self.writel(PIS, 0xffffffff)
        self.writel(CMD, self.readl(CMD) | CMD_START)

    def stop(self):
        self.writel(CMD, self.readl(CMD) & ~CMD_START)

    def received(self, offset, size=0x20):
        """A FIS that was received: 0 DMA setup, 0x20 PIO setup, 0x40 D2H, 0x58 SDB."""
        return self.vm.read(self.fis + offset, size)

    def table(self, slot):
        return self.tables + 0x800 * slot

    def header(self, slot, flags=0, prds=0, table=None, fis_dwords=5):
        word = (prds << 16) + flags + fis_dwords
        self.vm.write(self.list + 32 * slot, struct.pack("<IIQ", word, 0, table or self.table(slot)) + bytes(16))

    def count(self, slot):
        """PRDBC."""
        return self.vm.readl(self.list + 32 * slot + 4)

    def prds(self, slot, entries, table=None):
        """(address, bytes), …; an entry may also be the four words."""
        for i, e in enumerate(entries):
            words = e if len(e) == 4 else (e[0] & 0xffffffff, e[0] >> 32, 0, e[1] - 1)
            self.vm.write((table or self.table(slot)) + 0x80 + 16 * i, struct.pack("<IIII", *words))

    def command(self, command, lba=0, count=0, features=0, device=0xe0, size=0, write=False, packet=None, slot=0,
                entries=None, fis=None, flags=0, ncq=False, wait=True, control=0, seconds=10):
        """Issues one, and waits for its end; returns (status, error) of the task file."""
        if fis is None:
            fis = struct.pack("<BBBB", H2D, 0x80, command, features & 0xff) + lba.to_bytes(6, "little")[:3] + \
                bytes([device]) + lba.to_bytes(6, "little")[3:] + bytes([features >> 8]) + \
                struct.pack("<HBB", count, 0, control) + bytes(4)
        if entries is None:
            entries = [(self.data, size)] if size else []
        if packet is not None:
            flags += 0x20
            self.vm.write(self.table(slot) + 0x40, bytes(packet).ljust(16, b"\0"))
        self.vm.write(self.table(slot), fis)
        self.prds(slot, entries)
        self.header(slot, flags + (0x40 if write else 0), len(entries))
        if ncq:
            self.writel(SACT, 1 << slot)
        self.writel(CI, 1 << slot)
        return self.wait(slot, ncq, seconds) if wait else None

    def wait(self, slot=0, ncq=False, seconds=10):
        begin = time.monotonic()
        end = begin + seconds
        while True:
            active = self.readl(SACT) >> slot & 1 if ncq else 0
            if not (self.readl(CI) >> slot & 1 or active):
                break
            # A queued command may show an earlier one's error at once, and be done later.
            if self.readl(PIS) & IS_TFES and (not active or time.monotonic() > begin + 0.5):
                break
            if time.monotonic() > end:
                raise TimeoutError(f"port {self.number}: slot {slot} hangs: CI {self.readl(CI):#x} "
                                   f"SACT {self.readl(SACT):#x} TFD {self.readl(TFD):#x} IS {self.readl(PIS):#x}")
            time.sleep(0.0005)
        tfd = self.readl(TFD)
        return tfd & 0xff, tfd >> 8 & 0xff

    def recover(self):
        """After an error: the list is stopped and started."""
        self.stop()
        self.writel(SERR, 0xffffffff)
        self.writel(PIS, 0xffffffff)
        self.writel(CMD, self.readl(CMD) | CMD_START)

    def get(self, size, offset=0):
        return self.vm.read(self.data + offset, size)

    def put(self, data, offset=0):
        self.vm.write(self.data + offset, data)

    def identify(self, command=0xec):
        self.command(command, size=512)
        return self.get(512)

    def read(self, lba, count, command=0x25, block=512):
        ret = self.command(command, lba, count, size=count * block)
        return ret, self.get(count * block)

    def write(self, lba, data, command=0x35):
        self.put(data)
        return self.command(command, lba, len(data) // 512, size=len(data), write=True)

    def read_ncq(self, lba, count, slot=0, **kw):
        ret = self.command(0x60, lba, slot << 3, count, 0x40, size=count * 512, slot=slot, ncq=True, **kw)
        return ret, self.get(count * 512)

    def write_ncq(self, lba, data, slot=0, **kw):
        self.put(data)
        return self.command(0x61, lba, slot << 3, len(data) // 512, 0x40, size=len(data), write=True, slot=slot,
                            ncq=True, **kw)

    def packet(self, cdb, size=0, dma=False, limit=None, data=None, slot=0, **kw):
        """(status, error, data). By PIO, `limit` is what the device may transfer at once."""
        limit = size if limit is None else limit
        if data is not None:
            self.put(data)
            size = limit = len(data)
        self.vm.qtest(f"memset {self.data:#x} {max(size, 1):#x} 0xaa")
        status, error = self.command(0xa0, (limit & 0xffff) << 8, 0, 1 if dma else 0, 0xa0, size, data is not None, cdb,
                                     slot, **kw)
        return status, error, self.get(size) if size else b""

    def sense(self):
        _, _, data = self.packet([3, 0, 0, 0, 18, 0], 18)
        return data[2] & 15, data[12], data[13]
