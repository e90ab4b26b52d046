#!/usr/bin/env python3
"""VMware's port and mouse, as a guest finds them that knows their magic."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from stream import Stream  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, run  # noqa: E402

PORT, MAGIC = 0x5658, 0x564d5868
DATA, STATUS, COMMAND = 39, 40, 41
READ_ID, RELATIVE, ABSOLUTE, DISABLE = 0x45414552, 0x4c455252, 0x53424152, 0xf5
NONE = 0xffffffff


class PC(VM):
    def __init__(self, machine="q35", more=()):
        self.rom = tempfile.mkdtemp(prefix="godwit")
        super().__init__("8.2", ["-M", machine, "-m", "16", *agent.args(self.rom), *more], qtest="tcg", stopped=False)
        self.agent = agent.Agent(self)

    def kill(self):
        super().kill()
        shutil.rmtree(self.rom, ignore_errors=True)

    def command(self, ecx, ebx=0x11, eax=MAGIC, out=False):
        return self.agent.access(eax=eax, ebx=ebx, ecx=ecx, edx=PORT, esi=0x22, edi=0x33, out=out)

    def mouse(self, command):
        self.command(COMMAND, command)

    def status(self):
        return self.command(STATUS)[0]

    def take(self, words):
        return self.command(DATA, words)[:words]

    def send(self, *events):
        self.qmp("input-send-event", events=list(events))


def move(kind, x, y):
    return [{"type": kind, "data": {"axis": a, "value": v}} for a, v in (("x", x), ("y", y))]


def button(name, down):
    return {"type": "btn", "data": {"button": name, "down": down}}


@test
def the_magic_number_opens_the_door():
    with PC() as pc:
        equal(pc.command(0x0a), (6, MAGIC, 2, PORT, 0x22, 0x33))
        equal(pc.command(0x0a, out=True), (6, MAGIC, 2, PORT, 0x22, 0x33))
        equal(pc.command(0x0a, eax=5), (NONE, 0x11, 0x0a, PORT, 0x22, 0x33))
        equal(pc.command(0x14)[:2], (16 << 20, 0x1177))
        equal(pc.command(0x01)[0], NONE)


@cases(("x-cmds-v2", 0x13, NONE), ("x-report-vmx-type", 0x0a, 6), ("x-signal-unsupported-cmd", 0x01, MAGIC))
def older_behaviour_is_a_property(name, command, eax):
    with PC(more=["-global", f"vmport.{name}=off"]) as pc:
        result = pc.command(command)
        equal(result[0], eax)
        equal(result[2], command)


@test
def the_uuid_is_told():
    with PC(more=["-uuid", "01020304-0506-0708-090a-0b0c0d0e0f10"]) as pc:
        equal(pc.command(0x13)[:4], (0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d))


@test
def the_mouse_identifies_itself():
    with PC() as pc:
        equal(pc.status(), 0xffff0000)
        pc.mouse(READ_ID)
        equal(pc.status(), 1)
        equal(pc.take(1), (0x3442554a,))
        equal(pc.status(), 0)


@test
def absolute_events_are_packets_of_four():
    with PC() as pc:
        pc.mouse(READ_ID)
        pc.take(1)
        pc.mouse(ABSOLUTE)
        contains(pc.hmp("info mice"), "vmmouse (absolute)")
        pc.send(*move("abs", 100, 200), button("left", True))
        pc.send(button("wheel-up", True))
        equal(pc.status(), 12)
        equal([pc.take(4) for _ in range(3)], [(0x20, 200, 400, 0), (0x20, 200, 400, NONE), (0x20, 200, 400, 0)])
        pc.mouse(RELATIVE)
        pc.send(*move("rel", 3, -4))
        equal(pc.take(4), (0, 3, NONE - 3, 0))


@cases((0,), (7,), (2,))
def taking_what_is_not_there_disables_it(words):
    with PC() as pc:
        pc.mouse(READ_ID)
        pc.command(DATA, words)
        equal(pc.status(), 0xffff0001)
        pc.mouse(ABSOLUTE)
        equal(pc.hmp("info mice"), "* Mouse #2: QEMU PS/2 Mouse\n")


@test
def news_is_announced_by_the_ps2_mouse():
    with PC() as pc:
        for byte in (0xf4,):
            pc.outb(0x64, 0xd4)
            pc.outb(0x60, byte)
        equal(pc.inb(0x60), 0xfa)
        pc.mouse(READ_ID)
        pc.mouse(ABSOLUTE)
        pc.send(*move("abs", 1, 1))
        equal([pc.inb(0x60) for _ in range(3)], [0x08, 1, 0])


@test
def its_state_survives_a_move():
    with PC() as pc:
        pc.mouse(READ_ID)
        pc.mouse(ABSOLUTE)
        pc.send(*move("abs", 7, 8))
        pc.qmp("stop")
        pc.save(f"{pc.dir}/s")
        with VM("8.2", ["-M", "q35", "-m", "16", "-bios", f"{pc.rom}/agent.rom"], incoming=f"exec:cat {pc.dir}/s") as there:
            there.wait_loaded()
            contains(there.hmp("info mice"), "* Mouse #3: vmmouse (absolute)")
            there.save(f"{pc.dir}/again")
        bodies = []
        for name in ("s", "again"):
            with open(f"{pc.dir}/{name}", "rb") as f:
                stream = Stream(f.read())
            bodies.append(stream.data[stream["vmmouse"].body:stream["vmmouse"].end])
        equal(bodies[0], bodies[1])


@cases(("q35,vmport=off", False), ("q35,vmport=on", True), ("q35,vmport=auto", True), ("q35,i8042=off", False))
def the_machine_s_switches(machine, there):
    with VM("8.2", ["-M", machine]) as vm:
        contains(vm.hmp("info qtree"), "bus: isa.0")
        equal(("dev: vmport" in vm.hmp("info qtree"), "dev: vmmouse" in vm.hmp("info qtree")), (there, there))


@test
def a_mouse_of_the_user_s_needs_a_controller():
    status, _, err = run("8.2", "-M", "q35", "-S", "-nodefaults", "-display", "none", "-device", "vmmouse")
    equal(status, 1)
    contains(err, "'i8042' link is not set")


main()
