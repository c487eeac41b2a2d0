"""Our own release binaries, driven through their command line as a person would."""

import json
import os
import shutil
import subprocess
import time

import machine
import material

NAME = "MemoryVault"
PASSWORD = "seven small rivers meet here"
USER = "ada"
# One sync carries cards and media.
MEDIA_SYNCS_ALONE = False
# Cards of a template that were answered some days ago, so that a sitting finds enough that is due.
DUE_CARDS = 150
PICTURE_BYTES_MAX = 10_000_000
FILE_BYTES_MAX = 25_000_000


class Server:
    """`memoryvault-server` on loopback with open registration."""

    def __init__(self, folder):
        self.data = os.path.join(folder, "server")
        arguments = ["--data", self.data, "--listen", "127.0.0.1:0", "--registration", "open"]
        arguments += ["--quota-bytes", str(1 << 34)]
        program = machine.binary("memoryvault-server")
        self.process, self.port = machine.started([program, *arguments], stderr=subprocess.DEVNULL)
        self.accounts = set()

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        machine.stop(self.process)
        self.process.stdout.close()


class Device:
    """One vault and a home of its own. The first device of a user registers, the others log in."""

    def __init__(self, server, folder, template=None, port=None, user=USER):
        self.home = folder
        if template:
            shutil.copytree(template, folder)
        else:
            os.makedirs(os.path.join(folder, "run"), mode=0o700)
            self.run("init", "--name", os.path.basename(folder))
        verb = ["login"] if user in server.accounts else ["register", "--login"]
        server.accounts.add(user)
        address = f"http://127.0.0.1:{port or server.port}"
        self.run("account", *verb, address, "--user", user, "--password-stdin", stdin=PASSWORD + "\n")
        self.unseen = None

    @property
    def data(self):
        return os.path.join(self.home, "vault")

    def environment(self):
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": self.home,
            "XDG_RUNTIME_DIR": os.path.join(self.home, "run"),
            "LANG": "C.UTF-8",
        }

    def command(self, *arguments):
        return [machine.binary("memoryvault"), "--vault", self.data, "--json", *arguments]

    def run(self, *arguments, stdin=""):
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=machine.PATIENCE_SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"memoryvault {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def sync(self):
        """Gives (milliseconds from connecting to settled, as the program says; milliseconds of the whole command)."""
        begin = time.perf_counter()
        out = self.run("sync")
        whole = (time.perf_counter() - begin) * 1000
        return json.loads(out)["duration_us"] / 1000, whole

    sync_media = sync

    def review_one(self):
        if self.unseen is None:
            self.unseen = [json.loads(line)["id"] for line in self.run("card", "list").splitlines()]
        self.run("review", self.unseen.pop(), "good")

    def review_sitting(self, count):
        """Answers in one sitting of `study`."""
        told = self.run("study", stdin="3\n" * count + "q\n").splitlines()
        answered = json.loads(told[-1])["answered"]
        if answered != count:
            raise RuntimeError(f"{answered} answers in place of {count}")

    def add_cards(self, count, seed):
        table = os.path.join(self.home, "cards.tsv")
        with open(table, "w", encoding="utf-8") as file:
            file.writelines(f"{front}\t{back}\n" for front, back in material.card_texts(count, seed))
        self.run("import", table, "--deck", f"Bench {seed}")

    def add_media(self, path):
        kind = "--back-audio" if path.endswith(".wav") else "--back-image"
        # The bytes that go over the line are those of the file, as with the peers.
        self.run("add", "--deck", "Media", "--front", os.path.basename(path), kind, path, "--keep-original")

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
        self.home = folder
        self.unseen = None
        os.makedirs(os.path.join(folder, "run"), mode=0o700)
        self.run("init", "--name", "template")


def template(folder, cards):
    """A vault of plain cards, of which some are due."""
    maker = Maker(folder)
    maker.add_cards(cards, 7)
    ids = [json.loads(line)["id"] for line in maker.run("card", "list").splitlines()]
    day = time.strftime("%Y-%m-%dT12:00:00Z", time.gmtime(time.time() - 5 * 86_400))
    for card in ids[:DUE_CARDS]:
        maker.run("review", card, "good", "--at", day)
    return folder


def media_template(folder, paths):
    """A vault whose cards hold the media files."""
    maker = Maker(folder)
    maker.run("deck", "add", "Media")
    for path in paths:
        maker.add_media(path)
    return folder
