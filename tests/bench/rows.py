"""What the files of rows share: taking turns with QEMU, and reporting."""
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

GODWIT, QEMU = "", "qemu-system-x86_64"
benches, failed = [], []


def bench(fn):
    benches.append(fn)
    return fn


def report(what, unit, mine, theirs, goal, better="higher"):
    """goal: the wanted ratio of ours to theirs (higher is better) or theirs to ours (lower is better)."""
    ratio = mine / theirs if better == "higher" else theirs / mine
    ok = ratio >= goal
    print(f"{what:46} {mine:12,.2f} {theirs:12,.2f} {unit:6} {ratio:8.2f}x  goal {goal:g}x  {'ok' if ok else 'FALLS SHORT'}", flush=True)
    if not ok:
        failed.append(what)


def report_at_least(what, unit, mine, theirs, goal):
    """goal: what ours must reach, whatever QEMU does."""
    ok = mine >= goal
    print(f"{what:46} {mine:12,.2f} {theirs:12,.2f} {unit:6} {mine / theirs:8.2f}x  goal {goal:g} {unit}  {'ok' if ok else 'FALLS SHORT'}",
          flush=True)
    if not ok:
        failed.append(what)


def alternate(fn, times, pick=statistics.median):
    """fn(release) for ours and QEMU's in turn; the medians, or what else `pick` makes of the figures."""
    mine, theirs = [], []
    for _ in range(times):
        mine.append(fn(GODWIT))
        theirs.append(fn(QEMU))
    return pick(mine), pick(theirs)
