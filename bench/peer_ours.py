"""Our own release binaries, driven through their command line as a person would."""

import json
import os
import shutil
import subprocess
import time

import wire

BINARIES = None  # folder of the release binaries, set by compare.py
PASSWORD = "seven small rivers meet here"
# One sync carries cards and media.
MEDIA_SYNCS_ALONE = False


class Server:
    """`memoryvault-server` on loopback with open registration."""

    name = "MemoryVault"

    def __init__(self, folder, _users):
        self.process = subprocess.Popen(
            [
                os.path.join(BINARIES, "memoryvault-server"),
                "--data",
                os.path.join(folder, "server"),
                "--listen",
                "127.0.0.1:0",
                "--registration",
                "open",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        first = self.process.stdout.readline()
        if not first.startswith("listening on "):
            raise RuntimeError(f"the server said {first!r}")
        self.port = int(first.rsplit(":", 1)[1])
        self.relay = wire.Relay(self.port)
        self.next_user = 0

    def account(self):
        self.next_user += 1
        return f"user{self.next_user}"

    def peak_kib(self):
        return wire.peak_kib(self.process.pid)

    def stop(self):
        self.relay.close()
        self.process.terminate()
        self.process.wait()


class Device:
    """One vault and a home of its own. The first device of a user registers, the second logs in."""

    registered = set()

    def __init__(self, server, user, folder, template=None, counted=False):
        self.folder = folder
        if template:
            shutil.copytree(template, folder)
        else:
            os.makedirs(os.path.join(folder, "run"), mode=0o700)
            self.run("init", "--name", os.path.basename(folder))
        port = server.relay.port if counted else server.port
        verb = ["login"] if (server.port, user) in Device.registered else ["register", "--login"]
        Device.registered.add((server.port, user))
        self.run(
            "account", *verb, f"http://127.0.0.1:{port}", "--user", user, "--password-stdin", stdin=PASSWORD + "\n"
        )

    def run(self, *arguments, stdin=""):
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": self.folder,
            "XDG_RUNTIME_DIR": os.path.join(self.folder, "run"),
            "LANG": "C.UTF-8",
        }
        program = os.path.join(BINARIES, "memoryvault")
        done = subprocess.run(
            [program, "--vault", os.path.join(self.folder, "vault"), "--json", *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"memoryvault {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def sync(self):
        """Gives (milliseconds that the program says it synced, milliseconds of the whole command)."""
        begin = time.perf_counter()
        out = self.run("sync")
        whole = (time.perf_counter() - begin) * 1000
        return json.loads(out).get("duration_ms"), whole

    sync_media = sync

    def review(self, count):
        if not hasattr(self, "unseen"):
            self.unseen = [json.loads(line)["id"] for line in self.run("card", "list").splitlines()]
        for _ in range(count):
            self.run("review", self.unseen.pop(), "good")

    def status(self):
        return json.loads(self.run("status"))

    def cards(self):
        return self.status()["cards"]

    def media_files(self):
        status = self.status()
        return status["blobs"] - status["blobs_missing"]

    def close(self):
        pass


class Maker(Device):
    """A vault without an account, to be copied for each run."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(os.path.join(folder, "run"), mode=0o700)
        self.run("init", "--name", "template")
        self.run("deck", "add", "Bench")


def template(folder, cards):
    """A vault of plain cards, imported once and copied for each run."""
    maker = Maker(folder)
    table = os.path.join(folder, "cards.tsv")
    with open(table, "w", encoding="utf-8") as file:
        file.writelines(f"{front}\t{back}\n" for front, back in wire.card_texts(cards))
    maker.run("import", table, "--deck", "Bench")
    return folder


def media_template(folder, paths):
    """A vault whose cards hold the media files."""
    maker = Maker(folder)
    for path in paths:
        maker.run("add", "--deck", "Bench", "--front", os.path.basename(path), "--back-image", path)
    return folder
