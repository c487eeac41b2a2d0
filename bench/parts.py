"""The parts of the benchmark: what each does at which size, and how long it may take."""

import os
from dataclasses import dataclass
from typing import Callable

WAN_DELAY_MS = 25


@dataclass
class Part:
    """A part: its function takes the options and a folder and prints Markdown."""

    run: Callable
    limit_seconds: int


def peers(options):
    """Ours and Anki's, or the one that was asked for."""
    chosen = []
    if options.only != "anki":
        import peer_ours

        chosen.append(peer_ours)
    if options.only != "ours":
        import peer_anki

        chosen.append(peer_anki)
    return chosen


def size(options, full, quick, tiny):
    return tiny if options.tiny else quick if options.quick else full


def run_cards(options, work):
    import cards

    print("## Cards and reviews\n")
    # (cards, runs)
    for count, runs in size(options, [(10_000, 5), (100_000, 2)], [(10_000, 2)], [(300, 1)]):
        runs, new = options.runs or runs, min(count, 10_000)
        results = cards.measure(peers(options), work, count, runs, new)
        cards.report(results, count, runs, new)


def run_wan(options, work):
    import cards
    import media

    print("## Over a line with 50 ms of round trip\n")
    for count, runs in size(options, [(10_000, 2), (100_000, 1)], [(10_000, 1)], [(300, 1)]):
        runs, new = options.runs or runs, min(count, 10_000)
        results = cards.measure(peers(options), work, count, runs, new, WAN_DELAY_MS)
        cards.report(results, count, runs, new, WAN_DELAY_MS)
    counts = size(options, (1_000, 20), (1_000, 4), (20, 1))
    media.report(media.measure(peers(options), work, *counts, 1, WAN_DELAY_MS), 1, {}, WAN_DELAY_MS)


def run_media(options, work):
    import media

    print("## Media\n")
    counts = size(options, (1_000, 20), (1_000, 20), (20, 1))
    runs = options.runs or size(options, 3, 1, 1)
    told = media.measure(peers(options), work, *counts, runs)
    media.report(told, runs, media.measure_others(work, *counts, runs))
    media.report_large(peers(options), work, size(options, media.LARGE, [10, 25], [10]))


def run_guess(options, work):
    import guess

    print("## Four clients guessing passwords\n")
    guess.report([guess.measure(peer, work, size(options, 10, 4, 2)) for peer in peers(options)])


def run_documents(options, work):
    import documents

    print("## Documents, beside automerge-repo\n")
    documents.report(work, *size(options, (200, 50_000, 1_000), (50, 50_000, 500), (10, 20_000, 100)))


def run_server(options, work):
    import documents

    print("## Many devices on one server\n")
    documents.report_server(size(options, 1_000, 1_000, 100))


def run_device(options, work):
    import device

    print("## The program on a device\n")
    # (cards, answers, imported cards, process starts)
    device.report(work, *size(options, (100_000, 1_000_000, 10_000, 20), (10_000, 100_000, 10_000, 10), (500, 1_000, 500, 2)))


def run_plot(options, work):
    import plot

    print("## What a sync costs while the vault grows\n")
    # Only the full sizes make the committed chart.
    chart = os.path.join(os.path.dirname(__file__), "..", "docs", "sync-cost.svg")
    path = size(options, os.path.relpath(chart), None, None)
    plot.report(work, size(options, plot.SIZES, plot.SIZES[:5], plot.SIZES[:2]), path)


def run_media_files(options, work):
    import media_files

    print("## One picture, one sound\n")
    # (runs, seconds of sound)
    runs, seconds = size(options, (9, 140), (5, 60), (1, 3))
    media_files.report(work, options.runs or runs, seconds)


def run_search(options, work):
    import search

    print("## Search\n")
    # (cards, answers, rounds)
    search.report(work, *size(options, (100_000, 1_000_000, 21), (10_000, 100_000, 11), (500, 1_000, 3)))


PARTS = {
    "cards": Part(run_cards, 600),
    "wan": Part(run_wan, 600),
    "media": Part(run_media, 600),
    "guess": Part(run_guess, 90),
    "documents": Part(run_documents, 300),
    "server": Part(run_server, 120),
    "device": Part(run_device, 600),
    "search": Part(run_search, 600),
    "media-files": Part(run_media_files, 600),
    "plot": Part(run_plot, 600),
}
