#!/usr/bin/env python3
"""Named states: savevm, loadvm, delvm and info snapshots, -loadvm, in a folder that is given or beside the first disk, between
builds too."""
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, VMError, run  # noqa: E402

TMP = tempfile.mkdtemp(prefix="snapshots")
MIB = 1 << 20
PORT = "pcie-root-port,id=rp0,chassis=1,addr=1.0"
numbers = iter(range(1000000))


def fresh(what="dir"):
    return os.path.join(TMP, f"{what}{next(numbers)}")


def machine(folder=None, release="8.2", port=PORT, args=(), running=True):
    place = f",snapshot-dir={folder}" if folder else ""
    return VM(release, ["-M", "pc-7.2" + place, "-m", "16", "-device", port, *args], qtest=True, stopped=not running)


def disk():
    path = fresh("disk")
    with open(path, "wb") as f:
        f.truncate(MIB)
    return path, ["-blockdev", f"driver=file,filename={path},node-name=d0", "-device", "virtio-blk-pci,drive=d0,bus=rp0"]


@cases(True, False)
def state_comes_back_and_what_ran_runs(running):
    with machine(fresh(), running=running) as vm:
        vm.writeq(MIB, 1)
        equal(vm.hmp("savevm one"), "")
        before = vm.qmp("query-status")
        vm.writeq(MIB, 2)
        equal(vm.hmp("savevm two"), "")
        vm.writeq(MIB, 3)
        for name, value in (("one", 1), ("two", 2), ("one", 1)):
            equal(vm.hmp(f"loadvm {name}"), "")
            equal(vm.readq(MIB), value)
            equal(vm.qmp("query-status")["running"], before["running"])


@test
def a_new_process_begins_with_a_state():
    folder = fresh()
    with machine(folder) as vm:
        vm.writeq(MIB, 77)
        vm.hmp("savevm here")
    with machine(folder, args=["-loadvm", "here"]) as vm:
        equal((vm.readq(MIB), vm.qmp("query-status")["status"]), (77, "running"))
    with machine(folder, args=["-loadvm", "here"], running=False) as vm:
        equal((vm.readq(MIB), vm.qmp("query-status")["running"]), (77, False))


@test
def states_are_listed_replaced_and_removed():
    folder = fresh()
    with machine(folder) as vm:
        equal(vm.hmp("info snapshots"), "There is no snapshot available.\n")
        vm.hmp("savevm b")
        vm.hmp("savevm a")
        vm.writeq(MIB, 5)
        vm.hmp("savevm b")
        said = vm.hmp("info snapshots").splitlines()
        equal(said[:2], ["List of snapshots present on all disks:",
                         "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT"])
        equal([bool(re.match(rf"--        {tag} +[\d.]+ [KM]iB +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d +\d\d:\d\d:\d\d\.\d{{3}} *$", line))
               for tag, line in zip("ab", said[2:])], [True, True])
        equal(len(said), 4)
        equal(sorted(os.listdir(folder)), ["a.qevm", "b.qevm"])
        vm.writeq(MIB, 0)
        vm.hmp("loadvm b")
        equal(vm.readq(MIB), 5)
        equal(vm.hmp("delvm a"), "")
        equal(os.listdir(folder), ["b.qevm"])
        contains(vm.hmp("delvm a"), "Snapshot 'a' does not exist in one or more devices")


@test
def without_a_folder_they_are_beside_the_first_disk():
    path, args = disk()
    with machine(args=args) as vm:
        equal(vm.hmp("savevm x"), "")
    equal(os.listdir(path + ".snapshots"), ["x.qevm"])
    with machine(args=[*args, "-loadvm", "x"]) as vm:
        equal(vm.qmp("query-status")["status"], "running")


@test
def a_disk_that_was_written_since_is_warned_about():
    path, args = disk()
    with machine(args=args) as vm:
        vm.hmp("savevm x")
    with machine(args=[*args, "-loadvm", "x"]) as vm:
        equal(vm.stderr(), "")
    with open(path, "r+b") as f:
        f.write(b"new")
    with machine(args=[*args, "-loadvm", "x"]) as vm:
        contains(vm.stderr(), f"warning: {path} was written after the state was saved: the guest may find it damaged")


@cases(("savevm x", "no block device can store vmstate for snapshot"), ("loadvm x", "no block device can store vmstate for snapshot"))
def with_neither_folder_nor_disk_it_is_refused(line, words):
    with machine() as vm:
        equal(vm.hmp(line), f"Error: {words}\n")
        equal(vm.qmp("query-status")["status"], "running")


@cases("a/b", "../x", ".hidden", "x" * 201)
def a_name_that_leaves_the_folder_is_refused(name):
    with machine(fresh()) as vm:
        for line in (f"savevm {name}", f"loadvm {name}", f"delvm {name}"):
            contains(vm.hmp(line), "can't be the name of a snapshot")


@test
def a_state_that_is_not_there_leaves_the_machine_alone():
    folder = fresh()
    with machine(folder) as vm:
        vm.writeq(MIB, 9)
        equal(vm.hmp("loadvm none"), "Error: Snapshot 'none' does not exist in one or more devices\n")
        equal((vm.readq(MIB), vm.qmp("query-status")["status"]), (9, "running"))
    status, _, said = run("8.2", "-M", f"pc-7.2,snapshot-dir={folder}", "-nodefaults", "-display", "none", "-loadvm", "none")
    equal(status, 1)
    contains(said, "Snapshot 'none' does not exist in one or more devices")


@test
def a_damaged_state_is_refused_and_the_machine_can_load_another():
    folder = fresh()
    with machine(folder) as vm:
        vm.writeq(MIB, 9)
        vm.hmp("savevm good")
        with open(f"{folder}/good.qevm", "rb") as f:
            data = f.read()
        with open(f"{folder}/bad.qevm", "wb") as f:
            f.write(data[:len(data) // 2])
        contains(vm.hmp("loadvm bad"), "Error while loading VM state")
        equal(vm.qmp("query-status")["status"], "paused")
        equal(vm.hmp("loadvm good"), "")
        equal(vm.readq(MIB), 9)


@test
def a_state_of_another_release_is_taken_or_refused_as_a_stream_is():
    folder = fresh()
    with machine(folder, release="8.0") as vm:
        vm.hmp("savevm old")
    try:
        with machine(folder, release="8.0.1", args=["-loadvm", "old"]):
            raise AssertionError("it was taken")
    except VMError as e:
        contains(str(e), "PCI_ERR_UNCOR_MASK")
    with machine(folder, release="8.0.1", port=PORT + ",x-pcie-err-unc-mask=on", args=["-loadvm", "old"]) as vm:
        contains(vm.hmp("info trail"), "carried since release 8.0")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
