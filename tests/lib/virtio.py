"""A guest's modern virtio-pci driver over qtest: capabilities, feature negotiation, one split queue at a time."""
import struct

VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID = 0, 1, 4, 8
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET, FAILED = 1, 2, 4, 8, 64, 128
F_RING_INDIRECT, F_RING_EVENT_IDX, F_VERSION_1, F_RING_PACKED = 28, 29, 32, 34


class Device:
    """`function` has its BARs mapped; `memory` is guest RAM for the rings: the first address that may be used."""

    def __init__(self, function, memory=0x100000):
        self.fn, self.vm, self.next = function, function.vm, memory
        self.at = {}
        for id_, at in function.capabilities():
            if id_ == 0x09:
                kind, bar = function.r8(at + 3), function.r8(at + 4)
                if kind in (1, 2, 3, 4) and bar in function.bars:
                    self.at[kind] = function.bars[bar] + function.r32(at + 8)
                if kind == 2:
                    self.multiplier = function.r32(at + 16)
        self.common, self.notify, self.isr, self.config = (self.at[k] for k in (1, 2, 3, 4))
        self.queues = {}

    def alloc(self, size, align=4096):
        self.next = (self.next + align - 1) // align * align
        addr, self.next = self.next, self.next + size
        return addr

    def features(self):
        value = 0
        for half in (0, 1):
            self.vm.writel(self.common, half)
            value |= self.vm.readl(self.common + 4) << (32 * half)
        return value

    def start(self, features, queues=(0,), size=None):
        """Resets, negotiates, sets the queues up, DRIVER_OK."""
        vm, common = self.vm, self.common
        vm.writeb(common + 0x14, 0)
        vm.writeb(common + 0x14, ACKNOWLEDGE | DRIVER)
        for half in (0, 1):
            vm.writel(common + 8, half)
            vm.writel(common + 12, features >> (32 * half) & 0xffffffff)
        vm.writeb(common + 0x14, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        if not vm.readb(common + 0x14) & FEATURES_OK:
            raise AssertionError(f"features {features:#x} refused")
        for n in queues:
            vm.writew(common + 0x16, n)
            num = size or vm.readw(common + 0x18)
            vm.writew(common + 0x18, num)
            queue = Queue(self, n, num, self.notify + vm.readw(common + 0x1e) * self.multiplier)
            for at, addr in ((0x20, queue.desc), (0x28, queue.avail), (0x30, queue.used)):
                vm.writel(common + at, addr & 0xffffffff)
                vm.writel(common + at + 4, addr >> 32)
            vm.writew(common + 0x1c, 1)
            self.queues[n] = queue
        vm.writeb(common + 0x14, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        return self


class Queue:
    def __init__(self, device, index, num, doorbell):
        self.dev, self.vm, self.index, self.num, self.doorbell = device, device.vm, index, num, doorbell
        self.desc, self.avail, self.used = device.alloc(16 * num), device.alloc(6 + 2 * num), device.alloc(6 + 8 * num)
        for addr, size in ((self.desc, 16 * num), (self.avail, 6 + 2 * num), (self.used, 6 + 8 * num)):
            self.vm.qtest(f"memset {addr:#x} {size:#x} 0")
        self.next_desc = self.avail_idx = self.used_idx = 0

    def add(self, buffers):
        """buffers: [(address, length, device writes)]. Makes one chain available; returns its head."""
        head = self.next_desc
        table = b""
        for n, (addr, length, writes) in enumerate(buffers):
            last = n == len(buffers) - 1
            slot = (head + n) % self.num
            entry = struct.pack("<QIHH", addr, length, (0 if last else 1) | (2 if writes else 0), 0 if last else (slot + 1) % self.num)
            self.vm.write(self.desc + 16 * slot, entry)
        self.next_desc = (head + len(buffers)) % self.num
        self.vm.writew(self.avail + 4 + 2 * (self.avail_idx % self.num), head)
        self.avail_idx += 1
        self.vm.writew(self.avail + 2, self.avail_idx & 0xffff)
        return head

    def kick(self):
        self.vm.writew(self.doorbell, self.index)

    def wait(self, polls=20000):
        """The next used element: (head, written bytes)."""
        for _ in range(polls):
            if self.vm.readw(self.used + 2) != self.used_idx & 0xffff:
                slot = self.used + 4 + 8 * (self.used_idx % self.num)
                self.used_idx += 1
                return self.vm.readl(slot), self.vm.readl(slot + 4)
        raise AssertionError("no completion")


class Block:
    """virtio-blk on queue 0, one request at a time."""

    def __init__(self, function, features=1 << F_VERSION_1, memory=0x100000):
        self.dev = Device(function, memory).start(features)
        self.vm, self.queue = self.dev.vm, self.dev.queues[0]
        self.header, self.status, self.data = self.dev.alloc(16), self.dev.alloc(1), self.dev.alloc(1 << 20)

    @property
    def sectors(self): return self.vm.readq(self.dev.config)

    def request(self, kind, sector, size=0, data=None):
        """Returns (status byte, data read)."""
        self.vm.write(self.header, struct.pack("<IIQ", kind, 0, sector))
        self.vm.writeb(self.status, 0xff)
        if data:
            self.vm.write(self.data, data)
        chain = [(self.header, 16, False)]
        if size or data:
            chain.append((self.data, size or len(data), data is None))
        self.queue.add(chain + [(self.status, 1, True)])
        self.queue.kick()
        self.queue.wait()
        status = self.vm.readb(self.status)
        return status, self.vm.read(self.data, size) if size and status == 0 else b""

    def read(self, sector, size):
        status, data = self.request(VIRTIO_BLK_T_IN, sector, size)
        if status:
            raise AssertionError(f"read of sector {sector}: status {status}")
        return data

    def write(self, sector, data):
        status, _ = self.request(VIRTIO_BLK_T_OUT, sector, data=data)
        if status:
            raise AssertionError(f"write of sector {sector}: status {status}")
