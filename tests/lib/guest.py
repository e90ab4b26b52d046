"""Linux guests: Debian's cloud kernel and busybox, fetched as packages, with a shell on the serial console.

    with Guest("8.2", ["-M", "pc-q35-7.2", "-smp", "2"]) as g:
        g.wait_shell()
        g.run("nproc")          # -> "2"

The command line is the same for godwit and for real QEMU, so that a guest can move between them.
"""
import atexit
import fcntl
import functools
import gzip
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from vm import VM, VMError

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "godwit", "guest")
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk")
MARK = "~%"
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /proc /sys /dev /tmp /mnt
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
for m in {modules}; do insmod /lib/$m.ko; done
stty -echo
export PS1=
{more}
echo "{mark} shell"
exec setsid cttyhack sh
"""


class GuestError(VMError):
    pass


class FetchError(GuestError):
    """A package could not be fetched."""


def apt(*command, cwd=None):
    """One command of apt's; its output. A failure, such as no network, is one line."""
    p = subprocess.run([*command[:1], "-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=1", *command[1:]],
                       cwd=cwd, capture_output=True, text=True)
    if p.returncode:
        lines = [line for line in p.stderr.splitlines() if line.startswith("E:")] or p.stderr.splitlines() or ["it failed"]
        raise FetchError(f"{' '.join(w for w in command if w[0] != '-')}: {lines[0]}")
    return p.stdout


def fetch(package):
    """Unpacks a package of the distribution into the cache, once."""
    dest = os.path.join(CACHE, package)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(dest):
            with tempfile.TemporaryDirectory(dir=CACHE) as work:
                command = ["apt-get", "-qq", "-oAPT::Sandbox::User=root", "download", package]
                try:
                    apt(*command, cwd=work)
                except FetchError:
                    apt("apt-get", "-qq", "update")
                    apt(*command, cwd=work)
                deb = next(f for f in os.listdir(work) if f.endswith(".deb"))
                subprocess.run(["dpkg", "-x", deb, "root"], cwd=work, check=True)
                os.rename(os.path.join(work, "root"), dest)
    return dest


@functools.cache
def kernel_package():
    for update in (False, True):
        if update:
            apt("apt-get", "-qq", "update")
        try:
            names = re.findall(r"Depends: (linux-image-[0-9]\S+)", apt("apt-cache", "depends", "linux-image-cloud-amd64"))
        except FetchError:
            names = []
        if names:
            return fetch(names[0])
    raise FetchError("apt knows no linux-image-cloud-amd64")


@functools.cache
def kernel():
    """The path of a bzImage."""
    boot = os.path.join(kernel_package(), "boot")
    return os.path.join(boot, next(f for f in os.listdir(boot) if f.startswith("vmlinuz-")))


@functools.cache
def vmlinux():
    """The path of the ELF image that the bzImage unpacks: it has a PVH entry."""
    path = os.path.join(CACHE, os.path.basename(kernel()).replace("vmlinuz", "vmlinux"))
    if not os.path.exists(path):
        with open(kernel(), "rb") as f:
            image = f.read()
        setup = ((image[0x1f1] or 4) + 1) * 512
        offset, length = struct.unpack_from("<II", image, 0x248)     # payload_offset, payload_length
        payload = image[setup + offset:setup + offset + length - 4]  # behind it, the size
        lz4 = os.path.join(fetch("lz4"), "usr", "bin", "lz4")
        with tempfile.NamedTemporaryFile(dir=CACHE, delete=False) as out:
            subprocess.run([lz4, "-dc"], input=payload, stdout=out, check=True)
        os.rename(out.name, path)
    return path


def _modules():
    found = {}
    for folder, _, files in os.walk(os.path.join(kernel_package(), "lib", "modules")):
        for name in files:
            if name.endswith(".ko") and name[:-3] in MODULES:
                found[name[:-3]] = os.path.join(folder, name)
    return found


