"""Takes a migration stream apart: its frame, and the sizes of sections from its own description.

    s = Stream(open(path, "rb").read())
    s.machine, s.sections[3].idstr, s.data[s["timer"].body:s["timer"].end]

A stream is QEMU's: header, configuration, START/PART/END/FULL sections with footers, EOF, description.
"""
import json
import struct


class Broken(Exception):
    pass


class Section:
    def __init__(self, kind, start, section_id):
        self.kind, self.start, self.id = kind, start, section_id
        self.idstr, self.instance, self.version = None, None, None
        self.body = self.end = None     # the body's place; a footer of 5 bytes follows

    def __repr__(self):
        return f"{self.kind} {self.idstr}/{self.instance} v{self.version} {self.body:#x}..{self.end:#x}"


class Stream:
    def __init__(self, data):
        self.data, self.at = data, 0
        self.sections, self.by_id, self.ram, self.commands = [], {}, {}, []
        self.vmdesc, self.vmdesc_at = self._description()
        self.devices = {(d["name"], d["instance_id"]): d for d in self.vmdesc["devices"]} if self.vmdesc else {}
        self._header()
        self._elements()

    def __getitem__(self, name):
        name, _, instance = name.partition("#")
        return next(s for s in self.sections if s.idstr == name and s.kind in ("START", "FULL") and s.instance == int(instance or 0))

    # ------------------------------------------------------------ reading

    def take(self, n):
        if self.at + n > len(self.data):
            raise Broken(f"ends at {len(self.data):#x}, in the middle of something at {self.at:#x}")
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self): return self.take(1)[0]
    def u16(self): return struct.unpack(">H", self.take(2))[0]
    def u32(self): return struct.unpack(">I", self.take(4))[0]
    def u64(self): return struct.unpack(">Q", self.take(8))[0]
    def text(self): return self.take(self.u8()).decode()

    def _description(self):
        """From the end: 06, be32 length, JSON; (None, None) if there is none."""
        at = self.data.rfind(b'"page_size"')
        while at > 0:
            at = self.data.rfind(b"\x06", 0, at)
            if at > 0 and struct.unpack(">I", self.data[at + 1:at + 5])[0] == len(self.data) - at - 5:
                return json.loads(self.data[at + 5:]), at
        return None, None

    def _header(self):
        if self.take(8) != b"QEVM\0\0\0\3":
            raise Broken("no header")
        if self.u8() != 7:
            raise Broken("no configuration")
        self.machine = self.take(self.u32()).decode()
        self.configuration = {}
        while self.data[self.at] == 5:
            self.u8()
            name, version = self.text(), self.u32()
            if name == "configuration/uuid":
                self.configuration[name] = self.take(16)
            elif name == "configuration/capabilities":
                self.configuration[name] = [self.text() for _ in range(self.u32())]
            else:
                raise Broken(f"{name} v{version}")

    def _elements(self):
        while True:
            start, kind = self.at, self.u8()
            if kind == 0:
                self.eof = start
                return
            if kind == 8:
                self.commands.append((self.u16(), self.take(self.u16())))
                continue
            if kind not in (1, 2, 3, 4):
                raise Broken(f"element {kind:#x} at {start:#x}")
            self._section({1: "START", 2: "PART", 3: "END", 4: "FULL"}[kind], start)

    def _section(self, kind, start):
        s = Section(kind, start, self.u32())
        if kind in ("START", "FULL"):
            s.idstr, s.instance, s.version = self.text(), self.u32(), self.u32()
            self.by_id[s.id] = s
        else:
            first = self.by_id[s.id]
            s.idstr, s.instance, s.version = first.idstr, first.instance, first.version
        s.body = self.at
        if s.idstr == "ram":
            self._ram()
        else:
            self.take(self._size(s))
        s.end = self.at
        if self.u8() != 0x7E or self.u32() != s.id:
            raise Broken(f"no footer after {s}")
        self.sections.append(s)

    def _size(self, s):
        """As described; without a description, up to the footer that is followed by something sensible."""
        device = self.devices.get((s.idstr, s.instance))
        if device:
            return described_size(device)
        footer = b"\x7e" + struct.pack(">I", s.id)
        at = self.data.find(footer, self.at)
        while at >= 0 and self.data[at + 5:at + 6] not in (b"\0", b"\4"):
            at = self.data.find(footer, at + 1)
        if at < 0:
            raise Broken(f"no end of {s.idstr}")
        return at - self.at

    # ------------------------------------------------------------ RAM

    def _ram(self):
        block = getattr(self, "_block", None)
        while True:
            word = self.u64()
            address, flags = word & ~0xFFF, word & 0xFFF
            if flags == 0x10:
                break
            if flags == 0x04:
                total = address
                while total > 0:
                    name, length = self.text(), self.u64()
                    self.ram[name] = {"length": length, "zero": 0, "pages": {}}
                    total -= length
                continue
            if not flags & 0x20:
                block = self.ram[self.text()]
            if block is None:
                raise Broken("a page of no block")
            if flags & ~0x20 == 0x02:
                block["zero"] += 1
                block["pages"].pop(address, None)
                if self.u8():
                    raise Broken("a zero page that is none")
            elif flags & ~0x20 == 0x08:
                block["pages"][address] = self.at
                self.take(4096)
            else:
                raise Broken(f"flags {flags:#x}")
        self._block = block


def described_size(description):
    """Bytes of what a description says, subsections with their headers included."""
    size = sum(f["size"] * f.get("array_len", 1) for f in description["fields"])
    for sub in description.get("subsections", []):
        size += 6 + len(sub["vmsd_name"]) + described_size(sub)
    return size
