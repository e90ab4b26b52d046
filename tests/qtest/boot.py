#!/usr/bin/env python3
"""What a machine begins with: firmware in its ROM, and a kernel that is booted directly, as it is in memory and registers."""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from fwcfg import FWCfg  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, binary, run  # noqa: E402

SEABIOS = "/usr/share/seabios/bios-256k.bin"
QUIET = ("-S", "-nodefaults", "-display", "none")


def machine(*args, m="q35", stopped=True):
    return VM("8.2", ["-M", m, "-m", "64", *args], qtest=True, stopped=stopped)


def temp(data, folder=tempfile.mkdtemp(prefix="godwit")):
    handle, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as f:
        f.write(data)
    return path


@test
def seabios_is_the_firmware():
    with open(SEABIOS, "rb") as f:
        bios = f.read()
    with machine() as vm:
        equal(vm.read(0x100000000 - len(bios), len(bios)), bios, "below 4 GiB")
        equal(vm.read(0xe0000, 0x20000), bios[-0x20000:], "its end below 1 MiB")
        equal(vm.readb(0xfffffff0), 0xea, "a far jump at the reset vector")


@cases(64, 128, 192, 1024)
def a_bios_of_the_users(kib):
    data = bytes(i >> 8 & 0xff for i in range(kib << 10))
    isa = min(kib << 10, 0x20000)
    with machine("-bios", temp(data)) as vm:
        equal(vm.read(0x100000000 - len(data), len(data)), data)
        equal(vm.read(0x100000 - isa, isa), data[-isa:])


@cases(0, 1000, 70000, 9 << 20)
def a_bios_of_a_wrong_size_is_refused(size):
    path = temp(bytes(size))
    status, _, err = run("8.2", "-M", "q35", *QUIET, "-bios", path)
    equal(status, 1)
    contains(err, f"could not load PC BIOS '{path}'")


@test
def a_bios_that_is_not_there_is_refused():
    status, _, err = run("8.2", "-M", "q35", *QUIET, "-bios", "/nonexistent")
    equal(status, 1)
    contains(err, "could not load PC BIOS '/nonexistent'")


# ---------------------------------------------------------------- direct boot

SETUP = 0x1400                  # nine sectors and the boot sector
ZERO_PAGE, CMDLINE, RSDP, TABLES = 0x7000, 0x20000, 0x9fc00, 0x28000


def linux(payload=b"kernel" * 1000, protocol=0x20f, flags=1, xflags=1, initrd_max=0x7fffffff):
    """A bzImage: header and payload."""
    image = bytearray(SETUP)
    image[0x1f1] = SETUP // 512 - 1
    image[0x1fe:0x200] = b"\x55\xaa"
    image[0x200:0x202] = b"\xeb\x6a"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, protocol)
    image[0x211] = flags
    struct.pack_into("<I", image, 0x22c, initrd_max)
    struct.pack_into("<H", image, 0x236, xflags)
    struct.pack_into("<I", image, 0x238, 2047)
    struct.pack_into("<QI", image, 0x258, 0x1000000, 0x1000000)
    return bytes(image) + payload


