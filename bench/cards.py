"""Cards and reviews: ours and Anki's side by side, on loopback or over a line with 50 ms of round trip.

Every run has a fresh server, fresh devices copied from a template, and the two programs take turns, so that a busy
moment of the machine meets both. Small steps come several times in a run; each figure is the median over all. On
loopback the bytes are counted in one more run, through a relay, which is not timed.
"""

import os

import run
import table

STEPS = [
    ("upload", "first upload"),
    ("download", "first download"),
    ("nothing_a", "nothing to do, device A"),
    ("nothing_b", "nothing to do, device B, in turn"),
    ("one_push", "one review, push"),
    ("one_pull", "one review, pull"),
    ("many_push", "100 reviews, push"),
    ("many_pull", "100 reviews, pull"),
    ("new_push", "{new:,} new cards, push"),
    ("new_pull", "{new:,} new cards, pull"),
]
SITTING = 100
SMALL_STEPS = 5


def work(current, template, new):
    """All steps, once through."""
    a = current.device(template)
    b = current.device()
    current.step("upload", a.sync)
    current.step("download", b.sync)
    for _ in range(SMALL_STEPS):
        current.step("nothing_a", a.sync)
        current.step("nothing_b", b.sync)
    for _ in range(SMALL_STEPS):
        a.review_one()
        current.step("one_push", a.sync)
        current.step("one_pull", b.sync)
    a.review_sitting(SITTING)
    current.step("many_push", a.sync)
    current.step("many_pull", b.sync)
    a.add_cards(new, 8)
    current.step("new_push", a.sync)
    current.step("new_pull", b.sync)
    if a.cards() != b.cards():
        raise RuntimeError(f"{current.peer.NAME}: {a.cards()} cards on one device, {b.cards()} on the other")


def measure(peers, folder, cards, runs, new, delay_ms=0):
    """All runs of all peers in turn; gives the `Runs` of each."""
    results, templates = [], []
    for peer in peers:
        results.append(run.Runs(peer))
        make = lambda path, peer=peer: peer.template(path, cards)
        templates.append(run.make_template(peer, folder, f"{cards}", make))
        table.tell(f"{peer.NAME}: a template of {cards:,} cards is there")
    # Over a line everything passes the relay anyway; on loopback only the last run does.
    for number in range(runs if delay_ms else runs + 1):
        counted = number == runs
        for peer, result, template in zip(peers, results, templates):
            current = run.Run(peer, os.path.join(folder, f"{peer.NAME}-cards"), delay_ms, counted)
            try:
                work(current, template, new)
                result.add(current, counted)
            finally:
                current.close()
            what = "bytes" if counted else f"run {number + 1}"
            table.tell(f"{peer.NAME}: {cards:,} cards, {what}, {delay_ms * 2} ms round trip")
    return results


def report(results, cards, runs, new, delay_ms=0):
    """One table: per peer the times, then bytes and the server's peak memory."""
    where = f"{delay_ms * 2} ms round trip" if delay_ms else "loopback"
    print(f"**{cards:,} cards, {where}**, {runs} {'run' if runs == 1 else 'runs'}\n")
    headings = ["work"]
    for result in results:
        headings += [f"{result.name}, ms"] + (["whole command, ms"] if result.name != "Anki" else [])
    headings += [f"{result.name}, bytes up / down" for result in results]
    headings += [f"{result.name}, server peak MiB" for result in results]
    rows = []
    for step, label in STEPS:
        row = [label.format(new=new)]
        for result in results:
            row.append(table.median(result.values(step, "inside_ms")))
            if result.name != "Anki":
                row.append(table.median(result.values(step, "whole_ms")))
        for result in results:
            values = result.values(step, "bytes")
            row.append(tuple(int(table.median(part)) for part in zip(*values)) if values else None)
        row += [table.mib(table.median(result.values(step, "peak_kib"))) for result in results]
        rows.append(row)
    table.show(headings, rows)
    for result in results:
        server, device = (table.median(part) for part in zip(*result.disks))
        print(f"Disk at the end, {result.name}: server {server / 1e6:.1f} MB, device {device / 1e6:.1f} MB.")
    print(flush=True)
