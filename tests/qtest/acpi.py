#!/usr/bin/env python3
"""The ACPI tables as firmware finds them, linked as it links them, and interpreted by ACPICA."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from acpi import Tables  # noqa: E402
from fwcfg import FWCfg  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402


def machine(*args, m="q35", release="8.2"):
    return VM(release, ["-M", m, "-m", "128", *args], qtest=True)


def tables(*args, ecam=False, **kw):
    with machine(*args, **kw) as vm:
        if ecam:
            vm.outl(0xcf8, 0x80000060)
            vm.outl(0xcfc, 0xb0000001)
        return Tables(FWCfg(vm))


def word(table, offset, size=4):
    return int.from_bytes(table[offset:offset + size], "little")


@test
def every_table_has_its_checksum():
    t = tables(ecam=True)
    equal(sorted(t.tables), ["APIC", "DSDT", "FACP", "FACS", "HPET", "MCFG", "RSDT", "SSDT", "WAET"])
    for name, table in t.tables.items():
        if name != "FACS":
            equal(sum(table) & 0xff, 0, name)
            equal(table[10:24], b"BOCHS BXPC    ", name)
    equal(sum(t.rsdp) & 0xff, 0)
    equal(t.rsdp[:8] + t.rsdp[9:16], b"RSD PTR BOCHS \0")


@test
def loader_places_before_it_links():
    kinds = [c[0] for c in tables().commands]
    equal(kinds[:2], ["allocate", "allocate"])
    c = tables().commands
    equal(c[0], ("allocate", "etc/acpi/rsdp", 16, 2))
    equal(c[1], ("allocate", "etc/acpi/tables", 64, 1))
    equal(c[-1], ("checksum", "etc/acpi/rsdp", 8, 0, 20))


@test
def fadt_is_that_of_qemu():
    """QEMU 7.2's, but for the addresses of other tables and who made it."""
    want = bytearray.fromhex(
        "46414350f40000000300424f434853204258504320202020010000000000000001000000000000000000000001000900b200"
        "00000203000000060000000000000406000000000000000000000806000020060000000000000402000410000000ff0fff0f"
        "000000000000000032020000a584000001080000f90c0000000000000f000000000000000000000000000000000000000120"
        "0000000600000000000000000000000000000000000001100000040600000000000000000000000000000000000000000000"
        "0000000000000000012000000806000000000000018000002006000000000000000000000000000000000000")
    got = bytearray(tables().tables["FACP"])
    for start, size in ((9, 1), (28, 4), (36, 8), (140, 8)):
        got[start:start + size] = bytes(size)
    want[109:111] = got[109:111]                # whether there is a keyboard controller
    equal(got.hex(), want.hex())


@cases((1, 1), (2, 4), (4, 4))
def madt_has_every_cpu_that_there_can_be(cpus, most):
    madt = tables("-smp", f"{cpus},maxcpus={most}").tables["APIC"]
    equal(word(madt, 36), 0xfee00000)
    entries, at = [], 44
    while at < len(madt):
        entries.append(madt[at:at + madt[at + 1]])
        at += madt[at + 1]
    equal([(e[2], e[3], word(e, 4)) for e in entries if e[0] == 0], [(i, i, int(i < cpus)) for i in range(most)])
    equal([(e[2], word(e, 4), word(e, 8)) for e in entries if e[0] == 1], [(0, 0xfec00000, 0)])
    equal([(e[3], word(e, 4), word(e, 8, 2)) for e in entries if e[0] == 2],
          [(0, 2, 0), (5, 5, 13), (9, 9, 13), (10, 10, 13), (11, 11, 13)])
    equal([e.hex() for e in entries if e[0] == 4], ["0406ff000001"])


@test
def apic_ids_follow_the_topology():
    madt = tables("-smp", "6,sockets=2,cores=3").tables["APIC"]
    equal([madt[44 + 8 * i + 3] for i in range(6)], [0, 1, 2, 4, 5, 6])


