"""Tests in TAP. A test is a function; its name states the fact; a failure is an exception.

    @test
    def mask_register_is_absent_in_7_2(): ...

    main()      # runs them all, or those named on the command line
"""
import os
import sys
import traceback

TESTS = []


class Skip(Exception):
    """Can't be run here. In CI (the environment's CI is set) a skip is a failure."""


def test(fn):
    TESTS.append((fn.__name__.replace("_", " "), fn))
    return fn


def cases(*rows):
    """One test per row, which are the function's arguments; the name gets them appended."""
    def add(fn):
        for row in rows:
            row = row if isinstance(row, tuple) else (row,)
            name = fn.__name__.replace("_", " ") + ": " + " ".join(str(x) for x in row)
            TESTS.append((name, lambda row=row: fn(*row)))
        return fn
    return add


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what + ': ' if what else ''}{got!r}, wanted {want!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"{text!r} does not say {part!r}")


def is_meant(word, name):
    return word in name or word in name.replace(" ", "_")


def main():
    wanted = sys.argv[1:]
    for word in wanted:
        if not any(is_meant(word, name) for name, _ in TESTS):
            sys.exit(f"no test is named {word}")
    tests = [t for t in TESTS if not wanted or any(is_meant(word, t[0]) for word in wanted)]
    print(f"1..{len(tests)}", flush=True)
    bad = 0
    for number, (name, fn) in enumerate(tests, 1):
        try:
            fn()
            print(f"ok {number} - {name}", flush=True)
        except Skip as e:
            if os.environ.get("CI"):
                bad += 1
                print(f"not ok {number} - {name}\n# skipped, in CI: {e}", flush=True)
            else:
                print(f"ok {number} - {name} # SKIP {e}", flush=True)
        except Exception as e:
            bad += 1
            print(f"not ok {number} - {name}", flush=True)
            text = str(e) if isinstance(e, AssertionError) else traceback.format_exc()
            print("\n".join("# " + line for line in (text or traceback.format_exc()).splitlines()), flush=True)
    sys.exit(1 if bad else 0)
