#!/usr/bin/env python3
"""Tiny guests, one architectural fact each: which event ends a piece of code, with what frame, error code and registers. They are assembled into
firmware images (tiny.S), run, and compared with the transcripts in tests/data/tiny-guests, and with QEMU's TCG where it is installed.

With --write, the transcripts become what QEMU's TCG says; DIFFERENT tells where the manuals say otherwise.
"""
import lzma
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tiny_cases
from tap import TESTS, main
from vm import binary

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data", "tiny-guests")
TMP = tempfile.mkdtemp(prefix="tiny")
ROM = 65536
FLAGS, RF = 5, 1 << 16       # where the pushed flags are in a line


def assemble(name, bits, cases):
    """The image: the runtime, the cases, the reset vector."""
    source = os.path.join(TMP, name + ".S")
    with open(source, "w", encoding="utf-8") as out, open(os.path.join(HERE, "tiny.S"), encoding="utf-8") as runtime:
        out.write(runtime.read())
        for i, (_, ring, code) in enumerate(cases):
            out.write(f".code{bits}\ncode_{i}: 0: {code}\n int $0xf0\ncode_{i}_end:\n")
        for i, (title, _, _) in enumerate(cases):
            out.write(f'name_{i}: .asciz "{title.replace(":", " ")}:"\n')
        out.write(".balign 16\ncases:\n")
        for i, (_, ring, _) in enumerate(cases):
            out.write(f".long name_{i}, code_{i}, code_{i}_end - code_{i}, {ring}\n")
        out.write(".long 0\n.org 0xfff0\n.code16\nljmpw $0xf000, $start16 - rom\n.org 0x10000\n")
    obj, image = os.path.join(TMP, name + ".o"), os.path.join(TMP, name + ".bin")
    subprocess.run(["as", "--64" if bits == 64 else "--32", "--defsym", f"BITS={bits}", "-o", obj, source], check=True)
    subprocess.run(["ld", "-m", "elf_x86_64" if bits == 64 else "elf_i386", "-Ttext=0xf0000", "--oformat", "binary", "-e", "start16",
                    "-o", image, obj], check=True, stderr=subprocess.DEVNULL)
    with open(image, "rb") as f:
        if len(f.read()) != ROM:
            raise SystemExit(f"{name}: the image is no {ROM} bytes long")
    return image


def transcript(command, image, serial):
    subprocess.run([*command, "-M", "pc-q35-7.2", "-cpu", "max", "-m", "16", "-nodefaults", "-display", "none", "-no-reboot", "-bios", image,
                    "-serial", "file:" + serial], timeout=10, check=True, stdin=subprocess.DEVNULL)
    with open(serial, encoding="ascii", errors="replace") as f:
        lines = f.read().splitlines()
    if not lines or lines[-1] != "END":
        raise AssertionError(f"{command[0]} ended early: {lines[-1:]}")
    return lines[:-1]


def images():
    """Suites cut into images of at most 64 KiB."""
    for suite, (bits, cases) in tiny_cases.SUITES.items():
        for n in range(0, len(cases), tiny_cases.PER_IMAGE):
            yield f"{suite}-{n // tiny_cases.PER_IMAGE}", bits, cases[n:n + tiny_cases.PER_IMAGE]


def as_the_manual_says(theirs, ours):
    """The peer's lines, but for those in which it is known to be wrong or not to have the mechanism."""
    return [o if o.startswith(tiny_cases.PEERLESS) else tiny_cases.DIFFERENT.get(t.split(":")[0], with_rf(t, o)) for t, o in zip(theirs, ours)]


def with_rf(line, ours):
    """Faults push RF set (SDM vol. 3, 18.3.1.1), which the peer does not do."""
    name, fields = line.split(":")
    fields = fields.split(" ")
    fields[FLAGS] = f"{int(fields[FLAGS], 16) & ~RF | int(ours.split(':')[1].split(' ')[FLAGS], 16) & RF:06x}"
    return name + ":" + " ".join(fields)


def compare(name, got, wanted):
    wrong = [(g, w) for g, w in zip(got, wanted) if g != w]
    if len(got) != len(wanted):
        raise AssertionError(f"{name}: {len(got)} lines, wanted {len(wanted)}")
    if wrong:
        raise AssertionError(f"{name}: {len(wrong)} differ\n" + "\n".join(f"got    {g}\nwanted {w}" for g, w in wrong[:40]))


def check(name, bits, cases):
    image = assemble(name, bits, cases)
    with lzma.open(os.path.join(DATA, name + ".txt.xz"), "rt", encoding="ascii") as f:
        wanted = f.read().splitlines()
    compare(name, transcript([binary("7.2")], image, os.path.join(TMP, name + ".out")), wanted)


def both(name, bits, cases):
    """Our transcript, and what it should be by the peer's."""
    image = assemble(name, bits, cases)
    ours = transcript([binary("7.2")], image, os.path.join(TMP, name + ".out"))
    theirs = transcript([os.environ.get("PEER", "qemu-system-x86_64"), "-accel", "tcg"], image, os.path.join(TMP, name + ".peer"))
    if len(ours) != len(theirs):
        raise AssertionError(f"{name}: {len(ours)} lines, the peer has {len(theirs)}")
    return ours, as_the_manual_says(theirs, ours)


def check_peer(name, bits, cases):
    compare(name, *both(name, bits, cases))


def write():
    os.makedirs(DATA, exist_ok=True)
    for name, bits, cases in images():
        with lzma.open(os.path.join(DATA, name + ".txt.xz"), "wt", encoding="ascii") as f:
            f.write("\n".join(both(name, bits, cases)[1]) + "\n")


if __name__ == "__main__":
    try:
        if "--write" in sys.argv:
            write()
        else:
            for name, bits, cases in images():
                TESTS.append((f"{name}: {len(cases)} facts are as recorded", lambda a=(name, bits, cases): check(*a)))
                if shutil.which(os.environ.get("PEER", "qemu-system-x86_64")) and "PEER" in os.environ:
                    TESTS.append((f"{name}: and as the peer has them", lambda a=(name, bits, cases): check_peer(*a)))
            main()
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
