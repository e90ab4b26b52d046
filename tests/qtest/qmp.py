#!/usr/bin/env python3
"""QMP over a process: the protocol's words as QEMU has them, several clients, clients that misbehave, and answers whose keys
and types are those that QEMU 7.2 gave for the same machine (tests/data/qmp-shapes.json)."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import cases, contains, equal, main, test  # noqa: E402
from vm import VM, QMPError, binary  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="godwit-qmp")
os.chdir(folder.name)
with open("disk.img", "wb") as f:
    f.truncate(1 << 20)
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
NONE = ["-M", "none", "-nodefaults", "-display", "none", "-S"]


class Client:
    """A raw QMP client: what it sends is what is given."""

    def __init__(self, path, negotiate=True, timeout=20):
        end = time.monotonic() + timeout
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.002)
        self.file = self.sock.makefile("rb")
        self.greeting = self.get()
        if negotiate:
            equal(self.ask({"execute": "qmp_capabilities"}), {"return": {}})

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def get(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, message):
        """The reply; events in between are left out."""
        self.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
        while True:
            reply = self.get()
            if reply is None or "event" not in reply:
                return reply

    def close(self):
        self.file.close()
        self.sock.close()


class Server:
    """godwit with some QMP sockets, called q0, q1, …"""

    def __init__(self, sockets=1, args=NONE, release="8.2"):
        self.paths = [os.path.join(folder.name, f"q{i}") for i in range(sockets)]
        for path in self.paths:
            if os.path.exists(path):
                os.unlink(path)
        monitors = [a for p in self.paths for a in ("-qmp", f"unix:{p},server=on,wait=off")]
        self.proc = subprocess.Popen([binary(release), *args, *monitors], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def client(self, number=0, **kwargs):
        return Client(self.paths[number], **kwargs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.terminate()
        equal(self.proc.wait(20), 0, "exit status")


def error_of(reply):
    return reply["error"]["class"], reply["error"]["desc"]


@test
def greeting_tells_release_and_package():
    with Server(release="8.0.1") as s:
        equal(s.client(negotiate=False).greeting,
              {"QMP": {"version": {"qemu": {"micro": 1, "minor": 0, "major": 8}, "package": "godwit 0.1.0"}, "capabilities": ["oob"]}})


@cases(
    ('{"execute":"query-status"}', "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'"),
    ('{"execute":"foo"}', "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'"),
    ('{"execute":"qmp_capabilities","arguments":{"enable":["foo"]}}', "GenericError", "Parameter 'null' does not accept value 'foo'"),
    ('{"execute":"qmp_capabilities","arguments":{"enable":"oob"}}', "GenericError", "Invalid parameter type for 'enable', expected: array"),
    ('{"exec-oob":"qmp_capabilities"}', "GenericError", "QMP input member 'exec-oob' is unexpected"),
)
def before_the_negotiation(request, klass, desc):
    with Server() as s:
        equal(error_of(s.client(negotiate=False).ask(request)), (klass, desc))


@cases(
    ('{"execute":"qmp_capabilities"}', "CommandNotFound", "Capabilities negotiation is already complete, command ignored"),
    ('{"execute":"foo","id":3}', "CommandNotFound", "The command foo has not been found"),
    ('{"execute":3}', "GenericError", "QMP input member 'execute' must be a string"),
    ('{"execute":null}', "GenericError", "QMP input member 'execute' must be a string"),
    ('{"foo":3}', "GenericError", "QMP input member 'foo' is unexpected"),
    ("{}", "GenericError", "QMP input lacks member 'execute'"),
    ("[]", "GenericError", "QMP input must be a JSON object"),
    ("3\n", "GenericError", "QMP input must be a JSON object"),
    ('"a"\n', "GenericError", "QMP input must be a JSON object"),
    ('{"execute":"query-status","foo":1}', "GenericError", "QMP input member 'foo' is unexpected"),
    ('{"execute":"query-status","arguments":3}', "GenericError", "QMP input member 'arguments' must be an object"),
    ('{"execute":"cont","arguments":null}', "GenericError", "QMP input member 'arguments' must be an object"),
    ('{"execute":"query-status","arguments":{"a":1}}', "GenericError", "Parameter 'a' is unexpected"),
    ('{"exec-oob":"query-status","id":1}', "GenericError", "QMP input member 'exec-oob' is unexpected"),
    ('{"execute":"device_del"}', "GenericError", "Parameter 'id' is missing"),
    ('{"execute":"device_del","arguments":{"id":3}}', "GenericError", "Invalid parameter type for 'id', expected: string"),
    ('{"execute":"device_del","arguments":{"id":"x","y":3}}', "GenericError", "Parameter 'y' is unexpected"),
    ('{"execute":"device_del","arguments":{"id":"x"}}', "DeviceNotFound", "Device 'x' not found"),
    ('{"execute":"human-monitor-command","arguments":{"command-line":"help","cpu-index":1.5}}', "GenericError",
     "Invalid parameter type for 'cpu-index', expected: integer"),
    ('{"execute":"query-status",}\n', "GenericError", "JSON parse error, expecting value"),
    ('{"execute" "query-status"}\n', "GenericError", "JSON parse error, missing : in object pair"),
    ("}\n", "GenericError", "JSON parse error, expecting value"),
    ("foo\n", "GenericError", "JSON parse error, invalid keyword 'foo'"),
    ('{"a":"\\q"}\n', "GenericError", "JSON parse error, invalid escape sequence in string"),
    ('{"a":1,"a":2}\n', "GenericError", "JSON parse error, duplicate key"),
    ("[1,]\n", "GenericError", "JSON parse error, expecting value"),
    ("[1 2]\n", "GenericError", "JSON parse error, expected separator in list"),
    ('{1:2}\n', "GenericError", "JSON parse error, key is not a string in object"),
    ('{"a":1 "b":2}\n', "GenericError", "JSON parse error, expected separator in dict"),
    ('{"a":"\\ud800"}\n', "GenericError", "JSON parse error, \\ud800 is not a valid Unicode character"),
    ('{"execute":"chardev-add","arguments":{"id":"e","backend":{"type":"foo","data":{}}}}', "GenericError",
     "Parameter 'type' does not accept value 'foo'"),
    ('{"execute":"chardev-add","arguments":{"id":"e","backend":{"type":"null"}}}', "GenericError", "Parameter 'backend.data' is missing"),
    ('{"execute":"chardev-add","arguments":{"id":"e","backend":{"type":"file","data":{}}}}', "GenericError",
     "Parameter 'backend.data.out' is missing"),
    ('{"execute":"chardev-add","arguments":{"id":"e","backend":{"type":"file","data":{"out":"/nonexist/a"}}}}', "GenericError",
     "Failed to add chardev 'e': Could not open '/nonexist/a': No such file or directory"),
    ('{"execute":"chardev-add","arguments":{"id":"e","backend":{"type":"ringbuf","data":{"size":3}}}}', "GenericError",
     "Failed to add chardev 'e': size of ringbuf chardev must be power of two"),
    ('{"execute":"chardev-remove","arguments":{"id":"a"}}', "GenericError", "Chardev 'a' not found"),
    ('{"execute":"chardev-remove","arguments":{"id":"compat_monitor0"}}', "GenericError", "Chardev 'compat_monitor0' is busy"),
    ('{"execute":"ringbuf-read","arguments":{"device":"zz","size":3}}', "GenericError", "Device 'zz' not found"),
    ('{"execute":"device-list-properties","arguments":{"typename":"foo"}}', "DeviceNotFound", "Device 'foo' not found"),
    ('{"execute":"device-list-properties","arguments":{"typename":"iothread"}}', "GenericError",
     "Parameter 'typename' expects a non-abstract device type"),
    ('{"execute":"qom-list-properties","arguments":{"typename":"foo"}}', "DeviceNotFound", "Class 'foo' not found"),
    ('{"execute":"qom-list","arguments":{"path":"/nosuch"}}', "DeviceNotFound", "Device '/nosuch' not found"),
    ('{"execute":"qom-get","arguments":{"path":"/nosuch","property":"a"}}', "DeviceNotFound", "Device '/nosuch' not found"),
    ('{"execute":"qom-set","arguments":{"path":"/machine","property":"type","value":1}}', "GenericError",
     "Property 'none-machine.type' is not writable"),
    ('{"execute":"device_add","arguments":{"driver":"foo"}}', "GenericError", "'foo' is not a valid device model name"),
    ('{"execute":"object-add","arguments":{"qom-type":"foo","id":"a"}}', "GenericError", "Parameter 'qom-type' does not accept value 'foo'"),
    ('{"execute":"object-add","arguments":{"qom-type":"iothread","id":"9"}}', "GenericError", "Parameter 'id' expects an identifier"),
    ('{"execute":"object-add","arguments":{"qom-type":"memory-backend-ram","id":"m"}}', "GenericError", "Parameter 'size' is missing"),
    ('{"execute":"object-del","arguments":{"id":"a"}}', "GenericError", "object 'a' not found"),
    ('{"execute":"blockdev-add","arguments":{"driver":"foo","node-name":"n"}}', "GenericError", "Parameter 'driver' does not accept value 'foo'"),
    ('{"execute":"blockdev-add","arguments":{"driver":"null-co"}}', "GenericError", "'node-name' must be specified for the root node"),
    ('{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":3}}', "GenericError",
     "Invalid parameter type for 'file', expected: BlockdevRef"),
    ('{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"r","filename":"/nosuch"}}', "GenericError",
     "Could not open '/nosuch': No such file or directory"),
    ('{"execute":"blockdev-del","arguments":{"node-name":"n"}}', "GenericError", "Failed to find node with node-name='n'"),
    ('{"execute":"getfd","arguments":{"fdname":"x"}}', "GenericError", "No file descriptor supplied via SCM_RIGHTS"),
    ('{"execute":"closefd","arguments":{"fdname":"x"}}', "GenericError", "File descriptor named 'x' not found"),
    ('{"execute":"remove-fd","arguments":{"fdset-id":3}}', "GenericError", "File descriptor named 'fdset-id:3' not found"),
    ('{"execute":"query-balloon"}', "DeviceNotActive", "No balloon device has been activated"),
    ('{"execute":"x-exit-preconfig"}', "GenericError", "The command is permitted only before machine initialization"),
    ('{"execute":"trace-event-set-state","arguments":{"name":"nope","enable":true}}', "GenericError", 'unknown event "nope"'),
)
def a_refusal(request, klass, desc):
    with Server() as s:
        c = s.client()
        equal(error_of(c.ask(request)), (klass, desc))
        equal(c.ask('{"execute":"query-name"}'), {"return": {}}, "the next command")


@test
def id_comes_back_as_it_was():
    with Server() as s:
        c = s.client()
        for ident in (3, "x", None, [1, {"a": None}], 1.5, True):
            equal(c.ask({"execute": "query-name", "id": ident})["id"], ident)
            equal(c.ask({"execute": "nope", "id": ident})["id"], ident)
        equal("id" in c.ask({"execute": "query-name"}), False)


@test
def out_of_band_needs_the_capability_and_an_able_command():
    with Server() as s:
        c = s.client(negotiate=False)
        equal(c.ask({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}), {"return": {}})
        equal(error_of(c.ask({"exec-oob": "query-status"})), ("GenericError", "The command query-status does not support OOB"))
        equal(error_of(c.ask({"exec-oob": "nope"})), ("CommandNotFound", "The command nope has not been found"))
        equal(error_of(c.ask('{"execute":"stop","exec-oob":"stop"}')), ("GenericError", "QMP input member 'exec-oob' clashes with 'execute'"))
        equal("error" in c.ask({"exec-oob": "migrate-pause"}), True)


@test
def several_commands_in_one_write_are_answered_in_order():
    with Server() as s:
        c = s.client()
        c.send("".join('{"execute":"query-name","id":%d}' % i for i in range(500)))
        for i in range(500):
            equal(c.get(), {"return": {}, "id": i})


@test
def a_command_in_single_bytes_is_one_command():
    with Server() as s:
        c = s.client()
        for byte in b'{"execute": "query-uuid", "arguments": {}}':
            c.send(bytes([byte]))
        equal(c.get(), {"return": {"UUID": "00000000-0000-0000-0000-000000000000"}})


@test
def several_monitors_each_have_their_session_and_all_get_events():
    with Server(sockets=3) as s:
        a, b, c = s.client(0), s.client(1), s.client(2, negotiate=False)
        equal(a.ask({"execute": "cont"}), {"return": {}})
        equal(b.get()["event"], "RESUME")
        equal(error_of(c.ask({"execute": "stop"}))[0], "CommandNotFound")
        equal(b.ask({"execute": "stop"}), {"return": {}})
        event = a.get()
        equal(sorted(event), ["event", "timestamp"])
        equal(event["event"], "STOP")
        equal(abs(event["timestamp"]["seconds"] - time.time()) < 60, True)
        equal(event["timestamp"]["microseconds"] < 1000000, True)


@test
def pretty_answers_are_indented():
    path = os.path.join(folder.name, "pretty")
    p = subprocess.Popen([binary("8.2"), *NONE, "-qmp-pretty", f"unix:{path},server=on,wait=off"], stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.002)
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        contains(s.recv(4096).decode(), '{\n    "QMP": {\n        "version": {')
    finally:
        p.terminate()
        p.wait()


@test
def a_client_that_leaves_in_the_middle_makes_room_for_the_next():
    with Server() as s:
        for part in (b'{"execute":"query-na', b'{"exec', b'"', b"[" * 100, b""):
            c = s.client()
            c.send(part)
            c.close()
        equal(s.client().ask({"execute": "query-name"}), {"return": {}})


@test
def a_client_that_leaves_before_its_answers_harms_nobody():
    with Server(sockets=2) as s:
        other = s.client(1)
        for _ in range(5):
            c = s.client()
            c.send('{"execute":"query-qmp-schema"}' * 50)
            c.close()
        equal(other.ask({"execute": "query-name"}), {"return": {}})
        equal(s.client().ask({"execute": "query-name"}), {"return": {}})


# What a sanitizer keeps of freed memory is not the emulator's.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"


def memory_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


@test
def a_hundred_megabytes_without_a_newline_are_refused_and_take_no_memory():
    with Server(sockets=2) as s:
        other, c = s.client(1), s.client()
        for start in (b'{"execute":"', b"", b"["):
            c.send(start)
            for _ in range(100):
                c.send(b"x" * (1 << 20))
            equal(other.ask({"execute": "query-name"}), {"return": {}})
            c.send(b"\n")
        equal(memory_of(s.proc.pid) < 150000, True, "memory")
        reply = c.ask('\n{"execute":"query-name","id":"after"}')
        while reply.get("id") != "after":
            equal(reply["error"]["class"], "GenericError")
            reply = c.get()


@test
def a_flood_of_commands_starves_no_other_client():
    with Server(sockets=2) as s:
        flood, other = s.client(0), s.client(1)
        stop = threading.Event()

        def send():
            flood.sock.settimeout(0.2)
            while not stop.is_set():
                try:
                    flood.sock.send(b'{"execute":"query-commands"}' * 100)
                except OSError:
                    pass

        thread = threading.Thread(target=send)
        thread.start()
        try:
            worst = 0
            for _ in range(100):
                begin = time.monotonic()
                equal(other.ask({"execute": "query-name"}), {"return": {}})
                worst = max(worst, time.monotonic() - begin)
        finally:
            stop.set()
            thread.join()
        equal(worst < 5, True, f"an answer took {worst:.1f} s")
        equal(memory_of(s.proc.pid) < 200000, True, "memory")
        flood.close()


@test
def descriptors_are_taken_by_name_and_into_sets():
    read_end, write_end = os.pipe()
    with Server() as s:
        c = s.client()

        def with_fd(message):
            socket.send_fds(c.sock, [json.dumps(message).encode()], [write_end])
            return c.get()

        equal(with_fd({"execute": "getfd", "arguments": {"fdname": "a"}}), {"return": {}})
        equal(error_of(with_fd({"execute": "getfd", "arguments": {"fdname": "1a"}}))[1],
              "Parameter 'fdname' expects a name not starting with a digit")
        equal(c.ask({"execute": "closefd", "arguments": {"fdname": "a"}}), {"return": {}})
        one = with_fd({"execute": "add-fd", "arguments": {"opaque": "text"}})["return"]
        two = with_fd({"execute": "add-fd", "arguments": {"fdset-id": one["fdset-id"]}})["return"]
        equal(one["fdset-id"], two["fdset-id"])
        sets = c.ask({"execute": "query-fdsets"})["return"]
        equal(sets, [{"fdset-id": one["fdset-id"], "fds": [{"fd": one["fd"], "opaque": "text"}, {"fd": two["fd"]}]}])
        equal(c.ask({"execute": "remove-fd", "arguments": {"fdset-id": one["fdset-id"], "fd": one["fd"]}}), {"return": {}})
        equal(c.ask({"execute": "remove-fd", "arguments": {"fdset-id": one["fdset-id"]}}), {"return": {}})
        equal(c.ask({"execute": "query-fdsets"}), {"return": []})
        os.close(write_end)
        equal(os.read(read_end, 1), b"", "the other end is closed once all copies are")
    os.close(read_end)


@test
def a_disk_is_opened_through_a_set_of_descriptors():
    fd = os.open("disk.img", os.O_RDWR)
    with Server() as s:
        c = s.client()
        socket.send_fds(c.sock, [b'{"execute":"add-fd","arguments":{"fdset-id":5}}'], [fd])
        equal(c.get()["return"]["fdset-id"], 5)
        equal(c.ask({"execute": "blockdev-add", "arguments": {"driver": "file", "node-name": "n", "filename": "/dev/fdset/5"}}), {"return": {}})
        equal(error_of(c.ask({"execute": "blockdev-add", "arguments": {"driver": "file", "node-name": "m", "filename": "/dev/fdset/6"}}))[1],
              "Could not open '/dev/fdset/6': No such file or directory")
    os.close(fd)


@test
def quit_answers_says_why_and_ends_with_0():
    with VM("8.2", ["-M", "none"]) as vm:
        status, _ = vm.quit()
        equal(status, 0)
    p = subprocess.run([binary("8.2"), *NONE, "-qmp", "stdio"], input='{"execute":"qmp_capabilities"}{"execute":"quit","id":1}',
                       capture_output=True, text=True, timeout=20)
    lines = [json.loads(line) for line in p.stdout.splitlines()]
    equal(lines[3], {"return": {}, "id": 1})
    equal((lines[2]["event"], lines[2]["data"]), ("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"}))
    equal(p.returncode, 0)


@test
def reset_and_powerdown_are_events():
    with VM("8.2", ["-M", "q35"]) as vm:
        vm.qmp("system_powerdown")
        vm.qmp("system_reset")
        deadline = time.monotonic() + 10
        while not {"POWERDOWN", "RESET"} <= {e["event"] for e in vm.events} and time.monotonic() < deadline:
            vm.qmp("query-status")
        reset = next(e for e in vm.events if e["event"] == "RESET")
        equal(reset["data"], {"guest": False, "reason": "host-qmp-system-reset"})


@test
def signal_ends_it_with_the_event():
    with Server() as s:
        c = s.client()
        s.proc.terminate()
        event = c.get()
        equal((event["event"], event["data"]["reason"]), ("SHUTDOWN", "host-signal"))


# ------------------------------------------------------------ answers

MACHINE = ["-M", "pc-q35-7.2", "-m", "64", "-smp", "2,maxcpus=4", "-device", "pcie-root-port,id=rp0,chassis=1", "-blockdev",
           "null-co,node-name=n0", "-device", "virtio-blk-pci,bus=rp0,drive=n0,id=b0", "-chardev", "null,id=ch", "-object",
           "iothread,id=io0", "-object", "memory-backend-ram,id=mm,size=1M", "-drive", "if=none,id=d0,file=disk.img,format=raw", "-uuid",
           "188d32e0-1459-496f-b901-f9ca59772764", "-name", "guest=foo"]
SHAPES = os.path.join(DATA, "qmp-shapes.json")


def shape(value):
    """Keys and types, sorted; a list is the set of its elements' shapes."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        out = []
        for s in sorted((shape(v) for v in value), key=json.dumps):
            if s not in out:
                out.append(s)
        return out
    return type(value).__name__


