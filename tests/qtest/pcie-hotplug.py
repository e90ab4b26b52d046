#!/usr/bin/env python3
"""Hot plug at root ports, by the slot itself and by ACPI, as the guest sees it."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import hotplug_trace  # noqa: E402
from pci import PCI  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import VM, QMPError  # noqa: E402

DATA = os.path.join(HERE, "..", "data", "hotplug")
NATIVE = ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
SLTCTL, SLTSTA, LNKSTA = 0x6c, 0x6e, 0x66
PCIHP, UP, DOWN, EJ, RMV, SEL, AIDX = 0xcc0, 0, 4, 8, 0xc, 0x10, 0x14


@cases("5.2", "7.2", "8.2")
def steps_do_what_qemus_did(release):
    with open(os.path.join(DATA, f"{release}.trace")) as f:
        difference = hotplug_trace.replay(release, f.read().splitlines())
    assert difference is None, difference


class Guest:
    def __init__(self, release="8.2", native=True, machine=None, devices=()):
        machine = machine or f"pc-q35-{'8.0' if release.startswith('8.0') else release}"
        args = ["-M", machine, "-m", "16", *(NATIVE if native else ())]
        for n in range(1, 4):
            args += ["-device", f"pcie-root-port,id=rp{n},chassis={n},addr={n}.0" + (",hotplug=off" if n == 3 else "")]
        for n in range(6):
            args += ["-blockdev", f"driver=null-co,node-name=d{n}"]
        self.vm = VM(release, args + list(devices), qtest=True)
        self.pci = PCI(self.vm)
        self.ports = [None]
        for n in range(1, 4):
            f = self.pci.function(0, n << 3)
            f.w32(0x18, n << 8 | n << 16)
            self.ports.append(f)
        self.nodes = 0

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.vm.__exit__(*what)

    def add(self, id, bus, **more):
        node, self.nodes = f"d{self.nodes}", self.nodes + 1
        self.vm.qmp("device_add", driver="virtio-blk-pci", id=id, bus=bus, drive=node, **more)

    def remove(self, id):
        self.vm.qmp("device_del", id=id)

    def refusal(self, fn, *args, **more):
        try:
            fn(*args, **more)
        except QMPError as e:
            return e.desc
        raise AssertionError("not refused")

    def slot(self, n):
        f = self.ports[n]
        return f"{f.r16(SLTCTL):03x} {f.r16(SLTSTA):02x}"

    def there(self, n, devfn=0):
        return self.pci.function(n, devfn).r16(0) != 0xffff

    def devices(self):
        return sorted(x["name"] for x in self.vm.qmp("qom-list", path="/machine/peripheral") if x["type"].startswith("child<virtio"))


@test
def guest_plugs_and_unplugs_as_pcie_tells_it():
    with Guest() as g:
        rp = g.ports[1]
        equal(g.slot(1), "7c0 00", "empty: power off, indicators off")
        g.add("x", "rp1")
        equal(g.slot(1), "7c0 49", "attention button, presence changed, present")
        assert not g.there(1), "without power it answers"
        rp.w16(SLTSTA, 0x09)
        rp.w16(SLTCTL, 0x2f9)
        equal(g.slot(1), "2f9 50", "powered, blinking, command completed")
        assert g.there(1), "with power it does not answer"
        rp.w16(SLTSTA, 0x10)
        rp.w16(SLTCTL, 0x1f9)
        rp.w16(SLTSTA, 0x10)
        g.remove("x")
        equal(g.slot(1), "1f9 41", "attention button")
        equal(g.refusal(g.remove, "x"), "Device x is already in the process of unplug")
        assert g.there(1)
        rp.w16(SLTSTA, 0x01)
        rp.w16(SLTCTL, 0x7f9)
        equal(g.slot(1), "7f9 18", "gone: presence changed, command completed")
        equal(g.vm.wait_event("DEVICE_DELETED")["data"].get("path", "").split("/")[3], "x")
        equal(g.devices(), [])


@test
def guest_that_does_not_answer_is_asked_again_after_5_seconds():
    with Guest() as g:
        g.ports[1].w16(SLTCTL, 0x1c0)
        g.add("x", "rp1")
        g.remove("x")
        g.vm.clock_step(4_900_000_000)
        equal(g.refusal(g.remove, "x"), "Device x is already in the process of unplug")
        g.vm.clock_step(200_000_000)
        g.remove("x")
        equal(g.refusal(g.remove, "x"), "Device x is already in the process of unplug")


@test
def slot_without_power_is_emptied_at_once():
    with Guest() as g:
        g.add("x", "rp1")
        g.remove("x")
        equal(g.slot(1), "7c0 08")
        equal(g.devices(), [])


@test
def busy_guest_and_locked_slot_refuse():
    with Guest() as g:
        g.add("x", "rp1")
        g.ports[1].w16(SLTCTL, 0x2f9)
        equal(g.refusal(g.remove, "x"), "Hot-unplug failed: guest is busy (power indicator blinking)")
        g.ports[2].w16(SLTCTL, 0xfc0)
        equal(g.slot(2), "7c0 90", "electromechanical interlock engaged")
        equal(g.refusal(g.add, "y", "rp2"), "slot is electromechanically locked: Device or resource busy")
        equal(g.devices(), ["x"])


@test
def function_0_makes_a_card_appear():
    with Guest() as g:
        g.ports[1].w16(SLTCTL, 0x1c0)
        g.add("f1", "rp1", addr="0.1")
        equal(g.slot(1), "1c0 10")
        assert not g.there(1, 1)
        g.add("f0", "rp1", addr="0.0", multifunction=True)
        equal(g.slot(1), "1c0 59")
        assert g.there(1, 0) and g.there(1, 1)
        equal(g.refusal(g.add, "f2", "rp1", addr="0.2"),
              "PCI: slot 0 function 0 already occupied by virtio-blk-pci, new func virtio-blk-pci cannot be exposed to guest.")
        g.remove("f1")
        g.ports[1].w16(SLTCTL, 0x7c0)
        equal(g.devices(), [], "both are on one card")


@test
def function_that_the_guest_never_saw_goes_alone():
    with Guest() as g:
        g.ports[1].w16(SLTCTL, 0x1c0)
        g.add("f1", "rp1", addr="0.1")
        g.remove("f1")
        equal(g.devices(), [])
        equal(g.slot(1), "1c0 10")


@test
def port_without_hot_plug_refuses():
    with Guest("5.2", native=False) as g:
        equal(g.refusal(g.add, "x", "rp3"), "Hot-plug failed: unsupported by the port device 'rp3'")
    with Guest(native=False) as g:
        equal(g.refusal(g.add, "x", "rp3"), "Bus 'rp3' does not support hotplugging")
        equal(g.refusal(g.add, "y", "pcie.0"), "Bus 'pcie.0' does not support hotplugging")
        equal(g.refusal(g.remove, "rp1"), "Bus 'pcie.0' does not support hotplugging")


@test
def hot_plug_interrupt_is_a_message_or_a_level():
    with Guest() as g:
        g.ports[1].w32(0x10, 0xe0000000)
        g.ports[1].w16(0x04, 0x106)
        for at, value in ((0, 0x1000), (4, 0), (8, 0x66), (12, 0)):
            g.vm.writel(0xe0000000 + at, value)
        g.ports[1].w16(0x4a, 0x8000)
        for n in (1, 2):
            g.ports[n].w16(SLTCTL, 0x7e9)
        g.add("x", "rp1")
        equal(g.vm.readl(0x1000), 0x66)
        equal(g.ports[1].r8(6) >> 3 & 1, 0)
        g.add("y", "rp2")
        equal(g.ports[2].r8(6) >> 3 & 1, 1)
        g.ports[2].w16(SLTSTA, 0x19 & g.ports[2].r16(SLTSTA))
        equal(g.ports[2].r8(6) >> 3 & 1, 0)


# ACPI.

class ACPI(Guest):
    def __init__(self, release, **more):
        super().__init__(release, native=False, **more)
        self.vm.outl(0xcf8, 0x8000f840), self.vm.outl(0xcfc, 0x601)
        self.vm.outl(0xcf8, 0x8000f844), self.vm.outl(0xcfc, 0x80)

    def select(self, number):
        self.vm.outl(PCIHP + SEL, number)

    def reg(self, at):
        return self.vm.inl(PCIHP + at)

    def status(self):
        found = []
        for number in range(4):
            self.select(number)
            found.append((self.reg(UP), self.reg(DOWN)))
        return found


@cases("7.2", "8.0", "8.2")
def acpi_tells_the_guest_of_slots(release):
    with ACPI(release) as g:
        equal(g.status(), [(0, 0)] * 4)
        g.add("x", "rp1")
        equal(g.vm.inb(0x620), 2, "GPE 1")
        equal(g.status(), [(0, 0), (1, 0), (0, 0), (0, 0)], "rp2 is bus 0, rp1 bus 1")
        equal(g.status(), [(0, 0)] * 4, "reading UP clears it")
        equal(g.slot(1), "3c0 00", "power on, and no word of presence")
        assert g.there(1)
        g.remove("x")
        equal(g.status()[1], (0, 1))
        equal(g.devices(), ["x"])
        g.select(1)
        g.vm.outl(PCIHP + EJ, 1)
        equal(g.reg(DOWN), 0)
        equal(g.devices(), [])


@cases("7.2", "8.2")
def reset_takes_out_what_was_to_go(release):
    with ACPI(release) as g:
        g.add("x", "rp1"), g.add("y", "rp2")
        g.remove("x")
        g.vm.qmp("system_reset")
        g.vm.wait_event("RESET")
        equal(g.devices(), ["y"])
        equal(g.status(), [(0, 0)] * 4)


@test
def acpi_index_is_told_once_and_unique():
    with ACPI("8.2") as g:
        g.add("x", "rp1", acpi_index=7)
        g.select(1)
        g.vm.outl(PCIHP + AIDX, 1)
        equal((g.reg(AIDX), g.reg(AIDX)), (7, 0))
        g.vm.outl(PCIHP + AIDX, 2)
        equal(g.reg(AIDX), 0)
        equal(g.refusal(g.add, "y", "rp2", acpi_index=7), "a PCI device with acpi-index = 7 already exist")
        equal(g.refusal(g.add, "z", "rp2", acpi_index=16384), "acpi-index should be less or equal to 16383")


@test
def wild_register_accesses_do_no_harm():
    with ACPI("8.2", devices=("-device", "virtio-blk-pci,drive=d5,id=cold,addr=9.0")) as g:
        g.add("x", "rp1")
        for number in (0, 1, 2, 3, 255, 256, 0x7fffffff, 0xffffffff):
            g.select(number)
            for at in range(0, 0x18):
                g.vm.inb(PCIHP + at), g.vm.inl(PCIHP + at)
                for value in (0, 1, 0x80000000, 0xfffffffe):
                    if at != SEL:
                        g.vm.outl(PCIHP + at, value)
        equal(g.devices(), ["cold"])


@test
def machine_before_6_1_has_no_such_registers():
    with ACPI("8.2", machine="pc-q35-6.0") as g:
        equal(g.reg(UP), 0xffffffff)


main()
