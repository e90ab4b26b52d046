#!/usr/bin/env python3
"""`info` commands beside QEMU 7.2: the same machine in the same state is described in the same words. Guests are
firmware images of a table of stores each, which `as` makes."""
import functools
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="hmp-info")
os.chdir(folder.name)
QEMU = peer.qemu("7.2")
MACHINE = ["-M", "pc-q35-7.2", "-m", "64", "-smp", "2", "-cpu", "max"]
LAPIC = 0xFEE00000
ENABLED = (LAPIC + 0xF0, 0x1FF)

FIRMWARE = """
.code16
rom:
start16:
 lgdtl %cs:gdtr - rom
 mov $0x11, %eax
 mov %eax, %cr0
 ljmpl $8, $0xf0000 + start32 - rom
.code32
start32:
 mov $0x10, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss
 mov $0x7000, %esp
 mov $0xf0000 + stores - rom, %esi
1: lodsl; mov %eax, %edi; lodsl; test %edi, %edi; jz 2f; mov %eax, (%edi); jmp 1b
2: lidtl 0xf0000 + idtr - rom
 mov $CR4, %eax; mov %eax, %cr4
 mov $CR3, %eax; mov %eax, %cr3
 .if EFER
 mov $0xc0000080, %ecx; rdmsr; or $EFER, %eax; wrmsr
 .endif
 .if CR3
 mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0; jmp 3f
3:
 .endif
 .if TAKES
 sti
4: jmp 4b
 .endif
handler: cli; hlt
.balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr: .word 23; .long 0xf0000 + gdt - rom
idtr: .word 0x7ff; .long 0x8000
.balign 4
stores:
"""


def image(stores, cr4=0, cr3=0, efer=0, takes=None):
    """Does the stores, switches paging on, and rests: at once, or in the handler of the interrupt that it takes."""
    text = FIRMWARE
    if takes is not None:
        text += f".long {0x8000 + takes * 8:#x}, handler - rom + 0x80000, {0x8004 + takes * 8:#x}, 0xf8e00\n"
    text += "".join(f".long {a:#x}, {v:#x}\n" for a, v in stores)
    text += ".long 0, 0\n.org 0xfff0\n.code16\nljmpw $0xf000, $0\n.org 0x10000\n"
    symbols = {"CR4": cr4, "CR3": cr3, "EFER": efer, "TAKES": takes is not None}
    subprocess.run(["as", "--32", *[w for k, v in symbols.items() for w in ("--defsym", f"{k}={int(v)}")], "-o",
                    "guest.o", "-"],
                   input=text, text=True, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "guest.o", "guest.bin"], check=True)
    return "guest.bin"


def words(release, commands, args=(), guest=None, touch=None):
    with VM(release, [*MACHINE, *(["-bios", guest, "-accel", "tcg"] if guest else []), *args], qtest=touch is not None,
            stopped=not guest) as vm:
        if touch:
            touch(vm)
        for _ in range(200):
            if not guest or "HLT=1" in vm.hmp("info registers"):
                break
            time.sleep(0.02)
        else:
            raise AssertionError("the guest does not rest")
        return [vm.hmp(c) for c in commands]


def same(commands, **kw):
    """As QEMU says it, and returned."""
    theirs = words(QEMU, commands, **kw)
    for command, ours, wanted in zip(commands, words("8.2", commands, **kw), theirs):
        equal(ours, wanted, command)
    return theirs


# ------------------------------------------------------------ a machine that did not run

@functools.cache
def machines():
    return VM(QEMU, MACHINE), VM("8.2", MACHINE)


@cases(
    "balloon", "block-jobs", "capture", "dirty_rate", "dump", "history", "hotpluggable-cpus", "iothreads", "lapic",
    "lapic 0", "lapic 1", "lapic 99", "lapic x", "mem", "memdev", "memory-devices", "memory_size_summary", "mice",
    "mice x", "name", "network", "numa", "opcount", "pic", "rdma", "replay", "rocker", "rocker sw",
    "rocker-of-dpa-flows sw 1", "rocker-of-dpa-groups sw", "rocker-ports sw", "roms", "sev", "sgx", "snapshots",
    "spice", "stats", "stats vm", "stats vcpu", "stats foo", "sync-profile", "sync-profile -m -n 3", "sync-profile -x",
    "tlb", "tpm", "usb", "usbhost", "usernet", "uuid", "vcpu_dirty_limit", "virtio", "vm-generation-id", "vnc",
)
def command_says_what_qemus_does(command):
    theirs, ours = machines()
    equal(ours.hmp("info " + command), theirs.hmp("info " + command))


@test
def every_command_has_qemus_line_of_help():
    theirs, ours = (vm.hmp("help info").splitlines() for vm in machines())
    # these have other options, or are ours alone
    more = {"info block ", "info mtree ", "info trace-events ", "info trail "}
    lines = [line for line in ours if not any(line.startswith(name) for name in more)]
    equal([line for line in lines if line not in theirs], [])
    equal(len(lines) > 50, True)


