#!/usr/bin/env python3
"""The compatibility story between releases: saved in one build, loaded in another, with the outcome that it tells."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test
from vm import BUILD, VM, run, try_load

TMP = tempfile.mkdtemp(prefix="story")
DISK = os.path.join(TMP, "disk.img")
with open(DISK, "wb") as f:
    f.truncate(16 << 20)
MASK_ON = ",x-pcie-err-unc-mask=on"


def guest(machine, port="", blk="", smp=1, more=()):
    return ["-M", machine, "-m", "16", "-smp", str(smp),
            "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0" + port,
            "-drive", f"if=none,id=d0,file={DISK},format=raw,snapshot=on",
            "-device", "virtio-blk-pci,id=blk0,drive=d0,bus=rp0" + blk, *more]


def move(source, target, machine, smp=1, source_port="", target_port="", source_blk="", target_blk="", source_more=(),
         target_more=()):
    path = os.path.join(TMP, "stream")
    with VM(source, guest(machine, source_port, source_blk, smp, source_more)) as vm:
        vm.save(path)
    return try_load(target, guest(machine, target_port, target_blk, smp, target_more), path)


def loads(result):
    ok, said = result
    equal(ok, True, said)
    return said


def refused(result, *words):
    ok, said = result
    equal(ok, False, "it loaded")
    for word in words:
        contains(said, word)
    return said


def ledger_of(path):
    with open(path, "rb") as f:
        data = f.read()
    return json.loads(data[data.rindex(b"{", 0, data.rindex(b'"page_size"')):])["godwit"]


# ------------------------------------------------------------------ 5.1 and 5.2

@cases(("5.2", "5.2", "pc-5.2"), ("5.1", "5.1", "pc-5.1"), ("5.2", "5.2", "pc-5.1"), ("5.2", "5.1", "pc-5.1"), ("5.1", "5.2", "pc-5.1"))
def of_the_six_combinations_this_one_works(source, target, machine):
    loads(move(source, target, machine, smp=4))


@test
def the_sixth_combination_is_impossible():
    status, _, said = run("5.1", "-M", "pc-5.2", "-S", "-display", "none")
    equal(status, 1)
    contains(said, 'unsupported machine type: "pc-5.2"')


@cases(("5.2", "pc-5.2", 4), ("5.2", "pc-5.1", 1), ("5.1", "pc-5.1", 1))
def queues_with_four_cpus(release, machine, want):
    with VM(release, guest(machine, smp=4)) as vm:
        equal(vm.qmp("qom-get", path="/machine/peripheral/blk0/virtio-backend", property="num-queues"), want)


@test
def four_queues_do_not_fit_into_one():
    refused(move("5.2", "5.2", "pc-5.2", smp=4, target_blk=",num-queues=1"),
            "get_pci_config_device: Bad config data: i=0xde read: 4 device: 1 cmask: ff wmask: 0 w1cmask:0",
            "Failed to load virtio-blk:virtio", "PCI_MSIX_FLAGS", "num-queues is 4 on the source, 1 here", "num-queues=4")


@test
def one_queue_does_not_fit_into_four():
    refused(move("5.2", "5.2", "pc-5.2", smp=4, source_blk=",num-queues=1"),
            "Bad config data: i=0xde read: 1 device: 4", "num-queues is 1 on the source, 4 here", "num-queues=1")


@test
def a_double_migration_keeps_the_one_queue():
    first, second = os.path.join(TMP, "first"), os.path.join(TMP, "second")
    with VM("5.1", guest("pc-5.1", smp=4)) as a:
        a.save(first)
    with VM("5.2", guest("pc-5.1", smp=4), incoming=f"exec:cat {first}") as b:
        b.wait_loaded()
        b.save(second)
    loads(try_load("5.2", guest("pc-5.1", smp=4), second))
    equal([hop["release"] for hop in ledger_of(second)["trail"]], ["5.1"])


# ------------------------------------------------------------------ 7.2, 8.0, 8.0.1

WORKS = {("7.2", "7.2"), ("8.0", "8.0"), ("8.0.1", "8.0.1"), ("7.2", "8.0.1"), ("8.0.1", "7.2")}
REGISTER = ("PCI_ERR_UNCOR_MASK", "offset 0x8 in the AER capability", "0x108", "x-pcie-err-unc-mask", "8.0.1")


@cases(*[(s, d) for s in ("7.2", "8.0", "8.0.1") for d in ("7.2", "8.0", "8.0.1")])
def of_the_nine_pairs_this_one_is_as_told(source, target):
    result = move(source, target, "pc-7.2")
    if (source, target) in WORKS:
        loads(result)
    else:
        refused(result, "load of migration failed: Invalid argument", *REGISTER)


@cases("7.2", "8.0.1")
def qemus_words_come_first_from_8_0_to(target):
    said = refused(move("8.0", target, "pc-7.2"))
    lines = [line.split(": ", 1)[1] for line in said[said.index("godwit-"):].splitlines() if ": " in line]
    equal(lines[:5], [
        "get_pci_config_device: Bad config data: i=0x10a read: 40 device: 0 cmask: ff wmask: 0 w1cmask:0",
        "Failed to load PCIDevice:config",
        "Failed to load pcie-root-port:parent_obj.parent_obj.parent_obj",
        "error while loading state for instance 0x0 of device '0000:00:01.0/pcie-root-port'",
        "load of migration failed: Invalid argument"])
    contains(said, "bits 0x02400000 differ")


@test
def a_refusal_names_the_bits_and_the_side_to_act_on():
    contains(refused(move("8.0", "8.0.1", "pc-7.2")),
             "start this side with -device pcie-root-port,id=rp0,...,x-pcie-err-unc-mask=on")
    said = refused(move("8.0.1", "8.0", "pc-7.2"), "bits 0x03fff030", "release 8.0 can't set x-pcie-err-unc-mask on this side")
    contains(said, "power the guest on, on the source, with -device pcie-root-port,id=rp0,...,x-pcie-err-unc-mask=on")
    said = refused(move("8.0", "7.2", "pc-7.2"), "release 7.2 can't set x-pcie-err-unc-mask on this side")
    contains(said, "a destination of release 8.0.1 or later loads with -device pcie-root-port,id=rp0,...,x-pcie-err-unc-mask=on")


@test
def drift_can_be_allowed_as_qemu_does():
    said = loads(move("7.2", "8.0", "pc-7.2", target_more=["-global", "migration.x-allow-drift=on"]))
    contains(said, "warning: the machine changes under its guest: device 'rp0' (pcie-root-port): x-pcie-err-unc-mask is on, was off")


@test
def without_a_device_that_has_the_register_every_pair_works():
    for source, target in (("7.2", "8.0"), ("8.0", "7.2"), ("8.0", "8.0.1"), ("8.0.1", "8.0")):
        path = os.path.join(TMP, "bare")
        args = ["-M", "pc-7.2", "-m", "16", "-device", "virtio-rng-pci,id=rng0"]
        with VM(source, args) as vm:
            vm.save(path)
        loads(try_load(target, args, path))


# ------------------------------------------------------------------ the mitigation

@test
def the_property_repairs_8_0_to_8_0_1():
    loads(move("8.0", "8.0.1", "pc-7.2", target_port=MASK_ON))


@test
def the_override_is_carried_along_the_chain():
    first, second, third = (os.path.join(TMP, name) for name in ("chain1", "chain2", "chain3"))
    carried = {"property": "x-pcie-err-unc-mask", "value": "on", "since": "8.0", "id": "rp0",
               "text": "carried since release 8.0, until power-off"}

    def check(path, hops):
        ledger = ledger_of(path)
        equal([hop["release"] for hop in ledger["trail"]], hops)
        equal([{k: entry[k] for k in carried} for entry in ledger["carried"]], [carried])

    with VM("8.0", guest("pc-7.2")) as vm:
        vm.save(first)
    check(first, [])
    with VM("8.0.1", guest("pc-7.2", MASK_ON), incoming=f"exec:cat {first}") as vm:
        vm.wait_loaded()
        contains(vm.hmp("info trail"), "rp0: x-pcie-err-unc-mask=on, carried since release 8.0, until power-off")
        vm.qmp("system_reset")          # no power-off
        vm.wait_event("RESET")
        vm.save(second)
    check(second, ["8.0"])
    refused(try_load("8.2", guest("pc-7.2"), second), *REGISTER)
    with VM("8.2", guest("pc-7.2", MASK_ON), incoming=f"exec:cat {second}") as vm:
        vm.wait_loaded()
        vm.save(third)
    check(third, ["8.0", "8.0.1"])


@test
def after_power_off_the_default_works_again():
    loads(move("8.0.1", "8.2", "pc-7.2"))
    path = os.path.join(TMP, "fresh")
    with VM("8.0.1", guest("pc-7.2")) as vm:
        vm.save(path)
    equal((ledger_of(path)["trail"], ledger_of(path)["carried"]), ([], []))


@test
def an_override_of_ones_own_is_carried_since_this_release():
    path = os.path.join(TMP, "own")
    with VM("8.0.1", guest("pc-7.2", MASK_ON)) as vm:
        vm.save(path)
    equal([(c["property"], c["since"]) for c in ledger_of(path)["carried"]], [("x-pcie-err-unc-mask", "8.0.1")])
    refused(try_load("8.2", guest("pc-7.2"), path), "Bad config data: i=0x10a read: 40 device: 0")
    loads(try_load("8.2", guest("pc-7.2", MASK_ON), path))


@test
def a_hop_that_drops_what_is_carried_is_warned_about():
    path = os.path.join(TMP, "drop")
    with VM("8.0", guest("pc-7.2")) as vm:
        vm.save(path)
    with open(path, "rb") as f:
        data = bytearray(f.read())
    # The guest cleared the register: nothing in config space differs any more, and QEMU would take it.
    at = data.index(b"pcie-root-port\0\0\0\0\0\0\0\1") + 22 + 4 + 0x108
    equal(data[at:at + 4], bytes.fromhex("00004002"))
    data[at:at + 4] = bytes(4)
    with open(path, "wb") as f:
        f.write(data)
    refused(try_load("8.0.1", guest("pc-7.2"), path), "drift", *REGISTER)
    ok, said = try_load("8.0.1", guest("pc-7.2", more=["-global", "migration.x-allow-drift=on"]), path)
    equal(ok, True, said)
    contains(said, "warning: x-pcie-err-unc-mask=on of rp0, carried since release 8.0, until power-off, is dropped in this hop")


@test
def the_release_window_has_no_property():
    status, _, said = run("8.0", "-M", "pc-7.2", "-S", "-display", "none", "-device", "pcie-root-port" + MASK_ON)
    equal(status, 1)
    contains(said, "Property 'pcie-root-port.x-pcie-err-unc-mask' not found")


# ------------------------------------------------------------------ two hosts

COMMON = "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx lm pni arch-capabilities"
HOSTS = {"A": "pcid stibp", "B": "taa-no"}
for host, features in HOSTS.items():
    with open(os.path.join(TMP, host), "w") as f:
        f.write(f"vendor GenuineIntel\nfamily 6\nmodel 85\nstepping 7\nmodel-id A Processor\nfeatures {COMMON} {features}\n")


def between_hosts(source, source_cpu, target, target_cpu):
    def args(host, cpu):
        return ["-M", "pc-q35-8.2", "-m", "16", "-accel", f"tcg,x-host-cpu={TMP}/{host}", "-cpu", cpu]
    path = os.path.join(TMP, "hosts")
    with VM("8.2", args(source, source_cpu)) as vm:
        vm.save(path)
    return try_load("8.2", args(target, target_cpu), path)


@cases(("A", "B", "pcid, stibp", "taa-no"), ("B", "A", "taa-no", "pcid, stibp"))
def cpu_host_of_one_host_is_not_that_of_the_other(source, target, lost, gained):
    refused(between_hosts(source, "host", target, "host"),
            f"the guest's CPU has features that this side's has not: {lost}",
            f"this side's CPU has features that the guest's has not: {gained}",
            "-cpu host,pcid=off,stibp=off", "-cpu host,taa-no=off")


@cases(("A", "host,pcid=off,stibp=off", "B", "host,taa-no=off"), ("B", "host,taa-no=off", "A", "host,pcid=off,stibp=off"),
       ("A", "host", "A", "host"), ("A", "qemu64", "B", "qemu64"))
def what_both_hosts_have_moves(source, source_cpu, target, target_cpu):
    loads(between_hosts(source, source_cpu, target, target_cpu))


@test
def another_cpu_model_is_refused():
    refused(between_hosts("A", "qemu64", "A", "qemu64,family=6"), "cpu differs", "family 15, this side's of family 6")


@cases(*[(s, d, m) for m, rs in (("pc-5.1", ("5.1", "5.2", "7.2", "8.2")), ("pc-7.2", ("7.2", "8.0.1", "8.2"))) for s in rs for d in rs])
def the_default_cpu_is_the_same_in_every_release(source, target, machine):
    path = os.path.join(TMP, "cpu")
    with VM(source, ["-M", machine, "-m", "16"]) as vm:
        vm.save(path)
    loads(try_load(target, ["-M", machine, "-m", "16"], path))


# ------------------------------------------------------------------ other rows of the history

SLT = ",x-pci-express-writeable-slt-bug="


@cases(
    ("8.1", "8.2", "pc-8.1", {"target_port": SLT + "false"}, ("PCI_SEC_LATENCY_TIMER", "x-pci-express-writeable-slt-bug")),
    ("8.2", "8.2", "pc-8.2", {"source_port": SLT + "true"}, ("PCI_SEC_LATENCY_TIMER", "x-pci-express-writeable-slt-bug")),
    ("5.2", "8.2", "pc-5.2", {"target_blk": ",report-discard-granularity=on"}, ("report-discard-granularity is off on the source",)),
    ("5.2", "8.2", "pc-5.2", {"target_more": ["-global", "ICH9-LPC.smm-compat=off"]}, ("smm-compat is on on the source",)),
    ("7.2", "8.0.1", "pc-6.1", {"target_more": ["-global", "ICH9-LPC.x-keep-pci-slot-hpc=true"]},
     ("Bad config data: i=0x34", "PCI_EXP_SLTCAP, 0x68 in config space", "x-keep-pci-slot-hpc is off on the source, on here")),
    ("7.2", "8.0.1", "pc-7.2", {"target_more": ["-global", "ICH9-LPC.noreboot=false"]}, ("noreboot is on on the source",)),
    ("7.2", "8.2", "pc-7.1", {"target_blk": ",queue_reset=true"}, ("queue_reset is off on the source",)),
    ("7.2", "8.2", "pc-6.0", {"target_more": ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=on"]},
     ("acpi-pci-hotplug-with-bridge-support",)),
)
def the_row_makes_both_sides_agree_and_an_override_does_not(source, target, machine, override, words):
    loads(move(source, target, machine))
    refused(move(source, target, machine, **override), *words)


@test
def a_difference_in_a_capability_that_is_not_there_is_none():
    loads(move("5.1", "5.2", "pc-5.1"))     # x-ats-page-aligned differs, but ats=off
    refused(move("5.1", "5.2", "pc-5.1", source_blk=",ats=on", target_blk=",ats=on"), "ATS")


@test
def the_picture_in_the_documents_is_what_happens():
    drawn, root = os.path.join(TMP, "story.svg"), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    subprocess.run([os.path.join(root, "scripts", "draw-story"), BUILD, drawn], check=True, timeout=120)
    with open(drawn) as f, open(os.path.join(root, "docs", "story.svg")) as documents:
        equal(f.read(), documents.read(), "run scripts/draw-story")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
