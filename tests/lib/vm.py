"""Drives an emulator from outside: its command line, QMP, HMP and qtest. Works with godwit and with QEMU.

    with VM("8.0.1", ["-M", "pc-7.2", ...], qtest=True) as vm:
        vm.qmp("query-status")["status"]
        vm.inl(0xcf8); vm.readl(addr); vm.read(addr, size)

A release name becomes the binary of GODWIT_BUILD; a path is used as it is. Standard library only.
"""
import collections
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

BUILD = os.environ.get("GODWIT_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))
# How streams go to and from files: "file" where godwit may start no program.
STREAMS = os.environ.get("GODWIT_STREAMS", "exec:cat")
RELEASES = ("5.1", "5.2", "7.2", "8.0", "8.0.1", "8.1", "8.2")


class VMError(Exception):
    """It refused, died, or did not answer in time; the text holds what it said on stderr."""


class QMPError(VMError):
    """An error reply: .klass and .desc."""

    def __init__(self, command, error):
        super().__init__(f"{command}: {error['desc']}")
        self.klass, self.desc = error["class"], error["desc"]


def is_qemu(release):
    return "qemu" in os.path.basename(release)


def binary(release):
    if os.sep in release or is_qemu(release):
        return release
    return os.path.join(BUILD, f"godwit-{release}" if release else "godwit")


def run(release, *args, timeout=30, stdin=subprocess.DEVNULL):
    """Runs to the end: (status, stdout, stderr)."""
    p = subprocess.run([binary(release), *args], capture_output=True, text=True, timeout=timeout, stdin=stdin)
    return p.returncode, p.stdout, p.stderr


class Line:
    """A socket that speaks lines."""

    def __init__(self, path, alive, timeout):
        end = time.monotonic() + timeout
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            try:
                self.sock.connect(path)
                break
            except OSError:
                self.sock.close()
                alive()
                if time.monotonic() > end:
                    raise VMError(f"nobody listens on {path}")
                time.sleep(0.002)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)

    def recv(self):
        return self.file.readline()


