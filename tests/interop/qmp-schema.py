#!/usr/bin/env python3
"""QMP as its own schema tells it, beside QEMU 7.2's: each command and event that is in both takes and gives the same members, of
the same types, optional where they are there. This program may know less (drivers, back ends), not otherwise."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import peer  # noqa: E402
from tap import cases, equal, main, test  # noqa: E402
from vm import VM  # noqa: E402

# The commands that management layers and people use, all of which must be there.
WANTED = """qmp_capabilities quit stop cont system_reset system_powerdown query-version query-status query-name query-uuid query-kvm
query-target query-commands query-command-line-options query-machines query-current-machine query-cpus-fast query-pci query-block
query-blockstats query-chardev query-iothreads query-memory-size-summary query-named-block-nodes query-hotpluggable-cpus device_add
device_del device-list-properties qom-list qom-get qom-set qom-list-types qom-list-properties object-add object-del blockdev-add
blockdev-del chardev-add chardev-remove getfd closefd add-fd remove-fd query-fdsets human-monitor-command query-qmp-schema migrate
migrate_cancel migrate-continue migrate-incoming query-migrate migrate-set-parameters query-migrate-parameters
migrate-set-capabilities query-migrate-capabilities query-cpu-definitions query-cpu-model-expansion query-tpm-models
query-tpm-types query-sev-capabilities query-sgx-capabilities""".split()
# This program's own, and what later releases of QEMU have.
OWN = {"query-cpu-model-baseline", "query-cpu-model-comparison"}
LATER = {"migrate:arg.channels", "migrate-incoming:arg.channels", "migrate-incoming:arg.exit-on-error", "query-machines:arg.compat-props",
         "query-machines:ret.compat-props", "query-machines:ret.acpi", "migrate:arg.uri", "migrate-incoming:arg.uri"}
# Answers that are always empty or an error here; and the schema does not say all about itself.
LESS = {"query-block-jobs:ret", "query-sgx-capabilities:ret", "query-qmp-schema:ret"}
# There are no jobs here, and of what kind an address is follows from its type.
PLAIN = {"query-jobs:ret.type", "query-jobs:ret.status", "query-migrate:ret.socket-address"}


def schema(binary):
    with VM(binary, ["-M", "none"]) as vm:
        return {e["name"]: e for e in vm.qmp("query-qmp-schema")}


OURS, THEIRS = schema("7.2"), schema(peer.qemu("7.2"))
NAMES = [n for n, e in OURS.items() if e["meta-type"] in ("command", "event")]


def compare(mine, theirs, path, out, seen=()):
    """Two types by name, member by member; `seen` ends recursion."""
    a, b = OURS[mine], THEIRS[theirs]
    if (mine, theirs) in seen or path in PLAIN:
        return
    seen = (*seen, (mine, theirs))
    if a["meta-type"] != b["meta-type"]:
        out.append(f"{path} is {a['meta-type']}, not {b['meta-type']}")
    elif a["meta-type"] == "builtin" and a["json-type"] != b["json-type"]:
        out.append(f"{path} is {a['json-type']}, not {b['json-type']}")
    elif a["meta-type"] == "enum" and not {*a["values"]} <= {*b["values"]}:
        out.append(f"{path} may be {({*a['values']} - {*b['values']})}")
    elif a["meta-type"] == "array":
        compare(a["element-type"], b["element-type"], path, out, seen)
    elif a["meta-type"] == "object":
        compare_objects(a, b, path, out, seen)


def compare_objects(a, b, path, out, seen):
    mine, theirs = ({m["name"]: m for m in x["members"]} for x in (a, b))
    for name, member in mine.items():
        where = f"{path}.{name}"
        if where in LATER:
            continue
        if name not in theirs:
            out.append(f"{where} is not QEMU's")
            continue
        if ("default" in member) != ("default" in theirs[name]):
            out.append(f"{where} is {'' if 'default' in member else 'not '}optional")
        compare(member["type"], theirs[name]["type"], where, out, seen)
    out += [f"{path}.{name} is missing" for name, m in theirs.items()
            if name not in mine and "default" not in m and not any(path.startswith(less) for less in LESS)]
    cases_of = {v["case"]: v["type"] for v in b.get("variants", [])}
    for variant in a.get("variants", []):
        if variant["case"] not in cases_of:
            out.append(f"{path} has no variant {variant['case']} in QEMU")
        else:
            compare(variant["type"], cases_of[variant["case"]], f"{path}.{variant['case']}", out, seen)


@test
def every_wanted_command_is_there():
    equal([name for name in WANTED if OURS.get(name, {}).get("meta-type") != "command"], [])


@test
def what_qemu_has_not_is_marked_as_ours():
    equal([name for name in NAMES if name not in THEIRS and not name.startswith("x-")], sorted(OWN))


@cases(*[name for name in NAMES if name in THEIRS])
def is_as_in_qemu(name):
    out = []
    equal(OURS[name].get("allow-oob", False), THEIRS[name].get("allow-oob", False))
    for part in ("arg-type", "ret-type"):
        if part in OURS[name]:
            compare(OURS[name][part], THEIRS[name][part], f"{name}:{part[:3]}", out)
    equal(out, [])


main()
