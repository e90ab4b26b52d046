#!/usr/bin/env python3
"""HMP: commands through QMP, and a session at a terminal with editing, history and completion."""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, binary  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="godwit-hmp")
os.chdir(folder.name)
MACHINE = ["-M", "pc-q35-7.2", "-m", "64", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0", "-blockdev", "null-co,node-name=n0",
           "-device", "virtio-blk-pci,bus=rp0,drive=n0,id=b0", "-chardev", "null,id=ch", "-uuid", "188d32e0-1459-496f-b901-f9ca59772764",
           "-name", "demo"]
vm = VM("8.2", MACHINE, timeout=60)


@cases(
    ("foo", "unknown command: 'foo'\n"), ("info foo", "unknown command: 'info foo'\n"), ("help foo", "unknown command: 'foo'\n"),
    ("", ""), ("# a comment", ""),
    ("help quit", "quit|q  -- quit the emulator\n"), ("help info version", "info version  -- show the version of QEMU\n"),
    ("device_del", 'device_del: string expected\nTry "help device_del" for more information\n'),
    ("device_del a b", 'device_del: extraneous characters at the end of line\nTry "help device_del" for more information\n'),
    ("stop a", 'stop|s: extraneous characters at the end of line\nTry "help stop" for more information\n'),
    ("migrate -x", 'migrate: unsupported option -x\nTry "help migrate" for more information\n'), ("migrate -i -d x",
     'migrate: unsupported option -d\nTry "help migrate" for more information\n'),
    ("device_del nosuch", "Error: Device 'nosuch' not found\n"), ("device_add", "Error: Parameter 'driver' is missing\n"),
    ("device_add foo", "Error: 'foo' is not a valid device model name\n"),
    ("device_add virtio-blk-pci,id=x", "Error: Bus 'pcie.0' does not support hotplugging\n"),
    ("info version", "8.2.0godwit 0.1.0\n"), ("info status", "VM status: paused (prelaunch)\n"), ("info name", "demo\n"),
    ("info uuid", "188d32e0-1459-496f-b901-f9ca59772764\n"),
    ("info block", "n0: null-co:// (null-co)\n    Attached to:      /machine/peripheral/b0/virtio-backend\n    Cache mode:       writeback\n"),
    ("info block nosuch", "Error: Device 'nosuch' not found\n"),
    ("p 1+2*3", "0x7\n"), ("p /x 255", "0xff\n"), ("p /d 0-5", "-5\n"), ("print (1 + 2) * 3 | 0x10", "0x19\n"), ("p ~0", "0xffffffffffffffff\n"),
    ("p 7 % 0", 'division by zero\nTry "help p" for more information\n'),
    ("p (1", "')' expected\nTry \"help p\" for more information\n"),
    ("x", 'unexpected end of expression\nTry "help x" for more information\n'),
    ("xp /4xb 0x1000", "0000000000001000: 0x00 0x00 0x00 0x00\n"), ("x /2xg 0x1000", "0000000000001000: 0x0000000000000000 0x0000000000000000\n"),
    ("xp /5xw 0x2000", "0000000000002000: 0x00000000 0x00000000 0x00000000 0x00000000\n0000000000002010: 0x00000000\n"),
    ("xp /2cb 0x1000", "0000000000001000: '\\x00' '\\x00'\n"), ("xp /1dh 0x1000", "0000000000001000:     0\n"),
    ("xp /3oh 0xffffffe8", "00000000ffffffe8: 055546 057146 057546\n"), ("xp /3ow 0xffffffe8", "00000000ffffffe8: 013631455546 030331457546   070055752\n"),
    ("xp /3db 0xffffffe8", "00000000ffffffe8: 102  91 102\n"), ("xp /3dw 0xffffffe8", "00000000ffffffe8: 1583766374 3278266214   14703594\n"),
    ("xp /3ch 0xffffffe8", "00000000ffffffe8: 'f' '[' 'f' '^' 'f' '_'\n"),
    ("xp /3cg 0xffffffe8", "00000000ffffffe8: 'f' '[' 'f' '^' 'f' '_' 'f' '\\xc3' '\\xea' '[' '\\xe0' '\\x00' '\\xf0' '0' '6' '/'\n"
     "00000000fffffff8: '2' '3' '/' '9' '9' '\\x00' '\\xfc' '\\x00'\n"),
    ("p /x $pc", "0xfffffff0\n"), ("p /x $eip + 4 * 2", "0xfff8\n"), ("p /x $cs", "0xf000\n"), ("p /x $cs.base", "0xffff0000\n"), ("p /x $edx", "0x60fb1\n"),
    ("p /x $eax", "0\n"), ("x /1xw $pc", "00000000fffffff0: 0x00e05bea\n"),
    ("p /x $rax", 'unknown register\nTry "help p" for more information\n'), ("p /x $pc.", 'unknown register\nTry "help p" for more information\n'),
    ("pcie_aer_inject_error", 'pcie_aer_inject_error: string expected\nTry "help pcie_aer_inject_error" for more information\n'),
    ("pcie_aer_inject_error rp0 RCVR", "OK id: rp0 root bus: 0000:00, bus: 0 devfn: 1.0\n"),
    ("pcie_aer_inject_error -a -c b0 0x1", "OK id: b0 root bus: 0000:00, bus: 0 devfn: 0.0\n"),
    ("pcie_aer_inject_error b0 POISON_TLP 1 2 3 4", "OK id: b0 root bus: 0000:00, bus: 0 devfn: 0.0\n"),
    ("info cpus", r"/\* CPU #0: thread_id=\d+\n"), ("info memory_size_summary", "base memory: 67108864\nplugged memory: 0\n"),
    ("info pic", r"/ioapic0: ver=0x20 id=0x00 sel=0x00\n  pin 0  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical\n[^$]*"
     r"  IRR      \(none\)\n  Remote IRR \(none\)\npic1: irr=00 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0\npic0: [^\n]*\n"),
    ("info irq", r"/IRQ statistics for ioapic:\n[^$]*IRQ statistics for isa-i8259:\n[^$]*"), ("info lapic 7", "No CPU available\n"),
    ("info lapic", r"/dumping local APIC state for CPU 0 \n\nLVT0\t 0x00010000 active-hi edge  masked {22}Fixed  \(vec 0\)\n[^$]*PPR 0x00\n"),
    ("info mem", "PG disabled\n"), ("info tlb", "PG disabled\n"), ("info virtio", r"//machine/peripheral/b0/virtio-backend \[virtio-blk\]\n"),
    ("info roms", r"/fw=genroms/kvmvapic.bin size=0x002400 name=\"kvmvapic.bin\"\n[^$]*/rom@etc/acpi/rsdp size=0x001000 name=\"etc/acpi/rsdp\"\n"),
    ("info jit", r"/Translation buffer state:\ngen code size       0/0\n[^$]*"), ("info numa", "0 nodes\n"), ("info network", ""), ("info history", ""),
    ("info vnc", "None\n"), ("info spice", "Server: disabled\n"), ("info usb", "Error: USB support not enabled\n"),
    ("info rocker sw", "Error: rocker sw not found\n"), ("help info roms", "info roms  -- show roms\n"),
    ("info chardev", r"/ch: filename=null\ncompat_monitor0: filename=unix:.*,server=on\n"), ("info qtree", r"/bus: main-system-bus\n[^$]*dev: pcie-root-port, id \"rp0\"\n[^$]*"),
    ("info qom-tree /machine/peripheral/b0/virtio-bus", r"//virtio-bus \(virtio-pci-bus\)\n[^$]*"), ("info qom-tree /nosuch", "Path could not be resolved.\n"),
    ("info pci", r"/  Bus  0, device   0, function 0:\n    Host bridge: PCI device 8086:29c0\n[^$]*      id \"rp0\"\n[^$]*"),
    ("info mtree", r"/address-space: [^$]*0000000000000000-00000000[^$]*"), ("info mtree -f", r"/FlatView[^$]*"),
    ("info ramblock", r"/ +Block Name +PSize[^$]*pc.ram[^$]*"), ("log nosuch", r"/Log items \(comma separated\):\n[^$]*"), ("log guest_errors", ""),
    ("log none", ""), ("trace-event nosuch on", 'Error: unknown event "nosuch"\n'), ("trace-event runstate_set off", ""),
    ("info trace-events runstate_set", "runstate_set : state 0\n"),
    ("qom-get /machine/peripheral/rp0 chassis", "1\n"), ("qom-list /nosuch", "Error: Device '/nosuch' not found\n"),
    ("object_add iothread,id=io9", ""), ("info iothreads", r"/io9:\n  thread_id=\d+\n[^$]*"), ("qom-set /objects/io9 poll-max-ns 77", ""),
    ("qom-get /objects/io9 poll-max-ns", "77\n"), ("object_del io9", ""), ("object_del io9", "Error: object 'io9' not found\n"),
    ("chardev-add ringbuf,id=rb", ""), ("ringbuf_write rb hello", ""), ('ringbuf_write rb " \\"you\\""', ""), ("ringbuf_read rb 100", 'hello "you"\n'),
    ("ringbuf_read ch 1", "Error: ch is not a ringbuf device\n"), ("chardev-remove rb", ""), ("i /1 0x70", r"/portb\[0x0070\] = 0x[0-9a-f]+\n"),
    ("o /b 0x80 1", ""), ("sum 0x1000 16", "00000\n"), ('device_del "abc', 'unterminated string\nTry "help device_del" for more information\n'),
)
def answers(line, want):
    got = vm.hmp(line)
    if want.startswith("/"):
        equal(bool(re.fullmatch(want[1:], got)), True, f"{got!r} does not match")
    else:
        equal(got, want)


