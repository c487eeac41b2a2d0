"""One run of one peer: a fresh server, its devices, and what each step of the work took."""

import os
import shutil

import machine


class Sample:
    """What one step took."""

    def __init__(self, inside_ms, whole_ms, wire, peak_kib, over_kib, server_s):
        self.inside_ms = inside_ms
        self.whole_ms = whole_ms
        self.bytes = wire
        self.peak_kib = peak_kib
        self.over_kib = over_kib
        self.server_s = server_s


class Run:
    """A server of its own and a folder that is removed in the end."""

    def __init__(self, peer, folder, delay_ms=0, counted=False):
        self.peer, self.folder = peer, folder
        os.makedirs(folder)
        self.server = peer.Server(folder)
        self.line = machine.Line(self.server.port, delay_ms) if delay_ms or counted else None
        self.devices = []
        self.samples = {}

    def device(self, template=None):
        folder = os.path.join(self.folder, "ab"[len(self.devices)])
        port = self.line.port if self.line else None
        self.devices.append(self.peer.Device(self.server, folder, template, port))
        return self.devices[-1]

    def step(self, name, sync):
        """Does one timed step and notes it under its name; a step may come several times."""
        pid = self.server.pid
        machine.forget_peak(pid)
        before_kib, before_s = machine.memory_kib(pid, "VmRSS"), machine.processor_seconds(pid)
        if self.line:
            self.line.take()
        inside_ms, whole_ms = sync()
        wire = self.line.take() if self.line else None
        peak_kib = machine.memory_kib(pid, "VmHWM")
        server_s = machine.processor_seconds(pid) - before_s
        sample = Sample(inside_ms, whole_ms, wire, peak_kib, peak_kib - before_kib, server_s)
        self.samples.setdefault(name, []).append(sample)

    def disk(self):
        """Bytes of disk: (server, first device)."""
        return machine.disk_bytes(self.server.data), machine.disk_bytes(self.devices[0].data)

    def close(self):
        for device in self.devices:
            device.close()
        if self.line:
            self.line.close()
        self.server.stop()
        shutil.rmtree(self.folder)


class Runs:
    """The runs of one work by one peer, timed and counted ones apart."""

    def __init__(self, peer):
        self.name = peer.NAME
        self.timed, self.counted, self.disks = {}, {}, []

    def add(self, run, counted):
        into = self.counted if counted else self.timed
        for name, samples in run.samples.items():
            into.setdefault(name, []).extend(samples)
        self.disks.append(run.disk())

    def values(self, step, field):
        """All values of a step; what only a line can tell is asked of the counted runs where there are any."""
        source = self.counted if field == "bytes" and self.counted else self.timed
        values = [getattr(sample, field) for sample in source.get(step, [])]
        return [value for value in values if value is not None]


def make_template(peer, work, kind, make):
    """Makes a template once for all parts of a benchmark; `make` is called with its folder."""
    folder = os.path.join(work, "templates", f"{peer.NAME}-{kind}")
    if not os.path.exists(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        half = folder + ".half"
        shutil.rmtree(half, ignore_errors=True)
        make(half)
        os.rename(half, folder)
    return folder
