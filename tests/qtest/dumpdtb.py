#!/usr/bin/env python3
"""-M …,dumpdtb=FILE: the machine as a device tree, read back by a parser of its own and by dtc."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, main, test  # noqa: E402

BUILD = os.environ["GODWIT_BUILD"]
BEGIN, END, PROP, NOP, DONE = 1, 2, 3, 4, 9


def parse(blob):
    """A tree of {"name": node or bytes} from a flattened one."""
    magic, total, structure, strings = struct.unpack(">4I", blob[:16])
    assert magic == 0xD00DFEED and total == len(blob)
    at, stack, root = structure, [], None
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN:
            end = blob.index(b"\0", at)
            node = {}
            if stack:
                assert blob[at:end].decode() not in stack[-1], "two nodes of one name"
                stack[-1][blob[at:end].decode()] = node
            else:
                root = node
            stack.append(node)
            at = (end + 4) & ~3
        elif token == END:
            stack.pop()
        elif token == PROP:
            length, name = struct.unpack_from(">2I", blob, at)
            key = blob[strings + name:blob.index(b"\0", strings + name)].decode()
            assert key not in stack[-1], key
            stack[-1][key] = blob[at + 8:at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        elif token == DONE:
            return root
        else:
            assert token == NOP, token


def cells(value):
    return list(struct.unpack(f">{len(value) // 4}I", value))


def texts(value):
    return value.decode().rstrip("\0").split("\0")


def dump(release, machine, *args):
    with tempfile.TemporaryDirectory() as tmp:
        path = f"{tmp}/machine.dtb"
        p = subprocess.run([f"{BUILD}/godwit-{release}", "-M", f"{machine},dumpdtb={path}", "-nodefaults", "-display",
                            "none", *args], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        assert p.returncode == 0, p.stderr
        with open(path, "rb") as f:
            return f.read()


GUEST = ["-m", "5G", "-smp", "2", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0",
         "-device", "pcie-root-port,id=rp1,chassis=2,addr=2.0,x-pcie-err-unc-mask=on",
         "-device", "virtio-rng-pci,id=rng,bus=rp1"]


def guest():
    return parse(dump("8.0.1", "pc-7.2", *GUEST))


@test
def memory_is_split_around_the_hole():
    root = guest()
    assert cells(root["memory@0"]["reg"]) == [0, 0, 0, 0x80000000]
    assert cells(root["memory@100000000"]["reg"]) == [1, 0, 0, 0xC0000000]
    assert texts(root["godwit,memory-map"]["range@fffc0000"]["label"]) == ["pc.bios"]


@test
def the_host_bridge_has_its_ecam_window_and_ranges():
    host = guest()["pcie@b0000000"]
    assert cells(host["reg"]) == [0, 0xB0000000, 0, 0x10000000]
    assert cells(host["bus-range"]) == [0, 255]
    ranges = cells(host["ranges"])
    assert ranges[7:14] == [0x02000000, 0, 0xC0000000, 0, 0xC0000000, 0, 0x3EC00000], [hex(x) for x in ranges]


@test
def devices_have_their_identity_bars_and_bus_numbers():
    host = guest()["pcie@b0000000"]
    port = host["pci@2"]
    assert texts(port["compatible"]) == ["pci1b36,c"]
    assert cells(port["bus-range"]) == [2, 2] and texts(port["godwit,bus-numbers"]) == ["expected"]
    rng = port["device@0"]
    reg = cells(rng["reg"])
    assert reg[:5] == [0x20000, 0, 0, 0, 0]
    assert all(hi >> 16 & 0xFF == 2 for hi in reg[::5])
    assert reg[5] & 0xFF == 0x14 and reg[9] == 0x1000      # MSI-X
    assert reg[10] == 0x43000000 | 0x20020 and reg[14] == 0x4000     # 64-bit, prefetchable
    assert cells(rng["interrupts"]) == [1]


@test
def interrupts_are_routed_to_the_io_apic():
    root = guest()
    phandle = cells(root["interrupt-controller@fec00000"]["phandle"])[0]
    m = cells(root["pcie@b0000000"]["interrupt-map"])
    routes = {(m[i] >> 11, m[i + 3]): (m[i + 4], m[i + 5]) for i in range(0, len(m), 7)}
    assert routes[(1, 1)] == (phandle, 21) and routes[(1, 4)] == (phandle, 20)
    assert routes[(31, 1)] == (phandle, 16) and routes[(31, 4)] == (phandle, 19)


@test
def properties_say_where_they_come_from():
    devices = guest()["godwit,devices"]["peripheral"]
    assert texts(devices["rp0"]["godwit,properties"]["x-pcie-err-unc-mask"]) == ["off", "compat", "hw_compat_7_2"]
    assert texts(devices["rp1"]["godwit,properties"]["x-pcie-err-unc-mask"]) == ["on", "user"]
    assert texts(devices["rp0"]["godwit,properties"]["chassis"]) == ["1", "user"]
    assert texts(devices["rp0"]["godwit,properties"]["slot"]) == ["0", "default"]
    older = parse(dump("8.0", "pc-7.2", "-m", "16", "-device", "pcie-root-port,id=rp0"))
    assert "x-pcie-err-unc-mask" not in older["godwit,devices"]["peripheral"]["rp0"]["godwit,properties"]


@test
def a_global_is_told_from_a_row():
    root = parse(dump("8.2", "pc-7.2", "-m", "16", "-global", "pci-device.x-pcie-err-unc-mask=on", "-device",
                      "pcie-root-port,id=rp0"))
    properties = root["godwit,devices"]["peripheral"]["rp0"]["godwit,properties"]
    assert texts(properties["x-pcie-err-unc-mask"])[:2] == ["on", "global"]


@test
def every_cpu_is_there():
    root = parse(dump("8.2", "q35", "-m", "16", "-smp", "255"))
    assert sum(n.startswith("cpu@") for n in root["cpus"]) == 255


@test
def dtc_has_nothing_to_say():
    dtc = shutil.which("dtc")
    if not dtc:
        raise Skip("dtc is not installed")
    for args in (["-m", "16"], GUEST, ["-m", "16", "-smp", "4,sockets=2"]):
        for release, machine in (("8.0.1", "pc-7.2"), ("8.2", "q35"), ("5.1", "pc-5.1")):
            if release == "5.1" and args is GUEST:
                continue
            p = subprocess.run([dtc, "-I", "dtb", "-O", "dts", "-o", "/dev/null"], input=dump(release, machine, *args),
                               capture_output=True, timeout=30)
            assert p.returncode == 0 and not p.stderr, p.stderr.decode()


@test
def a_machine_without_a_tree_says_so():
    p = subprocess.run([f"{BUILD}/godwit", "-M", "none,dumpdtb=/dev/null", "-nodefaults", "-display", "none"],
                       capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert p.returncode == 1 and "This machine doesn't have a FDT" in p.stderr, p.stderr


@test
def a_file_that_cannot_be_written_is_an_error():
    p = subprocess.run([f"{BUILD}/godwit", "-M", "q35,dumpdtb=/nonexistent/x", "-nodefaults", "-display", "none"],
                       capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert p.returncode == 1 and "/nonexistent/x" in p.stderr, p.stderr


@test
def what_is_no_regular_file_is_written_to_and_stays():
    with tempfile.TemporaryDirectory() as folder:
        link, target = os.path.join(folder, "link"), os.path.join(folder, "target")
        os.symlink(target, link)
        for option in (["-M", f"q35,dumpdtb={link}"], ["-M", "q35", "-dump-vmstate", link]):
            p = subprocess.run([f"{BUILD}/godwit", *option, "-nodefaults", "-display", "none"], capture_output=True, timeout=30,
                               stdin=subprocess.DEVNULL)
            assert p.returncode == 0 and os.path.islink(link) and os.path.getsize(target) > 1000, (option, p.stderr)
            os.unlink(target)
    p = subprocess.run([f"{BUILD}/godwit", "-M", "q35", "-dump-vmstate", "/dev/stdout", "-nodefaults", "-display", "none"],
                       capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
    assert p.returncode == 0 and b"vmschkmachine" in p.stdout, p.stderr


if __name__ == "__main__":
    main()
