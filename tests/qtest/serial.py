#!/usr/bin/env python3
"""A 16550A as its driver finds it, with a socket on its line."""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stream import Stream  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, run, try_load  # noqa: E402

COM1 = 0x3f8
DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
FCR = IIR
FRAME_NS = 10 * 12 * 1000000000 // 115200    # 8N1 at the divisor after reset


class Com1:
    """A machine with COM1, whose line is the socket .line; stopped, so that its time is the test's."""

    def __init__(self, release="8.2", more=()):
        path = f"/tmp/godwit-serial-{os.getpid()}"
        self.vm = VM(release, ["-M", "q35", "-m", "16", "-chardev", f"socket,id=s,path={path},server=on,wait=off",
                               "-device", "isa-serial,id=com1,chardev=s", *more], qtest=True)
        self.line = socket.socket(socket.AF_UNIX)
        self.line.settimeout(5)
        self.line.connect(path)
        os.unlink(path)
        self.vm.qtest("irq_intercept_in /machine/q35/ioapic")

    def __enter__(self):
        return self

    def __exit__(self, *how):
        self.line.close()
        self.vm.__exit__(*how)

    def get(self, register):
        return self.vm.inb(COM1 + register)

    def put(self, register, value):
        self.vm.outb(COM1 + register, value)

    @property
    def irq(self):
        self.vm.inb(COM1 + SCR)
        return self.vm.irqs.get(4, False)

    def send(self, data, until):
        """From the line, and waits until the guest sees it."""
        self.line.sendall(data)
        self.wait(until)

    def wait(self, until):
        for _ in range(1000):
            if until():
                return
            time.sleep(0.002)
        raise AssertionError("it does not come")

    def data_ready(self):
        return self.get(LSR) & 1


def section(path):
    """What the stream has of the port."""
    with open(path, "rb") as f:
        stream = Stream(f.read())
    return stream.data[stream["serial"].body:stream["serial"].end]


@test
def registers_have_their_reset_values():
    with Com1() as c:
        equal([c.get(r) for r in range(8)], [0, 0, 1, 0, 8, 0x60, 0xb0, 0])
        c.put(LCR, 0x83)
        equal((c.get(0), c.get(1)), (12, 0))


@test
def scratch_and_divisor_hold_what_is_written():
    with Com1() as c:
        c.put(SCR, 0x5a)
        c.put(LCR, 0x80)
        c.put(0, 0x34)
        c.put(1, 0x12)
        equal((c.get(0), c.get(1), c.get(SCR)), (0x34, 0x12, 0x5a))
        c.put(LCR, 3)
        equal(c.get(IER), 0)


@test
def output_reaches_the_line_in_order():
    with Com1() as c:
        for b in b"ttyS0":
            c.put(DATA, b)
        equal(c.line.recv(16), b"ttyS0")
        equal(c.get(LSR), 0x60)


@test
def the_empty_transmitter_interrupts_until_iir_is_read():
    with Com1() as c:
        c.put(IER, 2)
        equal(c.irq, True)
        equal(c.get(IIR), 2)
        equal((c.irq, c.get(IIR)), (False, 1))
        c.put(DATA, 65)
        equal((c.irq, c.get(IIR)), (True, 2))


@test
def a_character_interrupts_and_is_read_once():
    with Com1() as c:
        c.put(IER, 1)
        c.send(b"x", c.data_ready)
        equal((c.irq, c.get(IIR)), (True, 4))
        equal(c.get(DATA), ord("x"))
        equal((c.irq, c.get(LSR)), (False, 0x60))


@test
def without_fifo_the_line_waits_for_the_guest():
    with Com1() as c:
        c.send(b"ab", c.data_ready)
        equal(c.get(DATA), ord("a"))
        c.wait(c.data_ready)
        equal((c.get(DATA), c.get(LSR)), (ord("b"), 0x60))


@cases((0x01, 1), (0x41, 4), (0x81, 8), (0xc1, 14))
def the_fifo_interrupts_at_its_trigger_level(fcr, level):
    with Com1() as c:
        c.put(FCR, fcr)
        c.put(IER, 1)
        c.send(b"y" * (level - 1) + b"!", lambda: c.irq)
        equal(c.get(IIR), 0xc4)
        equal(bytes(c.get(DATA) for _ in range(level)), b"y" * (level - 1) + b"!")
        equal((c.irq, c.get(LSR)), (False, 0x60))


@test
def a_rest_below_the_trigger_level_times_out_after_four_characters():
    with Com1() as c:
        c.vm.qmp("cont")
        c.put(FCR, 0xc1)
        c.put(IER, 1)
        c.send(b"rest", c.data_ready)
        c.vm.clock_step(4 * FRAME_NS - 1000)
        equal((c.irq, c.get(IIR)), (False, 0xc1))
        c.vm.clock_step(1000)
        equal((c.irq, c.get(IIR)), (True, 0xcc))
        equal(c.get(DATA), ord("r"))
        equal((c.irq, c.get(IIR)), (False, 0xc1))


