#!/usr/bin/env python3
"""A machine moves from one process to another: by each channel, and not at all when it is cancelled, when the disk is full,
when either side is killed or something blocks it. What does not move goes on as it was, and an old file stays whole."""
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, cases, contains, equal, main, test  # noqa: E402
from vm import BUILD, VM, QMPError, run, try_load  # noqa: E402

TMP = tempfile.mkdtemp(prefix="migrate")
MIB = 1 << 20
ARGS = ["-M", "pc-q35-8.2", "-m", "16", "-device", "pcie-root-port,id=rp0,chassis=1,addr=1.0"]
STUCK = os.path.join(BUILD, "tests", "godwit-stuck")
ENDS = ("completed", "failed", "cancelled")
MARK = 0x1234567890abcdef
numbers = iter(range(1000000))


def fresh(what="stream"):
    return os.path.join(TMP, f"{what}{next(numbers)}")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def source(release="8.2", args=(), running=True, **kw):
    """A machine whose memory is not zero, and which runs."""
    vm = VM(release, [*ARGS, *args], qtest=True, stopped=not running, **kw)
    vm.qtest(f"memset {MIB:#x} {14 * MIB:#x} 0x5a")
    vm.writeq(2 * MIB, MARK)
    return vm


def target(incoming="defer", args=(), release="8.2", **kw):
    return VM(release, [*ARGS, *args], qtest=True, stopped=False, incoming=incoming, **kw)


def slowly(vm, uri, limit=MIB, **kw):
    """A migration that would take 14 s is on its way."""
    vm.qmp("migrate-set-parameters", max_bandwidth=limit)
    vm.qmp("migrate", uri=uri, **kw)
    end = time.monotonic() + 20
    while vm.qmp("query-migrate").get("ram", {}).get("transferred", 0) < 100000:
        equal(vm.qmp("query-migrate")["status"] in ("setup", "active"), True, vm.stderr())
        equal(time.monotonic() < end, True, "nothing is sent")
        time.sleep(0.005)


def ended(vm, timeout=30):
    return vm.wait("query-migrate", "status", ENDS, timeout)


def goes_on(vm):
    """It runs, and can move yet."""
    equal(vm.qmp("query-status"), {"running": True, "singlestep": False, "status": "running"})
    vm.writeq(3 * MIB, MARK + 1)
    equal(vm.readq(3 * MIB), MARK + 1)
    vm.qmp("migrate-set-parameters", max_bandwidth=0)
    path = fresh()
    vm.qmp("migrate", uri=f"file:{path}")
    equal(ended(vm)["status"], "completed", vm.stderr())
    equal(vm.qmp("query-status")["status"], "postmigrate")
    with target(f"file:{path}") as other:
        arrived(other)
        equal(other.readq(3 * MIB), MARK + 1)


def arrived(vm, status="running"):
    vm.wait_loaded()
    equal(vm.qmp("query-migrate")["status"], "completed")
    equal(vm.qmp("query-status")["status"], status)
    equal(vm.readq(2 * MIB), MARK)
    equal(vm.read(15 * MIB - 4, 8), b"\x5a" * 4 + bytes(4))


def send_fd(vm, name, fd):
    message = f'{{"execute": "getfd", "arguments": {{"fdname": "{name}"}}}}\n'.encode()
    socket.send_fds(vm.mon.sock, [message], [fd])
    equal(vm._receive(), {"return": {}})


# ------------------------------------------------------------------ channels

def main_channel(**addr):
    return [{"channel-type": "main", "addr": {k.replace("_", "-"): v for k, v in addr.items()}}]


@cases(("exec:cat > {}", "exec:cat {}"), ("file:{}", "file:{}"), ("file:{},offset=0x1000", "file:{},offset=4k"),
       ("exec:cat > {}", "file:{}"), ("file:{}", "exec:cat {}"))
def by_a_file(out, into):
    path = fresh()
    with source() as vm:
        vm.qmp("migrate", uri=out.format(path))
        equal(ended(vm)["status"], "completed", vm.stderr())
        equal(vm.qmp("query-status")["status"], "postmigrate")
    with target(into.format(path)) as vm:
        arrived(vm)
    with target() as vm:
        vm.qmp("migrate-incoming", uri=into.format(path))
        arrived(vm)


