"""fw_cfg as firmware uses it: through its ports, and through DMA with the command in guest memory."""
import struct

COMMAND, BUFFER, CHUNK = 0x1000, 0x100000, 0x10000
READ, SKIP, SELECT, WRITE = 2, 4, 8, 16
FILE_DIR = 0x19


class FWCfg:
    def __init__(self, vm):
        self.vm = vm

    def select(self, key):
        self.vm.outw(0x510, key)

    def bytes(self, key, count):
        """By the ports."""
        self.select(key)
        return self.more(count)

    def more(self, count):
        return bytes(self.vm.inb(0x511) for _ in range(count))

    def dma(self, control, length=0, address=BUFFER):
        """Runs a command; returns its control word afterwards: 0, or 1 for an error."""
        self.vm.write(COMMAND, struct.pack(">IIQ", control, length, address))
        self.vm.outl(0x514, 0)
        self.vm.outl(0x518, int.from_bytes(struct.pack(">I", COMMAND), "little"))
        return struct.unpack(">I", self.vm.read(COMMAND, 4))[0]

    def read(self, key, size):
        """By DMA."""
        out, control = b"", SELECT | READ | key << 16
        while len(out) < size:
            count = min(CHUNK, size - len(out))
            assert self.dma(control, count) == 0
            out, control = out + self.vm.read(BUFFER, count), READ
        return out

    def write(self, key, data):
        self.vm.write(BUFFER, data)
        return self.dma(SELECT | WRITE | key << 16, len(data))

    def files(self):
        """name: (key, size), in order."""
        count = struct.unpack(">I", self.bytes(FILE_DIR, 4))[0]
        raw = self.read(FILE_DIR, 4 + 64 * count)[4:]
        found = {}
        for i in range(count):
            size, key, _, name = struct.unpack(">IHH56s", raw[64 * i:64 * i + 64])
            found[name.rstrip(b"\0").decode()] = (key, size)
        return found

    def file(self, name):
        key, size = self.files()[name]
        return self.read(key, size)