def cpio(entries):
    """An archive (newc) of (name, mode, contents)."""
    out = bytearray()
    for inode, (name, mode, contents) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (inode, mode, 0, 0, 1, 0, len(contents), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + contents
        out += bytes(-len(out) % 4)
    return bytes(out)


@functools.cache
def initramfs(more="", files=(), init=INIT):
    """The path of an archive with busybox and the modules, and of its init: the usual one loads the modules, does `more` and
    gives a shell. files: (name in /, path)."""
    with open(os.path.join(fetch("busybox-static"), "bin", "busybox"), "rb") as f:
        entries = [("bin", 0o40755, b""), ("lib", 0o40755, b""), ("dev", 0o40755, b""), ("bin/busybox", 0o100755, f.read())]
    for folder in sorted({name.split("/")[0] for name, _ in files} - {"bin", "lib", "dev"}):
        entries.append((folder, 0o40755, b""))
    modules = _modules()
    for name, path in [(f"lib/{m}.ko", modules[m]) for m in MODULES if m in modules] + list(files):
        with open(path, "rb") as f:
            entries.append((name, 0o100755, f.read()))
    script = init.format(modules=" ".join(m for m in MODULES if m in modules), more=more, mark=MARK)
    entries.append(("init", 0o100755, script.encode()))
    fd, path = tempfile.mkstemp(prefix="initramfs")
    with os.fdopen(fd, "wb") as f:
        f.write(gzip.compress(cpio(entries), 1))
    atexit.register(os.unlink, path)
    return path


@functools.cache
def setpci():
    """files for an initramfs: setpci of pciutils, and what it is linked with."""
    wanted = (("pciutils", "setpci", "bin"), ("libc6", "ld-linux-x86-64.so.2", "lib64"), ("libpci3", "libpci.so.3", "lib"),
              ("libc6", "libc.so.6", "lib"), ("zlib1g", "libz.so.1", "lib"), ("libudev1", "libudev.so.1", "lib"))
    return tuple((f"{folder}/{name}", _find(fetch(package), name)) for package, name, folder in wanted)


GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "serial", "terminal", "echo", "normal", "boot")


