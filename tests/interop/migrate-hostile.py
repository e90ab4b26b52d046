#!/usr/bin/env python3
"""Moves that nobody should ask for, or that meet a hostile other side: each ends with a clear error, the machine goes on, can
still move, and no descriptor or process of the attempt is left."""
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, cases, contains, equal, main, test  # noqa: E402
from vm import VM, QMPError, run  # noqa: E402

TMP = tempfile.mkdtemp(prefix="migrate-hostile")
MIB = 1 << 20
ARGS = ["-M", "pc-q35-8.2", "-m", "16", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0"]
ENDS = ("completed", "failed", "cancelled")
numbers = iter(range(1000000))


def fresh(what="stream"):
    return os.path.join(TMP, f"{what}{next(numbers)}")


def source(args=(), machine=""):
    vm = VM("8.2", [*ARGS[:1], ARGS[1] + machine, *ARGS[2:], *args], qtest=True, stopped=False)
    vm.qtest(f"memset {MIB:#x} {14 * MIB:#x} 0x5a")
    return vm


def target(incoming="defer", **kw):
    return VM("8.2", ARGS, qtest=True, stopped=False, incoming=incoming, **kw)


def saved():
    path = fresh()
    with source() as vm:
        vm.save(path)
    return path


def belongings(vm):
    """Its descriptors, children and threads."""
    pid = vm.proc.pid
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
        except FileNotFoundError:
            pass
    links = [link for link in links if not link.endswith("/pagemap")]      # opened once, and kept
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return sorted(links), f.read().split(), len(os.listdir(f"/proc/{pid}/task"))


class leaves_nothing:
    """What is inside may be tried again and again: after the first time, nothing more is held."""

    def __init__(self, vm):
        self.vm = vm

    def __enter__(self):
        self.before = None
        while self.before != belongings(self.vm):   # of what was before, all has ended
            self.before = belongings(self.vm)
            time.sleep(0.05)

    def __exit__(self, kind, *rest):
        end = time.monotonic() + 5
        while kind is None and belongings(self.vm) != self.before:
            if time.monotonic() > end:
                equal(belongings(self.vm), self.before)
            time.sleep(0.01)


def ended(vm, timeout=30):
    return vm.wait("query-migrate", "status", ENDS, timeout)


def failure(vm, **kw):
    """The words with which a migrate fails, at once or later."""
    try:
        vm.qmp("migrate", **kw)
    except QMPError as e:
        return e.desc
    reply = ended(vm)
    equal(reply["status"], "failed", str(kw))
    return reply["error-desc"]


def refusal(vm, command, **kw):
    try:
        vm.qmp(command, **kw)
    except QMPError as e:
        return e.desc
    raise AssertionError(f"{command} was taken")


def goes_on(vm):
    equal(vm.qmp("query-status")["status"], "running")
    path = fresh()
    vm.qmp("migrate-set-parameters", max_bandwidth=0)
    vm.qmp("migrate", uri=f"file:{path}")
    equal(ended(vm)["status"], "completed", vm.stderr())
    with target(f"file:{path}") as other:
        other.wait_loaded()
        equal(other.read(15 * MIB - 4, 8), b"\x5a" * 4 + bytes(4))
    os.unlink(path)


def slowly(vm, uri):
    vm.qmp("migrate-set-parameters", max_bandwidth=MIB)
    vm.qmp("migrate", uri=uri)
    end = time.monotonic() + 20
    while vm.qmp("query-migrate").get("ram", {}).get("transferred", 0) < 100000:
        equal(time.monotonic() < end, True, "nothing is sent")
        time.sleep(0.005)


def listening(family=socket.AF_UNIX, address=None):
    listener = socket.socket(family)
    listener.bind(address or fresh("socket"))
    listener.listen()
    return listener


# ------------------------------------------------------------------ at the wrong time

@test
def nothing_else_is_done_with_the_state_while_it_moves():
    folder = fresh("folder")
    words = "There's a migration process in progress"
    with source(machine=f",snapshot-dir={folder}") as vm:
        vm.hmp("savevm before")
        slowly(vm, "exec:cat > /dev/null")
        with leaves_nothing(vm):
            equal(refusal(vm, "migrate", uri="exec:cat > /dev/null"), words)
            equal(vm.hmp("savevm now"), f"Error: {words}\n")
            equal(vm.hmp("loadvm before"), f"Error: {words}\n")
            equal(refusal(vm, "migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}]), words)
            equal(refusal(vm, "migrate-incoming", uri="tcp:127.0.0.1:0"),
                  "'-incoming' was not specified on the command line")
        equal(os.listdir(folder), ["before.qevm"])
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")
        goes_on(vm)


@test
def many_at_once_start_one():
    with source() as vm:
        vm.qmp("migrate-set-parameters", max_bandwidth=MIB)
        one = b'{"execute": "migrate", "arguments": {"uri": "exec:cat > /dev/null"}}\n'
        vm.mon.send(one * 50)
        replies = [vm._receive() for _ in range(50)]
        equal(["return" in r for r in replies].count(True), 1)
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")
        goes_on(vm)


@test
def what_waits_for_a_stream_neither_sends_nor_saves():
    folder = fresh("folder")
    path = saved()
    with VM("8.2", [ARGS[0], f"{ARGS[1]},snapshot-dir={folder}", *ARGS[2:]], qtest=True, stopped=False, incoming="defer") as vm:
        with leaves_nothing(vm):
            contains(refusal(vm, "migrate", uri="exec:cat > /dev/null"), "Guest is waiting for an incoming migration")
            contains(vm.hmp("savevm x"), "Guest is waiting for an incoming migration")
            contains(vm.hmp("loadvm x"), "There's a migration process in progress")
        vm.qmp("migrate-incoming", uri=f"file:{path}")
        vm.wait_loaded()
        equal(refusal(vm, "migrate-incoming", uri=f"file:{path}"), "The incoming migration has already been started")
        goes_on(vm)


@test
def reset_and_stop_while_it_moves_are_survived():
    with source() as vm:
        slowly(vm, "exec:cat > /dev/null")
        vm.qmp("system_reset")
        vm.qmp("stop")
        vm.qmp("cont")
        equal(vm.qmp("query-migrate")["status"], "active")
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")
        goes_on(vm)


# ------------------------------------------------------------------ addresses

@cases("unix:", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp:127.0.0.1:99999", "tcp:[::1", "tcp:no.such.host.invalid:4444",
       "tcp:127.0.0.1:4444,to=x", "tcp:127.0.0.1:4444,to=65536", "tcp:127.0.0.1:1", "file:", "file:/", "file:/nowhere/at/all", "file:/tmp/x,offset=-1",
       "file:/tmp/x,offset=0x8000000000000000", "fd:", "fd:nobody", "fd:-1", "fd:77", "fd:99999999999", "rdma:1.2.3.4:5", "nonsense",
       "", "exec:", "unix:" + "x" * 200, "unix:/nowhere/socket", "vsock:3:1")
def nothing_goes_out_to(uri):
    with source() as vm:
        if uri == "exec:":
            return      # the shell runs nothing, successfully; but it reads nothing either
        failure(vm, uri=uri)
        with leaves_nothing(vm):
            for _ in range(3):
                said = failure(vm, uri=uri)
                equal(bool(said) and "\n" not in said, True, repr(said))
        goes_on(vm)


@cases("unix:", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:99999", "tcp:no.such.host.invalid:0", "tcp:127.0.0.1:4444,to=1", "file:",
       "file:/", "file:/nowhere/at/all", "file:/dev/null,offset=x", "fd:", "fd:nobody", "fd:77", "nonsense", "", "exec:exit 1",
       "exec:head -c 100 /dev/zero", "unix:" + "x" * 200, "unix:/nowhere/socket")
def nothing_comes_in_from(uri):
    path = saved()
    with target() as vm:
        def attempt():
            try:
                vm.qmp("migrate-incoming", uri=uri, exit_on_error=False)
            except QMPError as e:
                return e.desc
            return vm.wait("query-migrate", "status", ("failed",))["error-desc"]

        attempt()
        with leaves_nothing(vm):
            for _ in range(3):
                equal(bool(attempt()), True)
        vm.qmp("migrate-incoming", uri=f"file:{path}")
        vm.wait_loaded()
        equal(vm.qmp("query-status")["status"], "running")


@test
def by_ipv6():
    try:
        listening(socket.AF_INET6, ("::1", 0)).close()
    except OSError as e:
        raise Skip(f"no IPv6: {e}") from None
    with target("tcp:[::1]:0") as other, source() as vm:
        address, = other.qmp("query-migrate")["socket-address"]
        equal(address["host"], "::1")
        vm.qmp("migrate", uri=f"tcp:[::1]:{address['port']}")
        equal(ended(vm)["status"], "completed", vm.stderr())
        other.wait_loaded()


@test
def the_first_free_port_of_a_range_is_taken():
    taken = listening(socket.AF_INET, ("127.0.0.1", 0))
    port = taken.getsockname()[1]
    with target() as other:
        last = min(port + 50, 65535)
        other.qmp("migrate-incoming", uri=f"tcp:127.0.0.1:{port},to={last}")
        address, = other.qmp("query-migrate")["socket-address"]
        equal(port < int(address["port"]) <= last, True, str(address))
        with source() as vm:
            vm.qmp("migrate", uri=f"tcp:127.0.0.1:{address['port']}")
            equal(ended(vm)["status"], "completed", vm.stderr())
        other.wait_loaded()
    with target() as other:
        contains(refusal(other, "migrate-incoming", uri=f"tcp:127.0.0.1:{port}"), "Address already in use")
        equal(other.qmp("query-status")["status"], "inmigrate")
    taken.close()


# ------------------------------------------------------------------ commands

@cases("exit 3", "head -c 1000000 > /dev/null; exit 3", "cat > /dev/null; exit 3", "/nowhere/command", "kill -9 $$", "exec <&-; sleep 0.2")
def the_command_fails(command):
    with source() as vm:
        failure(vm, uri=f"exec:{command}")
        with leaves_nothing(vm):
            for _ in range(3):
                said = failure(vm, uri=f"exec:{command}")
                equal(bool(said) and "\n" not in said, True, repr(said))
        goes_on(vm)


@test
def a_command_that_hangs_is_ended_by_cancel_and_by_quit():
    with source() as vm:
        with leaves_nothing(vm):
            vm.qmp("migrate-set-parameters", max_bandwidth=0)
            vm.qmp("migrate", uri="exec:exec sleep 1000")
            time.sleep(0.3)
            vm.qmp("migrate_cancel")
            equal(ended(vm, 10)["status"], "cancelled")
        vm.qmp("migrate", uri="exec:cat > /dev/null; exec sleep 1000")
        time.sleep(0.3)
        begin = time.monotonic()
        equal(vm.quit()[0], 0)
        equal(time.monotonic() - begin < 8, True)


# ------------------------------------------------------------------ files that are none

@test
def a_pipe_without_a_reader_is_refused_at_once():
    path = fresh("fifo")
    os.mkfifo(path)
    with source() as vm:
        with leaves_nothing(vm):
            contains(failure(vm, uri=f"file:{path}"), "No such device or address")
        goes_on(vm)


@test
def a_pipe_with_nobody_at_the_other_end_is_waited_for():
    path, stream = fresh("fifo"), saved()
    os.mkfifo(path)
    with target() as vm:
        vm.qmp("migrate-incoming", uri=f"file:{path}", exit_on_error=False)
        time.sleep(0.2)
        equal(vm.qmp("query-status")["status"], "inmigrate")
        equal(vm.qmp("query-migrate")["status"], "active")
        with open(stream, "rb") as f, open(path, "wb") as to:
            shutil.copyfileobj(f, to)
        vm.wait_loaded()
        equal(vm.qmp("query-status")["status"], "running")
    with target(f"file:{path}") as vm:      # and it can be ended meanwhile
        equal(vm.quit()[0], 0)


@test
def a_named_pipe_carries_a_stream():
    path = fresh("fifo")
    os.mkfifo(path)
    with target(f"file:{path}") as other, source() as vm:
        vm.qmp("migrate", uri=f"file:{path}")
        equal(ended(vm)["status"], "completed", vm.stderr())
        other.wait_loaded()
        equal(other.read(15 * MIB - 4, 8), b"\x5a" * 4 + bytes(4))


@cases("beyond", "empty", "garbage", "text")
def a_file_without_a_stream_is_refused(what):
    path, uri = fresh(), "file:{}"
    good = saved()
    data = {"beyond": b"QEVM", "empty": b"", "garbage": os.urandom(100000), "text": b"#!/bin/sh\n" * 1000}[what]
    with open(path, "wb") as f:
        f.write(data)
    if what == "beyond":
        uri += ",offset=1M"
    with target() as vm:
        for _ in range(2):
            vm.qmp("migrate-incoming", uri=uri.format(path), exit_on_error=False)
            contains(vm.wait("query-migrate", "status", ("failed",))["error-desc"], "load of migration failed")
        vm.qmp("migrate-incoming", uri=f"file:{good}")
        vm.wait_loaded()


@test
def garbage_behind_the_end_is_not_looked_at():
    path = saved()
    with open(path, "ab") as f:
        f.write(os.urandom(1 << 20))
    for uri in (f"file:{path}", f"exec:cat {path}"):
        with target(uri) as vm:
            vm.wait_loaded()
            equal(vm.qmp("query-status")["status"], "running")
            goes_on(vm)


# ------------------------------------------------------------------ the other side

@test
def only_the_first_who_connects_is_heard():
    path = fresh("socket")
    with target(f"unix:{path}") as other, source() as one, source() as two:
        slowly(one, f"unix:{path}")
        contains(failure(two, uri=f"unix:{path}"), "Connection refused")
        one.qmp("migrate-set-parameters", max_bandwidth=0)
        equal(ended(one)["status"], "completed")
        other.wait_loaded()
        goes_on(two)


@cases("quit", "SIGTERM", "hang up")
def a_peer_that_says_nothing_is_got_rid_of_by(how):
    path, good = fresh("socket"), saved()
    with target() as vm:
        before = belongings(vm)
        vm.qmp("migrate-incoming", uri=f"unix:{path}", exit_on_error=False)
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
        time.sleep(0.2)
        equal(vm.qmp("query-status")["status"], "inmigrate")
        if how == "hang up":
            peer.close()
            contains(vm.wait("query-migrate", "status", ("failed",))["error-desc"], "load of migration failed")
            equal(belongings(vm), before)
            vm.qmp("migrate-incoming", uri=f"file:{good}")
            vm.wait_loaded()
            return
        if how == "quit":
            vm.quit()
        else:
            vm.proc.send_signal(signal.SIGTERM)
        equal(vm.proc.wait(5), 0)
        peer.close()


@test
def a_peer_that_dribbles_is_waited_for_and_others_are_served():
    path = saved()
    ours, theirs = socket.socketpair()
    with target() as vm:
        message = b'{"execute": "getfd", "arguments": {"fdname": "in"}}\n'
        socket.send_fds(vm.mon.sock, [message], [theirs.fileno()])
        equal(vm._receive(), {"return": {}})
        theirs.close()
        vm.qmp("migrate-incoming", uri="fd:in")
        with open(path, "rb") as f:
            data = f.read()

        def dribble():
            for at in range(0, 3000):
                ours.sendall(data[at:at + 1])
            ours.sendall(data[3000:])
            ours.close()

        thread = threading.Thread(target=dribble)
        thread.start()
        while vm.qmp("query-status")["status"] == "inmigrate":
            vm.qmp("query-migrate")
        thread.join()
        equal(vm.read(15 * MIB - 4, 8), b"\x5a" * 4 + bytes(4))


@test
def a_reader_that_stalls_does_not_keep_cancel():
    listener = listening()
    with source() as vm:
        vm.qmp("migrate-set-parameters", max_bandwidth=0)
        with leaves_nothing(vm):
            for _ in range(3):
                vm.qmp("migrate", uri=f"unix:{listener.getsockname()}")
                peer, _ = listener.accept()
                time.sleep(0.1)
                equal(vm.qmp("query-migrate")["status"], "active")
                vm.qmp("migrate_cancel")
                equal(ended(vm, 5)["status"], "cancelled")
                peer.close()
        goes_on(vm)


@test
def a_listener_that_takes_nobody_does_not_keep_cancel():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(fresh("socket"))
    listener.listen(0)
    waiting = socket.socket(socket.AF_UNIX)
    waiting.connect(listener.getsockname())     # that was the only place
    with source() as vm:
        with leaves_nothing(vm):
            vm.qmp("migrate", uri=f"unix:{listener.getsockname()}")
            time.sleep(0.3)
            equal(vm.qmp("query-migrate")["status"], "setup")
            vm.qmp("migrate_cancel")
            equal(ended(vm, 5)["status"], "cancelled")
        goes_on(vm)
        vm.qmp("quit")
        equal(vm.proc.wait(5), 0)


@test
def a_full_pipe_does_not_keep_cancel():
    path = fresh("fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with source() as vm:
        vm.qmp("migrate-set-parameters", max_bandwidth=0)
        with leaves_nothing(vm):
            vm.qmp("migrate", uri=f"file:{path}")
            time.sleep(0.2)
            equal(vm.qmp("query-migrate")["status"], "active")
            vm.qmp("migrate_cancel")
            equal(ended(vm, 5)["status"], "cancelled")
        os.close(reader)
        goes_on(vm)


@test
def a_hundred_moves_leave_nothing():
    with source() as vm:
        vm.qmp("migrate-set-parameters", max_bandwidth=0)
        vm.hmp("info migrate")
        with leaves_nothing(vm):
            for n in range(100):
                try:
                    vm.qmp("migrate", uri=("exec:exit 1", f"unix:{TMP}/none", "file:/nowhere/x", "fd:nobody")[n % 4])
                except QMPError:
                    pass
                ended(vm)
        goes_on(vm)


# ------------------------------------------------------------------ snapshots

def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@cases(*(name.encode("unicode_escape").decode() for name in
         ("", ".", "..", "../x", "/etc/x", "a/b", "x" * 201, "a\nb", "a\tb", "\x1b[2J", "\x7f")))
def no_snapshot_is_called(name):
    name = name.encode().decode("unicode_escape")
    folder = fresh("folder")
    with source(machine=f",snapshot-dir={folder}") as vm:
        with leaves_nothing(vm):
            for command in ("savevm", "loadvm", "delvm"):
                said = vm.hmp(f"{command} {quoted(name)}")
                if command != "savevm" or name:
                    contains(said, "can't be the name of a snapshot")
                    equal(said.count("\n"), 1, repr(said))
        goes_on(vm)
    equal([f for f in os.listdir(folder) if not f.startswith("vm-")] if os.path.isdir(folder) else [], [])


@cases("with space", "ümläut", "%s%n", "-x", "a;b", "$(x)", "x" * 200)
def a_snapshot_may_be_called(name):
    folder = fresh("folder")
    with source(machine=f",snapshot-dir={folder}") as vm:
        equal(vm.hmp(f"savevm {quoted(name)}"), "")
        contains(vm.hmp("info snapshots"), name)
        equal(os.listdir(folder), [f"{name}.qevm"])
        equal(vm.hmp(f"loadvm {quoted(name)}"), "")
        equal(vm.hmp(f"delvm {quoted(name)}"), "")
        equal(os.listdir(folder), [])


@test
def a_snapshot_of_a_machine_with_other_devices_is_refused_and_another_loads():
    folder = fresh("folder")
    with source(machine=f",snapshot-dir={folder}", args=["-device", "virtio-rng-pci,addr=3.0"]) as vm:
        vm.hmp("savevm other")
    with source(machine=f",snapshot-dir={folder}") as vm:
        vm.writeq(2 * MIB, 4711)
        equal(vm.hmp("savevm mine"), "")
        with leaves_nothing(vm):
            said = vm.hmp("loadvm other")
        contains(said, "Error: Error while loading VM state: Invalid argument\n")
        for words in (said, vm.stderr()):
            contains(words, "Unknown savevm section or instance '0000:00:03.0/virtio-rng' 0")
        equal(vm.qmp("query-status")["status"], "paused")
        equal(vm.hmp("loadvm mine"), "")
        equal(vm.readq(2 * MIB), 4711)


@cases("file in the way", "no folder above")
def a_folder_that_can_not_be_made_is_said_so(what):
    folder = fresh("folder")
    with open(folder, "w"):
        pass
    with source(machine=f",snapshot-dir={folder if what == 'file in the way' else '/proc/nowhere/x'}") as vm:
        with leaves_nothing(vm):
            contains(vm.hmp("savevm x"), "Could not ")
            contains(vm.hmp("info snapshots"), "There is no snapshot available")
        goes_on(vm)


def small_file_system(what, size="4m", mode="rw"):
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size={size},{mode} none {what} 2>/dev/null") != 0:
        raise Skip("can't mount a file system")


@cases("full", "read-only")
def a_file_system_that_is_leaves_the_old_snapshot(what):
    folder = fresh("folder")
    os.mkdir(folder)
    small_file_system(folder, mode="rw" if what == "full" else "ro")
    try:
        if what == "full":
            with open(f"{folder}/x.qevm", "wb") as f:
                f.write(b"old")
        with source(machine=f",snapshot-dir={folder}") as vm:
            with leaves_nothing(vm):
                for _ in range(3):
                    contains(vm.hmp("savevm x"), "No space left on device" if what == "full" else "Read-only file system")
                    equal(vm.qmp("query-status")["status"], "running")
            equal(os.listdir(folder), ["x.qevm"] if what == "full" else [])
            goes_on(vm)
    finally:
        os.system(f"umount {folder}")


@test
def what_is_no_file_is_no_snapshot():
    folder = fresh("folder")
    os.mkdir(folder)
    os.mkfifo(f"{folder}/pipe.qevm")
    os.mkdir(f"{folder}/dir.qevm")
    with source(machine=f",snapshot-dir={folder}") as vm:
        with leaves_nothing(vm):
            vm.hmp("info snapshots")
            contains(vm.hmp("loadvm pipe"), "is not a regular file")
            contains(vm.hmp("loadvm dir"), "is not a regular file")
            equal(vm.qmp("query-status")["status"], "running")
            contains(vm.hmp("savevm dir"), "Is a directory")
            equal(vm.qmp("query-status")["status"], "running")
        goes_on(vm)
    for name in ("pipe", "dir"):
        status, _, said = run("8.2", "-M", f"q35,snapshot-dir={folder}", "-nodefaults", "-display", "none", "-loadvm", name, timeout=20)
        equal((status, said.count("\n")), (1, 1), said)


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
