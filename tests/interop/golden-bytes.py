#!/usr/bin/env python3
"""Every byte of every release's stream of each of its machine types is as it was (tests/lib/golden.py). A change on purpose is
made known by scripts/write-golden, whose output says what changed, in the same commit."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import golden  # noqa: E402
from tap import TESTS, equal, main, test  # noqa: E402

folder = tempfile.TemporaryDirectory(prefix="golden-bytes")
streams = golden.read_archive()


@test
def there_is_a_stream_for_each_machine_type_of_each_release():
    equal(sorted(streams), sorted(golden.all_names()))


def as_it_was(name):
    equal(golden.difference(name, streams[name], golden.make(name, folder.name)), None)


for name in streams:
    TESTS.append((f"every byte is as it was: {name}", lambda name=name: as_it_was(name)))
main()
