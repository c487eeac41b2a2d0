"""Ours and Anki's, side by side, in one run on one machine. Started by anki.sh; prints a table in Markdown.

Each number is the median over the runs. Every run has its own account and its own copies of the devices, and the two
programs take turns, so that a busy moment of the machine meets both. Bytes are counted by a relay in one more run,
which is not timed. Anki's client runs inside this process: its numbers hold no program start and no opening of the
collection. Ours are given twice: inside the process, and the whole command from start to exit.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile

import wire

STEPS = [
    ("upload", "first upload, {cards} cards"),
    ("download", "first download, {cards} cards"),
    ("nothing_a", "nothing to do, the device that uploaded"),
    ("nothing_b", "nothing to do, the other device"),
    ("one_push", "one review, push"),
    ("one_pull", "one review, pull"),
    ("many_push", "100 reviews, push"),
    ("many_pull", "100 reviews, pull"),
]
MEDIA_STEPS = [("media_up", "{files} x {size} kB media, up"), ("media_down", "{files} x {size} kB media, down")]


def documents(peer, server, folder, template, counted=False):
    """One run of the card workloads: step -> (in process ms, command ms), or the bytes (up, down) when counted."""
    user = server.account()
    taken = {}

    def timed(step, device):
        server.relay.take()
        result = device.sync()
        taken[step] = server.relay.take() if counted else result

    a = peer.Device(server, user, os.path.join(folder, "a"), template, counted)
    b = peer.Device(server, user, os.path.join(folder, "b"), None, counted)
    timed("upload", a)
    timed("download", b)
    if a.cards() != b.cards():
        raise RuntimeError(f"{server.name}: {a.cards()} cards went up, {b.cards()} came down")
    timed("nothing_a", a)
    timed("nothing_b", b)
    a.review(1)
    timed("one_push", a)
    timed("one_pull", b)
    a.review(100)
    timed("many_push", a)
    timed("many_pull", b)
    a.close()
    b.close()
    return taken


def media(peer, server, folder, template, counted=False):
    """One run of the media workload. Cards go first and are not timed; then the files alone."""
    user = server.account()
    a = peer.Device(server, user, os.path.join(folder, "a"), template, counted)
    b = peer.Device(server, user, os.path.join(folder, "b"), None, counted)
    taken = {}
    for step, device in (("media_up", a), ("media_down", b)):
        if peer.MEDIA_SYNCS_ALONE:
            device.sync()
        server.relay.take()
        result = device.sync_media()
        taken[step] = server.relay.take() if counted else result
    if a.media_files() != b.media_files():
        raise RuntimeError(f"{server.name}: {a.media_files()} files went up, {b.media_files()} came down")
    a.close()
    b.close()
    return taken


def measure(peers, work, options, workload, make_template, steps):
    """Runs one workload for all peers in turn: (times, bytes, peak memory), each by peer name."""
    times, wires, peaks, servers, templates = {}, {}, {}, {}, {}
    for peer in peers:
        name = peer.Server.name
        home = os.path.join(work, name, workload.__name__)
        os.makedirs(home)
        templates[name] = make_template(peer, os.path.join(home, "template"))
        servers[name] = peer.Server(home, options.runs + 1)
        times[name] = {step: [] for step, _ in steps}
    for run in range(options.runs + 1):
        counted = run == options.runs
        for peer in peers:
            name = peer.Server.name
            folder = os.path.join(work, name, workload.__name__, f"run{run}")
            taken = workload(peer, servers[name], folder, templates[name], counted)
            shutil.rmtree(folder)
            if counted:
                wires[name] = taken
            else:
                for step, result in taken.items():
                    times[name][step].append(result)
            print(f"  {name} {workload.__name__} {'bytes' if counted else f'run {run + 1}'} done", file=sys.stderr)
    for name, server in servers.items():
        peaks[name] = server.peak_kib()
        server.stop()
    return times, wires, peaks


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def cell(value, unit=""):
    if value is None:
        return "-"
    return (f"{value:.2f}" if value < 10 else f"{value:,.0f}") + unit


def row(label, name_steps, names, times, wires):
    """One line: per peer the time in process, for ours also of the whole command, then the bytes of both directions."""
    cells = [label]
    for name in names:
        cells.append(cell(median([inside for inside, _ in times[name][name_steps]])))
        if name != "Anki":
            cells.append(cell(median([whole for _, whole in times[name][name_steps]])))
    for name in names:
        up, down = wires[name][name_steps]
        cells.append(f"{up:,} / {down:,}")
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cards", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--kilobytes", type=int, default=50)
    parser.add_argument("--only", choices=["anki", "ours"], help="measure one side alone")
    parser.add_argument("--ours", help="folder of the release binaries")
    options = parser.parse_args()

    peers = []
    if options.only != "anki":
        import peer_ours

        peer_ours.BINARIES = options.ours
        peers.append(peer_ours)
    if options.only != "ours":
        import peer_anki

        peers.append(peer_anki)
    names = [peer.Server.name for peer in peers]

    with tempfile.TemporaryDirectory(prefix="memoryvault-bench-") as work:
        paths = wire.write_media(os.path.join(work, "media"), options.files, options.kilobytes * 1000)
        cards = measure(
            peers, work, options, documents, lambda peer, folder: peer.template(folder, options.cards), STEPS
        )
        files = measure(
            peers, work, options, media, lambda peer, folder: peer.media_template(folder, paths), MEDIA_STEPS
        )

    headings = ["work (median of %d)" % options.runs]
    for name in names:
        headings.append(f"{name}, ms")
        if name != "Anki":
            headings.append(f"{name}, whole command, ms")
    headings += [f"{name}, bytes up / down" for name in names]
    print("| " + " | ".join(headings) + " |")
    print("|---|" + "--:|" * (len(headings) - 1))
    values = {"cards": f"{options.cards:,}", "files": f"{options.files:,}", "size": options.kilobytes}
    for steps, (times, wires, _) in ((STEPS, cards), (MEDIA_STEPS, files)):
        for step, label in steps:
            print(row(label.format(**values), step, names, times, wires))
    for label, (_, _, peaks) in (("cards", cards), ("media", files)):
        words = ", ".join(f"{name} {peaks[name] / 1024:.1f} MiB" for name in names)
        print(f"\nPeak memory of the server over all runs with {label}: {words}.")


if __name__ == "__main__":
    main()
