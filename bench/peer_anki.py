"""Anki's own client library and sync server (PyPI `anki`, AGPL), run beside us to measure against. Never linked."""

import os
import shutil
import subprocess
import sys
import time

import machine
import material
from anki.collection import AddNoteRequest, Collection
from anki.sync_pb2 import SyncCollectionResponse as Required

NAME = "Anki"
PASSWORD = "correct-horse-battery"
USERS = ["ada", "ben"]
USER = USERS[0]
# Cards and media are two syncs there.
MEDIA_SYNCS_ALONE = True
PICTURE_BYTES_MAX = FILE_BYTES_MAX = 100 << 20


class Server:
    """`python -m anki.syncserver` with two users."""

    def __init__(self, folder):
        self.data = os.path.join(folder, "server")
        self.port = machine.free_port()
        environment = os.environ | {
            "SYNC_BASE": self.data,
            "SYNC_HOST": "127.0.0.1",
            "SYNC_PORT": str(self.port),
            "RUST_LOG": "error",
            "MAX_SYNC_PAYLOAD_MEGS": "1000",
        }
        for number, user in enumerate(USERS, 1):
            environment[f"SYNC_USER{number}"] = f"{user}:{PASSWORD}"
        self.process = machine.start(
            [sys.executable, "-m", "anki.syncserver"], env=environment, stdout=subprocess.DEVNULL
        )
        machine.wait_until_listening(self.port)

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        machine.stop(self.process)


class Device:
    """One collection. A sync is timed inside the process: no program start, no opening of the collection."""

    def __init__(self, server, folder, template=None, port=None, user=USER):
        self.data = folder
        if template:
            shutil.copytree(template, folder)
        else:
            os.makedirs(folder)
        self.collection = Collection(os.path.join(folder, "collection.anki2"))
        self.auth = self.collection.sync_login(user, PASSWORD, f"http://127.0.0.1:{port or server.port}/")

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
            if time.perf_counter() - begin > machine.PATIENCE_SECONDS:
                raise RuntimeError("Anki's media sync does not end")
            time.sleep(0.002)
        return (time.perf_counter() - begin) * 1000, None

    def review_one(self):
        self.review_sitting(1)

    def review_sitting(self, count):
        for _ in range(count):
            card = self.collection.sched.getCard()
            self.collection.sched.answerCard(card, 3)

    def add_cards(self, count, seed):
        basic = self.collection.models.by_name("Basic")
        requests = []
        for front, back in material.card_texts(count, seed):
            note = self.collection.new_note(basic)
            note.fields = [front, back]
            requests.append(AddNoteRequest(note=note, deck_id=1))
        self.collection.add_notes(requests)

    def add_media(self, path):
        basic = self.collection.models.by_name("Basic")
        name = self.collection.media.add_file(path)
        note = self.collection.new_note(basic)
        note.fields = [name, f'<img src="{name}">']
        self.collection.add_note(note, 1)

    def cards(self):
        return self.collection.card_count()

    def media_files(self):
        return len(os.listdir(self.collection.media.dir()))

    def close(self):
        self.collection.close()


class Maker(Device):
    """A collection without an account, to be copied for each run."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.data = folder
        self.collection = Collection(os.path.join(folder, "collection.anki2"))
        config = self.collection.decks.get_config(1)
        config["new"]["perDay"] = config["rev"]["perDay"] = 9999
        self.collection.decks.update_config(config)


def template(folder, cards):
    """A collection of plain cards."""
    maker = Maker(folder)
    maker.add_cards(cards, 7)
    maker.close()
    return folder


def media_template(folder, paths):
    """A collection whose cards name the media files, which lie in its media folder."""
    maker = Maker(folder)
    for path in paths:
        maker.add_media(path)
    maker.close()
    return folder
