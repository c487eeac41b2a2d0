"""Searches of one large vault, beside a plain table of SQLite's over the same texts and SQLite's full-text index: inside the process, in turns."""

import json
import os
import sqlite3
import subprocess
import time

import machine
import table

# What is typed, in Anki's spelling, and what SQLite's full-text index is asked in its place: it finds only how words begin.
QUERIES = [
    ("kalo", "kalo*"),
    ("zzzz", "zzzz*"),
    ("ka*lo", None),
    ("nc:kalo", None),
    ("re:ka.o", None),
    ("kalo or nelo -tag:tag7", None),
    ('"deck:Deck 7" is:due kalo', None),
    ('"deck:Deck 7"', None),
    ("tag:tag7", None),
    ("is:due", None),
    ("is:new", None),
    ("prop:ivl>=8", None),
    ("rated:7", None),
    ("added:30", None),
]

def tool(name):
    return os.path.join(machine.BINARIES, name)


def ours(vault, rounds):
    words = [tool("search"), "--rounds", str(rounds), vault, *(query for query, _ in QUERIES)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    whole, *each = map(json.loads, done.stdout.splitlines())
    return whole, {figures["query"]: figures for figures in each}


def listed(vault):
    """All cards of ours, as the command line tells them."""
    done = subprocess.run(
        [tool("memoryvault"), "--vault", vault, "card", "list", "--json"], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def side(items):
    return " ".join(item["text"] for item in items)


def timed(ask, rounds):
    """(first ms, median ms, found) of a question."""
    taken, found = [], 0
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        found = len(ask())
        taken.append((time.perf_counter() - begin) * 1000)
    return taken[0], table.median(taken[1:]), found


def plain(folder, cards, rounds):
    """A table of texts looked through with LIKE, as Anki looks for words."""
    base = sqlite3.connect(os.path.join(folder, "plain.db"))
    base.execute("create table notes (id integer primary key, fields text not null)")
    texts = ((f"{side(card['front'])}\x1f{side(card['back'])}",) for card in cards)
    base.executemany("insert into notes (fields) values (?)", texts)
    base.commit()
    find = "select id from notes where fields like ?"
    return {
        query: timed(lambda asked=asked: base.execute(find, (f"%{asked.rstrip('*')}%",)).fetchall(), rounds)
        for query, asked in QUERIES
        if asked
    }


def full_text(folder, cards, rounds):
    base = sqlite3.connect(os.path.join(folder, "full-text.db"))
    base.execute("create virtual table texts using fts5(front, back)")
    base.executemany("insert into texts values (?, ?)", ((side(card["front"]), side(card["back"])) for card in cards))
    base.commit()
    find = "select rowid from texts where texts match ?"
    return {
        query: timed(lambda asked=asked: base.execute(find, (asked,)).fetchall(), rounds)
        for query, asked in QUERIES
        if asked
    }


def report(work, count, answers, rounds):
    vault = os.path.join(work, "vault")
    table.tell(f"a vault of {count} cards")
    subprocess.run(
        [tool("make-vault"), "--cards", str(count), "--events", str(answers), vault], check=True, stdout=subprocess.DEVNULL
    )
    cards = listed(vault)
    table.tell("ours")
    whole, mine = ours(vault, rounds)
    table.tell("SQLite")
    theirs, indexed = plain(work, cards, rounds), full_text(work, cards, rounds)
    print(f"{count:,} cards, {answers:,} answers; ms inside the process, the median of {rounds} searches (first: the first of its kind).\n")
    rows = []
    for query, _ in QUERIES:
        own, peer, other = mine[query], theirs.get(query, (None, None, None)), indexed.get(query, (None, None, None))
        rows.append(
            [f"`{query}`", own["found"], own["cold_ms"], own["warm_ms"], own["worst_ms"], own["after_edit_ms"], peer[2], peer[0], peer[1], other[2], other[1]]
        )
    table.show(
        ["search", "found", "one command", "warm", "worst", "after an edit", "LIKE found", "first", "warm", "FTS5 found", "warm"],
        rows,
    )
    print(
        f"The table in memory: made in {table.number(whole['first_ms'])} ms, {table.number(whole['table_kib'] / 1024)} MiB;"
        f" answers read at the first search that asks for them, {table.number(whole['answers_ms'])} ms,"
        f" {table.number(whole['answers_kib'] / 1024)} MiB more.\n"
    )
