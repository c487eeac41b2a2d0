"""One user syncs while four clients guess another's password, each at most 50 times a second."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import machine
import run
import table

CLIENTS = 4
PAUSE_SECONDS = 0.02
HERE = os.path.dirname(os.path.abspath(__file__))


def guess_ours(port, user):
    """One guess over HTTP as any program would send it; true when the server turned it away unread."""
    device = {"id": "0198a0a0-0000-7000-8000-000000000001", "name": "guesser"}
    body = json.dumps({"user": user, "password": "not this one either", "device": device})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/sessions", body.encode(), {"content-type": "application/json"}
    )
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as refused:
        return refused.code


def guess_anki(port, user):
    from anki.collection import Collection

    if not hasattr(guess_anki, "collection"):
        guess_anki.collection = Collection(os.path.join(os.getcwd(), f"guesser-{os.getpid()}.anki2"))
    try:
        guess_anki.collection.sync_login(user, "not this one either", f"http://127.0.0.1:{port}/")
    except Exception as refused:  # the library's own kinds of errors are many; each means "no"
        return type(refused).__name__


def guesser(name, port, user, seconds):
    """The main loop of one guessing process: prints how often it was answered, and with what."""
    guess = {"MemoryVault": guess_ours, "Anki": guess_anki}[name]
    end, answers = time.monotonic() + seconds, {}
    while time.monotonic() < end:
        answer = guess(port, user)
        answers[answer] = answers.get(answer, 0) + 1
        time.sleep(PAUSE_SECONDS)
    print(json.dumps({str(answer): count for answer, count in answers.items()}))


def syncs(device, seconds):
    """Milliseconds of each sync that finds nothing to do, for so long."""
    end, taken = time.monotonic() + seconds, []
    while time.monotonic() < end:
        taken.append(device.sync()[0])
        time.sleep(PAUSE_SECONDS)
    return taken


def measure(peer, work, seconds):
    """Syncs without and with guessers: (name, quiet, disturbed, answers to the guessers)."""
    current = run.Run(peer, os.path.join(work, f"{peer.NAME}-guess"))
    try:
        a = current.device()
        a.add_cards(10, 1)
        a.sync()
        # The account whose password is guessed: another one, and a real one.
        victim = peer.Device(current.server, os.path.join(current.folder, "victim"), user="ben")
        victim.close()
        quiet = syncs(a, seconds)
        command = [sys.executable, os.path.join(HERE, "guess.py"), peer.NAME, str(current.server.port), "ben"]
        processes = [
            machine.start([*command, str(seconds + 1)], stdout=subprocess.PIPE, text=True, cwd=current.folder)
            for _ in range(CLIENTS)
        ]
        time.sleep(1)
        disturbed = syncs(a, seconds)
        answers = {}
        for process in processes:
            for answer, count in json.loads(process.communicate(timeout=60)[0]).items():
                answers[answer] = answers.get(answer, 0) + count
        table.tell(f"{peer.NAME}: guessers were answered {answers}")
        return peer.NAME, quiet, disturbed, answers
    finally:
        current.close()


def report(measured):
    headings = ["another user's sync, nothing to do", "median ms", "p99 ms", "slowest ms", "answers to the guessers in all"]
    rows = []
    for name, quiet, disturbed, answers in measured:
        for label, values in (("alone", quiet), ("beside the guessers", disturbed)):
            row = [f"{name}, {label}", table.median(values), table.quantile(values, 0.99), max(values)]
            rows.append(row + [None if values is quiet else ", ".join(f"{a}: {n}" for a, n in answers.items())])
    table.show(headings, rows)


if __name__ == "__main__":
    guesser(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
