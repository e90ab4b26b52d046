"""A guest's view of PCI on a q35 board, over qtest: ECAM, enumeration through bridges, BARs, capabilities."""

ECAM = 0xb0000000
COMMAND, STATUS, HEADER, BAR0, PRIMARY_BUS, CAP_PTR = 0x04, 0x06, 0x0e, 0x10, 0x18, 0x34
CAP_MSI, CAP_VENDOR, CAP_EXP, CAP_MSIX = 0x05, 0x09, 0x10, 0x11
EXT_AER, EXT_ACS, EXT_ARI = 0x0001, 0x000d, 0x000e


class Function:
    """One PCI function; offsets are of its config space."""

    def __init__(self, bus, devfn, number):
        self.pci, self.devfn, self.number, self.vm = bus, devfn, number, bus.vm
        self.base = ECAM + (number << 20) + (devfn << 12)
        self.bars = {}

    def r8(self, at): return self.vm.readb(self.base + at)
    def r16(self, at): return self.vm.readw(self.base + at)
    def r32(self, at): return self.vm.readl(self.base + at)
    def w8(self, at, v): self.vm.writeb(self.base + at, v)
    def w16(self, at, v): self.vm.writew(self.base + at, v)
    def w32(self, at, v): self.vm.writel(self.base + at, v)
    def config(self, size=4096): return self.vm.read(self.base, size)

    @property
    def id(self): return self.r16(0), self.r16(2)

    @property
    def is_bridge(self): return self.r8(HEADER) & 0x7f == 1

    def capabilities(self):
        """[(id, offset)] of the conventional list."""
        found, at = [], self.r8(CAP_PTR) if self.r16(STATUS) & 0x10 else 0
        while at and len(found) < 48:
            found.append((self.r8(at), at))
            at = self.r8(at + 1) & 0xfc
        return found

    def cap(self, wanted):
        return next((at for id_, at in self.capabilities() if id_ == wanted), 0)

    def ext_cap(self, wanted):
        at = 0x100
        for _ in range(64):
            header = self.r32(at)
            if header & 0xffff == wanted and header not in (0, 0xffffffff):
                return at
            at = header >> 20
            if at < 0x100:
                return 0
        return 0

    def map_bars(self):
        """Sizes each BAR, gives it an address, switches decoding and mastering on. {index: address}."""
        n = 0
        while n < (2 if self.is_bridge else 6):
            at = BAR0 + 4 * n
            old = self.r32(at)
            self.w32(at, 0xffffffff)
            size = self.r32(at)
            if size == 0:
                n += 1
                continue
            if size & 1:
                length = (~(size & ~3) & 0xffff) + 1
                addr = self.pci.take_io(length)
                self.w32(at, addr)
                wide = False
            else:
                wide = size & 6 == 4
                length = (~(size & ~0xf) & 0xffffffff) + 1
                addr = self.pci.take_mem(length)
                self.w32(at, addr)
                if wide:
                    self.w32(at + 4, 0)
            del old
            self.bars[n] = addr
            n += 2 if wide else 1
        self.w16(COMMAND, self.r16(COMMAND) | 7)
        return self.bars


class PCI:
    def __init__(self, vm, ecam=ECAM):
        self.vm = vm
        self.next_mem, self.next_io, self.next_bus = 0xe0000000, 0xc000, 1
        vm.outl(0xcf8, 0x80000064), vm.outl(0xcfc, 0)
        vm.outl(0xcf8, 0x80000060), vm.outl(0xcfc, ecam | 1)

    def take_mem(self, size):
        self.next_mem = (self.next_mem + size - 1) // size * size
        addr, self.next_mem = self.next_mem, self.next_mem + size
        return addr

    def take_io(self, size):
        self.next_io = (self.next_io + size - 1) // size * size
        addr, self.next_io = self.next_io, self.next_io + size
        return addr

    def function(self, number, devfn):
        return Function(self, devfn, number)

    def scan(self, number=0):
        """Finds what is on a bus and, through bridges that it opens on the way, below. Yields Functions, parents first."""
        for devfn in range(256):
            f = self.function(number, devfn)
            if f.r16(0) == 0xffff:
                continue
            yield f
            if f.is_bridge:
                yield from self.open_bridge(f)

    def open_bridge(self, f):
        child, self.next_bus = self.next_bus, self.next_bus + 1
        f.w32(PRIMARY_BUS, f.number | child << 8 | 0xff << 16)
        f.map_bars()
        mem, io = self.take_mem(1 << 20), self.take_io(0x1000)
        found = []
        for below in self.scan(child):
            below.map_bars()
            found.append(below)
        f.w8(0x1a, self.next_bus - 1)
        end_mem, end_io = self.take_mem(1 << 20), self.take_io(0x1000)
        f.w16(0x20, mem >> 16 & 0xfff0), f.w16(0x22, (end_mem - 1) >> 16 & 0xfff0)
        f.w8(0x1c, io >> 8 & 0xf0), f.w8(0x1d, (end_io - 1) >> 8 & 0xf0)
        f.w16(0x24, 0xfff0), f.w16(0x26, 0)
        return found


AER_REGISTERS = (
    (0x04, "Uncorrectable Error Status"), (0x08, "Uncorrectable Error Mask"), (0x0c, "Uncorrectable Error Severity"),
    (0x10, "Correctable Error Status"), (0x14, "Correctable Error Mask"), (0x18, "Capabilities and Control"),
    (0x2c, "Root Error Command"), (0x30, "Root Error Status"), (0x34, "Error Source Identification"))
UNCORRECTABLE = {4: "DLP", 5: "SurpriseDown", 12: "PoisonedTLP", 13: "FlowControl", 14: "CompletionTimeout", 15: "CompleterAbort",
                 16: "UnexpectedCompletion", 17: "ReceiverOverflow", 18: "MalformedTLP", 19: "ECRC", 20: "UnsupportedRequest",
                 21: "ACSViolation", 22: "InternalError", 23: "MCBlockedTLP", 24: "AtomicEgressBlocked", 25: "TLPPrefixBlocked"}
CORRECTABLE = {0: "ReceiverError", 6: "BadTLP", 7: "BadDLLP", 8: "ReplayRollover", 12: "ReplayTimeout", 13: "AdvisoryNonFatal",
               14: "CorrectedInternal", 15: "HeaderLogOverflow"}


def aer_bits(offset, value):
    """The names of the bits that are set in an AER register."""
    names = UNCORRECTABLE if offset in (4, 8, 0xc) else CORRECTABLE if offset in (0x10, 0x14) else {}
    return [names.get(bit, str(bit)) for bit in range(32) if value >> bit & 1] if names else []
