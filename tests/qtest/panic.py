#!/usr/bin/env python3
"""How a guest tells that it crashed, hangs, sleeps or has done its test, and what -action makes of it."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from pci import PCI  # noqa: E402
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, VMError, run  # noqa: E402

PVPANIC = ["-device", "pvpanic"]
PM = 0x600


def start(*more, machine="pc-q35-8.2", release="8.2", **kw):
    return VM(release, ["-M", machine, "-m", "16", *more], qtest=True, stopped=False, **kw)


def story(vm, act):
    """What act() leads to: [events with their reasons], and the status or (at the end of the process) its exit status."""
    vm.events.clear()
    try:
        act()
        vm.qmp("query-status")
        status = vm.qmp("query-status")["status"]
    except (VMError, OSError):
        status = vm.proc.wait(10)
    # What came before the end is still in the socket.
    try:
        while status in (0, 1) and (line := vm.mon.recv()):
            vm.events.append(__import__("json").loads(line))
    except OSError:
        pass
    return [e["event"] + (":" + (e["data"].get("action") or e["data"].get("reason")) if e.get("data") else "")
            for e in vm.events if "event" in e], status


@cases(([], ["GUEST_PANICKED:poweroff", "STOP", "SHUTDOWN:guest-panic"], 0),
       (["-action", "panic=shutdown"], ["GUEST_PANICKED:poweroff", "STOP", "SHUTDOWN:guest-panic"], 0),
       (["-action", "panic=exit-failure"], ["GUEST_PANICKED:poweroff", "STOP", "SHUTDOWN:guest-panic"], 1),
       (["-action", "panic=pause"], ["GUEST_PANICKED:pause", "STOP"], "guest-panicked"),
       (["-action", "panic=none"], ["GUEST_PANICKED:run"], "running"),
       (["-no-shutdown"], ["GUEST_PANICKED:pause", "STOP"], "guest-panicked"))
def a_panic(options, events, status):
    with start(*PVPANIC, *options) as vm:
        equal(story(vm, lambda: vm.outb(0x505, 1)), (events, status))
        if isinstance(status, int):
            vm.kill()


@test
def set_action_changes_what_a_panic_does():
    with start(*PVPANIC) as vm:
        vm.qmp("set-action", panic="pause")
        equal(story(vm, lambda: vm.outb(0x505, 1)), (["GUEST_PANICKED:pause", "STOP"], "guest-panicked"))
        vm.qmp("cont")
        equal(vm.qmp("query-status")["status"], "running")


@test
def a_loaded_crash_kernel_runs_on():
    with start(*PVPANIC) as vm:
        equal(vm.inb(0x505), 3)
        equal(story(vm, lambda: vm.outb(0x505, 2)), (["GUEST_CRASHLOADED:run"], "running"))


@cases(("pc-q35-5.1", 1), ("pc-q35-5.2", 3))
def before_5_2_crash_loaded_was_not_offered(machine, events):
    with start(*PVPANIC, machine=machine) as vm:
        equal(vm.inb(0x505), events)


@test
def pvpanic_pci_is_a_function_with_two_bytes_of_memory():
    with start("-device", "pvpanic-pci,addr=3", "-action", "panic=pause") as vm:
        fn = PCI(vm).function(0, 3 << 3)
        equal((fn.r32(0), fn.r32(8)), (0x00111b36, 0x08800001))
        fn.w32(0x10, 0xffffffff)
        equal(fn.r32(0x10), 0xfffffffe)
        fn.w32(0x10, 0xfe000000)
        fn.w16(4, 2)
        equal(vm.readb(0xfe000000), 3)
        equal(story(vm, lambda: vm.writeb(0xfe000000, 1)), (["GUEST_PANICKED:pause", "STOP"], "guest-panicked"))


@test
def before_6_0_there_is_no_pvpanic_pci():
    status, _, err = run("5.2", "-M", "q35", "-S", "-display", "none", "-nodefaults", "-device", "pvpanic-pci")
    equal(status, 1)
    contains(err, "'pvpanic-pci' is not a valid device model name")


@cases((0, 1), (1, 3), (0x10, 33))
def isa_debug_exit_ends_with_a_status_of_the_guest_s(value, status):
    with start("-device", "isa-debug-exit") as vm:
        equal(story(vm, lambda: vm.outb(0x501, value))[1], status)
        vm.kill()


@test
def isa_debugcon_writes_and_tells_that_it_is_there():
    with start("-chardev", "ringbuf,id=c", "-device", "isa-debugcon,chardev=c") as vm:
        for c in b"hello":
            vm.outb(0xe9, c)
        equal((vm.qmp("ringbuf-read", device="c", size=99), vm.inb(0xe9)), ("hello", 0xe9))
    with start("-debugcon", "null") as vm:
        equal(vm.inb(0xe9), 0xe9)


def watchdog_of(vm):
    """Starts the TCO watchdog; returns what makes it fire."""
    lpc = PCI(vm).function(0, 0xf8)
    lpc.w32(0x40, PM | 1)
    lpc.w8(0x44, 0x80)
    lpc.w32(0xf0, 0xfed1c001)
    vm.writel(0xfed1f410, 0)            # GCS: reboot
    vm.outw(PM + 0x60 + 0x12, 4)
    vm.outw(PM + 0x60 + 0x08, 0)
    return lambda: vm.clock_step(2 * 4 * 600000000)


@cases(([], ["WATCHDOG:reset", "RESET:guest-reset"], "running"),
       (["-action", "watchdog=pause"], ["WATCHDOG:pause", "STOP"], "watchdog"),
       (["-action", "watchdog=none"], ["WATCHDOG:none"], "running"),
       (["-watchdog-action", "debug"], ["WATCHDOG:debug"], "running"),
       (["-action", "watchdog=shutdown"], ["WATCHDOG:shutdown", "POWERDOWN"], "running"),
       (["-action", "watchdog=poweroff"], ["WATCHDOG:poweroff"], 0),
       (["-no-reboot"], ["WATCHDOG:reset", "SHUTDOWN:guest-reset"], 0))
def the_tco_watchdog_fires(options, events, status):
    with start(*options) as vm:
        fire = watchdog_of(vm)
        equal(story(vm, fire), (events, status))
        if isinstance(status, int):
            vm.kill()


def sleep(vm, kind):
    lpc = PCI(vm).function(0, 0xf8)
    lpc.w32(0x40, PM | 1)
    lpc.w8(0x44, 0x80)
    return lambda: vm.outw(PM + 4, kind << 10 | 1 << 13 | 1)


@test
def s3_stands_still_until_somebody_wakes_it():
    with start() as vm:
        vm.writel(0x5000, 0x12345678)
        equal(story(vm, sleep(vm, 1)), (["SUSPEND"], "suspended"))
        equal(story(vm, lambda: vm.qmp("cont")), ([], "suspended"))
        equal(story(vm, lambda: vm.qmp("system_wakeup")), (["WAKEUP"], "running"))
        sleep(vm, 1)
        equal((vm.inw(PM) & 0x8100, vm.readl(0x5000)), (0x8100, 0x12345678))


@test
def a_key_wakes():
    with start() as vm:
        story(vm, sleep(vm, 1))
        equal(story(vm, lambda: vm.qmp("send-key", keys=[{"type": "qcode", "data": "a"}])), (["WAKEUP"], "running"))


@cases(True, False)
def the_clocks_alarm_wakes_if_the_chipset_lets_it(lets):
    def cmos(reg, value=None):
        vm.outb(0x70, reg)
        return vm.inb(0x71) if value is None else vm.outb(0x71, value)

    with start("-rtc", "clock=vm") as vm:
        for reg in 1, 3, 5:
            cmos(reg, 0xc0)         # each second
        cmos(11, 0x22)
        fall = sleep(vm, 1)
        vm.outw(PM + 2, lets << 10)
        equal(story(vm, fall), (["SUSPEND"], "suspended"))
        equal(cmos(15), 0xfe)       # what firmware looks for
        if lets:
            equal(story(vm, lambda: vm.clock_step(2000000000)), (["WAKEUP"], "running"))
            sleep(vm, 1)
            equal(vm.inw(PM) & 0x8500, 0x8400)
        else:
            equal(story(vm, lambda: vm.clock_step(2000000000)), ([], "suspended"))


@test
def a_reset_ends_sleep_without_a_wakeup():
    with start() as vm:
        story(vm, sleep(vm, 1))
        equal(story(vm, lambda: vm.qmp("system_reset")), (["RESET:host-qmp-system-reset"], "prelaunch"))
        equal(story(vm, lambda: vm.qmp("cont")), (["RESUME"], "running"))


@test
def a_machine_moves_asleep_and_wakes_there():
    with start() as vm:
        story(vm, sleep(vm, 1))
        vm.save(f"{vm.dir}/s")
        with VM("8.2", ["-M", "pc-q35-8.2", "-m", "16"], qtest=True, stopped=False, incoming=f"exec:cat {vm.dir}/s") as there:
            there.wait_loaded()
            equal(there.qmp("query-status")["status"], "suspended")
            equal(story(there, lambda: there.qmp("system_wakeup"))[1], "running")


@cases((0, ["SHUTDOWN:guest-shutdown"]), (2, ["SUSPEND_DISK", "SHUTDOWN:guest-shutdown"]))
def s5_and_s4_end(kind, events):
    with start() as vm:
        equal(story(vm, sleep(vm, kind)), (events, 0))
        vm.kill()


@test
def a_cpu_that_slept_begins_at_the_reset_vector():
    folder = tempfile.mkdtemp(prefix="godwit")
    try:
        with VM("8.2", ["-M", "q35", "-m", "16", *agent.args(folder)], qtest="tcg", stopped=False) as vm:
            guest = agent.Agent(vm)
            sleep(vm, 1)
            vm.write(0x1010, bytes.fromhex("0124000000000000000000000406000000000000"[:48]))
            vm.writel(0x1010, 0x2401)
            vm.writel(0x101c, PM + 4)
            vm.writel(0x1004, 1)
            vm.writel(0x1000, 1)
            vm.wait("query-status", "status", ("suspended",))
            vm.qmp("system_wakeup")
            vm.wait("query-status", "status", ("running",))
            vm.writel(0x1000, 0)
            equal(guest.access(eax=7, edx=0x80, out=True)[0], 7)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@test
def an_nmi_needs_a_line_that_takes_it():
    with start() as vm:
        equal(vm.qmp("inject-nmi"), {})
        equal(vm.hmp("nmi"), "")


main()