@test
def help_lists_every_command_and_info():
    text = vm.hmp("help")
    for name in ("quit|q", "stop|s", "cont|c", "device_add", "device_del", "pcie_aer_inject_error", "x", "xp", "info", "help|?"):
        equal(any(line.startswith(name + " ") for line in text.splitlines()), True, name)
    infos = vm.hmp("info")
    for name in ("version", "status", "qtree", "qom-tree", "pci", "mtree", "block", "registers", "chardev", "pic", "lapic", "tlb"):
        equal(any(line.startswith(f"info {name} ") for line in infos.splitlines()), True, name)


@test
def registers_are_those_of_a_cpu_after_reset():
    text = vm.hmp("info registers")
    contains(text, "\nCPU#0\nEAX=00000000 EBX=00000000 ECX=00000000 EDX=00060fb1\n")
    contains(text, "EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\nES =0000 00000000 0000ffff 00009300\n"
             "CS =f000 ffff0000 0000ffff 00009b00\n")
    contains(text, "CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\n")
    contains(text, "FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\n")
    equal(vm.hmp("info registers 7"), "CPU#7 not available\n")


@test
def stop_and_cont_change_the_state():
    vm.hmp("cont")
    equal(vm.hmp("info status"), "VM status: running\n")
    vm.hmp("stop")
    equal(vm.hmp("info status"), "VM status: paused\n")


