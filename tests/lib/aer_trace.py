"""Error reporting, step by step: a list of what is done to a root port and what is behind it, and what each step changes in
the registers. The same steps are run on QEMU once (record) and on each build (replay).

    python3 aer_trace.py QEMU MACHINE > trace      records, with real QEMU or any other emulator
"""
import random
import sys

from pci import PCI
from vm import VM

# name: (bus, devfn, PCIe capability, registers that are watched)
PORT_REGS = (0x04, 0x1c, 0x3c, 0x5c, *range(0x104, 0x148, 4))
NODES = {
    "rp": (0, 0x08, 0x54, PORT_REGS),
    "ep": (1, 0x00, 0x40, (0x04, 0x48, *range(0x104, 0x148, 4))),   # with AER, where the release has it
    "np": (2, 0x00, 0x40, (0x04, 0x48)),                             # without
    "rq": (0, 0x10, 0x54, PORT_REGS),
}
UNCOR = ("DLP SDN POISON_TLP FCP COMP_TIME COMP_ABORT UNX_COMP RX_OVER MALF_TLP ECRC UNSUP ACSV INTN MCBTLP "
         "ATOP_EBLOCKED TLP_PRF_BLOCKED").split()
COR = "RCVR BAD_TLP BAD_DLLP REP_ROLL REP_TIMER ADV_NONFATAL INTERNAL HL_OVERFLOW".split()
UNCOR_BITS = 0x03fff030
COR_BITS = 0xf1c1
MSI_WORD = 0x1000       # where the ports' MSI-X messages go


def arguments(machine, endpoint_aer):
    return ["-M", machine, "-m", "16",
            "-device", "pcie-root-port,id=rp,chassis=1,addr=1.0,aer_log_max=2", "-device", "pcie-root-port,id=rq,chassis=2,addr=2.0,aer_log_max=0",
            "-blockdev", "driver=null-co,node-name=d0", "-blockdev", "driver=null-co,node-name=d1",
            "-device", "virtio-blk-pci,id=ep,bus=rp,drive=d0" + (",aer=on" if endpoint_aer else ""),
            "-device", "virtio-blk-pci,id=np,bus=rq,drive=d1"]


class Machine:
    """The machine under test, with its registers as they were last seen."""

    def __init__(self, vm):
        self.vm = vm
        pci = PCI(vm)
        self.f = {}
        for name, bus in (("rp", 1), ("rq", 2)):
            port = self.f[name] = pci.function(0, NODES[name][1])
            port.w32(0x18, bus << 8 | bus << 16)
            port.w32(0x10, 0xe0000000 + bus * 0x1000)
            port.w16(0x04, 0x106)
            table = 0xe0000000 + bus * 0x1000
            vm.writel(table, MSI_WORD), vm.writel(table + 4, 0), vm.writel(table + 8, 0xa0 + bus), vm.writel(table + 12, 0)
        self.f["ep"], self.f["np"] = pci.function(1, 0), pci.function(2, 0)
        self.last = {(n, at): 0 for n in NODES for at in NODES[n][3]}
        self.changes()

    def changes(self):
        """The registers that differ from the last look, and the word of an MSI that came."""
        found = []
        for name, (_, _, _, registers) in NODES.items():
            for at in registers:
                value = self.f[name].r32(at)
                if at == 0x1c:
                    value &= 0xffff0000
                if value != self.last[name, at]:
                    self.last[name, at] = value
                    found.append(f"{name}.{at:03x}={value:08x}")
        word = self.vm.readl(MSI_WORD)
        if word:
            found.append(f"msi={word:x}")
            self.vm.writel(MSI_WORD, 0)
        return found

    def step(self, line):
        verb, *rest = line.split()
        if verb == "inject":
            return [self.vm.hmp("pcie_aer_inject_error " + " ".join(rest)).strip().split()[0]] + self.changes()
        if verb == "write":
            node, at, size, value = rest[0], int(rest[1], 16), int(rest[2]), int(rest[3], 16)
            {1: self.f[node].w8, 2: self.f[node].w16, 4: self.f[node].w32}[size](at, value)
            return self.changes()
        raise ValueError(line)


