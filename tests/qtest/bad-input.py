#!/usr/bin/env python3
"""Bad input on the command line: status 1 and one line on stderr that says what and where, in QEMU's words."""
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, VMError, binary, run  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="godwit-bad")
os.chdir(folder.name)
for name, size in (("img", 1 << 20), ("zero", 0), ("odd", 1000), ("two", 1 << 20)):
    with open(name, "wb") as f:
        f.truncate(size)
os.mkdir("dir")
BASE = ["-M", "pc-q35-7.2", "-S", "-nodefaults", "-display", "none"]
DISK = ["-drive", "if=none,id=x,format=raw,file=img"]


def refused(args, words, release="8.2"):
    status, out, err = run(release, *BASE, *args, timeout=20)
    equal(status, 1, f"exit status ({err.strip()})")
    contains(err, words)
    lines = err.strip().splitlines()
    if not lines[0].startswith(f"godwit-{release}: "):
        raise AssertionError(f"does not begin with the program's name: {err}")
    allowed = 2 if "machine" in words else 1
    if len(lines) > allowed:
        raise AssertionError(f"{len(lines)} lines: {err}")


@cases(
    ("-foo", "-foo: invalid option"),
    ("-name", "-name: requires an argument"),
    ("-M pc-q35-9.9", 'unsupported machine type: "pc-q35-9.9"'),
    ("-machine foo=1", "Property 'pc-q35-7.2-machine.foo' not found"),
    ("-accel foo", "-accel foo: invalid accelerator foo"),
    ("-device foo", "-device foo: 'foo' is not a valid device model name"),
    ("-device pci-device", "Parameter 'driver' expects a non-abstract device type"),
    ("-device pcie-root-port,foo=1", "Property 'pcie-root-port.foo' not found"),
    ("-device pcie-root-port,bus=nope", "-device pcie-root-port,bus=nope: Bus 'nope' not found"),
    ("-device pcie-root-port,id=a -device pcie-root-port,id=a,chassis=2", "Duplicate"),
    ("-device pcie-root-port,id=1a", "Parameter 'id' expects an identifier"),
    ("-device pcie-root-port,aer_log_max=200", "Invalid aer_log_max 200. The max number of aer log is 128"),
    ("-device pcie-root-port,aer_log_max=70000", "Parameter 'aer_log_max' expects uint16_t"),
    ("-device pcie-root-port,chassis=300", "Parameter 'chassis' expects uint8_t"),
    ("-device pcie-root-port,hotplug=maybe", "Parameter 'hotplug' expects 'on' or 'off'"),
    ("-device pcie-root-port,addr=zz", "Property 'pcie-root-port.addr' doesn't take value 'zz'"),
    ("-device pcie-root-port,addr=20", "Property 'pcie-root-port.addr' doesn't take value '20'"),
    ("-device pcie-root-port,addr=1f.0", "PCI: slot 31 function 0 not available for pcie-root-port, in use by ICH9-LPC"),
    ("-device virtio-blk-pci", "-device virtio-blk-pci: drive property not set"),
    ("-device virtio-blk-pci,drive=nodrive", "drive' can't find value 'nodrive'"),
    ("-device virtio-blk-pci,drive=x,num-queues=0", "num-queues property must be larger than 0"),
    ("-device virtio-blk-pci,drive=x,queue-size=3", "invalid queue-size property (3), must be a power of 2 (max 1024)"),
    ("-device virtio-blk-pci,drive=x,logical_block_size=3", "logical_block_size"),
    ("-drive if=none,id=y,format=raw,file=absent", "Could not open 'absent': No such file or directory"),
    ("-drive if=none,id=y,format=raw,file=dir", "'file' driver requires 'dir' to be a regular file"),
    ("-drive if=none,id=y,format=nope,file=img", "Unknown driver 'nope'"),
    ("-drive if=none,id=y,format=raw,file=img,foo=1", "does not support the option 'foo'"),
    ("-drive if=wrong,file=img", "unsupported bus type 'wrong'"),
    ("-blockdev driver=file,filename=two", "'node-name' must be specified for the root node"),
    ("-blockdev driver=nope,node-name=y", "Parameter 'driver' does not accept value 'nope'"),
    ("-blockdev {\"driver\":", "JSON parse error"),
    ("-smp abc", "expects integer"),
    ("-smp 0", "must be greater than zero"),
    ("-smp 256", "current -smp configuration requires kernel irqchip and X2APIC API support"),
    ("-smp 289", "Invalid SMP CPUs 289"),
    ("-m abc", "Parameter 'size' expects a non-negative number below 2^64"),
    ("-uuid abc", "failed to parse UUID string: wrong format"),
    ("-qmp unix:/nonexistent/x,server=on,wait=off", "Failed to bind socket to /nonexistent/x: No such file or directory"),
    ("-qmp unix:dir,server=on,wait=off", "Failed to unlink socket dir: Is a directory"),
    ("-qmp nope:x", "nope"),
    ("-global foo", "foo"),
    ("-global pcie-root-port.nope=1 -device pcie-root-port", "can't apply global pcie-root-port.nope=1: Property 'pcie-root-port.nope' not found"),
    ("-incoming foo", "unknown migration protocol: foo"),
    ("-object foo,id=a", "foo"),
    ("-chardev foo,id=a", "foo"),
    ("-icount shift=11", "-icount shift=11: icount: Invalid shift value"),
    ("-icount shift=1,align=on,sleep=off", "align=on and sleep=off are incompatible"),
)
def refuses(args, words):
    refused(DISK + args.split() if "drive=x" in args else args.split(), words)


