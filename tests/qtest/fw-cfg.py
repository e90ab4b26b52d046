#!/usr/bin/env python3
"""fw_cfg as firmware meets it: ports, DMA, the directory and what is in the files. What is compared was read from QEMU."""
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from fwcfg import BUFFER, READ, SELECT, SKIP, WRITE, FWCfg  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, VMError, run  # noqa: E402

FILES = ["bios-geometry", "bootorder", "etc/acpi/rsdp", "etc/acpi/tables", "etc/boot-fail-wait", "etc/e820",
         "etc/smbios/smbios-anchor", "etc/smbios/smbios-tables", "etc/smi/features-ok", "etc/smi/requested-features", "etc/smi/supported-features", "etc/system-states",
         "etc/table-loader", "etc/tpm/log", "genroms/kvmvapic.bin"]


def machine(*args, release="8.2", m="q35"):
    return VM(release, ["-M", m, "-m", "16", *args], qtest=True)


def number(data):
    return int.from_bytes(data, "little")


@test
def numbered_items():
    with machine("-smp", "2,maxcpus=6,sockets=2,cores=3") as vm:
        fw = FWCfg(vm)
        equal(fw.bytes(0, 6), b"QEMU\0\0", "signature")
        equal(number(fw.bytes(1, 4)), 3, "features: ports and DMA")
        equal(number(fw.bytes(3, 8)), 16 << 20, "RAM size")
        equal(number(fw.bytes(5, 2)), 2, "CPUs")
        equal(number(fw.bytes(15, 2)), 7, "one above the highest APIC id")
        equal(number(fw.bytes(14, 2)), 0, "boot menu")
        equal(number(fw.bytes(0x8002, 4)), 1, "IRQ 0 override")
        equal(fw.bytes(0x8004, 16), bytes.fromhex("0101a286800000d0fe00000000000000"), "HPET")


@test
def numbered_items_follow_the_options():
    with machine("-uuid", "11223344-5566-7788-99aa-bbccddeeff00", "-boot", "menu=on", m="q35,hpet=off,graphics=off") as vm:
        fw = FWCfg(vm)
        equal(fw.bytes(2, 16).hex(), "112233445566778899aabbccddeeff00", "UUID")
        equal(number(fw.bytes(4, 2)), 1, "no graphics")
        equal(number(fw.bytes(14, 2)), 1, "boot menu")
        equal(fw.bytes(0x8004, 2), b"\xff\0", "no HPET")


@test
def keys_follow_the_order_of_names():
    with machine("-fw_cfg", "opt/z,string=hello", "-fw_cfg", "name=opt/a,string=x") as vm:
        fw = FWCfg(vm)
        files = fw.files()
        names = list(files)
        equal(names, sorted(names))
        equal([key for key, _ in files.values()], list(range(0x20, 0x20 + len(files))))
        equal(names, FILES + ["opt/a", "opt/z"])
        equal(fw.file("opt/z"), b"hello")
        equal(files["opt/z"][1], 5)


@test
def sizes_of_the_acpi_files():
    with machine() as vm:
        files = FWCfg(vm).files()
        equal([files[n][1] for n in ("etc/acpi/tables", "etc/table-loader", "etc/acpi/rsdp")], [0x20000, 0x1000, 20])
    with machine(m="q35,acpi=off") as vm:
        equal([n for n in FWCfg(vm).files() if "acpi" in n or "loader" in n], [])


@cases(("8.2", "q35", "qemu64", True), ("7.2", "pc-7.0", "qemu64", False), ("8.2", "q35", "Nehalem", False))
def e820_has_ram_and_amds_hole(release, m, cpu, hole):
    want = struct.pack("<QQI", 0xfd00000000, 0x300000000, 2) if hole else b""
    want += struct.pack("<QQI", 0, 16 << 20, 1)
    with machine("-cpu", cpu, release=release, m=m) as vm:
        equal(FWCfg(vm).file("etc/e820").hex(), want.hex())


@test
def e820_has_ram_above_4_gib():
    with VM("8.2", ["-M", "pc-7.0", "-m", "5G"], qtest=True) as vm:
        equal(FWCfg(vm).file("etc/e820"), struct.pack("<QQIQQI", 0, 2 << 30, 1, 4 << 30, 3 << 30, 1))


@cases(((), "800000818280"), (("-global", "ICH9-LPC.disable_s3=1"), "800000018280"),
       (("-global", "ICH9-LPC.disable_s4=1"), "800000810280"))
def system_states(args, want):
    with machine(*args) as vm:
        equal(FWCfg(vm).file("etc/system-states").hex(), want)