def elf(segments, entry=0x100020, bits=64, note=True):
    """An ELF image of segments (address, bytes, size in memory) with the note of a PVH entry."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", entry) if note else b""
    parts = [(4, 0, note, len(note))] * bool(note) + [(1, a, d, m) for a, d, m in segments]
    size, at = (56, 64) if bits == 64 else (32, 52)
    offset, table, body = at + size * len(parts), b"", b""
    for kind, address, data, memory in parts:
        if bits == 64:
            table += struct.pack("<IIQQQQQQ", kind, 7, offset + len(body), 0, address, len(data), memory, 4)
        else:
            table += struct.pack("<IIIIIIII", kind, offset + len(body), 0, address, len(data), memory, 7, 4)
        body += data
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    if bits == 64:
        head = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, at, 0, 0, at, size, len(parts), 0, 0, 0)
    else:
        head = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, at, 0, 0, at, size, len(parts), 0, 0, 0)
    return head + table + body


def registers(vm):
    text = vm.hmp("info registers")
    return {m[1]: int(m[2], 16) for m in re.finditer(r"\b([A-Z0-9]{2,4}) ?=([0-9a-f]+)", text)}


def zero_page(vm):
    return vm.read(ZERO_PAGE, 4096)


@cases((1, 0x100200), (0, 0x100000))
def a_bzimage_is_loaded_and_entered(is_64, entry):
    payload = bytes(range(256)) * 5000
    with machine("-kernel", temp(linux(payload, xflags=is_64)), "-append", "hello world", stopped=False) as vm:
        equal(vm.read(0x100000, len(payload)), payload)
        equal(vm.read(CMDLINE, 12), b"hello world\0")
        page = zero_page(vm)
        equal(page[0x202:0x206], b"HdrS")
        equal(struct.unpack_from("<I", page, 0x228)[0], CMDLINE)
        equal(page[0x210], 0xff, "an unknown loader")
        equal(struct.unpack_from("<Q", page, 0x70)[0], RSDP)
        r = registers(vm)
        equal((r["RIP"] if is_64 else r.get("RIP", r.get("EIP"))), entry)
        equal(r["RSI"] if is_64 else r.get("RSI", r.get("ESI")), ZERO_PAGE)
        equal(r["CR0"], 0x80000011 if is_64 else 0x11)
        if is_64:
            equal((r["CR3"], r["CR4"], r["EFER"]), (0x9000, 0x20, 0x500))


@test
def the_identity_map_covers_4_gib():
    with machine("-kernel", temp(linux()), stopped=False) as vm:
        for address in (0, 0x100000, 0x12345678, 0x80000000, 0xfee00000):
            entry = vm.readq(0x9000)
            entry = vm.readq((entry & ~0xfff) + (address >> 30) * 8)
            entry = vm.readq((entry & ~0xfff) + (address >> 21 & 511) * 8)
            equal(entry, address & ~0x1fffff | 0x83)


@test
def a_stopped_machine_has_nothing_in_its_memory():
    with machine("-kernel", temp(linux())) as vm:
        equal(vm.read(0x100000, 16), bytes(16))
        equal(registers(vm)["EIP"] if "EIP" in registers(vm) else registers(vm)["RIP"], 0xfff0)
        vm.qmp("cont")
        equal(vm.read(0x100000, 6), b"kernel")


@test
def a_reset_boots_anew():
    with machine("-kernel", temp(linux()), stopped=False) as vm:
        vm.write(0x100000, b"other")
        vm.write(ZERO_PAGE, bytes(4096))
        vm.qmp("system_reset")
        vm.wait_event("RESET")
        equal(vm.read(0x100000, 6), b"kernel")
        equal(zero_page(vm)[0x202:0x206], b"HdrS")


@test
def a_machine_that_came_in_goes_on():
    path = temp(b"")
    with machine("-kernel", temp(linux()), stopped=False) as vm:
        vm.write(0x100000, b"other")
        vm.save(path)
    with VM("8.2", ["-M", "q35", "-m", "64", "-kernel", temp(linux())], qtest=True, stopped=False,
            incoming=f"exec:cat {path}") as vm:
        vm.wait_loaded()
        equal(vm.read(0x100000, 5), b"other", "it does not boot again")
    with machine("-kernel", temp(linux())) as vm:
        vm.save(path)
    with VM("8.2", ["-M", "q35", "-m", "64", "-kernel", temp(linux())], qtest=True, incoming=f"exec:cat {path}") as vm:
        vm.wait_loaded()
        vm.qmp("cont")
        equal(vm.read(0x100000, 6), b"kernel", "it had not begun")


@cases((64, 0x7fffffff), (64, 0x1ffffff), (3072, 0x7fffffff))
def an_initrd_is_as_high_as_it_may_be(mib, highest):
    data = bytes(range(251)) * 100
    with VM("8.2", ["-M", "q35", "-m", str(mib), "-kernel", temp(linux(initrd_max=highest)), "-initrd", temp(data)],
            qtest=True, stopped=False) as vm:
        address, size = struct.unpack_from("<II", zero_page(vm), 0x218)
        low = min(mib << 20, 2 << 30) if mib >= 2816 else mib << 20
        equal(size, len(data))
        equal(address, (min(highest, low - TABLES - 1) - size) & ~4095)
        equal(vm.read(address, size), data)
        fw = FWCfg(vm)
        equal((int.from_bytes(fw.bytes(0xa, 4), "little"), int.from_bytes(fw.bytes(0xb, 4), "little")), (address, size))
        equal(fw.read(0x12, size), data)


@test
def firmware_finds_the_kernel_in_fw_cfg():
    image = linux()
    with machine("-kernel", temp(image), "-append", "a b") as vm:
        fw = FWCfg(vm)
        numbers = {key: int.from_bytes(fw.bytes(key, 4), "little") for key in (7, 8, 0x13, 0x14, 0x16, 0x17)}
        equal(numbers, {7: 0x100000, 8: len(image) - SETUP, 0x13: 0x20000, 0x14: 4, 0x16: 0x10000, 0x17: SETUP})
        equal(fw.read(0x11, len(image) - SETUP), image[SETUP:])
        equal(fw.read(0x15, 4), b"a b\0")
        setup = fw.read(0x18, SETUP)
        changed = {i: setup[i] for i in range(SETUP) if setup[i] != image[i]}
        equal(changed, {0x210: 0xb0, 0x211: 0x81, 0x225: 0xfe, 0x22a: 2}, "as QEMU fills it in")


def e820(vm):
    page = zero_page(vm)
    return [struct.unpack_from("<QQI", page, 0x2d0 + 20 * i) for i in range(page[0x1e8])]


@test
def the_memory_map_is_ordered_and_covers_ram():
    for mib in (16, 64, 5120):
        with VM("8.2", ["-M", "q35", "-m", str(mib), "-kernel", temp(linux())], qtest=True, stopped=False) as vm:
            entries = e820(vm)
            low = min(mib << 20, 2 << 30)
            equal([e[:2] for e in entries if e[2] == 1][:2], [(0, 0x9fc00), (0x100000, low - TABLES - 0x100000)])
            below = [e for e in entries if e[0] < 1 << 32]
            equal(all(a[0] + a[1] <= b[0] for a, b in zip(below, below[1:])), True, below)
            equal([e[:2] for e in entries if e[2] == 1][2:], [(4 << 30, (mib << 20) - low)] if mib > 2048 else [])


@test
def acpi_tables_are_linked_in_memory():
    with machine("-kernel", temp(linux()), stopped=False) as vm:
        rsdp = vm.read(RSDP, 20)
        equal((rsdp[:8], sum(rsdp) & 0xff), (b"RSD PTR ", 0))
        rsdt = struct.unpack("<I", rsdp[16:])[0]
        size = vm.readl(rsdt + 4)
        names = {}
        for i in range(36, size, 4):
            table = vm.readl(rsdt + i)
            data = vm.read(table, vm.readl(table + 4))
            equal(sum(data) & 0xff, 0)
            names[data[:4]] = data
        equal(sorted(names), [b"APIC", b"FACP", b"HPET", b"MCFG", b"SSDT", b"WAET"])
        equal(vm.read(struct.unpack_from("<I", names[b"FACP"], 40)[0], 4), b"DSDT")
        equal(vm.readw(0x40e), RSDP >> 4)


@test
def smbios_is_found_where_it_is_looked_for():
    with machine("-kernel", temp(linux()), m="pc-7.2", stopped=False) as vm:
        anchor = vm.read(0xf0000, 31)
        equal((anchor[:4], sum(anchor) & 0xff, sum(anchor[16:]) & 0xff), (b"_SM_", 0, 0))
        length, address = struct.unpack_from("<HI", anchor, 22)
        equal(vm.read(address, 4).hex(), "011b0001")
        equal(vm.read(address + length - 6, 6).hex(), "7f04007f0000")
    with machine("-kernel", temp(linux()), m="pc-8.2", stopped=False) as vm:
        anchor = vm.read(0xf0000, 24)
        equal((anchor[:5], sum(anchor) & 0xff), (b"_SM3_", 0))
        equal(vm.read(struct.unpack_from("<Q", anchor, 16)[0], 4).hex(), "011b0001")


@test
def the_board_is_set_up():
    with machine("-kernel", temp(linux()), stopped=False) as vm:
        equal(vm.readl(0xb0000000), 0x29c08086, "configuration space in memory")
        equal(vm.inl(0x608) != 0xffffffff, True, "the PM timer")
        equal(vm.readl(0xb00f8060), 0x0b0b0a0a, "interrupt routes")
        vm.write(0xc8000, b"x")
        equal(vm.read(0xc8000, 1), b"\0", "shadow RAM is locked")


@cases(64, 32)
def a_pvh_kernel_is_loaded_and_entered(bits):
    image = elf([(0x100000, b"text" * 100, 400), (0x200000, b"data", 0x2000)], bits=bits)
    with machine("-kernel", temp(image), "-initrd", temp(b"module"), "-append", "args", stopped=False) as vm:
        equal(vm.read(0x100000, 400), b"text" * 100)
        equal(vm.read(0x200000, 8), b"data\0\0\0\0")
        r = registers(vm)
        info = r.get("EBX", r.get("RBX"))
        equal((r.get("EIP", r.get("RIP")), r["CR0"], info), (0x100020, 0x11, 0x6000))
        magic, version, _, modules, list_, cmdline, rsdp, map_, count = struct.unpack("<IIIIQQQQI", vm.read(info, 52))
        equal((magic, version, modules, rsdp), (0x336ec578, 1, 1, RSDP))
        equal(vm.read(cmdline, 5), b"args\0")
        address, size = struct.unpack("<QQ", vm.read(list_, 16))
        equal(vm.read(address, size), b"module")
        equal(struct.unpack("<QQI", vm.read(map_, 20)), (0, 0x9fc00, 1))
        equal(count >= 8, True)


BAD = {
    "empty": (b"", "invalid kernel header"),
    "no header": (b"x" * 5000, "invalid kernel header"),
    "zImage": (linux(flags=0), "the kernel is no bzImage"),
    "setup alone": (linux()[:SETUP], "invalid kernel header"),
    "no room for the entry": (linux(b"x" * 10), "invalid kernel header"),
    "too large": (linux(bytes(64 << 20)), "does not fit into the memory"),
    "no note": (elf([(0x100000, b"x", 1)], note=False), "Error loading uncompressed kernel without PVH ELF Note"),
    "low": (elf([(0x1000, b"x", 1)]), "can't be loaded"),
    "more in the file than in memory": (elf([(0x100000, b"xxxx", 1)]), "can't be loaded"),
    "beyond 4 GiB": (elf([(0xffffffff, b"x", 16)]), "can't be loaded"),
    "large in memory": (elf([(0x100000, b"x", 1 << 30)]), "does not fit"),
    "many segments": (elf([(0x100000, b"x", 1)] * 20), "more than 16 segments"),
    "cut": (elf([(0x100000, b"x", 1)])[:100], "invalid kernel header"),
}


@cases(*BAD)
def bad_kernels_are_refused(name):
    image, why = BAD[name]
    status, _, err = run("8.2", "-M", "q35", "-m", "64", *QUIET, "-kernel", temp(image))
    equal(status, 1)
    contains(err, why)


@test
def words_for_files_that_are_not_there():
    for args, why in ((("-kernel", "/nonexistent"), "could not open kernel file '/nonexistent': No such file or directory"),
                      (("-kernel", "/tmp"), "could not load kernel '/tmp': Is a directory"),
                      (("-kernel", temp(linux()), "-initrd", "/nonexistent"),
                       "error reading initrd /nonexistent: Failed to open file “/nonexistent”: open() failed: No such"),
                      (("-kernel", temp(linux()), "-initrd", temp(bytes(70 << 20))),
                       f"initrd is too large, cannot support.(max: {(64 << 20) - TABLES - 1}, need {70 << 20})")):
        status, _, err = run("8.2", "-M", "q35", "-m", "64", *QUIET, *args)
        equal(status, 1)
        contains(err, why)


@test
def mutated_headers_do_no_harm():
    rng = random.Random(5)
    for i in range(60):
        image = bytearray(linux() if i % 2 else elf([(0x100000, b"text" * 9, 40), (0x200000, b"", 0x2000)]))
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(0x1f1, 0x264) if i % 2 else rng.randrange(len(image))
            image[at] = rng.randrange(256)
        status, _, err = quick(temp(bytes(image)))
        equal(status in (0, 1), True, err)


def quick(kernel):
    p = subprocess.run([binary("8.2"), "-M", "q35", "-m", "64", "-nodefaults", "-display", "none", "-accel", "qtest",
                        "-kernel", kernel, "-qmp", "stdio"], capture_output=True, text=True, timeout=20,
                       input='{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n')
    return p.returncode, p.stdout, p.stderr


main()