@test
def a_file_by_its_description():
    path = fresh()
    with source() as vm:
        vm.qmp("migrate", channels=main_channel(transport="file", filename=path, offset=512))
        equal(ended(vm)["status"], "completed", vm.stderr())
    equal(read(path)[:516], bytes(512) + b"QEVM")
    with target(f'{{"channel-type":"main","addr":{{"transport":"file","filename":"{path}","offset":512}}}}') as vm:
        arrived(vm)
    with target() as vm:
        vm.qmp("migrate-incoming", channels=main_channel(transport="exec", args=["/usr/bin/tail", "-c", "+513", path]))
        arrived(vm)


@test
def by_a_unix_socket():
    path = fresh("socket")
    with target(f"unix:{path}") as other, source() as vm:
        equal(other.qmp("query-status")["status"], "inmigrate")
        equal(other.qmp("query-migrate")["socket-address"], [{"type": "unix", "path": path}])
        vm.qmp("migrate", uri=f"unix:{path}")
        equal(ended(vm)["status"], "completed", vm.stderr())
        arrived(other)


@cases("-incoming", "migrate-incoming", "channels")
def by_tcp(how):
    with target("tcp:127.0.0.1:0" if how == "-incoming" else "defer") as other, source() as vm:
        if how == "migrate-incoming":
            other.qmp("migrate-incoming", uri="tcp:127.0.0.1:0")
        elif how == "channels":
            other.qmp("migrate-incoming", channels=main_channel(transport="socket", type="inet", host="127.0.0.1", port="0"))
        address, = other.qmp("query-migrate")["socket-address"]
        if how == "channels":
            vm.qmp("migrate", channels=main_channel(transport="socket", **address))
        else:
            vm.qmp("migrate", uri=f"tcp:{address['host']}:{address['port']}")
        equal(ended(vm)["status"], "completed", vm.stderr())
        arrived(other)


@test
def by_descriptors_that_were_handed_over():
    here, there = socket.socketpair()
    with target() as other, source() as vm:
        send_fd(vm, "out", here.fileno()), here.close()
        send_fd(other, "in", there.fileno()), there.close()
        other.qmp("migrate-incoming", uri="fd:in")
        vm.qmp("migrate", uri="fd:out")
        equal(ended(vm)["status"], "completed", vm.stderr())
        arrived(other)


@test
def by_an_inherited_descriptor():
    path = fresh()
    with source() as vm:
        with open(path, "wb") as f:
            send_fd(vm, "out", f.fileno())
        vm.qmp("migrate", uri="fd:out")
        equal(ended(vm)["status"], "completed", vm.stderr())
    with target("fd:7", prefix=["sh", "-c", f'exec "$@" 7<{path}', "sh"]) as vm:
        arrived(vm)


@test
def a_stopped_machine_arrives_stopped():
    path = fresh()
    with source(running=False) as vm:
        vm.save(path)
    with target(f"file:{path}") as vm:
        arrived(vm, "prelaunch")
        vm.qmp("cont")
        equal(vm.qmp("query-status")["status"], "running")


# ------------------------------------------------------------------ while the guest runs

@test
def what_the_guest_writes_meanwhile_arrives():
    path = fresh("socket")
    with target(f"unix:{path}") as other, source() as vm:
        slowly(vm, f"unix:{path}", 4 * MIB)
        for n in range(64):
            vm.writeq((1 + n % 14) * MIB + 8 * n, n)
        vm.qmp("migrate-set-parameters", max_bandwidth=0)
        reply = ended(vm)
        equal(reply["status"], "completed", vm.stderr())
        equal(reply["ram"]["dirty-sync-count"] >= 2, True, str(reply))
        other.wait_loaded()
        equal([other.readq((1 + n % 14) * MIB + 8 * n) for n in range(64)], list(range(64)))


@test
def downtime_limit_and_bandwidth_are_kept_to():
    with source() as vm:
        vm.qmp("migrate-set-parameters", max_bandwidth=7 * MIB, downtime_limit=100)
        begin = time.monotonic()
        vm.qmp("migrate", uri="exec:cat > /dev/null")
        reply = ended(vm)
        took = time.monotonic() - begin
        equal(1.4 < took < 6, True, f"14 MiB at 7 MiB/s took {took:.1f} s")
        equal(reply["downtime"] < 1000, True, str(reply))


@test
def events_tell_each_state_and_pass():
    path = fresh()
    with source() as vm:
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        vm.save(path)
        told = [e for e in vm.events if e["event"].startswith("MIGRATION")]
        equal([e["data"]["status"] for e in told if e["event"] == "MIGRATION"], ["setup", "active", "completed"])
        passes = [e["data"]["pass"] for e in told if e["event"] == "MIGRATION_PASS"]
        equal(passes, list(range(1, len(passes) + 1)))
        equal(len(passes) >= 2, True)
    with target() as vm:
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        vm.qmp("migrate-incoming", uri=f"file:{path}")
        arrived(vm)
        equal([e["data"]["status"] for e in vm.events if e["event"] == "MIGRATION"], ["setup", "active", "completed"])