@test
def boot_waits():
    with machine("-boot", "splash-time=5000,reboot-timeout=3000") as vm:
        fw = FWCfg(vm)
        equal(fw.file("etc/boot-fail-wait").hex(), "b80b0000")
        equal(fw.file("etc/boot-menu-wait").hex(), "8813")
    with machine() as vm:
        equal(FWCfg(vm).file("etc/boot-fail-wait").hex(), "ffffffff")


@test
def ports_read_bytes_and_select_by_words():
    with machine() as vm:
        fw = FWCfg(vm)
        equal(fw.bytes(0, 2), b"QE")
        equal(vm.inw(0x510), 0, "a word is not read")
        equal(vm.inb(0x510), ord("M"), "either port is data, where it was")
        vm.outb(0x510, 5)
        vm.outb(0x511, 5)
        vm.outw(0x511, 5)
        equal(fw.more(1), b"U", "a byte does not select or write")
        equal(fw.bytes(0x4000, 1), b"Q", "the write channel's bit is the same item")


@cases(0xffff, 0x3a, 0x40, 0x3fff, 0x8040, 0x1f)
def an_item_that_is_not_there_reads_as_zeros(key):
    with machine() as vm:
        fw = FWCfg(vm)
        equal(fw.bytes(key, 3), bytes(3))
        vm.write(BUFFER, b"\xaa" * 4)
        equal(fw.dma(SELECT | READ | key << 16, 4), 0)
        equal(vm.read(BUFFER, 4), bytes(4))


@test
def dma_port_shows_its_signature():
    with machine() as vm:
        equal(vm.inl(0x514), 0x554d4551)
        equal(vm.inl(0x518), 0x47464320)
        equal([vm.inb(0x514 + i) for i in range(8)], list(b"QEMU CFG"))


@test
def dma_reads_goes_on_and_skips():
    with machine() as vm:
        fw = FWCfg(vm)
        equal(fw.dma(SELECT | READ, 2), 0)
        equal(vm.read(BUFFER, 2), b"QE")
        equal(fw.dma(READ, 4), 0)
        equal(vm.read(BUFFER, 4), b"MU\0\0", "zeros behind the end")
        equal(fw.dma(SELECT | SKIP, 3), 0)
        equal(fw.more(1), b"U")


@test
def dma_into_what_is_no_ram_fails():
    with machine() as vm:
        fw = FWCfg(vm)
        for address in (0xfffc0000, 0xfe000000, (1 << 64) - 16):
            equal(fw.dma(SELECT | READ, 4, address), 1, hex(address))
        equal(fw.write(5, b"x"), 1, "NB_CPUS can't be written")


@test
def high_half_of_the_dma_address_is_for_one_command():
    with machine() as vm:
        vm.write(0x1000, struct.pack(">IIQ", SELECT | READ, 4, BUFFER))
        vm.outl(0x514, 0x01000000)
        vm.outl(0x518, 0x00100000)
        equal(vm.read(BUFFER, 4), bytes(4), "nothing at 0x100001000")
        vm.outl(0x518, 0x00100000)
        equal(vm.read(BUFFER, 4), b"QEMU")


@test
def a_hostile_length_is_bounded():
    with machine() as vm:
        fw = FWCfg(vm)
        equal(fw.dma(SELECT | READ, 0xffffffff, 0x2000), 1, "it ends where the memory does")
        equal(fw.write(0x29, b"x" * 4096), 1)
        equal(fw.dma(SELECT | SKIP, 0xffffffff), 0)
        equal(fw.dma(READ, 8), 0)


@cases((1, 0, 1), (3, 3, 1), (7, 7, 1), (2, 0, 0), (0x10, 0, 0))
def smi_features_are_negotiated(wanted, _, ok):
    with machine() as vm:
        fw = FWCfg(vm)
        files = fw.files()
        equal(number(fw.file("etc/smi/supported-features")), 7)
        equal(fw.write(files["etc/smi/requested-features"][0], struct.pack("<Q", wanted)), 0)
        equal(fw.file("etc/smi/features-ok"), bytes([ok]))


@cases(((), b"/pci@i0cf8/pci-bridge@3/scsi@0/disk@0,0\n/pci@i0cf8/pci8086,2922@1f,2/drive@1/disk@0\n/pci@i0cf8/scsi@2/disk@0,0\0"),
       (("-boot", "strict=on"), b"/pci@i0cf8/pci-bridge@3/scsi@0/disk@0,0\n/pci@i0cf8/pci8086,2922@1f,2/drive@1/disk@0\n"
        b"/pci@i0cf8/scsi@2/disk@0,0\nHALT\0"))