# ------------------------------------------------------------ at a terminal

class Terminal:
    def __init__(self, args=None):
        self.master, slave = pty.openpty()
        self.proc = subprocess.Popen([binary("8.2"), *(args or [*MACHINE, "-S", "-nodefaults", "-display", "none", "-monitor", "stdio"])],
                                     stdin=slave, stdout=slave, stderr=slave, close_fds=True)
        os.close(slave)
        self.text = ""
        if not args:
            self.wait("(qemu) ")

    def wait(self, words, timeout=20):
        """What came until words were there, taken away."""
        end = time.monotonic() + timeout
        while words not in self.text:
            if not select.select([self.master], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError(f"{words!r} did not come: {self.text!r}")
            try:
                self.text += os.read(self.master, 65536).decode()
            except OSError:
                raise AssertionError(f"closed: {self.text!r}") from None
        at = self.text.index(words) + len(words)
        got, self.text = self.text[:at], self.text[at:]
        return got

    def type(self, keys):
        os.write(self.master, keys.encode())

    def quiet(self, seconds=0.3):
        """What came until nothing came for a while, taken away."""
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.text += os.read(self.master, 65536).decode()
            except OSError:
                break
        got, self.text = self.text, ""
        return got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.kill()
        self.proc.wait()
        os.close(self.master)


@test
def banner_and_prompt_come_first():
    master, slave = pty.openpty()
    p = subprocess.Popen([binary("8.2"), "-M", "none", "-nodefaults", "-display", "none", "-monitor", "stdio"], stdin=slave, stdout=slave, stderr=slave)
    text = ""
    while "(qemu) " not in text:
        text += os.read(master, 4096).decode()
    equal(text.replace("\r", ""), "QEMU 8.2.0 monitor - type 'help' for more information\n(qemu) ")
    os.write(master, b"quit\r")
    equal(p.wait(20), 0)
    os.close(slave)
    os.close(master)


@cases(
    ("info status\r", "VM status:"), ("info statuz\x7fs\r", "VM status:"), ("nfo status\x01i\r", "VM status:"), ("info sttus\x1b[D\x1b[D\x1b[Da\r", "VM status:"),
    ("xxinfo status\x1b[H\x1b[3~\x1b[3~\r", "VM status:"), ("junk\x15info status\r", "VM status:"), ("info junk\x17status\r", "VM status:"),
    ("info statusjunk\x02\x02\x02\x02\x0b\r", "VM status:"), ("info statu\t\r", "VM status:"), ("info vers\t\r", "8.2.0godwit"), ("device_del nos\x03info status\r", "VM status:"),
    ("info stat\x1bOD\x1bOC\x05us\r", "VM status:"),
)
def line_is_edited(keys, answer):
    with Terminal() as t:
        t.type(keys)
        t.wait(answer)


@test
def history_comes_back_with_the_arrows():
    with Terminal() as t:
        for command in ("info name", "info uuid"):
            t.type(command + "\r")
            t.wait("(qemu) ")
        t.type("\x1b[A\x1b[A\r")
        t.wait("\ndemo\r")
        t.type("\x10\x10\x0e\r")
        t.wait("\ndemo\r")
        t.type("info sta\x1b[A\x1b[Btus\r")
        t.wait("VM status:")


@test
def history_is_listed():
    with Terminal() as t:
        for command in ("info  name", "info history"):
            t.type(command + "\r")
            got = t.wait("(qemu) ")
        contains(got.replace("\r", ""), "\n0: 'info  name'\n1: 'info history'\n")


@test
def tab_lists_what_is_possible():
    with Terminal() as t:
        t.type("device_\t")
        contains(t.wait("device_del  "), "device_add")
        t.type("del r\t")
        t.wait("del rp0 ")


@test
def terminal_gets_its_modes_back():
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    p = subprocess.Popen([binary("8.2"), "-M", "none", "-nodefaults", "-display", "none", "-monitor", "stdio"], stdin=slave, stdout=slave, stderr=slave)
    text = b""
    while b"(qemu) " not in text:
        text += os.read(master, 4096)
    equal(termios.tcgetattr(slave)[3] & termios.ECHO, 0)
    os.write(master, b"quit\r")
    p.wait(20)
    equal(termios.tcgetattr(slave), before)
    os.close(slave)
    os.close(master)


# ------------------------------------------------------------ beside a serial port, on one terminal

BANNER = "QEMU 8.2.0 monitor - type 'help' for more information\r\r\n(qemu) "
MUX = ["-M", "q35", "-nodefaults", "-display", "none"]
HELP = "".join("\r\n\r" + line for line in (
    "C-a h    print this help", "C-a x    exit emulator", "C-a s    save disk data back to file (if -snapshot)",
    "C-a t    toggle console timestamps", "C-a b    send break (magic sysrq)", "C-a c    switch between console and monitor",
    "C-a C-a  sends C-a")) + "\r\n\r"


# As real QEMU 7.2 answered the same keys on a terminal, but for the way in which it redraws a line.
@cases(
    ("the port's, first", [*MUX, "-serial", "mon:stdio", "-S"], [("hello", ""), ("\x01c", BANNER), ("\x01c", "\r\r\n"), ("\x01c", "(qemu) ")]),
    ("while it comes in", [*MUX, "-serial", "mon:stdio", "-incoming", "defer"],
     [("a", ""), ("\x01c", BANNER), ("info status\r", "info status\r\r\nVM status: paused (inmigrate)\r\r\n(qemu) "), ("\x01c", "\r\r\n"), ("q\r", "")]),
    ("nographic", ["-M", "q35", "-nographic", "-S"], [("a", ""), ("\x01h", HELP), ("\x01?", HELP), ("\x01c", BANNER)]),
    ("nographic, named again", ["-M", "q35", "-nographic", "-serial", "mon:stdio", "-S"], [("a", ""), ("\x01c", BANNER)]),
    ("no monitor asked for", [*MUX, "-nographic", "-serial", "mon:stdio", "-monitor", "none", "-S"], [("a", ""), ("\x01c", BANNER)]),
    ("debug console", [*MUX, "-debugcon", "mon:stdio", "-S"], [("\x01c", BANNER), ("\x01c", "\r\r\n")]),
    ("two ports", [*MUX, "-S", "-chardev", "stdio,id=c,mux=on", "-serial", "chardev:c", "-serial", "chardev:c", "-mon", "chardev=c"],
     [("a", ""), ("\x01c", BANNER), ("b", "b"), ("\x01c", "\r\r\n"), ("\x01c", ""), ("\x01c", "(qemu) "), ("\x01c", "\r\r\n")]),
    ("named before the port", [*MUX, "-S", "-chardev", "stdio,id=c,mux=on", "-mon", "chardev=c", "-serial", "chardev:c"],
     [("a", ""), ("\x01c", BANNER), ("\x01c", "\r\r\n")]),
    ("alone", [*MUX, "-S", "-monitor", "mon:stdio"], [("", BANNER), ("a", "a"), ("\x01c", "\r\r\n(qemu) ")]),
    ("other escape", [*MUX, "-serial", "mon:stdio", "-echr", "2", "-S"], [("\x02h", HELP.replace("C-a", "C-b")), ("\x02c", BANNER), ("\x01", "")]),
    ("unnamed escape", [*MUX, "-serial", "mon:stdio", "-echr", "0x1e", "-S"],
     [("\x1eh", "\r\n\rEscape-Char set to Ascii: 0x1e\r\n\r" + HELP.replace("C-a", "Escape-Char"))]),
    ("no command", [*MUX, "-serial", "mon:stdio", "-S"], [("\x01z", ""), ("\x01b", ""), ("\x01\x01", ""), ("\x03", "")]),
)
def mux_leads_to_the_monitor_and_back(_name, args, talk):
    escape = "\x02" if "2" in args else "\x1e" if "0x1e" in args else "\x01"
    with Terminal(args) as t:
        for _ in range(200):  # the terminal is raw when the program is there
            if not termios.tcgetattr(t.master)[3] & termios.ECHO:
                break
            time.sleep(0.02)
        for keys, answer in talk:
            t.type(keys)
            equal(t.wait(answer) + t.quiet() if answer else t.quiet(), answer, repr(keys))
        t.type(escape + "x")
        contains(t.quiet(), "QEMU: Terminated\r\n\r")
        equal(t.proc.wait(20), 0)


@test
def quit_ends_without_a_prompt():
    with Terminal() as t:
        t.type("quit\r")
        equal(t.proc.wait(20), 0)
        equal(t.quiet(), "quit\r\r\n")


@test
def migrate_holds_the_monitor_until_its_end():
    with Terminal() as t:
        t.type('migrate "exec:sleep 1; cat >/dev/null"\r')
        t.wait('null"\r\r\n')
        t.type("info status\r")
        equal(t.quiet(0.5), "")
        t.wait("(qemu) info status\r\r\nVM status: paused (postmigrate)\r\r\n(qemu) ")
        equal(t.quiet(), "")


@test
def migrate_in_the_background_does_not():
    with Terminal() as t:
        t.type('migrate -d "exec:sleep 1; cat >/dev/null"\r')
        t.wait('null"\r\r\n(qemu) ')


@test
def a_line_of_a_megabyte_is_cut_and_harms_nothing():
    with Terminal() as t:
        for _ in range(256):
            t.type("a" * 4096)
            while select.select([t.master], [], [], 0.005)[0]:
                t.text += os.read(t.master, 1 << 16).decode()
        t.type("\x15info status\r")
        t.wait("VM status:", 60)


try:
    main()
finally:
    vm.kill()