@cases(
    ["-M", "pc-q35-7.2,acpi=off"], ["-M", "pc-q35-5.2"], ["-M", "pc-q35-7.2,i8042=off"],
    ["-device", "virtio-rng-pci,id=r"], ["-m", "3G"], ["-smp", "1,maxcpus=3"],
)
def other_boards_are_described_as_qemu_does(args):
    same(["info roms", "info mice", "info virtio", "info hotpluggable-cpus", "info memory_size_summary", "info pic"],
         args=args)


@test
def without_a_board_there_is_nothing_to_tell():
    commands = ["info pic", "info irq", "info roms", "info numa", "info mem", "info tlb", "info lapic", "info network",
                "info mice"]
    with VM(QEMU, ["-M", "none"]) as theirs, VM("8.2", ["-M", "none"]) as ours:
        for command in commands:
            equal(ours.hmp(command), theirs.hmp(command), command)


# ------------------------------------------------------------ chips that a guest set up

PINS = [(0x31, 0), (0x131, 0x01000000), (0x2231, 0xFF000000), (0x0431, 0x0F000000), (0x0531, 0), (0x0731, 0),
        (0x0831, 0x23000000), (0x8931, 0),
        (0x1A931, 0), (0x0331, 0), (0x0631, 0), (0xA131, 0), (0x12000, 0), (0xC031, 0), (0xE031, 0)]
PORTS = [(0x20, 0x11), (0x21, 0x30), (0x21, 0x04), (0x21, 0x01), (0x21, 0x00), (0xA0, 0x11), (0xA1, 0x38), (0xA1, 0x02),
         (0xA1, 0x11),
         (0xA1, 0xFF), (0x4D0, 0xF8), (0x4D1, 0x0C), (0xA0, 0x0B), (0x20, 0xC3)]


def raise_lines(vm):
    def ioapic(register, value):
        vm.writel(0xFEC00000, register)
        vm.writel(0xFEC00010, value)

    def line(path, n, *levels):
        for level in levels:
            vm.qtest(f"set_irq_in {path} unnamed-gpio-in {n} {level}")
    ioapic(0, 0x0B000000)
    for pin, (low, high) in enumerate(PINS):
        ioapic(0x11 + 2 * pin, high)
        ioapic(0x10 + 2 * pin, low)
    for port, value in PORTS:
        vm.outb(port, value)
    for n in 1, 7, 8, 11:
        line("/machine/q35/ioapic", n, 1)
    for n in 2, 3, 5:
        line("/machine/q35/ioapic", n, 1, 0, 0, 1, 1)
    master, slave = (f"/machine/unattached/{row.split()[0][1:]}" for row in vm.hmp("info qom-tree").splitlines()
                     if "(isa-i8259)" in row)
    line(master, 4, 1, 1, 0, 0, 1)
    line(master, 6, 1)
    line(slave, 1, 1)
    line(slave, 4, 1, 0, 1)


@test
def lines_and_registers_of_the_controllers():
    pic, irq = [], []
    for release in QEMU, "8.2":
        with VM(release, MACHINE, qtest=True) as vm:
            raise_lines(vm)
            pic.append(vm.hmp("info pic"))
            # QEMU's timer has raised its line in the reset already
            irq.append([row for row in vm.hmp("info irq").splitlines() if not row.startswith(" 0:")])
    equal(pic[1], pic[0])
    contains(pic[0], "  IRR      7  8  11 \n  Remote IRR 7  11 \n")
    equal(irq[1], irq[0])
    contains("\n".join(irq[0]), " 5: 2")


@test
def timers_line_is_pin_2():
    def touch(vm):
        vm.writel(0xFEC00000, 0x14)
        vm.writel(0xFEC00010, 0x18031)
        for level in 0, 1:
            vm.qtest(f"set_irq_in /machine/q35/ioapic unnamed-gpio-in 0 {level}")
    contains(same(["info pic"], touch=touch)[0], "  IRR      2  \n")


@cases(
    ("entries", [ENABLED, (LAPIC + 0x320, 0x20031), (LAPIC + 0x330, 0x2131), (LAPIC + 0x340, 0x8231),
                 (LAPIC + 0x350, 0x8731),
                 (LAPIC + 0x360, 0xA431), (LAPIC + 0x370, 0x18531)]),
    ("other entries", [ENABLED, (LAPIC + 0x320, 0x40031), (LAPIC + 0x330, 0x10231), (LAPIC + 0x340, 0x331),
                       (LAPIC + 0x350, 0x8631),
                       (LAPIC + 0x360, 0x431), (LAPIC + 0x370, 0x5F31)]),
    ("flat ids", [ENABLED, (LAPIC + 0xD0, 0x12000000), (LAPIC + 0x80, 0x33), (LAPIC + 0x3E0, 0xA)]),
    ("cluster", [ENABLED, (LAPIC + 0x310, 0x23000000), (LAPIC + 0xE0, 0x0FFFFFFF), (LAPIC + 0xD0, 0x23000000),
                 (LAPIC + 0x300, 0x844)]),
    ("flat command", [ENABLED, (LAPIC + 0x310, 0x05000000), (LAPIC + 0x300, 0x10C31 & ~0x400)]),
    ("physical command", [ENABLED, (LAPIC + 0x310, 0x05000000), (LAPIC + 0x300, 0x431)]),
    ("to self", [ENABLED, (LAPIC + 0x300, 0x4C031), (LAPIC + 0x300, 0x44040)]),
    ("to all", [ENABLED, (LAPIC + 0x300, 0x80030)]),
    ("to one of all", [ENABLED, (LAPIC + 0x300, 0x80130)]),
    ("to the others", [ENABLED, (LAPIC + 0x300, 0xC8500)]),
    ("divided by 1", [ENABLED, (LAPIC + 0x3E0, 0xB)]),
    ("spurious", [(LAPIC + 0xF0, 0x3C7)]),
)
def local_apic_as_the_guest_set_it(_name, stores):
    same(["info lapic", "info lapic 1"], guest=image(stores))


