#!/usr/bin/env python3
"""The SMBus function of the ICH9 and the EEPROMs behind it, as firmware and drivers use them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from pci import PCI  # noqa: E402
from stream import Stream  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402

BASE = 0x700
STS, CNT, CMD, ADD, DAT0, DAT1, BLKDAT, AUX = 0, 2, 3, 4, 5, 6, 7, 0xd
BUSY, INTR, DEV_ERR, FAILED, BYTE_DONE = 1, 2, 4, 0x10, 0x80
INTREN, KILL, LAST, START = 1, 2, 0x20, 0x40
QUICK, BYTE, BYTE_DATA, WORD, BLOCK, I2C = (p << 2 for p in (0, 1, 2, 3, 5, 6))


class PC(VM):
    def __init__(self, machine="q35", hostc=1, **kw):
        super().__init__("8.2", ["-M", machine, "-m", "16"], qtest=True, **kw)
        self.qtest("irq_intercept_in /machine/q35/ioapic")
        self.fn = PCI(self).function(0, 0xfb)
        self.fn.w32(0x20, BASE | 1)
        self.fn.w16(4, 1)
        self.fn.w8(0x40, hostc)

    def reg(self, register, value=None):
        return self.inb(BASE + register) if value is None else self.outb(BASE + register, value)

    def begin(self, protocol, address, read=False, command=0, data0=0, data1=0, more=0):
        for register, value in ((STS, 0xff), (ADD, address << 1 | read), (CMD, command), (DAT0, data0), (DAT1, data1)):
            self.reg(register, value)
        self.reg(CNT, START | protocol | more)

    def end(self):
        equal(self.reg(STS) & BUSY, BUSY)
        return self.reg(STS)

    def write(self, address, offset, value):
        self.begin(BYTE_DATA, address, command=offset, data0=value)
        equal(self.end(), INTR)

    def read_byte(self, address, offset):
        self.begin(BYTE_DATA, address, True, offset)
        equal(self.end(), INTR)
        return self.reg(DAT0)


def section(path, name):
    with open(path, "rb") as f:
        stream = Stream(f.read())
    return stream.data[stream[name].body:stream[name].end]


@test
def the_function_is_an_smbus_controller():
    with PC() as pc:
        equal([pc.fn.r32(r) for r in (0, 8)], [0x29308086, 0x0c050002])
        equal((pc.fn.r8(0x3d), pc.fn.r8(0x0e) & 0x80), (1, 0x80))
        pc.fn.w32(0x20, 0xffffffff)
        equal(pc.fn.r32(0x20), 0xffffffc1)
        pc.fn.w8(0x40, 0xff)
        equal(pc.fn.r8(0x40), 0xf7)


@test
def host_enable_opens_its_ports():
    with PC(hostc=0) as pc:
        equal(pc.reg(CMD), 0xff)
        pc.fn.w8(0x40, 1)
        pc.reg(CMD, 0x5a)
        equal(pc.reg(CMD), 0x5a)


@cases(*range(0x50, 0x58))
def an_eeprom_keeps_what_is_written(address):
    with PC() as pc:
        equal(pc.read_byte(address, 7), 0)
        pc.write(address, 7, 0xa5)
        equal((pc.read_byte(address, 7), pc.read_byte(address, 8)), (0xa5, 0))


@cases(0x30, 0x58)
def nobody_at_the_address_is_a_device_error(address):
    with PC() as pc:
        for protocol in (QUICK, BYTE, BYTE_DATA, WORD, BLOCK, I2C):
            pc.begin(protocol, address)
            if protocol == BLOCK:
                pc.reg(STS)
                pc.reg(STS, BYTE_DONE)
            equal(pc.end() & DEV_ERR if protocol != BLOCK else DEV_ERR, DEV_ERR, hex(protocol))
            pc.reg(CNT, KILL)


@test
def words_bytes_and_quick_commands():
    with PC() as pc:
        pc.begin(WORD, 0x50, command=0x10, data0=0x34, data1=0x12)
        equal(pc.end(), INTR)
        pc.begin(WORD, 0x50, True, command=0x10)
        equal((pc.end(), pc.reg(DAT0), pc.reg(DAT1)), (INTR, 0x34, 0x12))
        pc.begin(BYTE, 0x50, command=0x11)
        equal(pc.end(), INTR)
        pc.begin(BYTE, 0x50, True)
        equal((pc.end(), pc.reg(DAT0)), (INTR, 0x12))
        pc.begin(QUICK, 0x50)
        equal(pc.end(), INTR)


@test
def a_block_goes_out_byte_by_byte():
    with PC() as pc:
        pc.reg(BLKDAT, 0x11)
        pc.begin(BLOCK, 0x51, command=0x20, data0=3)
        equal(pc.end(), BUSY | BYTE_DONE)
        for value in (0x22, 0x33):
            pc.reg(BLKDAT, value)
            pc.reg(STS, BYTE_DONE)
            equal(pc.reg(STS), BUSY | BYTE_DONE)
        pc.reg(STS, BYTE_DONE)
        equal(pc.reg(STS), INTR)
        equal([pc.read_byte(0x51, 0x20 + i) for i in range(5)], [3, 0x11, 0x22, 0x33, 0])


@test
def a_block_comes_back_through_the_buffer():
    with PC() as pc:
        for i, value in enumerate((2, 0x77, 0x88)):
            pc.write(0x52, i, value)
        pc.reg(AUX, 2)
        pc.begin(BLOCK, 0x52, True, command=0)
        pc.reg(STS)
        equal((pc.reg(STS) & INTR, pc.reg(DAT0)), (INTR, 2))
        equal([pc.reg(BLKDAT) for _ in range(2)], [0x77, 0x88])


@test
def an_i2c_read_ends_with_the_last_byte():
    with PC(hostc=5) as pc:
        for i in range(4):
            pc.write(0x53, i, 0x40 + i)
        pc.begin(I2C, 0x53, True, data1=1)
        equal((pc.end(), pc.reg(BLKDAT)), (BUSY | BYTE_DONE, 0x41))
        pc.reg(STS, BYTE_DONE)
        equal((pc.reg(STS), pc.reg(BLKDAT)), (BUSY | BYTE_DONE, 0x42))
        pc.reg(CNT, I2C | LAST)
        pc.reg(STS, BYTE_DONE)
        equal((pc.reg(STS), pc.reg(BLKDAT)), (INTR, 0x43))


@test
def with_interrupts_a_transfer_runs_at_once():
    with PC() as pc:
        line = lambda: [n for n, up in pc.irqs.items() if up and n >= 16]  # noqa: E731
        pc.begin(BYTE_DATA, 0x50, True, more=INTREN)
        equal((pc.reg(STS), len(line())), (INTR, 1))
        pc.reg(STS, INTR)
        equal((pc.reg(STS), line()), (0, []))


@test
def kill_fails_what_goes_on():
    with PC() as pc:
        pc.begin(BLOCK, 0x50, command=0, data0=8)
        pc.end()
        pc.reg(CNT, KILL)
        equal(pc.reg(STS), BYTE_DONE | FAILED)


@test
def state_in_use_survives_a_move():
    with PC(hostc=5) as pc:
        pc.write(0x50, 3, 0x99)
        pc.begin(I2C, 0x50, True, data1=3)
        pc.end()
        path, again = f"{pc.dir}/s", f"{pc.dir}/again"
        pc.save(path)
        with VM("8.2", ["-M", "q35", "-m", "16"], qtest=True, incoming=f"exec:cat {path}") as there:
            there.wait_loaded()
            there.save(again)
            for name in ("i2c_bus", "0000:00:1f.3/ich9_smb", "smbus-eeprom"):
                equal(section(again, name), section(path, name), name)
            equal(there.inb(BASE + BLKDAT), 0x99)


@test
def an_eeprom_that_nobody_asked_has_no_state():
    with PC(stopped=True) as pc:
        pc.read_byte(0x57, 0)
        pc.save(f"{pc.dir}/s")
        with open(f"{pc.dir}/s", "rb") as f:
            stream = Stream(f.read())
        equal([s.instance for s in stream.sections if s.idstr == "smbus-eeprom"], [7])


@test
def without_it_there_is_no_function():
    with VM("8.2", ["-M", "q35,smbus=off"], qtest=True) as vm:
        equal(PCI(vm).function(0, 0xfb).r32(0), 0xffffffff)


main()