def record(emulator):
    """Writes tests/data/qmp-shapes.json from a real QEMU: qmp.py --record qemu-system-x86_64"""
    with open(SHAPES) as f:
        asked = [(e["command"], e["arguments"]) for e in json.load(f)]
    with VM(emulator, MACHINE) as vm:
        answers = [{"command": c, "arguments": a, "shape": shape(vm.qmp(c, **a))} for c, a in asked]
    with open(SHAPES, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(a) for a in answers) + "\n]\n")


@test
def answers_have_the_keys_and_types_of_qemus():
    with open(SHAPES) as f:
        recorded = json.load(f)
    wrong = []
    with VM("7.2", MACHINE) as vm:
        for entry in recorded:
            got = shape(vm.qmp(entry["command"], **entry["arguments"]))
            if got != entry["shape"]:
                wrong.append(f"{entry['command']} {entry['arguments']}: {json.dumps(got)}, QEMU: {json.dumps(entry['shape'])}")
    equal(len(recorded) > 20, True)
    equal(wrong, [])


@test
def every_query_answers_or_says_why_not():
    with VM("8.2", MACHINE) as vm:
        for name in (c["name"] for c in vm.qmp("query-commands")):
            if name.startswith("query-"):
                try:
                    vm.qmp(name)
                except QMPError as e:
                    contains(e.desc, " ")


