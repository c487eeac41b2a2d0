"""Documents without cards' meaning: our server beside automerge-repo's, each with its own kind of light devices.

Ours are the protocol's sessions with a store in memory (`load`), theirs are whole repos in memory in one process of
Node. What counts as there: ours is flushed on the server's disk, theirs is what the server says it has, in memory.
"""

import json
import os
import shutil
import subprocess
import sys

import machine
import table

REPO_HOME = os.environ.get("AUTOMERGE_REPO_HOME", "")


def has_repo():
    return os.path.isdir(os.path.join(REPO_HOME, "node_modules", "@automerge", "automerge-repo"))


def load(*words):
    """One word of our load tool, with a server of its own."""
    command = [machine.binary("load"), "--server", machine.binary("memoryvault-server"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=machine.PATIENCE_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"load {' '.join(words)}: {done.stderr[:2000]}")
    return json.loads(done.stdout)


class Repo:
    """A server of automerge-repo, and a client process that is led step by step."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        command = ["node", os.path.join(REPO_HOME, "server.mjs"), self.folder]
        self.process, self.port = machine.started(command, cwd=REPO_HOME)

    def restart(self):
        machine.stop(self.process)
        self.process.stdout.close()
        self.start()

    def client(self, *words):
        command = ["node", os.path.join(REPO_HOME, "client.mjs"), words[0], str(self.port), *map(str, words[1:])]
        return machine.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPO_HOME)

    def seconds(self):
        return machine.processor_seconds(self.process.pid)

    def peak_mib(self):
        return machine.memory_kib(self.process.pid, "VmHWM") / 1024

    def close(self):
        machine.stop(self.process)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def answer(client, say=None):
    """Says a line to the client process and reads its next figures."""
    if say is not None:
        client.stdin.write(f"{say}\n")
        client.stdin.flush()
    line = client.stdout.readline()
    if not line:
        raise RuntimeError("the client of automerge-repo ended early")
    return json.loads(line)


def finish(client):
    client.stdin.close()
    client.wait(30)
    client.stdout.close()


def repo_documents(work, count, size):
    repo = Repo(os.path.join(work, "repo"))
    try:
        client = repo.client("documents", count, size)
        told = {"document_bytes": answer(client)["saved_bytes"]}
        before = repo.seconds()
        told |= answer(client, "up") | answer(client, "down")
        told |= {"processor_s": repo.seconds() - before, "peak": repo.peak_mib()}
        repo.restart()
        before = repo.seconds()
        told |= answer(client, repo.port)
        told |= {"again_processor_s": repo.seconds() - before, "again_peak": repo.peak_mib()}
        finish(client)
        return told
    finally:
        repo.close()


def repo_latency(work, changes):
    repo = Repo(os.path.join(work, "repo"))
    try:
        client = repo.client("latency", changes, 100)
        told = answer(client)["visible"]
        finish(client)
        return told
    finally:
        repo.close()


def repo_burst(work, one_at_a_time):
    repo = Repo(os.path.join(work, "repo"))
    try:
        client = repo.client("burst", 50, 20, *(["one"] if one_at_a_time else []))
        answer(client)
        before = repo.seconds()
        told = answer(client, "go")
        told |= {"processor_s": repo.seconds() - before, "peak": repo.peak_mib()}
        finish(client)
        return told
    finally:
        repo.close()


def attempt(measure, *arguments):
    """Its figures; none where the peer gave up, as it does after a minute without a document on a busy machine."""
    try:
        return measure(*arguments)
    except RuntimeError as why:
        print(f"**automerge-repo did not finish `{measure.__name__}`: {why}**\n")
        return {}


def report(work, count, size, changes):
    """All rows of both; a missing automerge-repo is a column of dashes."""
    ours = load("documents", "--count", str(count), "--bytes", str(size))
    table.tell("MemoryVault: documents")
    ours_latency = load("latency", "--changes", str(changes))
    ours_burst, ours_one = load("burst"), load("burst", "--one-at-a-time")
    table.tell("MemoryVault: changes")
    theirs, their_latency, their_burst, their_one = {}, {}, {}, {}
    if has_repo():
        theirs = attempt(repo_documents, work, count, size)
        table.tell("automerge-repo: documents")
        their_latency = attempt(repo_latency, work, changes)
        their_burst, their_one = attempt(repo_burst, work, False), attempt(repo_burst, work, True)
        table.tell("automerge-repo: changes")
    else:
        print("automerge-repo is missing (node and npm bring it): its column stays empty.\n", file=sys.stderr)

    def mib(figures, key):
        return table.mib(figures[key])

    def get(figures, *keys):
        values = tuple(figures.get(key) for key in keys)
        return None if None in values else values if len(values) > 1 else values[0]

    what = f"{count} documents of {size // 1_000} kB of text"
    rows = [
        [f"{what}: bytes of one as kept", ours["document_bytes"], get(theirs, "document_bytes")],
        [f"{what}, up / down, ms", (ours["up_ms"], ours["down_ms"]), get(theirs, "up_ms", "down_ms")],
        ["the same: server's processor time, s", ours["processor_ms"] / 1000, get(theirs, "processor_s")],
        ["the same: server's peak, MiB", mib(ours, "peak_kib"), get(theirs, "peak")],
        ["server started again, nothing changed, until in sync, ms", ours["again_ms"], get(theirs, "again_ms")],
        ["the same: server's processor time, s", ours["again_processor_ms"] / 1000, get(theirs, "again_processor_s")],
        ["the same: server's peak, MiB", mib(ours, "again_peak_kib"), get(theirs, "again_peak")],
        [
            "change on A until B has it, 100 a second, p50 / p99, ms",
            get(ours_latency["visible"], "p50_ms", "p99_ms"),
            get(their_latency, "p50_ms", "p99_ms"),
        ],
        [
            "change on A until durable at the server, p50 / p99, ms",
            get(ours_latency["durable"], "p50_ms", "p99_ms"),
            None,
        ],
        ["50 devices x 20 changes, changes a second", ours_burst["changes_a_second"], get(their_burst, "changes_a_second")],
        [
            "the same: server's processor time, s",
            ours_burst["server_processor_ms"] / 1000,
            get(their_burst, "processor_s"),
        ],
        ["the same: server's peak, MiB", mib(ours_burst, "peak_kib"), get(their_burst, "peak")],
        [
            "each acknowledged before the next, changes a second",
            ours_one["changes_a_second"],
            get(their_one, "changes_a_second"),
        ],
    ]
    table.show(["work", "MemoryVault", "automerge-repo"], rows)


def report_server(devices):
    """Many devices on our server: what an idle one costs, and how all come back after a kill."""
    idle = load("devices", "--count", str(devices))
    herd = load("herd", "--count", str(devices))
    rows = [
        ["memory before, MiB", table.mib(idle["baseline_kib"])],
        ["memory after the logins, MiB", table.mib(idle["after_logins_kib"])],
        ["memory with all connected and idle, MiB", table.mib(idle["idle_kib"])],
        ["over what it was before, MiB", table.mib(idle["idle_kib"] - idle["baseline_kib"])],
        ["all connected within, ms", idle["connected_ms"]],
        ["server killed and started: all back after, ms", herd["all_back_ms"]],
        ["attempts turned away meanwhile", herd["attempts_in_vain"]],
        ["peak while they come back, MiB", table.mib(herd["peak_kib"])],
    ]
    table.show([f"{devices:,} devices on one server", "MemoryVault"], rows)