@cases((True, ["HPET"]), (False, []))
def hpet_is_there_or_not(on, names):
    t = tables(m="q35" if on else "q35,hpet=off")
    equal([n for n in t.tables if n == "HPET"], names)
    equal(t.numbers(r"\_SB.HPET._STA"), [0xf if on else 0])
    if on:
        equal((word(t.tables["HPET"], 36), word(t.tables["HPET"], 44, 8)), (0x8086a201, 0xfed00000))


@test
def mcfg_is_where_firmware_put_the_window():
    mcfg = tables(ecam=True).tables["MCFG"]
    equal(mcfg[36:].hex(), "0000000000000000" "000000b000000000" "0000" "00" "ff" "00000000")
    equal("MCFG" in tables().tables, False, "nobody has placed it yet")


@test
def tables_stay_as_they_were_read_until_a_reset():
    with machine() as vm:
        fw = FWCfg(vm)
        before = Tables(fw).raw
        vm.outl(0xcf8, 0x80000060)
        vm.outl(0xcfc, 0xb0000001)
        equal(Tables(fw).raw == before, True)
        vm.qmp("system_reset")
        vm.wait_event("RESET")
        vm.outl(0xcf8, 0x80000060)
        vm.outl(0xcfc, 0xb0000001)
        equal("MCFG" in Tables(fw).tables, True)


def windows(crs):
    """(type, min, max, length) of each address space descriptor."""
    found, at = [], 0
    while crs[at] != 0x79:
        if crs[at] & 0x80:
            size = word(crs, at + 1, 2) + 3
            item = crs[at:at + size]
            width = {0x88: 2, 0x87: 4, 0x8a: 8}[item[0]]
            field = [word(item, 6 + width * i, width) for i in range(5)]
            found.append((item[3], field[1], field[2], field[4]))
        else:
            size = (crs[at] & 7) + 1
        at += size
    return found


@test
def pci_windows_are_what_memory_leaves():
    got = windows(tables(ecam=True).buffer(r"\_SB.PCI0._CRS"))
    equal(got[:4], [(2, 0, 255, 256), (1, 0, 0xcf7, 0xcf8), (1, 0xd00, 0xffff, 0xf300), (0, 0xa0000, 0xbffff, 0x20000)])
    equal(got[4:6], [(0, 128 << 20, 0xafffffff, 0xb0000000 - (128 << 20)),
                     (0, 0xc0000000, 0xfebfffff, 0x3ec00000)])
    equal(got[6][1] >= 1 << 32, True)
    equal(got[6][2] - got[6][1] + 1, got[6][3])


@test
def configuration_window_is_reserved():
    t = tables(ecam=True)
    equal(t.numbers(r"\_SB.ECMM._STA"), [15])
    equal(windows(t.buffer(r"\_SB.ECMM._CRS")), [(0, 0xb0000000, 0xbfffffff, 0x10000000)])
    equal(tables().numbers(r"\_SB.ECMM._STA"), [0])


@cases((("-serial", "null"), [15, 0]), ((), [0, 0]), (("-device", "isa-serial,index=1"), [0, 15]))
def serial_ports_are_those_that_are_there(args, want):
    equal(tables(*args).numbers(r"\_SB.PCI0.LPC.COM1._STA", r"\_SB.PCI0.LPC.COM2._STA"), want)


@cases((0, 0), (1, 0), (0, 1))
def sleep_states_can_be_taken_away(no_s3, no_s4):
    t = tables("-global", f"ICH9-LPC.disable_s3={no_s3}", "-global", f"ICH9-LPC.disable_s4={no_s4}")
    equal(b"\x08_S3_" in t.tables["DSDT"], not no_s3)
    equal(b"\x08_S4_" in t.tables["DSDT"], not no_s4)
    equal(b"\x08_S5_" in t.tables["DSDT"], True)
    if not no_s4:
        equal(t.evaluate(r"\_S4")[0].count("[Integer] = 0000000000000002"), 2)