@test
def schema_names_every_command_and_every_type_that_it_uses():
    with VM("8.2", ["-M", "none"]) as vm:
        schema, commands = vm.qmp("query-qmp-schema"), {c["name"] for c in vm.qmp("query-commands")}
    names = [e["name"] for e in schema]
    equal(len(names), len(set(names)), "names are unique")
    equal({e["name"] for e in schema if e["meta-type"] == "command"}, commands)
    for e in schema:
        used = [e.get("arg-type"), e.get("ret-type"), e.get("element-type")]
        used += [m["type"] for m in e.get("members", []) if "type" in m] + [v["type"] for v in e.get("variants", [])]
        for t in used:
            equal(t is None or t in names, True, f"{e['name']} uses {t}")


@test
def machines_are_listed_with_their_compat_properties():
    with VM("8.2", ["-M", "none"]) as vm:
        plain, full = vm.qmp("query-machines"), vm.qmp("query-machines", compat_props=True)
    equal([m["name"] for m in plain], [m["name"] for m in full])
    equal("compat-props" in plain[0], False)
    rows = next(m for m in full if m["name"] == "pc-q35-7.2")["compat-props"]
    equal({"qom-type": "pci-device", "property": "x-pcie-err-unc-mask", "value": "off"} in rows, True)
    equal(next(m for m in full if m["name"] == "pc-q35-8.2")["compat-props"], [])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--record"]:
        record(sys.argv[2])
    else:
        main()
