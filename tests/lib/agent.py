"""A guest that makes one port access after another, with registers as it is told: for what is addressed by registers.

    with VM("8.2", ["-M", "q35", "-m", "16", *agent.args(dir)], qtest="tcg", stopped=False) as vm:
        eax, ebx, ecx, edx, esi, edi = Agent(vm).access(eax=…, ecx=…, edx=port)
"""
import os
import struct
import time

# Real mode, at f000:0000. Waits for 1 at 0x1000; loads EAX, EBX, ECX, EDX, ESI and EDI from 0x1010 on; does `in eax, dx`, or with
# not 0 at 0x1004 `out dx, eax`; stores them from 0x1040 on, and 2 at 0x1000.
CODE = bytes.fromhex(
    "31c08ed866833e00100175f866a11010668b1e1410668b0e1810668b161c10668b362010668b3e241066833e04100075"
    "0466edeb0266ef66a3401066891e441066890e48106689164c10668936501066893e541066c706001002000000eba5")


def args(folder):
    """-bios with the guest in a file there."""
    rom = bytearray(b"\xf4" * 65536)
    rom[:len(CODE)] = CODE
    rom[0xfff0:0xfff5] = bytes((0xea, 0, 0, 0, 0xf0))
    path = os.path.join(folder, "agent.rom")
    with open(path, "wb") as f:
        f.write(rom)
    return ["-bios", path]


class Agent:
    def __init__(self, vm):
        self.vm = vm

    def access(self, eax=0, ebx=0, ecx=0, edx=0, esi=0, edi=0, out=False):
        vm, end = self.vm, time.monotonic() + self.vm.timeout
        vm.write(0x1010, struct.pack("<6I", eax, ebx, ecx, edx, esi, edi))
        vm.writel(0x1004, out)
        vm.writel(0x1000, 1)
        while vm.readl(0x1000) != 2:
            if time.monotonic() > end:
                raise AssertionError("the guest does not answer")
            time.sleep(0.0005)
        return struct.unpack("<6I", vm.read(0x1040, 24))