@cases("-preconfig", "-numa node", "-compat deprecated-input=reject", "-gdb tcp::1234", "-s", "-acpitable file=x",
       "-virtfs local", "-plugin x")
def option_of_qemus_that_does_nothing_here_is_refused_by_name(text):
    status, _, said = run("7.2", "-M", "q35", "-nodefaults", "-display", "none", "-S", *text.split())
    equal((status, said), (1, f"godwit-7.2: {text}: Option not supported\n"))


@test
def unreadable_disk_is_refused():
    if os.geteuid() == 0:     # root reads everything: a file of a file system that denies it
        return refused(["-drive", "if=none,id=y,format=raw,file=/proc/sys/vm/compact_memory"], "Could not open")
    with open("secret", "w"):
        os.chmod("secret", 0)
    refused(["-drive", "if=none,id=y,format=raw,file=secret"], "Permission denied")


@test
def disk_locked_by_another_process_is_refused():
    args = [*BASE, "-drive", "if=none,id=y,format=raw,file=two", "-device", "virtio-blk-pci,drive=y"]
    with VM("8.2", args[3:]):
        status, _, err = run("8.2", *args, timeout=20)
        equal(status, 1)
        contains(err, 'Failed to get "write" lock')
        equal(len(err.strip().splitlines()) <= 2, True, err)


@test
def disk_shared_on_purpose_is_taken_twice():
    args = ["-M", "pc-q35-7.2", "-blockdev", "driver=file,filename=two,node-name=y", "-device", "virtio-blk-pci,drive=y,share-rw=on"]
    with VM("8.2", args), VM("8.2", args):
        pass


def sectors_of(name):
    with VM("8.2", ["-M", "pc-q35-7.2", "-drive", f"if=none,id=y,format=raw,file={name}", "-device", "virtio-blk-pci,drive=y"]) as vm:
        return next(b for b in vm.qmp("query-block") if b["device"] == "y")["inserted"]["image"]["virtual-size"]


@test
def zero_length_disk_is_an_empty_disk():
    equal(sectors_of("zero"), 0)


@test
def disk_that_ends_within_a_sector_is_rounded_up():
    equal(sectors_of("odd"), 1024)


@test
def stale_socket_path_is_taken_over():
    stale = socket.socket(socket.AF_UNIX)
    stale.bind("stale")
    stale.close()
    p = subprocess.Popen([binary("8.2"), *BASE, "-qmp", "unix:stale,server=on,wait=off"], stdin=subprocess.DEVNULL)
    try:
        for _ in range(200):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(0.05)
            try:
                s.connect("stale")
                contains(s.recv(100).decode(), "QMP")
                return
            except OSError:
                s.close()
                try:
                    p.wait(0.02)
                except subprocess.TimeoutExpired:
                    pass
        raise AssertionError("nobody listens")
    finally:
        p.kill()
        p.wait()


@test
def no_memory_given_means_the_default():
    with VM("8.2", ["-M", "pc-q35-7.2", "-m", "0"]) as vm:
        equal(vm.qmp("query-memory-size-summary")["base-memory"], 128 << 20)


@cases("1", "2", "255")
def smp_is_accepted(n):
    with VM("8.2", ["-M", "pc-q35-7.2", "-smp", n]) as vm:
        equal(len(vm.qmp("query-cpus-fast")), int(n))


@test
def failed_hot_plug_leaves_nothing():
    with VM("8.2", ["-M", "pc-q35-7.2", "-device", "pcie-root-port,id=rp0"]) as vm:
        before = vm.qmp("qom-list", path="/machine/peripheral")
        for _ in range(3):
            try:
                vm.qmp("device_add", driver="virtio-blk-pci", id="b", bus="rp0")
            except VMError as e:
                contains(str(e), "drive property not set")
            else:
                raise AssertionError("it was taken")
        equal(vm.qmp("qom-list", path="/machine/peripheral"), before)


if __name__ == "__main__":
    main()