@test
def a_break_is_a_null_with_its_bit_until_lsr_is_read():
    with Com1() as c:
        c.put(IER, 4)
        c.vm.qmp("chardev-send-break", id_="s")
        equal((c.irq, c.get(IIR)), (True, 6))
        equal(c.get(LSR), 0x71)
        equal((c.irq, c.get(LSR), c.get(DATA)), (False, 0x61, 0))


@test
def in_loopback_outputs_are_inputs_and_the_line_hears_nothing():
    with Com1() as c:
        for mcr, msr in ((0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x1f, 0xf0)):
            c.put(MCR, mcr)
            equal(c.get(MSR), msr)
        c.put(DATA, 0x41)
        c.put(DATA, 0x42)
        equal((c.get(LSR), c.get(DATA)), (0x63, 0x42))
        c.put(MCR, 0)
        c.put(DATA, 0x43)
        equal(c.line.recv(16), b"C")


@test
def switching_the_fifo_empties_it():
    with Com1() as c:
        c.put(FCR, 1)
        c.send(b"z", c.data_ready)
        c.put(FCR, 0)
        equal((c.get(IIR) & 0xc0, c.get(LSR)), (0, 0x60))


@test
def a_line_that_takes_no_more_stops_the_transmitter():
    with Com1() as c:
        sent = 0
        while c.get(LSR) & 0x40 and sent < 1 << 20:
            c.vm.qtest(f"outb {COM1:#x} {sent & 0xff:#x}")
            sent += 1
        equal(c.get(LSR) & 0x40, 0)
        got = b""
        while len(got) < sent:
            got += c.line.recv(1 << 16)
        equal(got, bytes(i & 0xff for i in range(sent)))
        c.wait(lambda: c.get(LSR) == 0x60)


@test
def state_in_use_survives_a_move():
    with Com1() as c:
        c.put(FCR, 0x81)
        c.put(IER, 5)
        c.put(LCR, 0x1b)
        c.put(SCR, 0x77)
        c.send(b"moved", c.data_ready)
        c.wait(lambda: True)
        time.sleep(0.02)
        path = f"{c.vm.dir}/state"
        c.vm.save(path)
        args = ["-M", "q35", "-m", "16", "-device", "isa-serial,id=com1"]
        with VM("8.2", args, qtest=True, incoming=f"exec:cat {path}") as vm:
            vm.wait_loaded()
            again = f"{vm.dir}/again"
            equal([vm.inb(COM1 + r) for r in (IER, LCR, SCR, LSR)], [5, 0x1b, 0x77, 0x61])
            vm.save(again)
            equal(section(again), section(path))
            equal(bytes(vm.inb(COM1) for _ in range(5)), b"moved")


@test
def minus_serial_makes_the_ports_in_their_places():
    with VM("8.2", ["-M", "q35", "-serial", "null", "-serial", "none", "-serial", "null"], qtest=True) as vm:
        equal([vm.inb(base + LSR) for base in (0x3f8, 0x2f8, 0x3e8, 0x2e8)], [0x60, 0xff, 0x60, 0xff])
        equal(vm.qmp("qom-get", path="/machine/unattached/device[11]", property="chardev"), "serial0")
        equal(vm.qmp("qom-get", path="/machine/unattached/device[12]", property="chardev"), "serial2")


@test
def a_default_machine_has_com1_and_minus_nodefaults_has_none():
    with VM("8.2", ["-M", "q35", "-display", "none"], qtest=True, defaults=True) as vm:
        equal([vm.inb(base + LSR) for base in (0x3f8, 0x2f8)], [0x60, 0xff])
        equal([c["frontend-open"] for c in vm.qmp("query-chardev") if c["label"] == "serial0"], [True])
    with VM("8.2", ["-M", "q35"], qtest=True) as vm:
        equal(vm.inb(COM1 + LSR), 0xff)


@cases(("isa-serial,index=4", "Max. supported number of ISA serial ports is 4."),
       ("isa-serial,chardev=nope", "Property 'serial.chardev' can't find value 'nope'"),
       ("isa-serial,chardev=mon", "Property 'serial.chardev' can't take value 'mon': Device 'mon' is in use"),
       ("isa-serial,irq=16", "irq 16 is no line of the ISA bus"))
def what_does_not_fit_is_refused(device, text):
    status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", "-chardev", "null,id=mon",
                         "-serial", "chardev:mon", "-device", device)
    equal(status, 1)
    contains(err, text)


@test
def the_bridge_says_which_ports_are_decoded():
    for args, want in (([], 0), (["-serial", "null"], 1), (["-device", "isa-serial,index=1"], 2)):
        with VM("8.2", ["-M", "q35", *args], qtest=True) as vm:
            vm.outl(0xcf8, 0x8000f880)
            equal(vm.inb(0xcfc + 2), want)


main()
