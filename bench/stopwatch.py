"""Times one command from its start, apart from the large process of the benchmark: run with `python3 -I -S`.

`stopwatch.py TIMES KEYS COMMAND...` prints for each time [ms until the first line, ms until its end, processor ms, peak
KiB]. KEYS go to its standard input. The peak has this small process's own 9 MiB as a floor, because the kernel counts
the moment between fork and exec.
"""

import os
import sys
import time


def once(keys, command):
    to_child, keyboard = os.pipe()
    screen, from_child = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, to_child, 0), (os.POSIX_SPAWN_DUP2, from_child, 1)]
    actions += [(os.POSIX_SPAWN_CLOSE, end) for end in (to_child, keyboard, screen, from_child)]
    os.write(keyboard, keys.encode())
    os.close(keyboard)
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.close(from_child)
    os.close(to_child)
    first = None
    while piece := os.read(screen, 1 << 20):
        if first is None and b"\n" in piece:
            first = time.perf_counter() - begin
    _, status, usage = os.wait4(pid, 0)
    whole = time.perf_counter() - begin
    os.close(screen)
    if status != 0:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    processor = usage.ru_utime + usage.ru_stime
    return [first * 1000 if first else None, whole * 1000, processor * 1000, usage.ru_maxrss]


if __name__ == "__main__":
    keys = sys.argv[2].replace("\\n", "\n")
    for _ in range(int(sys.argv[1])):
        print(repr(once(keys, sys.argv[3:])).replace("None", "null"), flush=True)
