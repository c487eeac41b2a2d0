"""What the machine and its processes tell, and processes that never outlive the benchmark."""

import ctypes
import os
import signal
import socket
import subprocess
import time

BINARIES = None  # folder of our release binaries, set once by main.py
PATIENCE_SECONDS = 420  # no single command of a benchmark takes longer
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def binary(name):
    return os.path.join(BINARIES, name)


def start(arguments, **options):
    """Starts a process that the kernel ends when this one ends, however it ends."""
    return subprocess.Popen(
        arguments, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **options
    )


def stop(process):
    """Asks a process to end, then makes it."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def started(arguments, **options):
    """Starts a process whose first line says `listening on ...:PORT`; gives it and the port."""
    process = start(arguments, stdout=subprocess.PIPE, text=True, **options)
    first = process.stdout.readline()
    if not first.startswith("listening on "):
        process.kill()
        raise RuntimeError(f"{os.path.basename(arguments[0])} said {first!r}")
    return process, int(first.rsplit(":", 1)[1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_listening(port, seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def memory_kib(pid, name):
    """A memory figure of a living process: `VmHWM` is the highest, `VmRSS` the present resident memory."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no {name}")


def forget_peak(pid):
    """Lets VmHWM begin anew from what the process holds now."""
    with open(f"/proc/{pid}/clear_refs", "w") as clear:
        clear.write("5")


def processor_seconds(pid):
    """User and system time of a process, in steps of 10 ms."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_bytes(folder):
    """Bytes of disk that a folder takes, as `du` counts."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def load():
    with open("/proc/loadavg") as loadavg:
        return " ".join(loadavg.read().split()[:3])


def description():
    """One line about the machine."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as meminfo:
        gib = int(meminfo.readline().split()[1]) / 1024**2
    kernel = os.uname()
    return f"{os.cpu_count()} x {model}, {gib:.0f} GiB, {kernel.sysname} {kernel.release}"


class Line:
    """Our relay between a device and a server: delays each way, counts both ways."""

    def __init__(self, port, delay_ms):
        self.process, self.port = started(
            [binary("line"), "--to", str(port), "--delay-ms", str(delay_ms)], stdin=subprocess.PIPE
        )

    def take(self):
        """Gives the bytes (up, down) since the last call."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        up, down = self.process.stdout.readline().split()
        return int(up), int(down)

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