@test
def it_waits_before_the_switchover_if_told_to():
    path = fresh("socket")
    with target(f"unix:{path}") as other, source() as vm:
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "pause-before-switchover", "state": True}])
        vm.qmp("migrate", uri=f"unix:{path}")
        vm.wait("query-migrate", "status", ("pre-switchover",))
        equal(vm.qmp("query-status")["status"], "finish-migrate")
        equal(other.qmp("query-status")["status"], "inmigrate")
        try:
            vm.qmp("migrate-continue", state="device")
            raise AssertionError("it went on from a state that it is not in")
        except QMPError as e:
            equal(e.desc, "Migration not in expected state: pre-switchover")
        vm.qmp("migrate-continue", state="pre-switchover")
        equal(ended(vm)["status"], "completed", vm.stderr())
        arrived(other)


@test
def cancelled_before_the_switchover_it_runs_again():
    path = fresh()
    with source() as vm:
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "pause-before-switchover", "state": True}])
        vm.qmp("migrate", uri=f"file:{path}")
        vm.wait("query-migrate", "status", ("pre-switchover",))
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "pause-before-switchover", "state": False}])
        equal(os.path.exists(path), False)
        goes_on(vm)


@test
def shared_memory_can_stay_where_it_is():
    path, memory = fresh(), fresh("memory")
    backend = ["-object", f"memory-backend-file,id=pc.ram,size=16M,mem-path={memory},share=on", "-machine", "memory-backend=pc.ram"]

    def ignoring(vm):
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": True}])

    with source(args=backend) as vm:
        ignoring(vm)
        vm.save(path)
        equal(os.path.getsize(path) < MIB, True, f"{os.path.getsize(path)} bytes")
    with target(args=backend) as vm:
        ignoring(vm)
        vm.qmp("migrate-incoming", uri=f"file:{path}")
        arrived(vm)


@test
def zero_pages_take_no_memory_on_arrival():
    path = fresh()
    args = ["-M", "pc-q35-8.2", "-m", "256"]
    with VM("8.2", args) as vm:
        vm.save(path)
    with VM("8.2", args, incoming=f"file:{path}") as vm:
        vm.wait_loaded()
        resident = int(read(f"/proc/{vm.proc.pid}/statm").split()[1]) * 4096
        equal(resident < 128 * MIB, True, f"{resident / MIB:.0f} MiB are resident")


# ------------------------------------------------------------------ given up

