#!/usr/bin/env python3
"""Tiny guests whose facts (lines on the serial port) are compared with their transcript, NAME.expected beside them.

    facts.py IMAGE …                 godwit ($GODWIT_BUILD/godwit); TAP
    facts.py --peer QEMU IMAGE …     the same with QEMU's TCG, but for what NAME.tcg lists: there it differs
    facts.py --write IMAGE …         writes the transcript from what godwit says: read the difference
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def lines_of(path):
    with open(path, encoding="ascii") as f:
        return [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]


def run(binary, image):
    """What the guest says until its triple fault."""
    command = [binary, "-M", "pc-q35-7.2", "-cpu", "max", "-bios", image, "-display", "none", "-monitor", "none",
               "-serial", "stdio", "-net", "none", "-no-reboot"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    if result.returncode:
        raise RuntimeError(f"exit status {result.returncode}: {result.stderr.decode(errors='replace').strip()[:300]}")
    return result.stdout.decode("ascii", "replace").splitlines()


def check(binary, image, is_peer):
    """Yields (fact, problem or None)."""
    name = os.path.basename(image).removesuffix(".bin")
    wanted = lines_of(f"{HERE}/{name}.expected")
    differs = f"{HERE}/{name}.tcg"
    if is_peer and os.path.exists(differs):
        other = {line.rpartition(": ")[0]: line for line in lines_of(differs)}
        wanted = [other.get(line.rpartition(": ")[0], line) for line in wanted]
    try:
        got = run(binary, image)
    except (RuntimeError, subprocess.TimeoutExpired, OSError) as e:
        got, trouble = [], str(e)
    else:
        trouble = "the guest ended before"
    for i, line in enumerate(wanted):
        fact = f"{name}: {line.rpartition(': ')[0].strip()}"
        said = got[i] if i < len(got) else trouble
        yield fact, None if said == line else f"{said!r}, wanted {line!r}"
    if len(got) > len(wanted):
        yield f"{name}: nothing more", repr(got[len(wanted)])


def main():
    args = sys.argv[1:]
    binary = os.environ.get("GODWIT_BUILD", "build") + "/godwit"
    if args[:1] == ["--write"]:
        for image in args[1:]:
            with open(f"{HERE}/{os.path.basename(image).removesuffix('.bin')}.expected", "w", encoding="ascii") as f:
                f.write("\n".join(run(binary, image)) + "\n")
        return 0
    is_peer = args[:1] == ["--peer"]
    if is_peer:
        binary, args = args[1], args[2:]
    bad = number = 0
    for image in args:
        if is_peer and os.path.basename(image) == "strict.bin":
            continue
        for fact, problem in check(binary, image, is_peer):
            number += 1
            bad += problem is not None
            print(f"{'not ' if problem else ''}ok {number} - {fact.replace('#', 'no. ')}")
            if problem:
                print(f"# {problem}")
    print(f"1..{number}")
    return bad != 0


sys.exit(main())
