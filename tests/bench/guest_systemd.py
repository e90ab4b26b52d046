"""Benchmarks in a Debian guest: its boot with systemd, and fio on a virtio-blk disk."""
import os
import tempfile
import time

from debian import Debian
from rows import GODWIT, QEMU, alternate, bench, report

CPUS = 2
MACHINE = ["-M", "pc-q35-7.2", "-smp", str(CPUS)]
FIO = ("fio --name=job --filename=/dev/vdb --readonly --ioengine=libaio --direct=1 --time_based --runtime={seconds} --ramp_time=1"
       " --rw={rw} --bs={bs} --iodepth={depth} --output-format=terse --terse-version=3")
BANDWIDTH, IOPS = 6, 7      # the fields of fio's terse output, in KiB/s and 1/s


def boot_time(release):
    """Seconds from power-on until all of the boot's jobs are done."""
    with Debian(release, MACHINE) as guest:
        begin = time.monotonic()
        guest.wait_shell(300)
        state = guest.run("systemctl is-system-running --wait || true", 300)
        seconds = time.monotonic() - begin
        if state != "running":
            raise SystemExit(f"{release or 'godwit'}: systemd says {state}")
        guest.kill()
        return seconds


def fio_figures(release, image, jobs, seconds=5):
    """One figure for each job: (rw, block size, depth, field)."""
    drive = ["-drive", f"if=none,id=data,format=raw,read-only=on,file={image}", "-device", "virtio-blk-pci,drive=data,addr=6.0"]
    out = []
    with Debian(release, MACHINE + drive) as guest:
        guest.wait_shell(300)
        guest.run("systemctl is-system-running --wait || true", 300)
        for rw, bs, depth, field in jobs:
            said = guest.run(FIO.format(rw=rw, bs=bs, depth=depth, seconds=seconds), 120)
            terse = next(line for line in said.splitlines() if line.startswith("3;"))
            out.append(float(terse.split(";")[field]))
        guest.kill()
    return out


@bench
def systemd():
    report(f"systemd boot to running, {CPUS} vCPUs", "s", *alternate(boot_time, 3, min), goal=1 / 1.3, better="lower")


@bench
def fio():
    jobs = ("randread", "4k", 32, IOPS), ("randread", "4k", 1, IOPS), ("read", "1M", 4, BANDWIDTH)
    with tempfile.NamedTemporaryFile(prefix="godwit-bench") as image:
        chunk = os.urandom(16 << 20)
        for _ in range(16):
            image.write(chunk)
        image.flush()
        mine, theirs = (fio_figures(release, image.name, jobs) for release in (GODWIT, QEMU))
    report("fio in the guest, 4 KiB random reads, depth 32", "IOPS", mine[0], theirs[0], goal=1)
    report("fio in the guest, 4 KiB random reads, depth 1", "IOPS", mine[1], theirs[1], goal=1)
    report("fio in the guest, sequential reads of 1 MiB", "MB/s", mine[2] * 1024 / 1e6, theirs[2] * 1024 / 1e6, goal=1)
