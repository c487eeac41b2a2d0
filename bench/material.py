"""What is sent: made-up words, pictures and sounds, the same on every run."""

import os
import random
import struct
import zlib


def noise_png(seed, size):
    """A PNG of noise with about `size` bytes: what a photo is to a sync program, bytes that do not compress."""
    width = 128 if size < 1_000_000 else 1024
    height = max(1, size // (width * 3 + 1))
    dice = random.Random(seed)
    rows = b"".join(b"\0" + dice.randbytes(width * 3) for _ in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def noise_wav(seed, size):
    """A sound of noise of exactly `size` bytes: 44.1 kHz, stereo, 16 bits."""
    rate, channels, width = 44_100, 2, 2
    data = random.Random(seed).randbytes(size - 44)
    shape = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * width, channels * width, width * 8)
    head = b"RIFF" + struct.pack("<I", size - 8) + b"WAVEfmt " + struct.pack("<I", len(shape)) + shape
    return head + b"data" + struct.pack("<I", len(data)) + data


def card_texts(count, seed=7):
    """Front and back of made-up vocabulary cards, about 60 bytes each side."""
    dice = random.Random(seed)
    syllables = "ka to ri mel su na vor ti lo ben ir ash qui der po".split()

    def word():
        return "".join(dice.choice(syllables) for _ in range(dice.randint(2, 4)))

    return [
        (f"{index}: " + " ".join(word() for _ in range(7)), " ".join(word() for _ in range(8)))
        for index in range(count)
    ]


def write_pictures(folder, count, size):
    """Files of noise, no two alike; gives their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for index in range(count):
        path = os.path.join(folder, f"noise-{index:04}.png")
        with open(path, "wb") as file:
            file.write(noise_png(f"{size} {index}", size))
        paths.append(path)
    return paths