def grub_disk(path, config, files):
    """Makes a raw disk that GRUB boots from its first partition, an ext2 with `files` ((name in /, path)): MBR, GRUB behind it, partition."""
    start = 2048        # of the partition, in sectors
    lib = os.path.join(fetch("grub-pc-bin"), "usr", "lib", "grub", "i386-pc")
    mkimage = os.path.join(fetch("grub-common"), "usr", "bin", "grub-mkimage")
    libraries = os.path.join(fetch("libdevmapper1.02.1"), "lib", "x86_64-linux-gnu")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
        early, core, root, part = (os.path.join(work, name) for name in ("early", "core", "root", "part"))
        with open(early, "w") as f:
            f.write("serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\nnormal\n")
        subprocess.run([mkimage, "-d", lib, "-O", "i386-pc", "-o", core, "-p", "(hd0,msdos1)/boot/grub", "-c", early, *GRUB_MODULES],
                       check=True, env={**os.environ, "LD_LIBRARY_PATH": libraries})
        os.makedirs(os.path.join(root, "boot", "grub"))
        with open(os.path.join(root, "boot", "grub", "grub.cfg"), "w") as f:
            f.write(config)
        size = 4 << 20
        for name, source in files:
            shutil.copy(source, os.path.join(root, name))
            size += os.path.getsize(source)
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext2", "-d", root, part, f"{size // 1024 * 9 // 8}k"], check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(lib, "boot.img"), "rb") as f:
            mbr = bytearray(f.read().ljust(512, b"\0"))
        with open(core, "rb") as f:
            image = f.read()
        with open(part, "rb") as f:
            contents = f.read()
        mbr[446:510] = struct.pack("<B3xB3xII48x", 0x80, 0x83, start, len(contents) // 512)
        mbr[510:] = b"\x55\xaa"
        assert len(image) <= (start - 1) * 512
        with open(path, "wb") as f:
            f.write(mbr + image)
            f.seek(start * 512)
            f.write(contents)


def _find(root, name):
    for folder, _, files in os.walk(root):
        if name in files and not folder.endswith("/usr/lib64"):
            path = os.path.realpath(os.path.join(folder, name))
            if os.path.isfile(path):
                return path
    raise FetchError(f"no {name} in the package {os.path.basename(root)}")


class Guest(VM):
    """A machine with the kernel, the initramfs and its console on a socket; without `direct`, what
    firmware finds on the disks. `image` is another kernel."""

    def __init__(self, release, args=(), append="", more="", files=(), init=INIT, incoming=None, memory=256, direct=True, image=None, **kw):
        self.console_dir = tempfile.mkdtemp(prefix="console")
        path = os.path.join(self.console_dir, "console")
        self.text = ""
        args = ["-m", memory, *args, "-chardev", f"socket,id=console,path={path},server=on,wait=off", "-serial", "chardev:console"]
        if direct:
            args += ["-kernel", image or kernel(), "-initrd", initramfs(more, tuple(files), init),
                     "-append", f"console=ttyS0 quiet panic=-1 {append}".strip()]
        try:
            super().__init__(release, args, stopped=True, incoming=incoming, **kw)
            self.console = socket.socket(socket.AF_UNIX)
            try:
                self.console.connect(path)
            except OSError:
                self._gone()
        except Exception:
            if hasattr(self, "proc"):
                self.kill()
            raise
        self.console.settimeout(0.2)
        if not incoming:
            self.qmp("cont")

    @classmethod
    def loaded(cls, release, *args, path, **kw):
        """The guest whose state is in the file, and runs on."""
        g = cls(release, *args, incoming=f"exec:cat {path}", **kw)
        try:
            g.wait_loaded(60)
            g.qmp("cont")
        except Exception:
            g.kill()
            raise
        return g

    def kill(self):
        super().kill()
        if hasattr(self, "console"):
            self.console.close()
        shutil.rmtree(self.console_dir, ignore_errors=True)

    def read_console(self):
        """What came since; "" after a short while of silence."""
        try:
            new = self.console.recv(65536).decode(errors="replace").replace("\r", "")
        except socket.timeout:
            new = ""
            if self.proc.poll() is not None:
                raise GuestError(f"exit status {self.proc.returncode}: {self.stderr()}; console: {self.text[-2000:]}") from None
        except OSError:
            new = ""
        self.text += new
        return new

    def expect(self, pattern, timeout=120):
        """Waits until the console's text matches; returns the match and takes the text up to its end away."""
        end = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text, re.S)
            if match:
                self.text = self.text[match.end():]
                return match
            if time.monotonic() > end:
                raise GuestError(f"no {pattern!r} on the console: {self.text[-3000:]}; {self.stderr()}")
            self.read_console()

    def wait_shell(self, timeout=120):
        self.expect(re.escape(MARK) + " shell\n", timeout)
        self.run(":")       # behind what the shell says of itself

    def send(self, line):
        self.console.sendall(line.encode() + b"\n")

    def run(self, command, timeout=60):
        """One command in the guest's shell; its output. A failure is an exception."""
        self.send(f"{command}; echo \"{MARK[0]}\"\"{MARK[1:]} $?\"")
        match = self.expect("(.*?)" + re.escape(MARK) + r" (\d+)\n", timeout)
        if match[2] != "0":
            raise GuestError(f"{command}: status {match[2]}: {match[1]}")
        return match[1].strip()

    def wait_end(self, timeout=60):
        """The process ends by itself; its exit status."""
        end = time.monotonic() + timeout
        while self.proc.poll() is None and time.monotonic() < end:
            try:
                self.text += self.console.recv(65536).decode(errors="replace")
            except OSError:
                pass
        if self.proc.poll() is None:
            raise GuestError(f"still runs: {self.text[-2000:]}")
        return self.proc.returncode