@test
def local_apic_while_an_interrupt_is_served():
    stores = [ENABLED, *((LAPIC + 0x300, command) for command in (0x44050, 0x44061, 0x4C031))]
    text = same(["info lapic"], guest=image(stores, takes=0x61))[0]
    contains(text, "ISR\t 97 \nIRR\t 49(level) 80 \n")


# ------------------------------------------------------------ page tables

def identity(table, size, flags=3):
    """Entries for the pages of the firmware, at 0xf0000."""
    return [(table + size * i, i << 12 | flags) for i in range(0xF0, 0x100)]


LONG = [(0x10000, 0x11007), (0x11000, 0x12007), (0x11018, 0x14003), (0x12000, 0x13007), (0x12008, 0x200083),
        (0x12010, 0x4000E7),
        (0x14FF8, 0xFFE00083), *identity(0x13000, 8), (0x13038, 0x8007), (0x1303C, 0x80000000), (0x13040, 0x9005),
        (0x13FF8, 0xA063),
        (0x11008, 0xC0000087), (0x1100C, 0x40), (0x11010, 0x12005), (0x10FF8, 0x11003), (0x10800, 0x11003),
        (0x107F8, 0x11007)]


@cases(
    ("32 bits", [(0x10000, 0x83), (0x10FFC, 0xFFC00083), (0x10004, 0x11007), (0x11000, 0x5007), (0x11004, 0x6005),
                 (0x11008, 0x7003),
                 (0x1100C, 0x8001), (0x11010, 0xFF107), (0x11014, 0x8F), (0x11018, 0x97), (0x1101C, 0x67),
                 (0x11FFC, 0x9007), (0x10008, 0x11005),
                 (0x1000C, 0x11003), (0x10010, 0x5E0083), (0x10014, 0x400083), (0x10018, 0x4001E7)], {"cr4": 0x10}),
    ("32 bits, small pages", [(0x10000, 0x11003), *identity(0x11000, 4), (0x11008, 0x2003), (0x10004, 0x400083)], {}),
    ("PAE", [(0x10000, 0x11001), (0x10018, 0x12001), (0x11000, 0x13003), (0x11008, 0x200083), (0x11010, 0x4000E7),
             (0x12FF8, 0xFFE00083),
             *identity(0x13000, 8), (0x13038, 0x8007), (0x1303C, 0x80000000), (0x13040, 0x9005), (0x13FF8, 0xA063),
             (0x11018, 0x13005),
             (0x11020, 0x13007), (0x10008, 0x11001)], {"cr4": 0x20, "efer": 0x800}),
    ("4 levels", LONG, {"cr4": 0x20, "efer": 0x900}),
    ("to both ends", [(0x10000, 0x11007), (0x11000, 0x12007), (0x12000, 0x83), (0x107F8, 0x15003), (0x15FF8, 0x83),
                      (0x10800, 0x15003),
                      (0x15000, 0x83)], {"cr4": 0x20, "efer": 0x900}),
)
def page_tables_as_the_guest_made_them(_name, stores, registers):
    mem, tlb = same(["info mem", "info tlb"], guest=image(stores, cr3=0x10000, **registers))
    equal(mem.count("\n") > 1 and tlb.count("\n") > 4, True)


@test
def tables_that_refer_to_themselves_end():
    # one table is all four levels' of all that there is: 2**36 pages
    stores = [(0x10000 + 8 * i, 0x10003) for i in range(1, 512)] + [(0x10000, 0x11003), (0x11000, 0x12003),
                                                                    (0x12000, 0x83)]
    with VM("8.2", [*MACHINE, "-bios", image(stores, cr3=0x10000, cr4=0x20, efer=0x900)], stopped=False) as vm:
        for _ in range(200):
            if "HLT=1" in vm.hmp("info registers"):
                break
            time.sleep(0.02)
        for command in "info mem", "info tlb":
            begun = time.monotonic()
            text = vm.hmp(command)
            equal(text.endswith("(there is more)\n"), True)
            equal(time.monotonic() - begun < 20, True)


try:
    main()
finally:
    if machines.cache_info().currsize:
        for one in machines():
            one.kill()
