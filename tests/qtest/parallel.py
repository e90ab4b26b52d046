#!/usr/bin/env python3
"""The parallel port with a printer that takes everything."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stream import Stream  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, run  # noqa: E402

LPT1 = 0x378
DATA, STATUS, CONTROL = range(3)
IDLE, SELECTED, STROBE, INTERRUPTS = 0xd9, 0x0c, 0x01, 0x10


def start(**kw):
    vm = VM("8.2", ["-M", "q35", "-m", "16", "-chardev", "ringbuf,id=p", "-parallel", "chardev:p"], qtest=True, **kw)
    vm.qtest("irq_intercept_in /machine/q35/ioapic")
    return vm


def send(vm, byte, control=SELECTED):
    vm.outb(LPT1 + DATA, byte)
    vm.outb(LPT1 + CONTROL, control | STROBE)
    vm.outb(LPT1 + CONTROL, control)


@test
def registers_have_their_reset_values():
    with start() as vm:
        equal([vm.inb(LPT1 + r) for r in range(4)], [0xff, IDLE, 0xcc, 0xff])


@test
def a_strobe_prints_a_byte_and_the_printer_acknowledges_it():
    with start() as vm:
        send(vm, ord("G"))
        equal([vm.inb(LPT1 + STATUS) & 0xc0 for _ in range(3)], [0x40, 0x00, 0xc0])
        send(vm, ord("o"))
        equal(vm.qmp("ringbuf-read", device="p", size=9), "Go")


@test
def the_acknowledge_interrupts_if_it_may():
    with start() as vm:
        send(vm, 1)
        equal(vm.irqs.get(7, False), False)
        send(vm, 2, SELECTED | INTERRUPTS)
        equal(vm.irqs.get(7, False), True)
        vm.inb(LPT1 + STATUS)
        vm.inb(LPT1 + CONTROL)
        equal(vm.irqs.get(7, False), False)


@test
def its_state_survives_a_move():
    with start() as vm:
        send(vm, 0x5a, SELECTED | INTERRUPTS)
        path, again = f"{vm.dir}/s", f"{vm.dir}/again"
        vm.save(path)
        with start(incoming=f"exec:cat {path}") as there:
            there.wait_loaded()
            there.save(again)
        bodies = []
        for name in (path, again):
            with open(name, "rb") as f:
                stream = Stream(f.read())
            bodies.append(stream.data[stream["parallel_isa"].body:stream["parallel_isa"].end])
        equal(bodies[1], bodies[0])
        equal(bodies[0][0], 0x5a)


@test
def a_default_machine_has_lpt1():
    with VM("8.2", ["-M", "q35", "-display", "none"], qtest=True, defaults=True) as vm:
        equal([vm.inb(base + STATUS) for base in (0x378, 0x278)], [IDLE, 0xff])


@cases((["-device", "isa-parallel"], "Can't create parallel device, empty char device"),
       (["-parallel", "null"] * 4, "too many parallel ports"))
def what_does_not_fit_is_refused(args, text):
    status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", *args)
    equal(status, 1)
    contains(err, text)


main()
