#!/usr/bin/env python3
"""A guest of ill will at the AHCI controller: random commands, FISes, tables, packets, register writes of any width,
resets and changes of media, some of it almost right. The emulator may not crash, hang or grow.

    GODWIT_BUILD=build-asan tests/fuzz/ahci.py [--seconds 60] [--seed 1] [--release 8.2]

The seed of a failed run gives the same run again; those that found something are in meson.build."""
import argparse
import os
import random
import struct
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import ahci as A  # noqa: E402
from vm import VM, VMError  # noqa: E402

RAM = 64 << 20
ROUND = 400                     # steps of one machine
MEMORY_LIMIT = 1500 << 20       # resident bytes; sanitizers need most of it


class Fuzzer:
    def __init__(self, seed, folder, release):
        self.random = random.Random(seed)
        self.seed, self.folder, self.release = seed, folder, release
        self.log = []

    def pick(self, *values):
        return self.random.choice(values)

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    def word(self, bits=32):
        return self.pick(0, 1, (1 << bits) - 1, self.random.getrandbits(bits), 1 << self.random.randrange(bits))

    def address(self):
        r = self.random
        return self.pick(self.port.data + r.randrange(0x10000), self.port.data, r.randrange(RAM), RAM - r.randrange(4096),
                         A.ABAR + r.randrange(0x400), 0xfee00000 + r.randrange(4096), 0xfec00000, 0xb0000000, 0xe0000000,
                         (1 << 64) - 1 - r.randrange(4096), r.getrandbits(64), self.port.list, self.port.fis,
                         self.port.tables) & ~(0 if self.chance(4) else 1)

    def say(self, text):
        self.log.append(text)

    # steps

    def register(self):
        offset = self.pick(self.random.randrange(0x400), self.port.base + self.random.randrange(0x80),
                           self.port.base + self.pick(A.PIS, A.PIE, A.CMD, A.SCTL, A.SACT, A.CI, A.CLB, A.FB))
        size = self.pick("b", "w", "l", "l", "l", "q")
        value = self.word({"b": 8, "w": 16, "l": 32, "q": 64}[size])
        self.say(f"write{size} {offset:#x} {value:#x}")
        self.vm.qtest(f"write{size} {A.ABAR + offset:#x} {value:#x}")
        self.vm.qtest(f"read{size} {A.ABAR + offset:#x}")

    def index_pair(self):
        at = A.IDP + self.random.randrange(32)
        size = self.pick("b", "w", "l")
        self.say(f"out{size} {at:#x}")
        self.vm.qtest(f"out{size} {at:#x} {self.word({'b': 8, 'w': 16, 'l': 32}[size]):#x}")
        self.vm.qtest(f"in{size} {at:#x}")

    def entries(self):
        r = self.random
        if self.chance(3):
            return [(self.port.data, self.pick(512, 2048, 4096, 65536, 1 << 20))]
        return [(lambda a: (a & 0xffffffff, a >> 32, self.word() if self.chance(4) else 0,
                            self.pick(511, 1, 0, 2047, 4095, 0x3fffff, r.getrandbits(22), self.word())))(self.address())
                for _ in range(self.pick(0, 1, 2, 3, 40))]

    def packet(self):
        op = self.pick(0, 3, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xad, 0xbd, 0xbe,
                       self.random.randrange(256))
        rest = [self.pick(0, 0, 0, 1, 2, 0xff, self.random.randrange(256)) for _ in range(15)]
        return bytes([op] + rest)

    def command(self):
        r = self.random
        op = self.pick(0x60, 0x61, 0x25, 0x35, 0xc8, 0xca, 0x24, 0x34, 0xc4, 0xc5, 0x06, 0xa0, 0xa1, 0xec, 0xe7, 0xef, 0xb0,
                       0xc6, 0x91, 0x90, 0x08, 0x27, r.randrange(256))
        if self.port.number == 2 and self.chance(2):
            op = 0xa0
        lba = self.pick(r.randrange(4096), 16384 - r.randrange(8), self.word(48), (self.word(16) << 8) & 0xffff00)
        count = self.pick(0, 1, 8, r.randrange(256), self.word(16), r.randrange(32) << 3)
        features = self.pick(0, 1, 1, 3, 8, self.word(16), 0xd0 + r.randrange(12))
        slot, ncq = r.randrange(32), op in (0x60, 0x61) or self.chance(20)
        flags = 0 if self.chance(3) else self.pick(0, 0x20, 0x40, 0x60, self.word(10))
        fis = None
        if self.chance(12):
            fis = bytes([self.pick(0x27, 0x27, r.randrange(256)), self.pick(0x80, 0, r.randrange(256)), op]) + r.randbytes(17)
        packet = self.packet() if op == 0xa0 or self.chance(10) else None
        self.say(f"command {op:#x} lba {lba:#x} count {count:#x} features {features:#x} slot {slot} {packet and packet.hex()}")
        if self.chance(3):
            self.vm.write(self.port.data, r.randbytes(512))
        if packet is not None:
            flags &= ~0x20
        self.port.command(op, lba, count, features, self.pick(0xe0, 0x40, 0xa0, r.randrange(256)), slot=slot, ncq=ncq,
                          packet=packet, fis=fis, flags=flags & 0x3ff, entries=self.entries(), wait=False)
        if self.chance(20):
            self.port.header(slot, self.word(10), self.word(16), self.address())
            self.port.writel(A.CI, 1 << slot)

    def config(self):
        offset = self.pick(0x04, 0x80, 0x84, 0x88, 0x8c, 0x24, 0x20, self.random.randrange(64) * 4)
        self.say(f"config {offset:#x}")
        self.hba.config_write(offset, self.word())
        if not self.chance(4):
            self.hba.config_write(0x20, A.IDP)
            self.hba.config_write(0x24, A.ABAR)
            self.hba.config_write(0x04, 7)

    def reset(self):
        what = self.random.randrange(4)
        self.say(f"reset {what}")
        if what == 0:
            self.hba.writel(A.GHC, A.GHC_RESET)
        elif what == 1:
            self.port.writel(A.SCTL, 1)
            self.port.writel(A.SCTL, 0)
        elif what == 2:
            self.vm.qmp("system_reset")
            self.hba = A.AHCI(self.vm)
        self.port.start()

    def media(self):
        command, arguments = self.pick(
            ("eject", {"force": self.chance(2)}), ("blockdev-open-tray", {"force": self.chance(2)}), ("blockdev-close-tray", {}),
            ("blockdev-remove-medium", {}), ("blockdev-change-medium", {"filename": f"{self.folder}/disc", "format": "raw"}))
        self.say(f"{command} {arguments}")
        try:
            self.vm.qmp(command, id_="cd", **arguments)
        except VMError as e:
            if "exit status" in str(e):
                raise

    def move(self):
        self.say("move")
        path = f"{self.folder}/stream"
        self.vm.save(path)
        self.vm.kill()
        self.vm = VM(self.release, self.args, qtest=True, incoming=f"exec:cat {path}", timeout=60)
        self.vm.wait_loaded()
        self.find()

    def find(self):
        self.hba = A.AHCI(self.vm)
        self.ports = [self.hba.port(i) for i in range(3)]

    def resident(self):
        with open(f"/proc/{self.vm.proc.pid}/statm") as f:
            return int(f.read().split()[1]) * 4096

    def run(self):
        for name, size in (("disk", 8 << 20), ("disc", 600 * 2048)):
            with open(f"{self.folder}/{name}", "wb") as f:
                f.truncate(size)
        on_error = self.pick("report", "stop", "ignore")
        self.args = ["-m", "64", "-drive", f"if=none,id=d0,file={self.folder}/disk,format=raw,discard=unmap",
                     "-device", f"ide-hd,drive=d0,bus=ide.0,id=hd,rerror={on_error},werror={on_error}",
                     "-drive", f"if=none,id=c0,file={self.folder}/disc,format=raw,media=cdrom",
                     "-device", f"ide-cd,drive=c0,bus=ide.2,id=cd,rerror={on_error}"]
        self.vm = VM(self.release, self.args, qtest=True, timeout=60)
        try:
            self.find()
            for port in self.ports:
                port.start()
            for _ in range(ROUND):
                self.port = self.pick(self.ports[0], self.ports[0], self.ports[2], self.ports[2], self.ports[1])
                step = self.random.choices((self.command, self.register, self.index_pair, self.config, self.reset, self.media,
                                            self.move), (60, 25, 3, 2, 6, 3, 0.3))[0]
                step()
                self.vm.events.clear()
                if self.resident() > MEMORY_LIMIT:
                    raise VMError(f"{self.resident() >> 20} MiB resident")
            # It still works.
            self.hba = A.AHCI(self.vm)
            self.hba.writel(A.GHC, A.GHC_RESET)
            self.find()
            self.ports[0].start()
            data = self.ports[0].identify()
            if struct.unpack_from("<H", data)[0] != 0x40:
                raise VMError("no disk any more")
            status, said = self.vm.quit()
            if status:
                raise VMError(f"exit status {status}: {said}")
        finally:
            self.vm.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1 << 60)
    parser.add_argument("--release", default="8.2")
    args = parser.parse_args()
    end = time.monotonic() + args.seconds
    seed = args.seed
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end and seed < args.seed + args.rounds:
            fuzzer = Fuzzer(seed, folder, args.release)
            try:
                fuzzer.run()
            except Exception as e:      # whatever it is, the seed tells
                print("\n".join(fuzzer.log[-12:]))
                print(f"seed {seed}, step {len(fuzzer.log)}: {type(e).__name__}: {e}")
                sys.exit(1)
            seed += 1
    print(f"ok: seeds {args.seed} to {seed - 1}")


main()