def boot_order_is_that_of_boot_indices(args, want):
    with tempfile.NamedTemporaryFile() as f:
        f.truncate(1 << 20)
        drives = [a for n in "abc" for a in ("-drive", f"if=none,id={n},file={f.name},format=raw,readonly=on,file.locking=off")]
        with machine(*drives, *args,
                     "-device", "virtio-blk-pci,drive=a,addr=2,bootindex=7", "-device", "pcie-root-port,id=p,addr=3",
                     "-device", "virtio-blk-pci,drive=b,bus=p,bootindex=1", "-device",
                     "ide-cd,drive=c,bus=ide.1,bootindex=3") as vm:
            equal(FWCfg(vm).file("bootorder"), want)
    with machine(*args) as vm:
        equal(FWCfg(vm).file("bootorder"), b"")


@test
def a_rom_without_a_bar_is_firmwares():
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"\x55\xaa\x01" + bytes(509))
        f.flush()
        rom = f"virtio-rng-pci,romfile={f.name},rombar=0"
        with machine("-device", rom, "-device", rom) as vm:
            equal(FWCfg(vm).file("genroms/" + os.path.basename(f.name)), b"\x55\xaa\x01" + bytes(509))


def structures(fw):
    """type: [(formatted part, strings), …], and how many there are, how long the longest is."""
    data, at, found, count, longest = fw.file("etc/smbios/smbios-tables"), 0, {}, 0, 0
    while at < len(data):
        end = at + data[at + 1]
        stop = data.index(b"\0\0", end)
        found.setdefault(data[at], []).append((data[at:end].hex(), data[end:stop].decode().split("\0")))
        count, longest = count + 1, max(longest, stop + 2 - at)
        at = stop + 2
    return found, count, longest


CPU_7_2 = "042a000401030102b10f0600fdfb8b0703000000d007d0074101ffffffffffff00000001010102000100"
MACHINE_7_2 = ["QEMU", "Standard PC (Q35 + ICH9, 2009)", "pc-q35-7.2"]


@test
def smbios_is_that_of_qemu_7_2():
    with machine(release="7.2") as vm:
        fw = FWCfg(vm)
        found, count, longest = structures(fw)
        equal(found, {
            1: [("011b00010102030000000000000000000000000000000000060000", MACHINE_7_2)],
            3: [("03160003010102000003030302000000000000000000", ["QEMU", "pc-q35-7.2"])],
            4: [(CPU_7_2, ["CPU 0", "QEMU", "pc-q35-7.2"])],
            16: [("1017001001030600400000feff01000000000000000000", [""])],
            17: [("112800110010feffffffffff10000900010007020000000200000000000000000000000000000000", ["DIMM 0", "QEMU"])],
            19: [("131f001300000000ff3f000000100100000000000000000000000000000000", [""])],
            32: [("200b002000000000000000", [""])],
            127: [("7f04007f", [""])]})
        equal(fw.file("etc/smbios/smbios-anchor").hex(), "5f534d5f001f02084b000000000000005f444d495f00350100000000080028")
        equal((count, longest, len(fw.file("etc/smbios/smbios-tables"))), (8, 0x4b, 0x135))


@cases(("7.2", "pc-7.2", "_SM_", 1, "01"), ("8.2", "pc-7.2", "_SM_", 1, "fe"), ("8.2", "pc-8.1", "_SM3_", 1, "fe"),
       ("5.2", "pc-5.2", "_SM_", 1, "01"), ("7.2", "q35,smbios-entry-point-type=64", "_SM3_", 1, "01"))
def smbios_by_release_and_machine(release, m, anchor, sockets, family):
    with machine(release=release, m=m) as vm:
        fw = FWCfg(vm)
        found = structures(fw)[0]
        equal(fw.file("etc/smbios/smbios-anchor").startswith(anchor.encode()), True)
        equal((len(found[4]), found[4][0][0][12:14], len(found[4][0][0])), (sockets, family, 96 if "3" in anchor else 84))