@test
def every_cpu_is_a_device():
    t = tables("-smp", "2,maxcpus=20")
    equal(t.numbers(*[rf"\_SB.C{i:03X}._UID" for i in range(20)]), list(range(20)))


@test
def ports_take_hot_plug():
    ports = [a for i in range(3) for a in ("-device", f"pcie-root-port,id=p{i},chassis={i + 1},addr={i + 4}.0")]
    t = tables(*ports)
    equal(t.numbers(*[rf"\_SB.PCI0.S{i + 4 << 3:02X}_._ADR" for i in range(3)]), [i + 4 << 16 for i in range(3)])
    equal(sorted(t.numbers(*[rf"\_SB.PCI0.S{i + 4 << 3:02X}_.BSEL" for i in range(3)])), [0, 1, 2])
    equal(t.numbers(r"\_SB.HPRS._STA", r"\_SB.PCI0.S20_.S00_._SUN"), [0x0b, 4])
    t.evaluate(r"\_GPE._E01", r"\_SB.PCI0.S28_.S00_._EJ0 0")


@test
def many_ports_take_hot_plug():
    ports = [a for s in range(2, 30) for f in range(8)
             for a in ("-device", f"pcie-root-port,id=p{s}-{f},chassis={s},slot={f},addr={s:x}.{f},multifunction=on")]
    t = tables(*ports)
    equal(t.numbers(r"\_SB.PCI0.SEF_._ADR", r"\_SB.PCI0.S10_._ADR"), [29 << 16 | 7, 2 << 16])
    t.evaluate(r"\_GPE._E01")


@test
def older_machines_have_native_hot_plug():
    t = tables("-device", "pcie-root-port,id=p", m="pc-6.0")
    equal(t.numbers(r"\_SB.HPRS._STA"), [0])
    equal(b"HPSC" in t.tables["SSDT"], False)


@cases(("pc-7.2", 0x1e), ("pc-6.0", 0x1f))
def osc_grants_native_features(m, mask):
    t = tables(m=m)
    buffer = "(01 00 00 00 1F 00 00 00 1F 00 00 00)"
    uuid = "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66)"
    said = t.evaluate(rf"\_SB.PCI0._OSC {uuid} 1 3 {buffer}")[0]
    status = 0 if mask == 0x1f else 0x10
    equal(f"{status | 1:02X} 00 00 00 1F 00 00 00 {mask:02X} 00 00 00" in said, True, said)
    said = t.evaluate(rf"\_SB.PCI0._OSC (00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00) 1 3 {buffer}")[0]
    equal("05 00 00 00 1F" in said, True, said)


@test
def the_users_oem_texts():
    t = tables(m="q35,x-oem-id=ME,x-oem-table-id=MINE")
    for name, table in t.tables.items():
        if name != "FACS":
            equal(table[10:24], b"ME    MINE    ", name)
    equal(t.rsdp[9:15], b"ME    ")


@test
def links_read_and_set_the_routing():
    """PIRQ A: its register is 0x80 at reset, which is off; the debugger's own PCI space reads as 0: IRQ 0."""
    t = tables()
    equal(t.buffer(r"\_SB.LNKA._PRS")[:3].hex(), "23200c")


@cases((0, 0, 20), (1, 0, 21), (3, 3, 22), (24, 1, 21), (25, 0, 20), (30, 3, 23), (31, 0, 16), (31, 3, 19))
def interrupt_routes(slot, pin, gsi):
    """As the LPC bridge routes them: 25 slots that rotate, six that do not, and its own."""
    t = tables()
    said = t.evaluate(r"\_PIC 1", rf"\_SB.PCI0.PRTE {slot} {pin}")[1]
    equal([int(n, 16) for n in re.findall(r"\[Integer\] = ([0-9A-F]+)", said)], [slot << 16 | 0xffff, pin, 0, gsi])
    said = t.evaluate(rf"\_SB.PCI0.PRTE {slot} {pin}")[0]
    equal(f"LNK{chr(ord('A') + gsi - 16)}" in said, True, said)


main()
