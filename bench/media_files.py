"""Pictures made small and sounds made level MP3, beside vipsthumbnail and ffmpeg: one core, one process a file, in turns."""

import json
import os
import shutil
import subprocess
import sys

import machine
import table

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = [os.path.join(HERE, "..", *place) for place in (("..", "shared", "media"), ("fixtures", "media"))]
CORE = ["taskset", "-c", "0"]
PICTURES = ["chelsea.jpg", "rocket.jpg", "coffee.webp", "meta.png"]
SOUNDS = ["v.ogg", "moov_end.m4a", "vbr_noxing_7s.mp3"]
LUFS = -16
QUIET = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-y", "-i"]
MP3 = ["-map_metadata", "-1", "-c:a", "libmp3lame"]


def once(command):
    """[wall ms, processor ms, peak KiB] of one command on one core."""
    watch = [sys.executable, "-I", "-S", os.path.join(HERE, "stopwatch.py"), "1", ""]
    path = shutil.which(CORE[0])
    done = subprocess.run(watch + [path, *CORE[1:], *command], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}{done.stdout}")
    return json.loads(done.stdout.splitlines()[-1])[1:]


def in_turns(commands, runs):
    """Medians of each command, all of them one after the other in every round; a command may be several."""
    taken = {name: [] for name in commands}
    for _ in range(runs):
        for name, parts in commands.items():
            figures = [once(part) for part in parts]
            taken[name].append([sum(f[0] for f in figures), sum(f[1] for f in figures), max(f[2] for f in figures)])
    return {name: [table.median(column) for column in zip(*rows)] for name, rows in taken.items()}


def ours(*words):
    return [os.path.join(machine.BINARIES, "media-file"), *words]


def without_start(command, rounds):
    """Median ms of the same work done again and again in one process of ours."""
    done = subprocess.run(
        [*CORE, command[0], "--rounds", str(rounds), *command[1:]], capture_output=True, text=True, check=True, timeout=120
    )
    return float(done.stdout)


def find(name):
    """The file, if it is there."""
    return next((path for path in (os.path.join(folder, name) for folder in FILES) if os.path.exists(path)), None)


def make(path, *arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", *arguments, path], check=True)
    return path


def pictures(work, runs):
    photo = find("rocket.jpg")
    large = make(
        os.path.join(work, "large.jpg"), "-i", photo, "-vf", "scale=4032:3024:flags=lanczos,noise=alls=6", "-q:v", "4", "-frames:v", "1"
    )
    rows = []
    named = [(name, find(name)) for name in PICTURES] + [("4032 x 3024 JPEG", large)]
    out = os.path.join(work, "small")
    for name, path in named:
        if path is None:
            table.tell(f"{name} is not here")
            continue
        for sides in (["400"], ["400", "200"]):
            vips = [
                ["vipsthumbnail", path, "--size", side, "-o", f"{out}-vips-{side}.webp[Q=80,strip]"] for side in sides
            ]
            commands = {"ours": [ours("thumbnail", path, out, *sides)], "vips": vips}
            told = in_turns(commands, runs)
            again = without_start(commands["ours"][0], max(3, runs))
            mine, theirs = told["ours"], told["vips"]
            rows.append(
                [f"{name}, {' and '.join(sides)} px", mine[1], theirs[1], mine[1] / theirs[1], again,
                 table.mib(mine[2]), table.mib(theirs[2])]
            )  # fmt: skip
        table.tell(f"{name} is measured")
    print(f"**Small pictures, WebP of quality 80**, one core, medians of {runs} runs in turns\n")
    table.show(
        ["picture", "MemoryVault, processor ms", "vipsthumbnail, processor ms", "ours / theirs",
         "MemoryVault without a start, ms", "MemoryVault, MiB", "vipsthumbnail, MiB"], rows
    )  # fmt: skip


def sounds(work, runs, seconds):
    noise = f"anoisesrc=color=pink:sample_rate=44100:duration={seconds}:amplitude=0.3"
    wav = make(os.path.join(work, "long.wav"), "-f", "lavfi", "-i", noise, "-ac", "2", "-c:a", "pcm_s16le")
    mp3 = make(os.path.join(work, "long.mp3"), "-f", "lavfi", "-i", noise, "-ac", "2", "-b:a", "192k")
    named = [(name, find(name)) for name in SOUNDS] + [(f"{seconds} s of stereo, WAV", wav), (f"{seconds} s of stereo, MP3", mp3)]
    rows = []
    out = os.path.join(work, "level.mp3")
    for name, path in named:
        if path is None:
            table.tell(f"{name} is not here")
            continue
        rate = ["-b:a", "128k" if "stereo" in name else "64k"]
        commands = {
            "ours": [ours("prepare", path, out)],
            "loudnorm": [QUIET + [path, "-af", f"loudnorm=I={LUFS}:TP=-1.5", "-ar", "44100", *MP3, *rate, f"{out}-l.mp3"]],
            "two passes": [
                QUIET + [path, "-af", "ebur128=framelog=verbose", "-f", "null", "-"],
                QUIET + [path, "-af", "volume=2dB,alimiter=limit=0.84", *MP3, *rate, f"{out}-g.mp3"],
            ],
        }
        told = in_turns(commands, runs)
        mine, best = told["ours"], min(told["loudnorm"][1], told["two passes"][1])
        again = without_start(commands["ours"][0], max(3, runs))
        rows.append(
            [name, mine[1], told["loudnorm"][1], told["two passes"][1], mine[1] / best, again,
             table.mib(mine[2]), table.mib(told["two passes"][2])]
        )  # fmt: skip
        table.tell(f"{name} is measured")
    print(f"**Sounds to MP3 of {LUFS} LUFS**, one core, medians of {runs} runs in turns\n")
    table.show(
        ["sound", "MemoryVault, processor ms", "ffmpeg loudnorm, processor ms", "ffmpeg ebur128, then gain and limiter, processor ms",
         "ours / best of theirs", "MemoryVault without a start, ms", "MemoryVault, MiB", "ffmpeg, MiB"], rows
    )  # fmt: skip


def report(work, runs, seconds):
    missing = [tool for tool in ("vipsthumbnail", "ffmpeg", "taskset") if shutil.which(tool) is None]
    if missing:
        print(f"Not measured: {', '.join(missing)} is missing (Debian: libvips-tools, ffmpeg, util-linux).\n")
        return
    starts = in_turns({"ours": [ours("--version")], "vips": [["vipsthumbnail", "--version"]], "ffmpeg": [["ffmpeg", "-version"]]}, runs)
    words = ", ".join(f"{name} {table.number(figures[1])}" for name, figures in starts.items())
    print(f"A start alone, processor ms: {words}.\n")
    pictures(work, runs)
    sounds(work, runs, seconds)
