"""Hot plug at a root port, step by step, recorded and replayed as in aer_trace.py.

    python3 hotplug_trace.py QEMU MACHINE > trace
"""
import random
import re
import sys

from pci import PCI
from vm import VM, QMPError, is_qemu

MSI_WORD = 0x1000
# QEMU's device asks for nothing; ours is a disk.
QEMU_DRIVER, DRIVER = "virtio-rng-pci", "virtio-blk-pci"


def arguments(machine):
    native = [] if machine == "pc-q35-5.2" else ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
    return ["-M", machine, "-m", "16", *native,
            "-device", "pcie-root-port,id=rp,chassis=1,addr=1.0", "-device", "pcie-root-port,id=rq,chassis=2,addr=2.0,hotplug=off",
            "-device", "pcie-root-port,id=rs,chassis=3,addr=3.0,power_controller_present=off"]


class Machine:
    def __init__(self, vm):
        self.vm, self.last, self.ports = vm, {}, {}
        self.driver = QEMU_DRIVER if is_qemu(vm.cmdline[0]) else DRIVER
        pci = PCI(vm)
        for n, name in enumerate(("rp", "rq", "rs"), 1):
            port = self.ports[name] = pci.function(0, n << 3)
            port.w32(0x18, n << 8 | n << 16)
            table = 0xe0000000 + n * 0x1000
            port.w32(0x10, table)
            port.w16(0x04, 0x106)
            vm.writel(table, MSI_WORD), vm.writel(table + 4, 0), vm.writel(table + 8, 0xa0 + n), vm.writel(table + 12, 0)
        self.below = {name: [pci.function(n, devfn) for devfn in (0, 1, 8)] for n, name in enumerate(("rp", "rq", "rs"), 1)}
        self.changes()

    def changes(self):
        found = []
        for name, port in self.ports.items():
            now = {"ctl": port.r16(0x6c), "sta": port.r16(0x6e), "link": port.r16(0x66) >> 13 & 1, "intx": port.r8(6) >> 3 & 1}
            for fn, below in zip(("0", "1", "8"), self.below[name]):
                now["there" + fn] = int(below.r16(0) != 0xffff)
            for key, value in now.items():
                if self.last.get((name, key)) != value:
                    self.last[name, key] = value
                    found.append(f"{name}.{key}={value:x}")
        word = self.vm.readl(MSI_WORD)
        if word:
            found.append(f"msi={word:x}")
            self.vm.writel(MSI_WORD, 0)
        return found

    def add(self, id, bus, addr, functions):
        options = {} if addr == "any" else {"addr": addr}
        if self.driver == DRIVER:
            self.vm.qmp("blockdev-add", driver="null-co", node_name="n" + id)
            options["drive"] = "n" + id
        self.vm.qmp("device_add", driver=self.driver, id=id, bus=bus, multifunction=functions == "multi", **options)

    def step(self, line):
        verb, *rest = line.split()
        try:
            if verb == "add":
                self.add(*rest)
            elif verb == "del":
                self.vm.qmp("device_del", id=rest[0])
            else:
                at, size, value = int(rest[1], 16), int(rest[2]), int(rest[3], 16)
                {1: self.ports[rest[0]].w8, 2: self.ports[rest[0]].w16, 4: self.ports[rest[0]].w32}[size](at, value)
        except QMPError as e:
            # 5.2 does not say which device is in the way.
            return ["error: " + re.sub(",id=.*", "", e.desc.replace(self.driver, "DRIVER"))] + self.changes()
        return self.changes()


def steps(seed, count):
    rng, ids = random.Random(seed), []
    for n in range(count):
        port = rng.choice(["rp"] * 6 + ["rs"] * 3 + ["rq"])
        kind = rng.randrange(16)
        if kind < 3:
            ids.append(f"d{n}")
            yield f"add {ids[-1]} {port} {rng.choice(['0.0'] * 5 + ['0.1', '1.0', 'any'])} {rng.choice(['single', 'multi'])}"
        elif kind < 5 and ids:
            yield f"del {rng.choice(ids[-2:])}"
        elif kind < 11:
            value = rng.choice([0x1f9, 0x1f9, 0x2f9, 0x7f9, 0x7f9, 0x7c0, 0x3c0, 0x1d1, 0x7e9, 0x1e9, 0xff9 if not rng.randrange(40) else 0x7f9])
            yield f"write {port} 6c 2 {value:x}"
        elif kind < 14:
            yield f"write {port} 6e 2 {rng.choice([0x19, 0x10, 0x8, 0x1, 0x9, 0x18, 0x11, 0x1f, 0x0]):x}"
        elif kind == 14:
            yield f"write {port} 4a 2 {rng.choice([0, 0, 0x8000, 0xc000]):x}"
        else:
            yield f"write {port} 4 2 {rng.choice([0x106, 0x506]):x}"


def record(binary, machine, seeds=(1, 2, 3), count=250):
    lines = [f"machine {machine}"]
    for seed in seeds:
        lines.append(f"start {seed}")
        with VM(binary, arguments(machine), qtest=True) as vm:
            m = Machine(vm)
            for line in steps(seed, count):
                lines.append(line)
                lines.append("  " + "|".join(m.step(line)))
    return lines


def replay(release, lines):
    """Runs a trace's steps; the first difference as text, or None."""
    vm = m = step = None
    history = []
    try:
        for line in lines[1:]:
            if line.startswith("start "):
                if vm:
                    vm.kill()
                vm = VM(release, arguments(lines[0].split()[1]), qtest=True)
                m, history = Machine(vm), []
            elif not line.startswith(" "):
                step = line
            else:
                got, want = m.step(step), [w for w in line.strip().split("|") if w]
                history = history[-30:] + [f"{step}\n      {' '.join(want)}"]
                if got != want:
                    return "\n".join(history) + f"\ngot   {' '.join(got)}"
    finally:
        if vm:
            vm.kill()
    return None


if __name__ == "__main__":
    print("\n".join(record(sys.argv[1], sys.argv[2])))