@cases("exec:cat > {}", "file:{}", "unix:{}")
def cancelled_it_runs_on(uri):
    path = fresh()
    old = b"what was there"
    if uri.startswith("unix:"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
    else:
        write(path, old)
    with source() as vm:
        slowly(vm, uri.format(path))
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")
        if uri.startswith("file:"):
            equal(read(path), old)
        goes_on(vm)


@test
def cancelled_while_the_peer_reads_nothing_it_runs_on():
    listener = socket.socket(socket.AF_UNIX)
    path = fresh("socket")
    listener.bind(path)
    listener.listen()
    with source() as vm:
        vm.qmp("migrate-set-parameters", max_bandwidth=0)
        vm.qmp("migrate", uri=f"unix:{path}")
        peer, _ = listener.accept()
        time.sleep(0.3)         # the socket is full
        equal(vm.qmp("query-migrate")["status"], "active")
        vm.qmp("migrate_cancel")
        equal(ended(vm, 10)["status"], "cancelled")
        goes_on(vm)
        peer.close()


@test
def cancelled_without_a_migration_nothing_happens():
    with source() as vm:
        vm.qmp("migrate_cancel")
        goes_on(vm)


@test
def a_second_one_meanwhile_is_refused():
    with source() as vm:
        slowly(vm, "exec:cat > /dev/null")
        try:
            vm.qmp("migrate", uri="exec:cat > /dev/null")
            raise AssertionError("two at a time")
        except QMPError as e:
            equal(e.desc, "There's a migration process in progress")
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")
        goes_on(vm)


# ------------------------------------------------------------------ things go wrong

@test
def a_full_disk_leaves_the_old_file_and_a_running_guest():
    # A process that may write no file beyond 2 MiB.
    path = fresh()
    write(path, b"old")
    with source(prefix=["env", "--ignore-signal=XFSZ", "prlimit", f"--fsize={2 * MIB}"]) as vm:
        vm.qmp("migrate", uri=f"file:{path}")
        reply = ended(vm)
        equal(reply["status"], "failed")
        contains(reply["error-desc"], "File too large")
        equal(read(path), b"old")
        equal([name for name in os.listdir(TMP) if name.startswith(os.path.basename(path) + ".")], [])
        equal(vm.qmp("query-status")["status"], "running")
        equal(vm.readq(2 * MIB), MARK)


@test
def a_full_file_system_leaves_the_old_file_and_a_running_guest():
    folder = fresh("small")
    os.mkdir(folder)
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=4m none {folder} 2>/dev/null") != 0:
        raise Skip("can't mount a file system")
    try:
        write(f"{folder}/state", b"old")
        with source() as vm:
            vm.qmp("migrate", uri=f"file:{folder}/state")
            reply = ended(vm)
            equal(reply["status"], "failed")
            contains(reply["error-desc"], "No space left on device")
            equal((os.listdir(folder), read(f"{folder}/state")), (["state"], b"old"))
            equal(os.statvfs(folder).f_bavail * 4096 > 3 * MIB, True, "what was written is still there")
            goes_on(vm)
    finally:
        os.system(f"umount {folder}")


@test
def a_command_that_fails_leaves_a_running_guest():
    with source() as vm:
        vm.qmp("migrate", uri="exec:head -c 1000000 > /dev/null; exit 3")
        reply = ended(vm)
        equal(reply["status"], "failed")
        goes_on(vm)


@test
def killed_in_the_middle_it_leaves_the_old_file():
    path = fresh()
    write(path, b"old")
    with source() as vm:
        slowly(vm, f"file:{path}")
        vm.proc.send_signal(signal.SIGKILL)
        vm.proc.wait()
    equal(read(path), b"old")
    equal([name for name in os.listdir(TMP) if name.startswith(os.path.basename(path) + ".")], [])


@cases("quit", "SIGTERM")
def ended_in_the_middle_it_leaves_the_old_file(how):
    path = fresh()
    write(path, b"old")
    with source() as vm:
        slowly(vm, f"file:{path}")
        if how == "quit":
            vm.quit()
        else:
            vm.proc.send_signal(signal.SIGTERM)
        equal(vm.proc.wait(10), 0)
    equal(read(path), b"old")


@test
def a_socket_that_drops_lets_the_source_run_on():
    path = fresh("socket")
    with source() as vm:
        with target(f"unix:{path}") as other:
            slowly(vm, f"unix:{path}")
            other.proc.send_signal(signal.SIGKILL)
            other.proc.wait()
        reply = ended(vm)
        equal(reply["status"], "failed")
        contains(reply["error-desc"], "Broken pipe")
        goes_on(vm)


@test
def a_socket_that_nobody_listens_on_is_said_so():
    path = fresh("socket")
    with source() as vm:
        try:
            vm.qmp("migrate", uri=f"unix:{path}")
            contains(ended(vm)["error-desc"], "Failed to connect")
        except QMPError as e:
            contains(e.desc, "Failed to connect")
        goes_on(vm)


@cases((True, 1), (False, 0))
def a_source_that_dies_is_noticed(exit_on_error, status):
    path = fresh("socket")
    with target() as other:
        other.qmp("migrate-incoming", uri=f"unix:{path}", exit_on_error=exit_on_error)
        with source() as vm:
            slowly(vm, f"unix:{path}")
            vm.proc.send_signal(signal.SIGKILL)
            vm.proc.wait()
        if exit_on_error:
            equal(other.proc.wait(20), 1)
            contains(other.stderr(), "load of migration failed")
            return
        reply = other.wait("query-migrate", "status", ("failed",))
        contains(reply["error-desc"], "load of migration failed")
        equal(other.qmp("query-status")["status"], "inmigrate")
        with source() as vm:        # and another one is taken
            os.unlink(path) if os.path.exists(path) else None
            other.qmp("migrate-incoming", uri=f"unix:{path}", exit_on_error=False)
            vm.qmp("migrate", uri=f"unix:{path}")
            equal(ended(vm)["status"], "completed", vm.stderr())
            arrived(other)


@test
def incoming_is_refused_twice_and_where_nobody_asked_for_it():
    path = fresh("socket")
    for vm, words in ((target(f"unix:{path}"), "The incoming migration has already been started"),
                      (source(), "'-incoming' was not specified on the command line")):
        with vm:
            try:
                vm.qmp("migrate-incoming", uri=f"unix:{path}2")
                raise AssertionError("it was taken")
            except QMPError as e:
                equal(e.desc, words)


@test
def another_memory_size_is_refused_in_qemus_words():
    path = fresh()
    with source() as vm:
        vm.save(path)
    ok, said = try_load("8.2", [*ARGS, "-m", "32"], path)
    equal(ok, False)
    contains(said, "Size mismatch: pc.ram: 0x1000000 != 0x2000000: Invalid argument")


@test
def another_uuid_is_refused_when_it_is_to_be_validated():
    path = fresh()
    one, two = "188d32e0-1459-476b-b901-f9ca59772764", "288d32e0-1459-476b-b901-f9ca59772764"
    validate = [{"capability": "validate-uuid", "state": True}]
    with source(args=["-uuid", one]) as vm:
        vm.qmp("migrate-set-capabilities", capabilities=validate)
        vm.save(path)
    with target(args=["-uuid", two]) as vm:
        vm.qmp("migrate-set-capabilities", capabilities=validate)
        vm.qmp("migrate-incoming", uri=f"file:{path}", exit_on_error=False)
        reply = vm.wait("query-migrate", "status", ("failed",))
        contains(reply["error-desc"], f"UUID received is {one} and local is {two}")


# ------------------------------------------------------------------ what can't move

def stuck(*args):
    return VM(STUCK, ["-M", "q35", "-m", "16", *args])


def refusal(vm, command, **kw):
    try:
        vm.qmp(command, **kw)
        raise AssertionError(f"{command} was taken")
    except QMPError as e:
        return e.desc


@test
def what_blocks_is_told_and_refuses():
    with stuck("-device", "test-blocker,id=a,reason=one", "-device", "test-blocker,reason=two") as vm:
        equal(vm.qmp("query-migrate"), {"blocked-reasons": ["two", "one"]})
        contains(vm.hmp("info migrate"), "two")
        equal(refusal(vm, "migrate", uri="exec:cat > /dev/null"), "two")
        contains(vm.hmp("savevm x"), "two")


@test
def what_has_no_state_to_move_is_told_and_refuses():
    words = "State blocked by non-migratable device '0000:00:01.0/test-stuck'"
    with stuck("-device", "test-stuck") as vm:
        equal(vm.qmp("query-migrate"), {"blocked-reasons": ["non-migratable device: 0000:00:01.0/test-stuck"]})
        equal(refusal(vm, "migrate", uri="exec:cat > /dev/null"), words)
        contains(vm.hmp("savevm x"), words)
        equal(vm.qmp("query-status")["status"], "prelaunch")


@test
def what_blocks_goes_with_its_device():
    with stuck("-device", "pcie-root-port,id=rp0") as vm:
        vm.qmp("device_add", driver="test-blocker", id="a", reason="one", bus="rp0")
        equal(vm.qmp("query-migrate"), {"blocked-reasons": ["one"]})
        equal(refusal(vm, "migrate", uri="exec:cat > /dev/null"), "one")


@cases(("test-stuck", "Device test-stuck is not migratable, but --only-migratable was specified"),
       ("test-blocker,reason=one", "disallowing migration blocker (--only-migratable) for: one"))
def only_migratable_refuses_it(device, words):
    status, _, said = run(STUCK, "-M", "q35", "-nodefaults", "-display", "none", "-S", "-only-migratable", "-device", device)
    equal((status, said), (1, f"godwit-stuck: -device {device}: {words}\n"))
    driver, _, options = device.partition(",")
    with stuck("-only-migratable", "-device", "pcie-root-port,id=rp0") as vm:
        kw = dict([options.split("=")]) if options else {}
        equal(refusal(vm, "device_add", driver=driver, bus="rp0", **kw), words)
        equal(vm.qmp("query-migrate"), {})
        vm.save(fresh())


@test
def only_migratable_takes_what_can_move():
    path = fresh()
    with source(args=["-only-migratable", "-device", "virtio-rng-pci,addr=2.0"]) as vm:
        vm.save(path)


@test
def nothing_new_blocks_while_it_moves():
    with stuck("-device", "pcie-root-port,id=rp0") as vm:
        vm.qmp("migrate-set-capabilities", capabilities=[{"capability": "pause-before-switchover", "state": True}])
        vm.qmp("migrate", uri="exec:cat > /dev/null")
        vm.wait("query-migrate", "status", ("pre-switchover",))
        contains(refusal(vm, "device_add", driver="test-blocker", reason="one", bus="rp0"), "migrat")
        vm.qmp("migrate_cancel")
        equal(ended(vm)["status"], "cancelled")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
