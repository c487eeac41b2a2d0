"""The program on a device with a large vault: time from the start of its process, and its peak memory."""

import json
import os
import subprocess

import machine
import material
import peer_ours
import run
import table

HERE = os.path.dirname(os.path.abspath(__file__))


class Home(peer_ours.Maker):
    """A vault that `make-vault` has made."""

    def __init__(self, folder):
        self.home = folder
        self.unseen = None


def make(folder, cards, events):
    os.makedirs(os.path.join(folder, "run"), mode=0o700)
    subprocess.run(
        [machine.binary("make-vault"), "--cards", str(cards), "--events", str(events), os.path.join(folder, "vault")],
        env=Home(folder).environment(), check=True, stdout=subprocess.DEVNULL, timeout=machine.PATIENCE_SECONDS,
    )  # fmt: skip


def watch(home, times, keys, *arguments):
    """Runs a command so many times; gives the medians of its figures."""
    command = ["/usr/bin/env", "python3", "-I", "-S", os.path.join(HERE, "stopwatch.py"), str(times), keys]
    done = subprocess.run(
        command + home.command(*arguments),
        env=home.environment() | {"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        timeout=machine.PATIENCE_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{arguments}: {done.stderr}")
    taken = [json.loads(line) for line in done.stdout.splitlines()]
    return [table.median(column) for column in zip(*taken)]


def report(work, cards, events, imported, times):
    folder = run.make_template(peer_ours, work, f"{cards}-{events}", lambda path: make(path, cards, events))
    table.tell(f"a vault of {cards:,} cards and {events:,} answers is there")
    home = Home(folder)
    cards_told = home.run("card", "list", "is:new").splitlines()
    card = json.loads(cards_told[0])["id"]
    rows = []

    def row(label, figures, first=False):
        first_ms, whole_ms, processor_ms, peak_kib = figures
        rows.append([label, first_ms if first else whole_ms, processor_ms, table.mib(peak_kib)])
        table.tell(label)

    row("open, tell the state (`status`)", watch(home, times, "", "status"))
    row("first due card on screen (`study`, until its line)", watch(home, times, "q\\n", "study"), True)
    row("record a review durably (`review`)", watch(home, times, "", "review", card, "good"))
    row("one card in full (`card show`)", watch(home, times, "", "card", "show", card))
    row(f"all {cards:,} cards as JSON Lines (`card list`)", watch(home, max(1, times // 5), "", "card", "list"))

    path = os.path.join(work, "imported.tsv")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{front}\t{back}\n" for front, back in material.card_texts(imported))
    fresh = os.path.join(work, "fresh")
    row(f"import of {imported:,} cards into a new vault", watch(peer_ours.Maker(fresh), 1, "", "import", path, "--deck", "New"))
    size = machine.disk_bytes(home.data) / 1e6
    print(f"**{cards:,} cards, {events:,} answers**, {size:.1f} MB on disk, medians of {times} process starts\n")
    table.show(["work", "ms from process start", "processor ms", "peak MiB"], rows)
