#!/usr/bin/env python3
"""Events and answers come in QEMU 7.2's order, on one monitor."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402

ARGS = ["-M", "q35", "-device", "pcie-root-port,id=rp0", "-blockdev", "driver=null-co,node-name=d0,size=1048576",
        "-device", "virtio-blk-pci,drive=d0,bus=rp0,id=b0"]


def said(vm, command, last, **arguments):
    """What comes from a command on, to the message `last` and the answer."""
    vm.mon.send((json.dumps({"execute": command, "arguments": arguments}) + "\n").encode())
    got = []
    while not ({last, "return"} <= {*got}):
        line = vm.mon.recv()
        if not line:
            break
        message = json.loads(line)
        got.append(message.get("event") or next(k for k in message if k in ("return", "error")))
    return got


@cases(("stop", "cont", "STOP"), ("cont", "", "RESUME"), ("system_reset", "", "RESET"), ("system_powerdown", "", "POWERDOWN"),
       ("quit", "", "SHUTDOWN"))
def order_is_qemus(command, before, event):
    got = []
    for binary in ("7.2", peer.qemu("7.2")):
        with VM(binary, ARGS) as vm:
            if before:
                vm.qmp(before)
            got.append(said(vm, command, event))
    equal(got[0], got[1])


@test
def a_disk_that_a_reset_takes_away_is_told_after_the_reset():
    for binary in ("7.2", peer.qemu("7.2")):
        with VM(binary, ARGS) as vm:
            vm.qmp("device_del", id_="b0")
            got = said(vm, "system_reset", "DEVICE_DELETED")
            equal((got[0], got.index("DEVICE_DELETED") > got.index("RESET")), ("RESET", True), binary)


main()
