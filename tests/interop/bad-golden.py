#!/usr/bin/env python3
"""The fixed machine's stream of each release and machine type (tests/lib/golden.py), cut off at every border of a section and
at random places, and with random changes: none crashes, hangs, takes memory or spoils what comes after (tests/lib/load-streams.c).

The environment's CUTS is how many random cuts each stream gets, MUTATIONS how many changes all get together; SEED repeats a
run. scripts/torture-streams is the thorough run.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import golden  # noqa: E402
from stream import Stream  # noqa: E402
from tap import TESTS, main  # noqa: E402
from vm import BUILD  # noqa: E402

CUTS, MUTATIONS = int(os.environ.get("CUTS", 10)), int(os.environ.get("MUTATIONS", 2500))
NAMES = golden.all_names()
folder = tempfile.TemporaryDirectory(prefix="bad-golden")


def is_survived(name):
    release, machine = name.split("/")
    data, path = golden.make(name, folder.name), os.path.join(folder.name, "stream")
    with open(path, "wb") as f:
        f.write(data)
    seed = ["--seed", os.environ["SEED"]] if "SEED" in os.environ else []
    p = subprocess.run([os.path.join(os.environ.get("LOAD_STREAMS_BUILD", BUILD), "tests", "load-streams"), *seed,
                        "--at", ",".join(map(str, golden.borders(Stream(data)))), "--cuts", str(CUTS),
                        "--mutations", str(MUTATIONS // len(NAMES)), path,
                        "--", *golden.arguments(machine, folder.name), "-accel", "qtest", "-nodefaults", "-display", "none", "-S"],
                       env={**os.environ, "RELEASE": release}, capture_output=True, text=True)
    print(f"# {name}: {p.stdout.strip()}", flush=True)
    if p.returncode:
        raise AssertionError(f"status {p.returncode}: {p.stdout} {p.stderr[-4000:]}")


for name in NAMES:
    TESTS.append((f"cut and changed, and survived: {name}", lambda name=name: is_survived(name)))
main()
