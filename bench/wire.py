"""Loopback plumbing of the benchmarks: a relay that counts bytes, free ports, peak memory, files to send."""

import os
import random
import socket
import struct
import threading
import time
import zlib


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_listening(port, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def peak_kib(pid):
    """Highest resident memory of a living process, as the kernel counted it."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no VmHWM")


class Relay:
    """Forwards TCP connections to a port and counts the bytes of both directions, TCP's own not included."""

    def __init__(self, target):
        self.target = target
        self.up = 0
        self.down = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self):
        """Gives the bytes (up, down) since the last call."""
        with self.lock:
            up, down = self.up, self.down
            self.up = self.down = 0
        return up, down

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pump, args=(near, far, "up"), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, "down"), daemon=True).start()

    def _pump(self, source, sink, way):
        try:
            while data := source.recv(1 << 18):
                with self.lock:
                    setattr(self, way, getattr(self, way) + len(data))
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
                try:
                    end.shutdown(how)
                except OSError:
                    pass


def noise_png(seed, size):
    """A PNG of noise with about `size` bytes: what a photo is to a sync program, bytes that do not compress."""
    width = 128
    height = max(1, size // (width * 3 + 1))
    dice = random.Random(seed)
    rows = b"".join(b"\0" + dice.randbytes(width * 3) for _ in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def card_texts(count):
    """Front and back of made-up vocabulary cards, about 60 bytes each side, the same on every run."""
    dice = random.Random(7)
    syllables = "ka to ri mel su na vor ti lo ben ir ash qui der po".split()

    def word():
        return "".join(dice.choice(syllables) for _ in range(dice.randint(2, 4)))

    return [
        (f"{index}: " + " ".join(word() for _ in range(7)), " ".join(word() for _ in range(8)))
        for index in range(count)
    ]


def write_media(folder, count, size):
    os.makedirs(folder, exist_ok=True)
    paths = []
    for index in range(count):
        path = os.path.join(folder, f"noise-{index:04}.png")
        with open(path, "wb") as file:
            file.write(noise_png(index, size))
        paths.append(path)
    return paths
