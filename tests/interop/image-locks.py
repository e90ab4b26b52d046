#!/usr/bin/env python3
"""Image locks between godwit and QEMU: who keeps whom out, in every combination of uses, is what it is between two QEMUs."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, cases, equal, main  # noqa: E402
from vm import binary  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="godwit-locks")
os.chdir(folder.name)
with open("img", "wb") as f:
    f.truncate(1 << 20)

DRIVE = "-drive if=none,id=d0,file=img,format=raw"
NODES = "-blockdev driver=file,filename=img,node-name=f0 -blockdev driver=raw,file=f0,node-name=d0"
DISK = "-device virtio-blk-pci,drive=d0"
USES = {
    "disk": f"{DRIVE} {DISK}",
    "read-only disk": f"{DRIVE},readonly=on {DISK}",
    "snapshot": f"{DRIVE},snapshot=on {DISK}",
    "shared disk": f"{DRIVE} {DISK},share-rw=on",
    "shared read-only disk": f"{DRIVE},readonly=on {DISK},share-rw=on",
    "nodes": NODES,
    "nodes with a disk": f"{NODES} {DISK}",
    "drive without a disk": DRIVE,
}
W, S, Y = 'Failed to get "write" lock', 'Failed to get shared "write" lock', ""
# Measured between two QEMU 7.2: a row for the first process, a column for the second, in the order above.
EXPECTED = {
    "disk": (W, S, S, W, Y, Y, W, Y),
    "read-only disk": (W, Y, Y, W, Y, Y, W, Y),
    "snapshot": (W, Y, Y, W, Y, Y, W, Y),
    "shared disk": (S, S, S, Y, Y, Y, S, Y),
    "shared read-only disk": (Y, Y, Y, Y, Y, Y, Y, Y),
    "nodes": (Y, Y, Y, Y, Y, Y, Y, Y),
    "nodes with a disk": (W, S, S, W, Y, Y, W, Y),
    "drive without a disk": (Y, Y, Y, Y, Y, Y, Y, Y),
}
GODWIT, QEMU = binary("7.2"), "qemu-system-x86_64"
QUIT = '{"execute":"qmp_capabilities"}{"execute":"quit"}\n'


def command(emulator, use):
    return [emulator, "-M", "q35", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio", *USES[use].split()]


def refusal(emulator, use):
    done = subprocess.run(command(emulator, use), input=QUIT, capture_output=True, text=True, timeout=30)
    if done.returncode == 0:
        return Y
    return next((words for words in (W, S) if words in done.stderr), done.stderr)


@cases(*((a, b, use) for a, b in (("godwit", "QEMU"), ("QEMU", "godwit"), ("godwit", "godwit")) for use in USES))
def processes_exclude_each_other_as_two_qemus_do(first, second, use):
    emulators = {"godwit": GODWIT, "QEMU": QEMU}
    try:
        subprocess.run([QEMU, "--version"], capture_output=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        raise Skip("no qemu-system-x86_64") from None
    holder = subprocess.Popen(command(emulators[first], use), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        holder.stdin.write('{"execute":"qmp_capabilities"}\n')
        holder.stdin.flush()
        holder.stdout.readline()  # the greeting may come before the devices are there
        holder.stdout.readline()
        equal(tuple(refusal(emulators[second], other) for other in USES), EXPECTED[use])
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


main()
