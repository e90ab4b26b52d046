#!/usr/bin/env python3
"""The keyboard controller with its keyboard and mouse as a driver finds them, and those who type and point."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from stream import Stream  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import QMPError, VM, run  # noqa: E402

DATA, CMD = 0x60, 0x64
ACK, RESEND = 0xfa, 0xfe


class PC(VM):
    def __init__(self, release="8.2", machine="q35", stopped=False, more=(), **kw):
        super().__init__(release, ["-M", machine, "-m", "16", *more], qtest=True, stopped=stopped, **kw)
        self.qtest("irq_intercept_in /machine/q35/ioapic")

    def command(self, command, *data):
        self.outb(CMD, command)
        for byte in data:
            self.outb(DATA, byte)

    def drain(self):
        out = []
        while self.inb(CMD) & 1:
            out.append(self.inb(DATA))
        return out

    def kbd(self, *data):
        answers = []
        for byte in data:
            self.outb(DATA, byte)
            answers += self.drain()
        return answers

    def mouse(self, *data):
        for byte in data:
            self.command(0xd4, byte)
        return self.drain()

    def irq(self, n):
        self.inb(CMD)
        return self.irqs.get(n, False)

    def keys(self, *keys):
        """"a" is pressed and let go; "+a" pressed, "-a" let go."""
        events = []
        for key in keys:
            for down in (True, False):
                if key[0] != ("-" if down else "+") or len(key) == 1:
                    name = key.lstrip("+-") or key
                    events.append({"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}})
        self.qmp("input-send-event", events=events)
        return self.drain()

    def move(self, x, y):
        self.qmp("input-send-event", events=[{"type": "rel", "data": {"axis": a, "value": v}} for a, v in (("x", x), ("y", y))])
        return self.drain()

    def button(self, name, down):
        self.qmp("input-send-event", events=[{"type": "btn", "data": {"button": name, "down": down}}])
        return self.drain()


def section(path, name):
    with open(path, "rb") as f:
        stream = Stream(f.read())
    return stream.data[stream[name].body:stream[name].end]


@test
def the_controller_tests_itself_and_tells_its_mode():
    with PC() as pc:
        equal(pc.inb(CMD), 0x18)
        pc.command(0xaa)
        equal((pc.inb(CMD), pc.drain(), pc.inb(CMD)), (0x1d, [0x55], 0x1c))
        pc.command(0x20)
        equal(pc.drain(), [0x03])
        pc.command(0x60, 0x47)
        pc.command(0x20)
        equal(pc.drain(), [0x47])


@test
def the_output_port_gates_address_line_20():
    for gate, off in ((0xcd, True), (0xcf, False)):
        with PC(stopped=True) as pc:
            pc.command(0xd1, gate)
            pc.save(f"{pc.dir}/s")
            equal(bytes.fromhex("ffefffff") in section(f"{pc.dir}/s", "cpu"), off, f"{gate:#x}")
    with PC(stopped=True) as pc:
        pc.command(0xdd)
        pc.command(0xd0)
        equal(pc.drain(), [0xcd])


@cases((0xfe,), (0xf0,), (0xd1, 0xfe))
def the_reset_line_resets(*how):
    with PC() as pc:
        pc.command(*how)
        equal(pc.wait_event("RESET")["data"], {"guest": True, "reason": "guest-reset"})


@test
def a_key_interrupts_and_its_code_is_read_once():
    with PC() as pc:
        pc.qmp("input-send-event", events=[{"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}}])
        equal((pc.irq(1), pc.irq(12), pc.inb(CMD)), (True, False, 0x19))
        equal(pc.inb(DATA), 0x1c)
        equal((pc.irq(1), pc.inb(CMD)), (False, 0x18))


@cases((1, "1e 9e", "e0 4d e0 cd", "e1 1d 45 e1 9d c5"), (2, "1c f0 1c", "e0 74 e0 f0 74", "e1 14 77 e1 f0 14 f0 77"),
       (3, "1c f0 1c", "6a f0 6a", "62 f0 62"))
def scan_code_set(number, letter, arrow, pause):
    with PC() as pc:
        equal(pc.kbd(0xf0, number), [ACK, ACK])
        equal(pc.kbd(0xf0, 0), [ACK, ACK, number])
        for key, codes in (("a", letter), ("right", arrow), ("pause", pause)):
            equal(bytes(pc.keys(key)).hex(" "), codes)


@test
def the_controller_translates_set_2():
    with PC() as pc:
        pc.command(0x60, 0x47)
        equal(bytes(pc.keys("a", "right")).hex(" "), "1e 9e e0 4d e0 cd")
        equal(pc.kbd(0xf2), [ACK, 0xab, 0x41])
        pc.command(0x60, 0x07)
        equal(pc.kbd(0xf2), [ACK, 0xab, 0x83])


@cases(([], "e0 12 e0 7c e0 f0 7c e0 f0 12"), (["ctrl"], "e0 7c e0 f0 7c"), (["shift_r"], "e0 7c e0 f0 7c"),
       (["alt"], "f0 11 11 84 f0 84 f0 11 11"))
def print_screen_minds_the_modifiers(modifiers, codes):
    with PC() as pc:
        pc.keys(*["+" + m for m in modifiers]) if modifiers else None
        equal(bytes(pc.keys("print")).hex(" "), codes)


@test
def a_disabled_keyboard_says_nothing_and_answers():
    with PC() as pc:
        equal(pc.kbd(0xf5), [ACK])
        equal(pc.keys("a"), [])
        equal(pc.kbd(0xf4), [ACK])
        equal(pc.keys("a"), [0x1c, 0xf0, 0x1c])
        equal(pc.kbd(0x77), [RESEND])


@test
def answers_come_before_keys():
    with PC() as pc:
        pc.keys("b")
        pc.qmp("input-send-event", events=[{"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}}])
        pc.outb(DATA, 0xee)
        equal(pc.drain(), [0xee, 0x1c])


@test
def no_more_than_sixteen_codes_wait():
    with PC() as pc:
        pc.qmp("input-send-event", events=[{"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}}] * 40)
        equal(pc.drain(), [0x1c] * 16)


@test
def a_mouse_moves_only_if_enabled():
    with PC() as pc:
        equal(pc.move(1, 1), [])
        equal(pc.mouse(0xf4), [ACK])
        equal(pc.move(5, -3), [0x08, 5, 3])
        equal(pc.move(-1, 200), [0x38, 0xff, 0x81, 0x28, 0, 0xb7])
        equal(pc.button("left", True), [0x09, 0, 0])
        equal(pc.button("middle", True), [0x0d, 0, 0])


@cases((100, 3, [0x08, 0, 0, 1]), (200, 4, [0x08, 0, 0, 1]))
def a_mouse_shows_its_wheel_to_who_knows_how_to_ask(second, kind, packet):
    with PC() as pc:
        pc.mouse(0xf3, 200, 0xf3, second, 0xf3, 80)
        equal(pc.mouse(0xf2), [ACK, kind])
        pc.mouse(0xf4)
        equal(pc.button("wheel-down", True), packet)
        equal(pc.mouse(0xff), [ACK, 0xaa, 0])


@test
def a_mouse_byte_is_marked_and_interrupts_on_its_line():
    with PC() as pc:
        pc.command(0xd4, 0xf4)
        equal((pc.inb(CMD), pc.irq(1), pc.irq(12)), (0x39, False, True))
        equal(pc.drain(), [ACK])


@test
def send_key_presses_in_order_and_lets_go_in_reverse():
    with PC() as pc:
        pc.qmp("send-key", keys=[{"type": "qcode", "data": "ctrl"}, {"type": "number", "data": 0x1e}], hold_time=5)
        equal(pc.drain(), [0x14])
        for codes in ([0x1c], [0xf0, 0x1c], [0xf0, 0x14]):
            pc.clock_step(5000000)
            equal(pc.drain(), codes)


@test
def hmp_types_and_points():
    with PC() as pc:
        equal(pc.hmp("sendkey a"), "")
        equal(pc.drain(), [0x1c])
        equal(pc.hmp("sendkey nope"), "invalid parameter: nope\n")
        pc.mouse(0xf4)
        pc.hmp("mouse_move 3 4")
        equal(pc.drain()[-3:], [0x28, 3, 0xfc])
        pc.hmp("mouse_button 4")
        equal(pc.drain(), [0x0c, 0, 0])
        equal(pc.hmp("mouse_set 9"), "Mouse at index '9' not found\n")
        contains(pc.hmp("info mice"), "Mouse #2: QEMU PS/2 Mouse")


@test
def a_stopped_machine_takes_no_input():
    with PC(stopped=True) as pc:
        try:
            pc.keys("a")
            raise AssertionError("taken")
        except QMPError as e:
            equal(e.desc, "VM not running")


@test
def what_waits_survives_a_move():
    with PC() as pc:
        pc.command(0x60, 0x47)
        pc.mouse(0xf4)
        pc.kbd(0xed, 5)
        pc.qmp("input-send-event", events=[
            {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}},
            {"type": "rel", "data": {"axis": "x", "value": 7}}])
        pc.qmp("stop")
        path, again = f"{pc.dir}/s", f"{pc.dir}/again"
        pc.save(path)
        with PC(stopped=True, incoming=f"exec:cat {path}") as there:
            there.wait_loaded()
            there.save(again)
            for name in ("ps2kbd", "ps2mouse", "pckbd"):
                equal(section(again, name), section(path, name), name)
            equal(there.drain(), [0x1e, 0x08, 7, 0])


@test
def before_6_1_the_controller_s_own_bytes_are_not_in_the_state():
    sizes = {}
    for machine in ("pc-q35-6.0", "pc-q35-6.1"):
        with PC(machine=machine, stopped=True) as pc:
            pc.save(f"{pc.dir}/s")
            sizes[machine] = len(section(f"{pc.dir}/s", "pckbd"))
    equal(sizes, {"pc-q35-6.0": 4, "pc-q35-6.1": 40})


@test
def without_it_there_is_neither_port_60_nor_92():
    with PC(machine="q35,i8042=off") as pc:
        equal((pc.inb(0x60), pc.inb(0x64), pc.inb(0x92)), (0xff, 0xff, 0xff))
        equal(pc.qmp("query-mice"), [])


@test
def lines_that_the_bus_has_not_are_refused():
    for line in ("kbd-irq", "mouse-irq"):
        status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", "-global", f"i8042.{line}=16")
        equal(status, 1)
        contains(err, f'Maximum value for "{line}" is: 15')


main()
