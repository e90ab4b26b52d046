#!/usr/bin/env python3
"""Memory, registers and disks in the monitor, beside QEMU 7.2: of a machine that waits, and of a guest with page tables."""
import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, cases, contains, equal, main, test  # noqa: E402
from vm import QMPError, VM  # noqa: E402

QEMU = "qemu-system-x86_64"
# A boot sector: 32-bit paging with large and small pages, the APIC's arbitration priority in EDX, then HLT.
SECTOR = """
.code16
_start: cli
    xor %ax, %ax; mov %ax, %ds
    lgdtl gdtr
    mov %cr0, %eax; or $1, %al; mov %eax, %cr0
    mov $8, %bx; mov %bx, %ds
    ljmpl $16, $1f
.code32
1:  movl $0x000000e3, 0x9000; movl $0x0000a067, 0x9004; movl $0x00c001fd, 0x900c; movl $0xfec0009b, 0x9fec
    movl $0x12345005, 0xa000; movl $0x00001063, 0xa008; movl $0x00002163, 0xa00c
    mov $0xfee00000, %esi
    mov 0x90(%esi), %edx
    mov $0x9000, %eax; mov %eax, %cr3
    mov %cr4, %eax; or $0x10, %al; mov %eax, %cr4
    mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0
2:  hlt
    jmp 2b
gdt: .quad 0, 0x00cf92000000ffff, 0x00cf9b000000ffff
gdtr: .word 23
    .long gdt
.org 510
.word 0xaa55
"""

folder = tempfile.TemporaryDirectory(prefix="godwit-hmp-words")
os.chdir(folder.name)
with open("sector.S", "w", encoding="ascii") as f:
    f.write(SECTOR)
subprocess.run(["as", "--32", "-o", "sector.o", "sector.S"], check=True)
subprocess.run(["ld", "-m", "elf_i386", "-Ttext=0x7c00", "-e", "0x7c00", "--oformat", "binary", "-o", "sector.img", "sector.o"], check=True)
with open("sector.img", "r+b") as f:
    f.truncate(1 << 20)
MACHINE = ["-M", "pc-q35-7.2", "-m", "64", "-smp", "2", "-vga", "none",
           "-drive", "file=sector.img,format=raw,if=none,id=d0,file.locking=off", "-device", "ide-hd,drive=d0,bus=ide.0",
           "-blockdev", "null-co,node-name=s0,read-only=on,size=1536000", "-device", "virtio-blk-pci,drive=s0"]
releases = ["7.2"] + ([QEMU] if shutil.which(QEMU) else [])
waiting = {r: VM(r, MACHINE) for r in releases}
running = {r: VM(r, MACHINE, stopped=False) for r in releases}
for vm in (*waiting.values(), *running.values()):
    atexit.register(vm.kill)
for vm in running.values():
    end = time.monotonic() + 30
    while "CR0=80000011" not in (text := vm.hmp("info registers")) or "HLT=1" not in text:
        if time.monotonic() > end:
            raise SystemExit("the boot sector did not reach its end")
        time.sleep(0.05)
    vm.hmp("stop")


def compare(machines, line):
    if QEMU not in machines:
        raise Skip("there is no QEMU")
    equal(machines["7.2"].hmp(line), machines[QEMU].hmp(line))


@cases("gva2gpa 0x12345", "help gva2gpa", "help cpu", "cpu 7", "cpu x", "info registers 1", "x /2xw 0xd0000000", "xp /2xw 0xd0000000",
       "xp /20xw 0x3fffff0", "help info block", "block_resize d0 foo", "block_resize foo 1M", "help block_resize")
def a_waiting_machine(line):
    compare(waiting, line)


@cases("info block -v", "info block", "info block -n", "info block -n -v", "info block d0", "info block -v d0", "info block -n s0", "info block s0",
       "info block -v s0", "block_resize d0 2M", "info block -v")
def disks(line):
    if QEMU not in waiting:
        raise Skip("there is no QEMU")
    got, want = (re.sub("#block[0-9]+", "#block", waiting[r].hmp(line)) for r in ("7.2", QEMU))
    equal(got, want)


@cases("gva2gpa 0x402004", "gva2gpa 0x800000", "gva2gpa 0xc12345", "x /1xw 0x400000",
       "x /2xw 0x401ff8", "x /6xw 0x402ff8", "x /3xw 0x9000", "p /x $edx", "info registers")
def a_guest_with_page_tables(line):
    compare(running, line)


@test
def the_monitors_default_cpu():
    for vm in running.values():
        def ask(line, cpu=1, vm=vm):
            return vm.qmp("human-monitor-command", **{"command-line": line, "cpu-index": cpu}).replace("\r", "")
        contains(ask("info registers"), "CPU#1\n")
        contains(ask("info cpus"), "* CPU #1: ")
        contains(ask("info cpus", 0), "* CPU #0: ")
        equal(ask("info mem"), "PG disabled\n")
        contains(ask("info lapic"), "CPU 1 ")
        try:
            ask("info cpus", 2)
        except QMPError as e:
            equal(e.desc, "Parameter 'cpu-index' expects a CPU number")
        else:
            raise AssertionError("a CPU that is not there is taken")


main()