@test
def smbios_of_the_users():
    with machine("-smbios", "type=0,vendor=V,release=4.2,uefi=on", "-smbios", "type=1,serial=S,uuid=00112233-4455-6677-8899-aabbccddeeff",
                 "-smbios", "type=1,sku=K", "-smbios", "type=2,asset=A", "-smbios", "type=11,value=a,,b,value=c", "-smbios",
                 "type=4,max-speed=3000", "-device", "virtio-rng-pci,id=r,addr=5", "-smbios", "type=41,designation=R,pcidev=r",
                 release="7.2") as vm:
        found = structures(FWCfg(vm))[0]
        equal(found[0], [("00180000" "010000e800000800000000000000001c0402ffff", ["V"])])
        equal(found[1], [("011b0001" "0102030433221100554477668899aabbccddeeff060500", MACHINE_7_2 + ["S", "K"])])
        equal(found[2][0][1], MACHINE_7_2 + ["A"])
        equal(found[11], [("0b05000e02", ["a,b", "c"])])
        equal(found[4][0][0][40:44], "b80b")
        equal(found[41], [("290b0029" "01810100000028", ["R"])])


@test
def smbios_has_the_topology_and_the_memory():
    with VM("7.2", ["-M", "q35", "-m", "5G", "-smp", "4,sockets=2,cores=2"], qtest=True) as vm:
        found = structures(FWCfg(vm))[0]
        equal([s[0][70:76] for s in found[4]], ["020202", "020202"])
        equal([s[0][8:24] for s in found[19]], ["00000000ffff1f00", "00004000ffff6f00"])


@test
def smbios_of_a_file():
    with tempfile.NamedTemporaryFile() as f:
        f.write(bytes.fromhex("01 05 00 01 01") + b"mine\0\0")
        f.flush()
        with machine("-smbios", f"file={f.name}") as vm:
            found = structures(FWCfg(vm))[0]
            equal(found[1], [("0105000101", ["mine"])])
        status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", "-smbios", f"file={f.name}",
                             "-smbios", "type=1,serial=x")
        equal(status, 1)
        contains(err, "can't add fields, binary file already loaded!")


@cases(("type=5", "Don't know how to build fields for SMBIOS type 5"), ("type=1,foo=x", "Invalid parameter 'foo'"),
       ("type=1,uuid=x", "Invalid UUID"), ("type=0,release=x", "Invalid release"), ("type=300", "out of range!"),
       ("file=/nonexistent", "Cannot read SMBIOS file /nonexistent"), ("type=x", "Parameter 'type' expects a number"),
       ("type=11,path=/nonexistent", "Could not open '/nonexistent': No such file or directory"),
       ("type=41,kind=foo", "invalid parameter value: foo"),
       ("type=41,designation=x,pcidev=zz", "No PCI device zz for SMBIOS type 41 entry x"),
       ("type=4,max-speed=99999999999", "SMBIOS CPU speed is too large (> 65535)"))
def bad_smbios_options_are_refused_in_qemus_words(text, why):
    status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", "-smbios", text)
    equal(status, 1)
    contains(err, why)


@cases(("foo", "name, plus exactly one of file, string and gen_id, are needed"),
       ("name=opt/a,string=a,file=b", "name, plus exactly one of file, string and gen_id, are needed"),
       ("name=opt/a,string=", "name, plus exactly one of file, string and gen_id, are needed"),
       ("name=opt/a,file=/nonexistent/x", "can't load /nonexistent/x: Failed to open file “/nonexistent/x”: No such file"),
       ("name=opt/" + "a" * 60 + ",string=x", "name too long (max. 55 char)"),
       ("name=etc/e820,string=x", "duplicate fw_cfg file name: etc/e820"),
       ("name=opt/a,gen_id=foo", "Cannot find object ID 'foo'"),
       ("name=opt/a,string=x,foo=y", "Invalid parameter 'foo'"))
def bad_options_are_refused_in_qemus_words(text, why):
    status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", "-fw_cfg", text)
    equal(status, 1)
    contains(err, f"-fw_cfg {text}: ")
    contains(err, why)


@test
def no_machine_has_more_files_than_room():
    args = [a for i in range(40) for a in ("-fw_cfg", f"opt/{i},string=x")]
    status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", *args)
    equal(status, 1)
    contains(err, "no room for fw_cfg file opt/")


@test
def a_file_of_the_hosts():
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"0123456789" * 1000)
        f.flush()
        with machine("-fw_cfg", f"name=opt/f,file={f.name}") as vm:
            equal(FWCfg(vm).file("opt/f"), b"0123456789" * 1000)


@cases(("splash-time=70000", "splash-time is invalid,it should be a value between 0 and 65535"),
       ("reboot-timeout=70000", "reboot timeout is invalid,it should be a value between -1 and 65535"))
def bad_boot_times_are_refused(option, why):
    try:
        with machine("-boot", option):
            raise AssertionError("it started")
    except VMError as e:
        contains(str(e), why)


main()