class VM:
    def __init__(self, release, args=(), qtest=False, incoming=None, stopped=True, timeout=30, defaults=False, prefix=()):
        self.dir = tempfile.mkdtemp(prefix="godwit")
        self.timeout = timeout
        self.events = collections.deque()
        self.irqs = {}
        self.cmdline = [*prefix, binary(release)]
        if not defaults:
            self.cmdline += ["-nodefaults", "-display", "none"]
        self.cmdline += ["-qmp", f"unix:{self.dir}/qmp,server=on,wait=off"]
        if stopped:
            self.cmdline += ["-S"]
        if qtest:
            # Debian's QEMU lacks the qtest accelerator, but its server works beside TCG.
            self.cmdline += ["-accel", "tcg" if is_qemu(release) or qtest == "tcg" else "qtest"]
            self.cmdline += ["-qtest", f"unix:{self.dir}/qtest,server=on,wait=off", "-qtest-log", "/dev/null"]
        self.cmdline += [str(a) for a in args]
        if incoming:
            self.cmdline += ["-incoming", incoming]
        self.err = open(f"{self.dir}/stderr", "w+")
        self.proc = subprocess.Popen(self.cmdline, stdin=subprocess.DEVNULL, stdout=self.err, stderr=subprocess.STDOUT)
        try:
            self.mon = Line(f"{self.dir}/qmp", self._alive, timeout)
            self.qt = Line(f"{self.dir}/qtest", self._alive, timeout) if qtest else None
            self.greeting = self._receive()
            self.qmp("qmp_capabilities")
        except Exception:
            self.kill()
            raise

    # ------------------------------------------------------------ process

    def _alive(self):
        if self.proc.poll() is not None:
            raise VMError(f"exit status {self.proc.returncode}: {self.stderr()}")

    def _gone(self):
        try:
            self.proc.wait(self.timeout)
        except subprocess.TimeoutExpired:
            raise VMError(f"closed its socket and hangs: {self.stderr()}") from None
        raise VMError(f"exit status {self.proc.returncode}: {self.stderr()}")

    def stderr(self):
        if self.err.closed:
            return self.said
        self.err.flush()
        with open(self.err.name) as f:
            return f.read()

    def quit(self):
        """Ends it by QMP; returns (exit status, stderr)."""
        try:
            self.qmp("quit")
        except VMError:
            pass
        status = self.proc.wait(self.timeout)
        return status, self.stderr()

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        if not self.err.closed:
            self.said = self.stderr()
            self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is None and self.proc.poll() is None:
            try:
                self.quit()
            except subprocess.TimeoutExpired:
                self.kill()
                raise VMError("did not quit") from None
        self.kill()

    # ------------------------------------------------------------ QMP

    def _receive(self):
        try:
            line = self.mon.recv()
        except OSError as e:
            raise VMError(f"QMP: {e}: {self.stderr()}") from None
        if not line:
            self._gone()
        return json.loads(line)

    def qmp_raw(self, message):
        """Sends one message (a dict or text) and returns the whole reply."""
        data = message if isinstance(message, (bytes, str)) else json.dumps(message)
        data = data if isinstance(data, bytes) else data.encode()
        try:
            self.mon.send(data + b"\n")
        except OSError:
            self._gone()
        while True:
            reply = self._receive()
            if "event" not in reply:
                return reply
            self.events.append(reply)

    def qmp(self, command, **arguments):
        """An underscore in a keyword becomes '-', a trailing one is dropped (for `class_` and `id_`)."""
        message = {"execute": command}
        if arguments:
            message["arguments"] = {k.rstrip("_").replace("_", "-"): v for k, v in arguments.items()}
        reply = self.qmp_raw(message)
        if "error" in reply:
            raise QMPError(command, reply["error"])
        return reply["return"]

    def hmp(self, line):
        return self.qmp("human-monitor-command", command_line=line).replace("\r\n", "\n")

    def wait_event(self, name, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            for event in list(self.events):
                self.events.remove(event)
                if event["event"] == name:
                    return event
            if time.monotonic() > end:
                raise VMError(f"no event {name}: {self.stderr()}")
            self.qmp("query-status")
            if not self.events:
                time.sleep(0.002)

    def wait(self, command, key, values, timeout=None):
        """Polls a query until reply[key] is one of values."""
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            reply = self.qmp(command)
            if reply.get(key) in values:
                return reply
            if time.monotonic() > end:
                raise VMError(f"{command}: {key} stays {reply.get(key)}: {self.stderr()}")
            time.sleep(0.002)

    # ------------------------------------------------------------ migration

    def save(self, path, timeout=None):
        self.qmp("migrate", uri=f"file:{path}" if STREAMS == "file" else f"exec:cat > {path}")
        reply = self.wait("query-migrate", "status", ("completed", "failed", "cancelled"), timeout)
        if reply["status"] != "completed":
            raise VMError(f"migration {reply['status']}: {reply.get('error-desc', '')}: {self.stderr()}")
        return reply

    def wait_loaded(self, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        while self.qmp("query-status")["status"] == "inmigrate":
            if time.monotonic() > end:
                raise VMError(f"still inmigrate: {self.stderr()}")
            time.sleep(0.002)

    # ------------------------------------------------------------ qtest

    def qtest(self, line):
        """One command; returns the words after OK. IRQ messages go to self.irqs."""
        try:
            self.qt.send(line.encode() + b"\n")
        except OSError:
            self._gone()
        while True:
            reply = self.qt.recv().decode()
            if not reply:
                self._gone()
            words = reply.split()
            if words and words[0] == "IRQ":
                self.irqs[int(words[2])] = words[1] == "raise"
                continue
            if not words or words[0] != "OK":
                raise VMError(f"qtest {line}: {reply.strip()}")
            return words[1:]

    def inb(self, port): return int(self.qtest(f"inb {port:#x}")[0], 0)
    def inw(self, port): return int(self.qtest(f"inw {port:#x}")[0], 0)
    def inl(self, port): return int(self.qtest(f"inl {port:#x}")[0], 0)
    def outb(self, port, value): self.qtest(f"outb {port:#x} {value:#x}")
    def outw(self, port, value): self.qtest(f"outw {port:#x} {value:#x}")
    def outl(self, port, value): self.qtest(f"outl {port:#x} {value:#x}")
    def readb(self, addr): return int(self.qtest(f"readb {addr:#x}")[0], 0)
    def readw(self, addr): return int(self.qtest(f"readw {addr:#x}")[0], 0)
    def readl(self, addr): return int(self.qtest(f"readl {addr:#x}")[0], 0)
    def readq(self, addr): return int(self.qtest(f"readq {addr:#x}")[0], 0)
    def writeb(self, addr, value): self.qtest(f"writeb {addr:#x} {value:#x}")
    def writew(self, addr, value): self.qtest(f"writew {addr:#x} {value:#x}")
    def writel(self, addr, value): self.qtest(f"writel {addr:#x} {value:#x}")
    def writeq(self, addr, value): self.qtest(f"writeq {addr:#x} {value:#x}")

    def read(self, addr, size):
        return bytes.fromhex(self.qtest(f"read {addr:#x} {size:#x}")[0][2:]) if size else b""

    def write(self, addr, data):
        self.qtest(f"write {addr:#x} {len(data):#x} 0x{bytes(data).hex()}")

    def clock_step(self, ns=None):
        return int(self.qtest("clock_step" + (f" {ns}" if ns is not None else ""))[0], 0)


def try_load(release, args, path, **kw):
    """(True, stderr) when the stream was taken, (False, what was said) when it was refused."""
    try:
        with VM(release, args, incoming=f"file:{path}" if STREAMS == "file" else f"exec:cat {path}", **kw) as vm:
            vm.wait_loaded()
            return True, vm.stderr()
    except VMError as e:
        return False, str(e)
