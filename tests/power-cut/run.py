#!/usr/bin/env python3
"""Power cuts, for real: what the disk had received when the power went, mounted and checked.

The store lives on ext4 on a loop device whose backing file lies on XFS with reflinks. At random moments, while a writer is running, the
backing file is cloned (`cp --reflink`): each clone is exactly what the block device had received, the kindest disk there is. Then each
is mounted, its journal is replayed, and the store on it must hold everything that had been acknowledged before the cut, whole.

    tests/power-cut/run.py [--runs 8] [--cuts 25] [--seed N] [--bare-flush] [--work DIR]

Each run writes to a new store, of a key-value store and of a vault in turns, and is cut so many times. A clone that does not pass is
kept as it was, and its path printed.

--bare-flush builds the writer with sled's writes as sled makes them. The harness must find losses then: it exits 0 when it does and
1 when it does not, which would mean that it proves nothing.

Needs root, loop devices, ext4 and xfs (apt-get install xfsprogs). Where one is missing it says SKIPPED and why, and exits 0.
The last line is a summary.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


def skip(why):
    print(f"SKIPPED power cuts: {why}")
    sys.exit(0)


def needs():
    if os.geteuid() != 0:
        skip("loop devices need root")
    for tool, package in (("mkfs.xfs", "xfsprogs"), ("mkfs.ext4", "e2fsprogs"), ("losetup", "mount"), ("mount", "mount")):
        if shutil.which(tool) is None:
            skip(f"{tool} is missing (apt-get install {package})")


def build(bare, into):
    """Builds the writer and returns a copy of it, which a later build cannot replace."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    command = ["cargo", "build", "--quiet", "--package", "storage", "--example", "cut_writer"]
    subprocess.run(command + (["--features", "bare-flush"] if bare else []), check=True, cwd=ROOT)
    writer = os.path.join(into, "cut_writer")
    shutil.copy(os.path.join(target, "debug", "examples", "cut_writer"), writer)
    if bare:
        # The tests find the example by its name: put the real one back.
        subprocess.run(command, check=True, cwd=ROOT)
    return writer


class Disk:
    """An XFS with reflinks to hold the images, and two mount points on it."""

    def __init__(self, work):
        self.work = tempfile.mkdtemp(prefix="power-cut-", dir=work)
        self.mounted = []
        backing = self.path("xfs.img")
        run("truncate", "-s", "2G", backing)
        made = run("mkfs.xfs", "-q", "-m", "reflink=1", backing, check=False)
        if made.returncode:
            skip(f"mkfs.xfs: {made.stderr.strip()}")
        os.mkdir(self.path("xfs"))
        mounted = run("mount", "-o", "loop", backing, self.path("xfs"), check=False)
        if mounted.returncode:
            self.close()
            skip(f"no loop device over xfs here: {mounted.stderr.strip()}")
        self.mounted.append(self.path("xfs"))

    def path(self, *names):
        return os.path.join(self.work, *names)

    def mount(self, image, name):
        point = self.path(name)
        os.makedirs(point, exist_ok=True)
        run("mount", "-o", "loop", image, point)
        self.mounted.append(point)
        return point

    def unmount(self, point):
        # A killed writer may hold the folder a moment longer.
        for _ in range(50):
            if run("umount", point, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            run("umount", "-l", point, check=False)
        self.mounted.remove(point)

    def close(self):
        for point in reversed(list(self.mounted)):
            self.unmount(point)
        shutil.rmtree(self.work, ignore_errors=True)


def cuts(disk, writer, mode, pauses):
    """One writer, and a clone of its disk after each pause. Returns pairs of a clone and what was acknowledged before it."""
    image = disk.path("xfs", "image")
    run("truncate", "-s", "700M", image)
    run("mkfs.ext4", "-q", "-F", image)
    live = disk.mount(image, "live")
    run("sync", "-f", live)
    child = subprocess.Popen([writer, f"write-{mode}", os.path.join(live, "s")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    said = []

    def listen():
        for line in child.stdout:
            said.append(int(line))

    listener = threading.Thread(target=listen)
    listener.start()
    taken = []
    for number, pause in enumerate(pauses):
        time.sleep(pause)
        acknowledged = said[-1] if said else 0  # before the clone: these must survive
        clone = disk.path("xfs", f"cut-{number}")
        run("cp", "--reflink=always", image, clone)  # the power goes here
        taken.append((clone, acknowledged))
    child.kill()
    child.wait()
    listener.join()
    disk.unmount(live)
    os.unlink(image)
    return taken


def check(disk, writer, mode, clone, acknowledged):
    """Opens what a cut left. Returns what the check said, and whether that was good."""
    tried = clone + ".tried"
    run("cp", "--reflink=always", clone, tried)
    after = disk.mount(tried, "after")
    checked = run(writer, f"verify-{mode}", os.path.join(after, "s"), str(acknowledged), check=False)
    disk.unmount(after)
    os.unlink(tried)
    lines = [line for line in checked.stdout.splitlines() if line.startswith("VERIFY")]
    if lines and lines[0].endswith("lost=0 torn=0"):
        return lines[0], True
    errors = checked.stderr.strip().splitlines() or ["no answer"]
    return lines[0] if lines else "DID NOT OPEN: " + errors[-1][:200], False


def keep(clone):
    """Puts what did not pass where it outlives the harness."""
    folder = tempfile.mkdtemp(prefix="power-cut-bad-")
    return shutil.copy(clone, folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--cuts", type=int, default=25)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--bare-flush", action="store_true")
    parser.add_argument("--work", default=None, help="where the images go (3 GB, sparse)")
    args = parser.parse_args()
    needs()
    rng = random.Random(args.seed)
    disk = Disk(args.work)
    bad = 0
    try:
        writer = build(args.bare_flush, disk.work)
        for number in range(args.runs):
            mode = ("kv", "vault")[number % 2]
            # The first within the making of the store, then with time to write between two.
            pauses = [rng.uniform(0.0, 0.3)] + [rng.uniform(0.0, 0.12) for _ in range(args.cuts - 1)]
            for clone, before in cuts(disk, writer, mode, pauses):
                said, whole = check(disk, writer, mode, clone, before)
                if not whole:
                    bad += 1
                    kept = "" if args.bare_flush else "; kept as " + keep(clone)
                    print(f"run {number} {mode}, acknowledged {before}: {said}{kept}", flush=True)
                os.unlink(clone)
            print(f"run {number} {mode}: {args.cuts} cuts, up to {before} acknowledged", flush=True)
    finally:
        disk.close()
    total = args.runs * args.cuts
    kind = "bare flush" if args.bare_flush else "store"
    print(f"POWER CUTS ({kind}): cuts={total} good={total - bad} bad={bad} seed={args.seed}")
    if args.bare_flush:
        if bad == 0:
            print("the harness found nothing wrong with a store that does not sync: it proves nothing")
        return 0 if bad else 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