def steps(seed, count, endpoint_aer):
    """A random walk over everything that matters to the flow of an error."""
    rng = random.Random(seed)
    aer = ["rp", "rq"] + (["ep"] if endpoint_aer else [])

    def inject():
        flags = rng.choice(["", "", "-a "])
        name = rng.choice(UNCOR + UNCOR + COR)
        words = rng.choice([0, 0, 4, 8])
        dwords = " ".join(f"{rng.getrandbits(32):#x}" for _ in range(words))
        return f"inject {flags}{rng.choice(list(NODES))} {name} {dwords}".strip()

    def write(node, at, size, value):
        return f"write {node} {at:x} {size} {value:x}"

    def some(mask, p=0.5):
        return sum(1 << b for b in range(32) if mask >> b & 1 and rng.random() < p)

    while count:
        count -= 1
        node = rng.choice(aer)
        kind = rng.randrange(22)
        if kind < 9:
            yield inject()
        elif kind == 9:
            yield write(rng.choice(list(NODES)), 0x04, 2, rng.choice([0x006, 0x106, 0x106]))
        elif kind == 10:
            any_node = rng.choice(list(NODES))
            yield write(any_node, NODES[any_node][2] + 8, 2, some(0xf, 0.7))
        elif kind == 11:
            yield write(rng.choice(["rp", "rq"]), 0x3e, 2, rng.choice([0, 2, 2, 2]))
        elif kind == 12:
            yield write(rng.choice(["rp", "rq"]), 0x12c, 4, some(7, 0.6))
        elif kind == 13:
            yield write(rng.choice(["rp", "rq"]), 0x130, 4, rng.choice([0x7f, 0x7f, some(0x7f)]))
        elif kind == 14:
            yield write(node, 0x104, 4, rng.choice([UNCOR_BITS, some(UNCOR_BITS), some(UNCOR_BITS)]))
        elif kind == 15:
            yield write(node, 0x108, 4, some(UNCOR_BITS, 0.2))
        elif kind == 16:
            yield write(node, 0x10c, 4, some(UNCOR_BITS))
        elif kind == 17:
            yield write(node, 0x110, 4, rng.choice([COR_BITS, some(COR_BITS)]))
        elif kind == 18:
            yield write(node, 0x114, 4, rng.choice([0, some(COR_BITS, 0.2)]))
        elif kind == 19:
            yield write(node, 0x118, 4, rng.choice([0x400, 0x400, 0x540, 0x000]))
        elif kind == 20:
            any_node = rng.choice(list(NODES))
            yield write(any_node, NODES[any_node][2] + 10, 2, 0xf)
        else:
            yield write(rng.choice(["rp", "rq"]), 0x4a, 2, rng.choice([0x0000, 0x8000, 0x8000, 0xc000]))


def record(binary, machine, seeds=(1, 2, 3), count=300):
    endpoint_aer = not machine.startswith("pc-q35-5")
    lines = [f"machine {machine}"]
    for seed in seeds:
        lines.append(f"start {seed}")
        with VM(binary, arguments(machine, endpoint_aer), qtest=True) as vm:
            m = Machine(vm)
            for line in steps(seed, count, endpoint_aer):
                lines.append(line)
                lines.append(" ".join([" ", *m.step(line)]))
    return lines


def replay(release, lines, machine=None):
    """Runs a trace's steps; the first difference as text, or None."""
    endpoint_aer = not lines[0].split()[1].startswith("pc-q35-5")
    machine = machine or lines[0].split()[1]
    vm = m = step = None
    history = []
    try:
        for line in lines[1:]:
            if line.startswith("start "):
                if vm:
                    vm.__exit__(None)
                vm = VM(release, arguments(machine, endpoint_aer), qtest=True)
                m, history = Machine(vm), []
            elif not line.startswith(" "):
                step = line
            else:
                got, want = m.step(step), line.split()
                history = history[-30:] + [f"{step}\n      {' '.join(want)}"]
                if got != want:
                    missing, more = [w for w in want if w not in got], [g for g in got if g not in want]
                    return "\n".join(history) + f"\nlacks {' '.join(missing)}\nhas   {' '.join(more)}"
    finally:
        if vm:
            vm.kill()
    return None


if __name__ == "__main__":
    print("\n".join(record(sys.argv[1], sys.argv[2])))
