"""All benchmarks or some of them, each in a process group of its own and bounded in time. Started by run.sh.

A part prints Markdown on stdout and progress on stderr. When it ends, fails or takes too long, everything it started is
ended and its files are removed, and the next part follows.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import machine
import parts

HERE = os.path.dirname(os.path.abspath(__file__))


def parser():
    known = ", ".join(parts.PARTS)
    made = argparse.ArgumentParser(prog="just bench", description=__doc__.splitlines()[0])
    made.add_argument("parts", nargs="*", metavar="PART", help=f"which parts; all unless named: {known}")
    made.add_argument("--quick", action="store_true", help="smaller and fewer: about five minutes for everything")
    made.add_argument("--tiny", action="store_true", help="as small as can be: does every part work at all?")
    made.add_argument("--only", choices=["anki", "ours"], help="one side alone where a part has Anki's beside ours")
    made.add_argument("--runs", type=int, help="timed runs in place of each part's own number")
    made.add_argument("--work", help=argparse.SUPPRESS)
    made.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    return made


def run_part(name, options, work):
    """Runs one part in a child; True if it went well."""
    command = [sys.executable, os.path.join(HERE, "main.py"), name, "--work", work, "--binaries", options.binaries]
    command += [f"--{size}" for size in ("quick", "tiny") if getattr(options, size)]
    command += ["--only", options.only] if options.only else []
    command += ["--runs", str(options.runs)] if options.runs else []
    begun, before = time.monotonic(), machine.load()
    child = machine.start(command, start_new_session=True)
    try:
        code = child.wait(parts.PARTS[name].limit_seconds)
        ended = None if code == 0 else f"failed ({code}); its message is on stderr"
    except subprocess.TimeoutExpired:
        ended = f"did not end within {parts.PARTS[name].limit_seconds} s"
    finally:
        # The part's servers are in its group: nothing stays behind, also after an interrupt.
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    if ended:
        print(f"\n**The part `{name}` {ended}.**")
    print(f"\n*{name}: {time.monotonic() - begun:.0f} s, load {before} before, {machine.load()} after.*\n", flush=True)
    return ended is None


def main():
    options = parser().parse_args()
    machine.BINARIES = options.binaries
    unknown = [name for name in options.parts if name not in parts.PARTS]
    if unknown:
        sys.exit(f"there is no part {unknown[0]}: choose of {', '.join(parts.PARTS)}")
    if options.work:
        return parts.PARTS[options.parts[0]].run(options, options.work)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = tempfile.mkdtemp(prefix="memoryvault-bench-")
    begun = time.monotonic()
    try:
        print(f"{machine.description()}; load {machine.load()}\n", flush=True)
        chosen = options.parts or list(parts.PARTS)
        good = [run_part(name, options, work) for name in chosen]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"*{sum(good)} of {len(good)} parts, {time.monotonic() - begun:.0f} s in all.*")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
