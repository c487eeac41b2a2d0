"""Anki's own client library and sync server (PyPI `anki`, AGPL), run beside us to measure against. Never linked."""

import os
import shutil
import subprocess
import sys
import time

import wire
from anki.collection import Collection
from anki.sync_pb2 import SyncCollectionResponse as Required

PASSWORD = "correct-horse-battery"
# Cards and media are two syncs there.
MEDIA_SYNCS_ALONE = True


class Server:
    """`python -m anki.syncserver` with as many users as the runs need."""

    name = "Anki"

    def __init__(self, folder, users):
        self.folder = folder
        self.port = wire.free_port()
        environment = os.environ | {
            "SYNC_BASE": os.path.join(folder, "server"),
            "SYNC_HOST": "127.0.0.1",
            "SYNC_PORT": str(self.port),
            "RUST_LOG": "error",
        }
        for number in range(1, users + 1):
            environment[f"SYNC_USER{number}"] = f"user{number}:{PASSWORD}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "anki.syncserver"], env=environment, stdout=subprocess.DEVNULL
        )
        wire.wait_until_listening(self.port)
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
    """One collection. A sync is timed inside the process: no program start, no opening of the collection."""

    def __init__(self, server, user, folder, template=None, counted=False):
        if template:
            shutil.copytree(template, folder)
        else:
            os.makedirs(folder)
        self.collection = Collection(os.path.join(folder, "collection.anki2"))
        port = server.relay.port if counted else server.port
        self.auth = self.collection.sync_login(user, PASSWORD, f"http://127.0.0.1:{port}/")

    def sync(self):
        """Cards and reviews only. Gives (milliseconds in process, None)."""
        begin = time.perf_counter()
        output = self.collection.sync_collection(self.auth, False)
        if output.required in (Required.FULL_UPLOAD, Required.FULL_DOWNLOAD, Required.FULL_SYNC):
            upload = output.required == Required.FULL_UPLOAD
            self.collection.close_for_full_sync()
            self.collection.full_upload_or_download(auth=self.auth, server_usn=None, upload=upload)
            elapsed = time.perf_counter() - begin
            self.collection.reopen(after_full_sync=True)
        else:
            elapsed = time.perf_counter() - begin
        return elapsed * 1000, None

    def sync_media(self):
        """Media only; the client library works in the background and is asked until it is done."""
        begin = time.perf_counter()
        self.collection.sync_media(self.auth)
        while self.collection.media_sync_status().active:
            time.sleep(0.002)
        return (time.perf_counter() - begin) * 1000, None

    def review(self, count):
        for _ in range(count):
            card = self.collection.sched.getCard()
            self.collection.sched.answerCard(card, 3)

    def cards(self):
        return self.collection.card_count()

    def media_files(self):
        return len(os.listdir(self.collection.media.dir()))

    def close(self):
        self.collection.close()


def template(folder, cards):
    """A collection of plain cards, made once and copied for each run."""
    os.makedirs(folder)
    collection = Collection(os.path.join(folder, "collection.anki2"))
    config = collection.decks.get_config(1)
    config["new"]["perDay"] = config["rev"]["perDay"] = 9999
    collection.decks.update_config(config)
    basic = collection.models.by_name("Basic")
    for front, back in wire.card_texts(cards):
        note = collection.new_note(basic)
        note.fields = [front, back]
        collection.add_note(note, 1)
    collection.close()
    return folder


def media_template(folder, paths):
    """A collection whose cards name the media files, which lie in its media folder."""
    os.makedirs(folder)
    collection = Collection(os.path.join(folder, "collection.anki2"))
    basic = collection.models.by_name("Basic")
    for path in paths:
        name = collection.media.add_file(path)
        note = collection.new_note(basic)
        note.fields = [name, f'<img src="{name}">']
        collection.add_note(note, 1)
    collection.close()
    return folder
