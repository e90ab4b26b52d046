#!/usr/bin/env python3
"""The command line over a process: help texts, descriptors, background, pid files, the sandbox, logs."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Skip, cases, contains, equal, main, test  # noqa: E402
from vm import VM, QMPError, binary, run  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="godwit-cmd")
os.chdir(folder.name)
NONE = ["-M", "none", "-nodefaults", "-display", "none"]
QUIT = '{"execute":"qmp_capabilities"}{"execute":"quit"}'


def ask(args, *commands, release="8.2", **kwargs):
    """Runs to the end with these QMP commands on stdio; (status, replies, stderr)."""
    text = '{"execute":"qmp_capabilities"}' + "".join(json.dumps(c) for c in commands) + '{"execute":"quit"}'
    p = subprocess.run([binary(release), *args, "-qmp", "stdio"], input=text, capture_output=True, text=True, timeout=30, **kwargs)
    lines = [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")]
    return p.returncode, [x for x in lines if "event" not in x][2:], p.stderr


# ------------------------------------------------------------ what only prints

@cases(("8.2", "8.2.0"), ("8.0.1", "8.0.1"), ("5.1", "5.1.0"))
def version(release, behaves_as):
    for option in ("-version", "--version"):
        equal(run(release, option), (0, f"godwit 0.1.0 (behaves as QEMU {behaves_as})\n", ""))


@cases(
    ("-h", "-machine [type=]TYPE"), ("--help", "-device DRIVER"), ("-M help", "Supported machines are:\n"),
    ("-machine help", "pc-q35-7.2 "), ("-M q35,help", "machine options:\n"), ("-device help", "Controller/Bridge/Hub devices:\n"),
    ("-device pcie-root-port,help", "pcie-root-port options:\n"), ("-object help", "List of user creatable objects:\n  iothread\n"),
    ("-object memory-backend-ram,help", "  size=<int>             - Size of the memory region (ex: 500M)\n"), ("-cpu help", "qemu64"),
    ("-chardev help", "Available chardev backend types: \n  stdio\n"), ("-accel help", "Accelerators supported in QEMU binary:\n"),
    ("-d help", "guest_errors"), ("-trace help", "runstate_set\n"), ("-display help", "none\n"),
)
def prints_and_ends_with_0(args, words):
    status, out, err = run("8.2", *args.split(), timeout=20)
    equal((status, err), (0, ""))
    contains(out, words)


# ------------------------------------------------------------ identity

@test
def name_and_uuid_are_told():
    _, r, _ = ask([*NONE, "-name", "guest=a,,b,debug-threads=on", "-uuid", "188d32e0-1459-496f-b901-f9ca59772764"],
                  {"execute": "query-name"}, {"execute": "query-uuid"})
    equal([x["return"] for x in r[:2]], [{"name": "a,b"}, {"UUID": "188d32e0-1459-496f-b901-f9ca59772764"}])


@test
def process_has_its_name():
    with VM("8.2", ["-M", "none", "-name", "a,process=heron"]) as vm:
        equal(open(f"/proc/{vm.proc.pid}/comm").read(), "heron\n")


@test
def default_consoles_are_there_unless_nodefaults():
    _, r, _ = ask(["-M", "none", "-S", "-display", "none"], {"execute": "query-chardev"})
    equal(sorted((c["label"], c["filename"]) for c in r[0]["return"]),
          [("compat_monitor0", "stdio"), ("parallel0", "vc"), ("serial0", "vc")])
    _, r, _ = ask([*NONE, "-S"], {"execute": "query-chardev"})
    equal([c["label"] for c in r[0]["return"]], ["compat_monitor0"])


@test
def nographic_puts_monitor_and_serial_port_on_stdio():
    p = subprocess.run([binary("8.2"), "-M", "none", "-nographic"], input="\1cinfo status\nquit\n", capture_output=True, text=True, timeout=20)
    equal(p.returncode, 0)


@test
def clock_begins_with_the_date_given():
    with VM("8.2", ["-M", "q35", "-m", "16", "-rtc", "base=2006-06-17T16:01:21,clock=vm"], qtest=True) as vm:
        def cmos(address):
            vm.outb(0x70, address)
            return vm.inb(0x71)
        equal([cmos(a) for a in (0x32, 9, 8, 7, 4, 2)], [0x20, 0x06, 0x06, 0x17, 0x16, 0x01])


@test
def another_user_is_taken_and_can_not_come_back():
    if os.geteuid() != 0:
        raise Skip("needs root")
    with VM("8.2", ["-M", "none", "-runas", "65534:65534"]) as vm:
        equal(open(f"/proc/{vm.proc.pid}/status").read().count("\t65534\t65534\t65534\t65534"), 2)
        equal(status_of(vm.proc.pid, "Groups"), "65534")
    status, _, err = run("8.2", *NONE, "-runas", "no-such-user")
    equal((status, err), (1, 'godwit-8.2: -runas no-such-user: User "no-such-user" doesn\'t exist (and is not <uid>:<gid>)\n'))


@test
def firmware_is_found_in_the_data_directories():
    os.mkdir("roms")
    with open("roms/fw.bin", "wb") as f:
        f.write(b"\xea" * 65536)
    with VM("8.2", ["-M", "q35", "-m", "16", "-L", "roms", "-bios", "fw.bin"]) as vm:
        contains(vm.hmp("xp /1xb 0xfffffff0"), ": 0xea")
    status, _, err = run("8.2", "-M", "q35", "-display", "none", "-bios", "fw.bin")
    equal((status, err), (1, "godwit-8.2: could not load PC BIOS 'fw.bin'\n"))


@test
def memory_is_kept_in_the_path_given():
    os.mkdir("ram")
    with VM("8.2", ["-M", "q35", "-m", "16", "-mem-path", "ram", "-mem-prealloc"]) as vm:
        equal(vm.qmp("query-memdev")[0]["prealloc"], True)
        equal(vm.qmp("qom-get", path="/objects/pc.ram", property="mem-path"), "ram")


# ------------------------------------------------------------ objects and files

@cases(
    (["-accel", "foo", "-accel", "tcg"], 0, "godwit-8.2: -accel foo: invalid accelerator foo\ngodwit-8.2: falling back to tcg\n"),
    (["-machine", "accel=kvm:tcg"], 0, "godwit-8.2: invalid accelerator kvm\ngodwit-8.2: falling back to tcg\n"),
    (["-accel", "tcg", "-accel", "foo"], 0, ""), (["-enable-kvm", "-accel", "qtest"], 0,
                                                "godwit-8.2: -enable-kvm: invalid accelerator kvm\ngodwit-8.2: falling back to qtest\n"),
    (["-accel", "foo", "-accel", "bar"], 1, "godwit-8.2: -accel foo: invalid accelerator foo\ngodwit-8.2: -accel bar: invalid accelerator bar\n"),
    (["-accel", "tcg,thread=foo", "-accel", "tcg"], 1, "godwit-8.2: -accel tcg,thread=foo: Invalid 'thread' setting foo\n"),
    (["-accel", "tcg", "-machine", "accel=tcg"], 1, 'godwit-8.2: The -accel and "-machine accel=" options are incompatible\n'),
)
def first_accelerator_that_is_there_is_taken(args, status, said):
    got, _, err = ask([*NONE, *args])
    equal((got, err), (status, said))


@cases(
    ("-display none,foo=1", "Parameter 'foo' is unexpected"), ("-audiodev none,id=a,foo=1", "Parameter 'foo' is unexpected"),
    ("-daemonize -qmp stdio", "cannot use stdio with -daemonize"), ("-daemonize -serial mon:stdio", "cannot use stdio with -daemonize"),
    ("-mon chardev=c,pretty=on", "'pretty' is not compatible with HMP monitors"), ("-readconfig .", "Cannot read config file: Is a directory"),
)
def option_is_refused(text, why):
    option = text.replace("-daemonize ", "")
    status, out, err = run("8.2", "-M", "q35", "-S", "-display", "none", "-nodefaults", *text.split())
    equal((status, out, err), (1, "", f"godwit-8.2: {option}: {why}\n"))


@test
def closed_standard_descriptors_are_nobody_elses():
    program = [binary("8.2"), *NONE, "-blockdev", "file,node-name=f,filename=closed.img"]
    with open("closed.img", "wb") as f:
        f.write(b"kept" * 256)
    for closed in ("<&-", ">&-"):
        p = subprocess.run(["sh", "-c", f'exec "$@" -qmp stdio {closed}', "sh", *program], capture_output=True, text=True, timeout=20,
                           stdin=subprocess.DEVNULL)
        equal((p.returncode, p.stderr), (1, "godwit-8.2: -qmp stdio: Failed to set FD nonblocking: Bad file descriptor\n"))
    # The signal makes it say a word on what was stderr.
    p = subprocess.Popen(["sh", "-c", 'exec "$@" -qmp unix:closed.sock,server=on,wait=off <&- >&- 2>&-', "sh", *program])
    end = time.monotonic() + 20
    while not os.path.exists("closed.sock") and time.monotonic() < end:
        time.sleep(0.01)
    equal([os.readlink(f"/proc/{p.pid}/fd/{fd}") for fd in range(3)], ["/dev/null"] * 3)
    p.terminate()
    equal(p.wait(20), 0)
    equal(open("closed.img", "rb").read(), b"kept" * 256)


@test
def secret_is_taken_raw_and_base64_from_file_and_text():
    open("key", "wb").write(bytes(range(32)))
    for props in ('"file":"key"', '"data":"text"', '"data":"c2VjcmV0","format":"base64"'):
        status, _, err = ask([*NONE, "-object", '{"qom-type":"secret","id":"k",%s}' % props])
        equal((status, err), (0, ""))


@cases(
    ("secret,id=a", "Either 'file' or 'data' must be provided"), ("secret,id=a,data=abc,file=f", "'file' and 'data' are mutually exclusive"),
    ("secret,id=a,file=absent", "Unable to read absent: Failed to open file “absent”: No such file or directory"),
    ("secret,id=a,data=a*b,format=base64", "Base64 data contains invalid characters"),
    ("secret,id=a,data=abc,format=foo", "Parameter 'format' does not accept value 'foo'"),
    ("iothread", "Parameter 'id' is missing"), ("iothread,id=9", "Parameter 'id' expects an identifier"),
    ("iothread,id=a,foo=3", "Invalid parameter 'foo'"), ("iothread,id=a,thread-pool-min=9,thread-pool-max=8", "bad thread-pool-min/thread-pool-max values"), ("iothread,id=a,poll-max-ns=x", "Parameter 'poll-max-ns' expects integer"),
    ("iothread,id=a,poll-max-ns=-1", "poll-max-ns value must be in range [0, 9223372036854775807]"),
    ("id=a", "Parameter 'qom-type' is missing"), ("memory-backend-ram,id=a", "Parameter 'size' is missing"),
    ("memory-backend-ram,id=a,size=abc", "Parameter 'size' expects a size value"),
    ("memory-backend-ram,id=a,size=0", "property 'size' of memory-backend-ram doesn't take value '0'"),
    ("memory-backend-file,id=a,size=12", "Parameter 'mem-path' is missing"),
)
def object_is_refused(text, why):
    status, out, err = run("8.2", *NONE, "-object", text)
    equal((status, out, err), (1, "", f"godwit-8.2: -object {text}: {why}\n"))


@test
def objects_of_one_id_are_refused():
    status, _, err = run("8.2", *NONE, "-object", "iothread,id=a", "-object", "iothread,id=a")
    equal(status, 1)
    contains(err, "Duplicate ID 'a' for object")
    status, _, err = run("8.2", *NONE, "-object", "iothread,id=a", "-object", '{"qom-type":"iothread","id":"a"}')
    equal(status, 1)
    contains(err, "duplicate property 'a'")


# Made with openssl enc -aes-256-cbc, key 00 01 … 1f, IV 00 01 … 0f; the words are real QEMU 7.2's.
IV = "iv=AAECAwQFBgcICQoLDA0ODw=="
LETMEIN = "data=SI4JuWqmJF8bjD9IJ662eg==,format=base64"


@cases(
    (f"{LETMEIN},{IV}", ""), (f"data=,format=base64,{IV}", ""),
    (f"data=Wm4EVwj7cZbwLlU9AsOmkg==,format=base64,{IV}", ""),      # zeroes: no padding
    (f"data=6cPvirI0U+bwdJzWNueojg==,format=base64,{IV}", ""),      # all padding
    (f"data=8UAUKGIvnP6LxQkrWKfFQw==,format=base64,{IV}", "Incorrect number of padding bytes (33) found on decrypted data"),
    (LETMEIN, "IV is required to decrypt secret"), (f"{LETMEIN},iv=AAAA", "IV should be 16 bytes in length not 3"),
    (f"{LETMEIN},iv=!!!", "Base64 data contains invalid characters"),
    (f"data=abc,{IV}", "Length 3 must be a multiple of block size 16"),
)
def encrypted_secret_is_decrypted(text, why):
    open("key", "wb").write(bytes(range(32)))
    text = f"secret,id=s,keyid=m,{text}"
    status, _, err = ask([*NONE, "-object", "secret,id=m,file=key", "-object", text])
    equal((status, err), (1, f"godwit-8.2: -object {text}: {why}\n") if why else (0, ""))


@cases(("secret,id=m,data=short", "Key should be 32 bytes in length"), ("iothread,id=m", "Object with id 'm' is not a secret"),
       ("iothread,id=n", "No secret with id 'm'"))
def encrypted_secret_needs_its_key(key, why):
    text = f"secret,id=s,keyid=m,{LETMEIN},{IV}"
    status, _, err = ask([*NONE, "-object", key, "-object", text])
    equal((status, err), (1, f"godwit-8.2: -object {text}: {why}\n"))


@test
def readconfig_and_set_make_devices():
    with open("conf", "w") as f:
        f.write('[machine]\n  type = "q35"\n[device "rp"]\n  driver = "pcie-root-port"\n  chassis = "3"\n')
    with VM("8.2", ["-readconfig", "conf", "-set", "device.rp.chassis=5"]) as vm:
        equal(vm.qmp("qom-get", path="/machine/peripheral/rp", property="chassis"), 5)


@test
def inherited_descriptor_makes_a_set():
    fd = os.open("/dev/null", os.O_RDWR)
    os.set_inheritable(fd, True)
    _, r, _ = ask([*NONE, "-add-fd", f"fd={fd},set=4,opaque=x"], {"execute": "query-fdsets"}, pass_fds=[fd])
    equal([(s["fdset-id"], s["fds"][0]["opaque"]) for s in r[0]["return"]], [(4, "x")])
    os.close(fd)


@test
def monitor_listens_on_an_inherited_socket():
    s = socket.socket(socket.AF_UNIX)
    s.bind("inherited")
    s.listen(1)
    p = subprocess.Popen([binary("8.2"), *NONE, "-S", "-chardev", f"socket,id=m,fd={s.fileno()},server=on,wait=off", "-mon",
                          "chardev=m,mode=control"], pass_fds=[s.fileno()], stderr=subprocess.DEVNULL)
    try:
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(20)
        c.connect("inherited")
        contains(c.recv(4096).decode(), '{"QMP": ')
    finally:
        p.terminate()
        equal(p.wait(20), 0)


# ------------------------------------------------------------ background

def gone(pid):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if open(f"/proc/{pid}/stat").read().split(")")[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.005)
    return False


@test
def daemon_is_up_when_the_command_returns():
    p = subprocess.run([binary("8.2"), *NONE, "-S", "-daemonize", "-pidfile", "pid", "-qmp", "unix:daemon,server=on,wait=off"],
                       capture_output=True, text=True, timeout=20)
    equal((p.returncode, p.stdout, p.stderr), (0, "", ""))
    pid = int(open("pid").read())
    s = socket.socket(socket.AF_UNIX)
    s.connect("daemon")
    contains(s.recv(4096).decode(), "QMP")
    equal(os.getsid(pid) != os.getsid(0), True)
    equal(os.readlink(f"/proc/{pid}/fd/1"), "/dev/null")
    s.sendall(QUIT.encode())
    equal(gone(pid), True)
    end = time.monotonic() + 5
    while os.path.exists("pid") and time.monotonic() < end:
        time.sleep(0.005)
    equal(os.path.exists("pid"), False, "the pid file is removed")


@test
def daemon_that_fails_says_so_and_returns_1():
    p = subprocess.run([binary("8.2"), *NONE, "-daemonize", "-device", "foo"], capture_output=True, text=True, timeout=20)
    equal((p.returncode, p.stderr), (1, "godwit-8.2: -device foo: 'foo' is not a valid device model name\n"))


@test
def pid_file_of_another_is_not_taken():
    with VM("8.2", ["-M", "none", "-pidfile", "mine"]) as vm:
        equal(int(open("mine").read()), vm.proc.pid)
        status, _, err = run("8.2", *NONE, "-pidfile", "mine")
        equal(status, 1)
        contains(err, "cannot create PID file: Cannot lock pid file: Resource temporarily unavailable")
        equal(int(open("mine").read()), vm.proc.pid)
    equal(os.path.exists("mine"), False)
    status, _, err = run("8.2", *NONE, "-pidfile", "/nonexistent/pid")
    equal((status, err), (1, "godwit-8.2: cannot create PID file: Could not create '/nonexistent/pid': No such file or directory\n"))


@cases("INT", "TERM", "HUP")
def signal_ends_it_with_0_and_is_reported(name):
    p = subprocess.Popen([binary("8.2"), *NONE, "-S", "-qmp", f"unix:sig,server=on,wait=off"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while not os.path.exists("sig") and time.monotonic() < end:
        time.sleep(0.002)
    s = socket.socket(socket.AF_UNIX)
    s.connect("sig")
    s.recv(4096)
    number = getattr(signal, f"SIG{name}")
    p.send_signal(number)
    _, err = p.communicate(timeout=20)
    equal(p.returncode, 0)
    contains(err, f"godwit-8.2: terminating on signal {int(number)} from pid {os.getpid()}")
    equal(os.path.exists("sig"), False, "the socket's path is removed")


# ------------------------------------------------------------ sandbox

def status_of(pid, key):
    return next(line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith(key + ":"))


@test
def sandbox_is_a_filter_over_the_process():
    with VM("8.2", ["-M", "none", "-sandbox", "on"]) as vm:
        equal((status_of(vm.proc.pid, "Seccomp"), status_of(vm.proc.pid, "NoNewPrivs")), ("2", "1"))
    with VM("8.2", ["-M", "none", "-sandbox", "off"]) as vm:
        equal(status_of(vm.proc.pid, "Seccomp"), status_of(os.getpid(), "Seccomp"))


@test
def sandbox_without_spawning_refuses_exec_and_lives_on():
    with VM("8.2", ["-M", "q35", "-m", "16", "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]) as vm:
        equal(status_of(vm.proc.pid, "NoNewPrivs"), "1")
        try:
            vm.qmp("migrate", uri="exec:touch spawned")
            vm.wait("query-migrate", "status", ("failed",))
        except QMPError:
            pass
        equal(os.path.exists("spawned"), False)
        vm.qmp("object-add", qom_type="iothread", id_="t")     # a thread is no process
        equal(vm.qmp("query-iothreads")[0]["id"], "t")


@test
def machine_with_a_disk_works_in_the_sandbox():
    with open("disk", "wb") as f:
        f.truncate(1 << 20)
    with VM("8.2", ["-M", "q35", "-m", "16", "-drive", "if=none,id=d,format=raw,file=disk", "-device", "virtio-blk-pci,drive=d", "-sandbox",
                    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"], stopped=False) as vm:
        equal(vm.qmp("query-status")["status"], "running")
        vm.qmp("stop")
        vm.qmp("blockdev-add", driver="file", node_name="n", filename="disk", read_only=True, locking="off")


# ------------------------------------------------------------ logs

@test
def trace_points_are_switched_by_pattern_and_file():
    open("events", "w").write("# points\nrunstate_*\n")
    for option in ("runstate_*", "enable=runstate_set", "events=events"):
        _, _, err = ask([*NONE, "-trace", option], {"execute": "cont"})
        contains(err, "runstate_set prelaunch -> running")
    _, _, err = ask([*NONE, "-trace", "nosuch"])
    contains(err, "-trace nosuch: warning: trace event 'nosuch' does not exist")


@test
def log_goes_to_the_file():
    _, _, err = ask([*NONE, "-trace", "runstate_set", "-D", "log"], {"execute": "cont"})
    equal(err, "")
    contains(open("log").read(), "runstate_set prelaunch -> running")
    status, _, err = run("8.2", *NONE, "-D", "/nonexistent/log", "-d", "int")
    equal(status, 1)
    contains(err, "No such file or directory")
    status, _, err = run("8.2", *NONE, "-d", "nosuch")
    equal(status, 1)


@test
def messages_have_timestamps_when_asked_for():
    _, _, err = run("8.2", *NONE, "-msg", "timestamp=on", "-device", "foo")
    equal(err[:2] == "20" and err[26:].startswith("Z godwit-8.2: -device foo: "), True, err)


@test
def flags_without_a_value_are_called_deprecated():
    status, _, err = ask([*NONE, "-chardev", "socket,id=x,path=flag,server,nowait"])
    equal(status, 0)
    contains(err, "-chardev socket,id=x,path=flag,server,nowait: warning: short-form boolean option 'server' deprecated\nPlease use server=on instead\n")
    contains(err, "short-form boolean option 'nowait' deprecated\nPlease use wait=off instead\n")


@test
def a_server_that_waits_says_so_and_goes_on():
    p = subprocess.Popen([binary("8.2"), *NONE, "-S", "-qmp", "unix:waits,server=on"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    contains(p.stderr.readline(), "info: QEMU waiting for connection on: disconnected:unix:waits,server=on")
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("waits")
    contains(s.recv(4096).decode(), "QMP")
    s.sendall(QUIT.encode())
    equal(p.wait(20), 0)


main()
