#!/usr/bin/env python3
"""Error reporting of a root port and of disks behind it, as QEMU does it: recorded steps, and each kind of error walked
through register by register, with INTx, MSI-X and no interrupt."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import aer_trace  # noqa: E402
from pci import PCI  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, QMPError  # noqa: E402

DATA = os.path.join(HERE, "..", "data", "aer")
RELEASES = ("7.2", "8.0", "8.0.1", "8.2")
UNCOR_STATUS, UNCOR_MASK, UNCOR_SEVER, COR_STATUS, COR_MASK, CAP = 0x104, 0x108, 0x10c, 0x110, 0x114, 0x118
HEADER, ROOT_CMD, ROOT_STATUS, ROOT_SRC, PREFIX = 0x11c, 0x12c, 0x130, 0x134, 0x138
MSI_WORD = 0x1000


@cases("5.2", "7.2", "8.2")
def steps_do_what_qemus_did(release):
    with open(os.path.join(DATA, f"{release}.trace")) as f:
        difference = aer_trace.replay(release, f.read().splitlines())
    assert difference is None, difference


class Guest:
    """A port and a disk with AER behind it, set up so that everything is reported."""

    def __init__(self, release, port="", machine=None, disk=",aer=on"):
        machine = machine or f"pc-q35-{'8.0' if release.startswith('8.0') else release}"
        self.vm = VM(release, ["-M", machine, "-m", "16", "-device", "pcie-root-port,id=rp,chassis=1,addr=1.0" + port,
                               "-blockdev", "driver=null-co,node-name=d", "-device", "virtio-blk-pci,id=ep,bus=rp,drive=d" + disk],
                     qtest=True)
        self.pci = PCI(self.vm)
        self.rp = self.pci.function(0, 8)
        self.rp.w32(0x18, 0x010100)
        self.rp.w32(0x10, 0xe0000000)
        self.ep = self.pci.function(1, 0)
        self.exp = {self.rp: 0x54, self.ep: 0x40}
        for f in (self.rp, self.ep):
            f.w16(0x04, 0x106)
            f.w16(self.exp[f] + 8, 0xf)
            f.w32(COR_MASK, 0)
        self.rp.w16(0x3e, 2)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.vm.__exit__(*what)

    def inject(self, id, error, *dwords, flags=""):
        reply = self.vm.hmp(f"pcie_aer_inject_error {flags} {id} {error} " + " ".join(hex(d) for d in dwords))
        contains(reply, f"OK id: {id} root bus: 0000:00, bus: ")

    def registers(self, f, *offsets):
        return [hex(f.r32(at)) for at in offsets]

    def devsta(self, f):
        return f.r16(self.exp[f] + 10)

    def root(self):
        return self.registers(self.rp, ROOT_STATUS, ROOT_SRC)

    def msix(self, flags=0x8000):
        table = 0xe0000000
        for at, value in ((0, MSI_WORD), (4, 0), (8, 0x55), (12, 0)):
            self.vm.writel(table + at, value)
        self.rp.w16(0x4a, flags)

    def message(self):
        word = self.vm.readl(MSI_WORD)
        self.vm.writel(MSI_WORD, 0)
        return word

    def intx(self):
        return self.rp.r8(6) >> 3 & 1


@cases(*RELEASES)
def fatal_error_reaches_the_root_port(release):
    with Guest(release) as g:
        g.inject("ep", "MALF_TLP", 0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00)
        equal(g.registers(g.ep, UNCOR_STATUS, COR_STATUS), ["0x40000", "0x0"])
        equal(g.ep.r32(CAP) & 0x1f, 18, "first error pointer")
        equal(g.registers(g.ep, *range(HEADER, HEADER + 16, 4)), ["0x44332211", "0x88776655", "0xccbbaa99", "0xffeedd"])
        equal(g.devsta(g.ep), 4)
        equal(g.ep.r16(6) & 0x4000, 0x4000, "signalled system error")
        equal(g.rp.r16(0x1e) & 0x4000, 0x4000, "received system error")
        equal(g.root(), ["0x54", "0x1000000"])
        equal(g.devsta(g.rp), 0, "the port's own Device Status")


@cases(*RELEASES)
def nonfatal_error_reaches_the_root_port(release):
    with Guest(release) as g:
        g.inject("ep", "COMP_TIME")
        equal(g.registers(g.ep, UNCOR_STATUS, HEADER), ["0x4000", "0x0"])
        equal(g.devsta(g.ep), 2)
        equal(g.root(), ["0x24", "0x1000000"])
        g.inject("ep", "MALF_TLP")
        equal(g.root(), ["0x6c", "0x1000000"], "several, the first not fatal")


@cases(("7.2", False), ("8.0", True), ("8.0.1", True), ("8.2", True))
def correctable_error_leaves_from_8_0_on(release, leaves):
    with Guest(release) as g:
        g.inject("ep", "BAD_TLP")
        equal(g.registers(g.ep, UNCOR_STATUS, COR_STATUS), ["0x0", "0x40"])
        equal(g.devsta(g.ep), 1)
        equal(g.root(), ["0x1", "0x100"] if leaves else ["0x0", "0x0"])
        g.inject("ep", "RCVR")
        equal(g.root()[0], "0x3" if leaves else "0x0")


@cases(("7.2", "0x0"), ("8.0", "0x24"), ("8.2", "0x24"))
def device_control_alone_lets_errors_out_from_8_0_on(release, root):
    with Guest(release) as g:
        g.ep.w16(0x04, 0x006), g.rp.w16(0x04, 0x006)
        g.inject("ep", "COMP_TIME")
        equal(g.root()[0], root)
        equal(g.devsta(g.ep), 2)


@cases(*RELEASES)
def error_that_is_not_enabled_stays(release):
    with Guest(release) as g:
        g.ep.w16(0x48, 0), g.ep.w16(0x04, 0x006)
        g.inject("ep", "COMP_TIME")
        g.inject("ep", "MALF_TLP")
        g.inject("ep", "BAD_TLP")
        equal(g.registers(g.ep, UNCOR_STATUS, COR_STATUS), ["0x44000", "0x40"])
        equal(g.devsta(g.ep), 7)
        equal(g.root(), ["0x0", "0x0"])


@cases(*RELEASES)
def advisory_error_is_signalled_as_correctable(release):
    with Guest(release) as g:
        g.inject("ep", "POISON_TLP", 0x01020304, flags="-a")
        equal(g.registers(g.ep, UNCOR_STATUS, COR_STATUS, HEADER), ["0x1000", "0x2000", "0x4030201"])
        equal(g.devsta(g.ep), 1)
        equal(g.root()[0], "0x0" if release == "7.2" else "0x1")
        g.inject("ep", "MALF_TLP", flags="-a")
        equal(g.devsta(g.ep), 5, "a fatal one is not advisory")


@cases(*RELEASES)
def masked_advisory_error_is_not_recorded(release):
    with Guest(release) as g:
        g.ep.w32(COR_MASK, 0x2000)
        g.inject("ep", "POISON_TLP", 0x01020304, flags="-a")
        equal(g.registers(g.ep, UNCOR_STATUS, COR_STATUS, HEADER), ["0x0", "0x2000", "0x0"])
        equal(g.root()[0], "0x0")


@cases("8.0", "8.2")
def masked_uncorrectable_error_is_logged_only(release):
    with Guest(release) as g:
        g.ep.w32(UNCOR_MASK, 0x4000)
        g.inject("ep", "COMP_TIME", 0x01020304)
        equal(g.registers(g.ep, UNCOR_STATUS, HEADER), ["0x4000", "0x0"])
        equal(g.devsta(g.ep), 2)
        equal(g.root()[0], "0x0")


@cases(("7.2", "pc-q35-7.2", "", "0x54"), ("8.0", "pc-q35-7.2", "", "0x0"), ("8.0.1", "pc-q35-7.2", "", "0x54"),
       ("8.0.1", "pc-q35-7.2", ",x-pcie-err-unc-mask=on", "0x0"), ("8.2", "pc-q35-8.0", "", "0x0"))
def internal_error_is_masked_where_the_mask_is(release, machine, option, root):
    """The three lives of Uncorrectable Error Mask, whose default masks internal errors."""
    with Guest(release, port=option, machine=machine, disk=",aer=on" + option) as g:
        g.inject("rp", "INTN")
        equal(g.rp.r32(UNCOR_STATUS), 1 << 22)
        equal(g.root()[0], root)


@cases(*RELEASES)
def severity_makes_an_error_fatal(release):
    with Guest(release) as g:
        g.ep.w32(UNCOR_SEVER, 0x4000)
        g.inject("ep", "COMP_TIME")
        equal(g.devsta(g.ep), 4)
        equal(g.root()[0], "0x54")
        g.inject("ep", "DLP")
        equal(g.devsta(g.ep), 6)


@cases(*RELEASES)
def unsupported_request_has_an_enable_of_its_own(release):
    with Guest(release) as g:
        g.ep.w16(0x04, 0x006), g.ep.w16(0x48, 7)
        g.inject("ep", "UNSUP")
        equal(g.devsta(g.ep), 0xa)
        equal(g.root()[0], "0x0")
        g.ep.w16(0x48, 0xf)
        g.inject("ep", "UNSUP")
        equal(g.root()[0], "0x0" if release == "7.2" else "0x24")


@cases(*RELEASES)
def prefix_is_logged_with_the_header(release):
    with Guest(release) as g:
        g.inject("ep", "ECRC", 1, 2, 3, 4, 0xa, 0xb, 0xc, 0xd)
        equal(g.ep.r32(CAP) & 0x800, 0x800, "TLP prefix log present")
        equal(g.registers(g.ep, *range(PREFIX, PREFIX + 16, 4)), ["0xa000000", "0xb000000", "0xc000000", "0xd000000"])


@cases(*RELEASES)
def queue_shows_the_headers_one_by_one(release):
    with Guest(release, port=",aer_log_max=2") as g:
        g.rp.w32(CAP, 0x400)
        for n, error in enumerate(("DLP", "FCP", "ECRC", "UNSUP"), 1):
            g.inject("rp", error, n)
        equal(g.rp.r32(COR_STATUS) & 0x8000, 0x8000, "header log overflow")
        equal(g.rp.r32(HEADER), 0x01000000)
        g.rp.w32(UNCOR_STATUS, 0x10)
        equal((g.rp.r32(CAP) & 0x1f, g.rp.r32(HEADER)), (13, 0x02000000))
        g.rp.w32(UNCOR_STATUS, 0x2000)
        equal((g.rp.r32(CAP) & 0x1f, g.rp.r32(HEADER)), (19, 0x03000000))
        g.rp.w32(UNCOR_STATUS, 0xffffffff)
        equal((g.rp.r32(CAP) & 0x1f, g.rp.r32(HEADER), g.rp.r32(UNCOR_STATUS)), (0, 0, 0))


@cases(*RELEASES)
def root_interrupt_is_a_level_on_intx(release):
    with Guest(release) as g:
        g.inject("ep", "COMP_TIME")
        equal(g.intx(), 0, "not enabled")
        g.rp.w32(ROOT_CMD, 2)
        equal(g.intx(), 1)
        g.rp.w32(ROOT_STATUS, 0x7f)
        equal(g.intx(), 0)
        g.inject("ep", "MALF_TLP")
        equal(g.intx(), 0, "fatal is not enabled")
        g.inject("ep", "COMP_TIME")
        equal(g.intx(), 1)


@cases(*RELEASES)
def root_interrupt_is_one_message_on_msix(release):
    with Guest(release) as g:
        g.msix()
        g.rp.w32(ROOT_CMD, 7)
        equal(g.message(), 0)
        g.inject("ep", "COMP_TIME")
        equal(g.message(), 0x55)
        g.inject("ep", "COMP_TIME")
        equal(g.message(), 0, "the condition was there")
        equal(g.intx(), 0)
        g.rp.w32(ROOT_STATUS, 0x7f)
        g.inject("ep", "MALF_TLP")
        equal(g.message(), 0x55)
        g.rp.w32(ROOT_STATUS, 0x7f)
        g.msix(0xc000)
        g.inject("ep", "MALF_TLP")
        equal(g.message(), 0, "masked")
        equal(g.vm.readl(0xe0000800), 1, "pending")
        g.rp.w16(0x4a, 0x8000)
        equal(g.message(), 0x55)


@cases(*RELEASES)
def errors_outlive_a_reset_and_enables_do_not(release):
    with Guest(release) as g:
        g.rp.w32(ROOT_CMD, 7)
        g.inject("rp", "DLP")
        g.vm.qmp("system_reset")
        g.vm.wait_event("RESET")
        rp = PCI(g.vm).function(0, 8)
        equal(hex(rp.r32(UNCOR_STATUS)), "0x10")
        equal(rp.r32(ROOT_CMD), 0)
        equal(rp.r16(0x5c), 0)


@test
def qmp_injects_what_hmp_does():
    words = [0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00]
    for error, flags in (("MALF_TLP", ""), ("COMP_TIME", "-a"), ("BAD_TLP", ""), ("0x1", "-c")):
        seen = []
        for how in ("HMP", "QMP"):
            with Guest("8.2") as g:
                if how == "HMP":
                    g.inject("ep", error, *words, *words, flags=flags)
                else:
                    equal(g.vm.qmp("x-pcie-aer-inject-error", **{"id": "ep", "error": error, "header": words, "prefix": words,
                                                                 "advisory-non-fatal": flags == "-a", "correctable": flags == "-c"}), {})
                seen.append((g.ep.config(), g.rp.config()))
        equal(seen[0] == seen[1], True, error)


@cases(("nope", "MALF_TLP", {}, "device 'nope' not found"), ("ep", "NOPE", {}, "invalid error status value 'NOPE'"),
       ("ep", "MALF_TLP", {"header": [1, 2]}, "Parameter 'header' expects 4 numbers"),
       ("ep", "MALF_TLP", {"prefix": [1, 2, 3, 4]}, "Parameter 'header' is missing"),
       ("ep", "MALF_TLP", {"header": [1 << 32, 2, 3, 4]}, "uint32"),
       ("ep", "0x3", {}, "failed to inject error: Invalid argument"))
def qmp_refuses_and_changes_nothing(id, error, more, words):
    with Guest("8.2") as g:
        before = g.ep.config(), g.rp.config()
        try:
            g.vm.qmp("x-pcie-aer-inject-error", id=id, error=error, **more)
        except QMPError as e:
            contains(e.desc, words)
        else:
            raise AssertionError("it was taken")
        equal((g.ep.config(), g.rp.config()) == before, True, "registers")


@test
def qmp_and_hmp_refuse_what_is_no_error():
    with Guest("8.2") as g:
        for line, why in (("nosuch DLP", "device 'nosuch' not found"), ("rp FOO", "invalid error status value 'FOO'"),
                          ("rp 0x30", "failed to inject error: Invalid argument")):
            contains(g.vm.hmp("pcie_aer_inject_error " + line), why)
        equal(g.rp.r32(UNCOR_STATUS), 0)


main()
