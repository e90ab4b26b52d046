#!/usr/bin/env python3
"""The root port on the q35 board: its properties by release, and what is behind it as a guest reaches it."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from pci import PCI  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402

RESERVE = {"bus-reserve": ("uint32", 0xffffffff, None)}
for kind in ("io", "mem", "pref32", "pref64"):
    RESERVE[f"{kind}-reserve"] = ("size", 0xffffffffffffffff, None)
# As QEMU 5.2 lists them; then what came and went.
PROPERTIES = {
    "addr": ("int32", -1, "Slot and optional function number, example: 06.0 or 06"), "aer_log_max": ("uint16", 8, None),
    "chassis": ("uint8", 0, None), "disable-acs": ("bool", False, None), "failover_pair_id": ("str", None, None),
    "hotplug": ("bool", True, None), "multifunction": ("bool", False, "on/off"), "port": ("uint8", 0, None),
    "power_controller_present": ("bool", True, "on/off"), "rombar": ("uint32", 1, None), "romfile": ("str", None, None),
    "slot": ("uint16", 0, None), "x-migrate-msix": ("bool", True, None), "x-pcie-extcap-init": ("bool", True, "on/off"),
    "x-pcie-lnksta-dllla": ("bool", True, "on/off"), "x-speed": ("PCIELinkSpeed", "16", "2_5/5/8/16"),
    "x-width": ("PCIELinkWidth", "32", "1/2/4/8/12/16/32"), **RESERVE,
}
SINCE_6 = {"acpi-index": ("uint32", 0, None), "romsize": ("uint32", 0xffffffff, None)}
OLD_NAME = {"x-native-hotplug": ("bool", True, None)}
NEW_NAME = {"x-do-not-expose-native-hotplug-cap": ("bool", False, None)}
MASK = {"x-pcie-err-unc-mask": ("bool", True, "on/off")}
ARI = {"x-pcie-ari-nextfn-1": ("bool", False, "on/off")}
SLT = {"x-pci-express-writeable-slt-bug": ("bool", False, None)}


@cases(*[(r, n) for n, r in enumerate(("5.2", "7.2", "8.0", "8.0.1", "8.1", "8.2"))])
def properties_are_those_of_the_release(release, n):
    more = [{}, {**SINCE_6, **OLD_NAME}, {**SINCE_6, **NEW_NAME}, MASK, ARI, SLT]
    want = dict(PROPERTIES)
    if n == 1:
        want.update(more[1])
    for extra in more[2:n + 1]:
        want.update(extra)
    with VM(release, ["-M", "none"]) as vm:
        got = {p["name"]: (p["type"], p.get("default-value"), p.get("description"))
               for p in vm.qmp("device-list-properties", typename="pcie-root-port") if not p["name"].startswith("x-godwit")}
    equal(sorted(got), sorted(want))
    for name, row in want.items():
        equal(got[name], row, name)


class Guest:
    def __init__(self, release="8.2", more=()):
        self.vm = VM(release, ["-M", f"pc-q35-{release}", "-m", "16", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0",
                               "-device", "pcie-root-port,id=rp1,chassis=2,addr=2.0",
                               "-blockdev", "driver=null-co,node-name=d0,size=1048576",
                               "-device", "virtio-blk-pci,id=disk,drive=d0,bus=rp0,disable-legacy=off", *more], qtest=True)
        self.pci = PCI(self.vm)
        self.port, self.other = self.pci.function(0, 8), self.pci.function(0, 16)
        self.port.w32(0x18, 0x010100)
        self.disk = self.pci.function(1, 0)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.vm.__exit__(*what)


@cases("5.2", "7.2", "8.2")
def windows_lead_to_the_disk(release):
    with Guest(release) as g:
        g.disk.w32(0x20, 0xe1000000), g.disk.w32(0x24, 0), g.disk.w16(0x04, 6)
        at = 0xe1000014                 # common configuration: device status
        equal(g.vm.readb(at), 0, "closed")
        g.port.w32(0x24, 0xe100 | 0xe100 << 16), g.port.w16(0x04, 7)
        g.vm.writeb(at, 1)
        equal(g.vm.readb(at), 1, "through the prefetchable window")
        g.port.w32(0x24, 0x0000fff1)
        equal(g.vm.readb(at), 0, "closed again")
        g.port.w32(0x20, 0xe100 | 0xe100 << 16)
        equal(g.vm.readb(at), 1, "through the other window")
        g.port.w16(0x04, 0)
        equal(g.vm.readb(at), 0, "memory space off")


@cases("7.2", "8.2")
def io_window_leads_to_the_disk(release):
    with Guest(release) as g:
        g.disk.w32(0x10, 0xc000), g.disk.w16(0x04, 1)
        equal(g.vm.inl(0xc000), 0xffffffff)
        g.port.w16(0x1c, 0xc0c0), g.port.w16(0x04, 1)
        features = g.vm.inl(0xc000)
        assert features not in (0, 0xffffffff), hex(features)
        g.port.w16(0x1c, 0xd0e0)
        equal(g.vm.inl(0xc000), 0xffffffff)


@cases("7.2", "8.2")
def window_above_4g_leads_to_the_disk(release):
    with Guest(release) as g:
        g.disk.w32(0x20, 0x10000000), g.disk.w32(0x24, 0x20), g.disk.w16(0x04, 6)
        g.port.w32(0x24, 0x1000 | 0x1000 << 16), g.port.w32(0x28, 0x20), g.port.w32(0x2c, 0x20), g.port.w16(0x04, 7)
        g.vm.writeb(0x2010000014, 1)
        equal(g.vm.readb(0x2010000014), 1)


@cases("7.2", "8.2")
def resets_reach_the_disk(release):
    with Guest(release) as g:
        def setup():
            g.disk.w32(0x20, 0xe1000000), g.disk.w32(0x24, 0), g.disk.w16(0x04, 6)
            g.port.w32(0x20, 0xe100 | 0xe100 << 16), g.port.w16(0x04, 7)
            g.vm.writeb(0xe1000014, 1)
            equal(g.vm.readb(0xe1000014), 1)
        setup()
        g.port.w16(0x3e, 0x40), g.port.w16(0x3e, 0)
        equal((g.disk.r16(0x04), g.disk.r32(0x20)), (0, 0xc), "secondary bus reset")
        setup()
        g.disk.w16(0x48, 0x8000)
        equal((g.disk.r16(0x04), g.disk.r32(0x20), g.disk.r16(0x48) & 0x8000), (0, 0xc, 0), "function level reset")
        setup()
        g.vm.qmp("system_reset")
        g.vm.wait_event("RESET")
        PCI(g.vm)
        g.port.w32(0x18, 0x010100)
        equal((g.disk.r16(0x04), g.disk.r32(0x20)), (0, 0xc), "system reset")


@test
def firmware_sees_what_qemus_query_shows():
    with Guest() as g:
        g.port.w32(0x20, 0xe100 | 0xe110 << 16), g.port.w32(0x10, 0xe0000000), g.port.w16(0x04, 7), g.port.w8(0x3c, 11)
        g.disk.w32(0x20, 0xe1000000), g.disk.w16(0x04, 6)
        devices = g.vm.qmp("query-pci")[0]["devices"]
        port = next(d for d in devices if d["qdev_id"] == "rp0")
        equal(port["pci_bridge"]["bus"], {
            "number": 0, "secondary": 1, "subordinate": 1, "io_range": {"base": 0xf000, "limit": 0xfff},
            "memory_range": {"base": 0xe1000000, "limit": 0xe11fffff},
            "prefetchable_range": {"base": 0xfff00000, "limit": 0xfffff}})
        equal(port["regions"], [{"bar": 0, "type": "memory", "prefetch": False, "mem_type_64": False,
                                 "address": 0xe0000000, "size": 4096}])
        equal((port["irq"], port["irq_pin"], port["class_info"]), (11, 1, {"class": 0x604, "desc": "PCI bridge"}))
        disk, = port["pci_bridge"]["devices"]
        equal((disk["bus"], disk["slot"], disk["function"], disk["qdev_id"]), (1, 0, 0, "disk"))
        equal(disk["id"], {"vendor": 0x1af4, "device": 0x1001, "subsystem-vendor": 0x1af4, "subsystem": 2})
        equal(next(r["address"] for r in disk["regions"] if r["bar"] == 4), 0xe1000000)
        assert "devices" not in next(d for d in devices if d["qdev_id"] == "rp1")["pci_bridge"]


@cases("5.2", "7.2", "8.2")
def guest_that_writes_anything_anywhere_harms_nobody(release):
    rng = random.Random(5)
    with Guest(release) as g:
        for n in range(4000):
            f = rng.choice([g.port, g.other, g.disk, g.disk])
            at = rng.choice([rng.randrange(0, 0x160), rng.randrange(4096), 0x18, 0x3c, 0x04])
            width = rng.choice([1, 2, 4])
            at -= at % width
            value = rng.choice([0, 0xffffffff, rng.getrandbits(32), 1 << rng.randrange(32)]) & ((1 << 8 * width) - 1)
            {1: f.w8, 2: f.w16, 4: f.w32}[width](at, value)
            if n % 50 == 0:
                g.vm.qmp("query-pci")
                g.vm.hmp("pcie_aer_inject_error rp0 " + rng.choice(["DLP 1 2 3 4", "UNSUP", "RCVR"]))
                g.port.w32(0x18, 0x010100)
        g.vm.qmp("system_reset")
        g.vm.wait_event("RESET")
        equal(PCI(g.vm).function(0, 8).r32(0), 0x000c1b36)


main()
