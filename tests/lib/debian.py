"""Debian guests: a small root file system with systemd that debootstrap makes, and a machine that boots it.

    with Debian("8.2", ["-M", "pc-q35-7.2", "-smp", "2"]) as g:
        g.wait_shell()
        g.run("systemctl is-system-running --wait")     # -> "running"

The image is made once for each recipe (what is below) and kernel, and kept in the cache. Its writes go to a copy: a guest that
moves takes the copy along, as `disk`. Needs root, as debootstrap does.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile

from guest import CACHE, FetchError, Guest, apt, fetch, kernel_package

SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "libpam-systemd", "udev", "dbus", "kmod", "pciutils", "e2fsprogs", "openssl")
# fio itself goes in without the Python that its package asks for, for its plots; what its binary is linked with:
FIO = ("libaio1", "libgfapi0", "libibverbs1", "libnbd0", "libnuma1", "libpmem1", "libpmemblk1", "librados2", "librbd1",
       "librdmacm1", "zlib1g")
# What udev and systemd ask for on this machine.
MODULES = ("button", "evdev", "autofs4", "configfs", "fuse", "loop", "dm-mod", "efi-pstore", "serio_raw", "virtio_net",
           "virtio-rng", "crc32-pclmul", "crc32c-intel", "crct10dif-pclmul", "ghash-clmulni-intel", "aesni-intel", "crypto_simd",
           "cryptd", "failover", "net_failover", "rng-core", "binfmt_misc", "drm", "psmouse", "intel_rapl_common",
           "intel_rapl_msr", "rapl", "ipv6", "dmi-sysfs", "qemu_fw_cfg", "watchdog", "iTCO_wdt", "pcspkr")
UUID = "60d11700-0000-4000-8000-00000000da7a"
SIZE = "512M"
DROPPED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/lib/udev/hwdb.d",
           "var/cache/apt", "var/lib/apt/lists", "var/log", "etc/apt/sources.list", "etc/resolv.conf", "dev", "debootstrap")
KEPT = ("usr/share/locale", "var/cache/apt/archives/partial", "var/lib/apt/lists/partial", "var/log/journal", "dev")
FILES = {
    "etc/hostname": "godwit\n",
    "etc/hosts": "127.0.0.1 localhost godwit\n",
    "etc/machine-id": UUID.replace("-", "") + "\n",     # or each boot would be a first one
    "etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 1\n",
    "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf":
        "[Service]\nExecStart=\nExecStart=-/sbin/agetty -o '-p -f -- \\\\u' --autologin root --keep-baud 115200,9600 - dumb\n",
    "root/.profile": "PS1= PS2=\nstty -echo -onlcr\nbind 'set enable-bracketed-paste off'\nPATH=$PATH:/run/files\nset +m\n"
                     "echo '~%' shell\n",
    "root/.hushlogin": "",
    # Newer than anything in /usr: no unit rebuilds caches at the first boot, as none does at the second.
    "etc/.updated": "", "var/.updated": "",
}
# Those that wait for a network that is not there.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer")

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /proc /sys /dev /run /root
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs -o nosuid,nodev,mode=755 run /run
for m in {modules}; do insmod /lib/$m.ko; done
[ -d /files ] && cp -a /files /run/files
{more}
n=0
until mount -t ext4 -o ro /dev/vda /root 2>/dev/null || [ $((n += 1)) -gt 100 ]; do sleep 0.1; done
for d in proc sys dev run; do mount --move /$d /root/$d; done
exec switch_root /root /sbin/init
"""


def _mirror():
    """Where apt takes this distribution's packages from."""
    lines = apt("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}", "Component: main")
    if not lines.split():
        raise FetchError(f"apt has no source of {SUITE}")
    return lines.split()[0]


def _run(*command, **kw):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **kw)
    if p.returncode:
        raise FetchError(f"{command[0]}: status {p.returncode}: {' / '.join(p.stdout.splitlines()[-3:])}")


def _fill(root, fio):
    """From what debootstrap left to what the guest gets."""
    for name in DROPPED:
        path = os.path.join(root, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.path.lexists(path) and os.unlink(path)
    for name in KEPT:
        os.makedirs(os.path.join(root, name), exist_ok=True)
    for name, text in FILES.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    for name in MASKED:
        os.symlink("/dev/null", os.path.join(root, "etc/systemd/system", name))
    _run("cp", "-a", os.path.join(fio, "usr", "bin", "fio"), os.path.join(root, "usr/bin/fio"))
    modules = os.path.join(kernel_package(), "lib", "modules")
    release = os.listdir(modules)[0]
    to = os.path.join(root, "usr/lib/modules", release)
    for folder, _, files in os.walk(os.path.join(modules, release)):
        inside = os.path.join(to, os.path.relpath(folder, os.path.join(modules, release)))
        for name in files:
            if name.startswith("modules.") or name.endswith(".ko") and name[:-3] in MODULES:
                os.makedirs(inside, exist_ok=True)
                shutil.copy(os.path.join(folder, name), inside)
    _run("chroot", root, "depmod", release)


def _make(path, fio):
    if os.geteuid():
        raise FetchError("debootstrap needs root: run this once as root")
    debs = os.path.join(CACHE, "debs")
    os.makedirs(debs, exist_ok=True)
    # In memory if there is room, as dpkg calls fsync for every file.
    shm = "/dev/shm"
    roomy = os.path.isdir(shm) and shutil.disk_usage(shm).free > 1 << 30
    with tempfile.TemporaryDirectory(dir=shm if roomy else CACHE) as work:
        root = os.path.join(work, "root")
        _run("debootstrap", "--variant=minbase", f"--cache-dir={debs}", f"--include={','.join(PACKAGES + FIO)}",
             SUITE, root, _mirror())
        _fill(root, fio)
        image = path + ".new"
        _run("mkfs.ext4", "-q", "-F", "-L", "godwit", "-U", UUID, "-E", f"hash_seed={UUID},lazy_itable_init=0,lazy_journal_init=0",
             "-d", root, image, SIZE)
    os.rename(image, path)


def image():
    """The path of the root file system, a raw ext4 image. Not to be written to."""
    recipe = repr((SUITE, PACKAGES, FIO, MODULES, UUID, SIZE, DROPPED, KEPT, FILES, MASKED, os.path.basename(kernel_package())))
    recipe = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    fio = fetch("fio")
    path = os.path.join(CACHE, f"debian-{recipe}.img")
    with open(os.path.join(CACHE, "debian.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            _make(path, fio)
            for name in os.listdir(CACHE):
                if name.startswith("debian-") and name != os.path.basename(path):
                    os.unlink(os.path.join(CACHE, name))
    return path


def copy(path):
    """A copy of the image to write to; a move takes it along."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", image(), path], check=True)
    return path


class Debian(Guest):
    """A machine whose /dev/vda has the image: `disk` when given, or else the image, and its writes are lost."""

    def __init__(self, release, args=(), disk=None, append="", memory=512, files=(), device="serial=debian", **kw):
        source = f"file={disk}" if disk else f"snapshot=on,file={image()}"
        args = [*args, "-drive", f"if=none,id=root,format=raw,{source}", "-device", f"virtio-blk-pci,drive=root,addr=5.0,{device}"]
        super().__init__(release, args, append=f"root=/dev/vda systemd.show_status=no {append}", memory=memory, init=INIT,
                         files=[(f"files/{os.path.basename(f)}", f) for f in files], **kw)
