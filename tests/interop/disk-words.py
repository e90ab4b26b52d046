#!/usr/bin/env python3
"""What -drive, -blockdev and -device virtio-blk-pci refuse, and in which words, is what QEMU 7.2 does with the same text."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, cases, equal, main  # noqa: E402
from vm import binary  # noqa: E402

GODWIT, QEMU = os.path.abspath(binary("7.2")), "qemu-system-x86_64"
folder = tempfile.TemporaryDirectory(prefix="godwit-words")
os.chdir(folder.name)
os.mkdir("dir")
for name, size in (("img", 1 << 20), ("odd", 1000), ("zero", 0)):
    with open(name, "wb") as f:
        f.truncate(size)

DRIVE, DISK = "-drive if=none,id=d0,format=raw", "-device virtio-blk-pci,drive=d0"
FILE, RAW = "-blockdev driver=file,filename=img,node-name=f0", "-blockdev driver=raw,file=f0,node-name=d0"
NESTED = "-blockdev driver=raw,node-name=d0,file.driver=file,file.filename=img"

drives = [f"{DRIVE},{options}" for options in (
    "file=absent", "file=dir", "file=zero", "file=odd", "file=/dev/null", "file=", "file=img,cache=foo",
    "file=img,aio=foo",
    "file=img,aio=native", "file=img,aio=native,cache=none", "file=img,discard=foo", "file=img,detect-zeroes=foo",
    "file=img,detect-zeroes=unmap", "file=img,rerror=foo", "file=img,rerror=enospc", "file=img,werror=foo",
    "file=img,snapshot=foo", "file=img,media=foo", "file=img,media=cdrom", "file=img,foo=bar", "file=img,index=foo",
    "file=img,readonly=on,read-only=off", "file=img,readonly=foo", "file=img,node-name=d0", "file=img,node-name=1x",
    "file=foo:bar", "file=./foo:bar", "file=file:img", "file=host_device:img", "file=img,serial=x",
    "file=img,locking=foo",
    "file=img,file.locking=foo", "file=img,file.locking=off", "file.filename=img,file.driver=file", "file.foo=img",
    "file=img,file.foo=1", "file=img,offset=512,size=1000", "file=img,offset=512,size=1024", "file=img,offset=2M",
    "file=img,size=2M", "file=img,throttling.foo=5", "file=img,cache.writeback=foo", "file=img,driver=raw")]
drives += [
    DRIVE, f"{DRIVE},file=img {DRIVE},file=odd", "-drive if=none,id=d0,file=img,format=foo",
    "-drive if=foo,id=d0,file=img,format=raw",
    "-drive if=virtio,format=raw,file=img,index=0 -drive if=virtio,format=raw,file=odd,index=0",
    "-drive if=virtio", "-drive if=virtio,file=img,format=raw,unit=1,bus=0,index=1", "-drive if=scsi,format=raw,file=img",
    "-drive if=none,id=d0,driver=file,file.filename=img", "-drive if=none,id=d0,driver=null-co,size=1G",
    f"-blockdev driver=null-co,node-name=d0 {DRIVE},file=img", "-drive if=none,id=d0,foo=on",
]
nodes = [
    FILE, f"{FILE},foo=1", "-blockdev driver=file,node-name=f0", "-blockdev driver=file,filename=absent,node-name=f0",
    "-blockdev filename=img,node-name=f0", "-blockdev driver=foo,node-name=f0", "-blockdev driver=file,filename=img",
    f"{FILE} {FILE}", RAW, "-blockdev driver=raw,node-name=r0", f"{FILE} {RAW} {DISK}", f"{FILE} {RAW} {DISK} {DISK}",
    f"{FILE} {RAW} {DISK},id=x -device virtio-blk-pci,drive=f0,id=y", f"{NESTED},read-only=foo",
    f"{NESTED},cache.foo=on",
    f"{NESTED},read-only=off,file.read-only=on {DISK}", f"{NESTED},cache=on", f"{NESTED},offset=foo",
    f"{NESTED},size=3",
    '-blockdev {"driver":"file","filename":"img","node-name":"f0","read-only":1}',
    '-blockdev {"driver":"file","filename":7,"node-name":"f0"}',
    '-blockdev {"driver":"file","filename":"img","node-name":"f0","discard":"x"}',
    '-blockdev {"driver":"file","filename":"img","node-name":"f0","pr-manager":"x"}',
    '-blockdev {"driver":"file","filename":"img","node-name":"f0","detect-zeroes":"unmap"}',
    '-blockdev {"driver":"file","filename":"dir","node-name":"f0"}',
    '-blockdev {"driver":"file","filename":"/dev/null","node-name":"f0"}',
    '-blockdev {"driver":"host_device","filename":"img","node-name":"f0"}',
    "-blockdev driver=null-co,node-name=n0,size=1K",
    "-blockdev driver=null-co,node-name=n0,latency-ns=-1", "-blockdev driver=null-aio,node-name=n0,foo=on",
]
disks = [f"{DRIVE},file=img {DISK}{options}" for options in (
    "", f" {DISK}", ",num-queues=0", ",num-queues=1024", ",queue-size=0", ",queue-size=2", ",queue-size=3",
    ",queue-size=2048",
    ",logical_block_size=256", ",logical_block_size=1000", ",logical_block_size=4M", ",logical_block_size=4096",
    ",logical_block_size=4k,physical_block_size=4k", ",min_io_size=1000", ",min_io_size=33554432", ",opt_io_size=1000",
    ",discard_granularity=1000", ",discard_granularity=4G", ",max-discard-sectors=0",
    ",max-write-zeroes-sectors=4194304",
    ",rerror=enospc", ",werror=foo", ",cyls=5", ",cyls=5,heads=3,secs=3", ",cyls=70000,heads=3,secs=3",
    ",cyls=65535,heads=255,secs=256", ",scsi=on", ",bootindex=5", ",write-cache=foo", ",share-rw=foo", ",iothread=foo",
    ",vectors=0", ",packed=on")]
disks += [f"-drive if=none,id=d0 {DISK}", "-device virtio-blk-pci", "-device virtio-blk-pci,drive=x",
    "-device virtio-blk-pci,drive=",
          f"{DRIVE},file=img -device virtio-blk-device,drive=d0"]


def answer(emulator, args):
    p = subprocess.run([emulator, "-M", "q35", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio", *args.split()],
                       input='{"execute":"qmp_capabilities"}{"execute":"quit"}\n',
                       capture_output=True, text=True, timeout=60)
    return p.returncode, "\n".join(line.split(": ", 1)[-1] for line in p.stderr.strip().splitlines())


@cases(*drives, *nodes, *disks)
def the_answer_is_qemus(args):
    if not shutil.which(QEMU):
        raise Skip("no qemu-system-x86_64")
    equal(answer(GODWIT, args), answer(QEMU, args))


main()
