"""Pictures and sounds: ours beside Anki's, rsync's and Syncthing's; and one large file after another.

Ours write every file with an fsync, and so does rsync here (`--fsync`); Anki and Syncthing do not.
"""

import os
import shutil

import files
import material
import run
import table


def sets(folder, count, large_count):
    """The two sets of files, made once: name -> (words, paths)."""
    made = {}
    for name, number, size in (("small", count, 50_000), ("big", large_count, 5_000_000)):
        place = os.path.join(folder, "media", name)
        if not os.path.exists(place):
            material.write_pictures(place, number, size)
        paths = [os.path.join(place, file) for file in sorted(os.listdir(place))]
        unit = f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1_000} kB"
        made[name] = (f"{number:,} x {unit}", paths)
    return made


def up_and_down(current, template, again):
    """Cards go first and are not timed; then the files up, down, and one of them again under a new name."""
    peer = current.peer
    a, b = current.device(template), current.device()
    for step, device in (("up", a), ("down", b)):
        if peer.MEDIA_SYNCS_ALONE:
            device.sync()
        current.step(step, device.sync_media)
    if a.media_files() != b.media_files():
        raise RuntimeError(f"{peer.NAME}: {a.media_files()} files went up, {b.media_files()} came down")
    copy = os.path.join(current.folder, "new-name" + os.path.splitext(again)[1])
    shutil.copy(again, copy)
    a.add_media(copy)
    if peer.MEDIA_SYNCS_ALONE:
        a.sync()
    before = current.disk()[0]
    current.step("again", a.sync_media)
    return current.disk()[0] - before


def measure(peers, folder, count, large_count, runs, delay_ms=0):
    """Both sets, all runs of all peers in turn; gives set -> (words, results, bytes stored for a new name)."""
    told = {}
    for name, (words, paths) in sets(folder, count, large_count).items():
        results, stored = [run.Runs(peer) for peer in peers], {}
        templates = [
            run.make_template(
                peer, folder, f"media-{name}", lambda path, peer=peer: peer.media_template(path, paths)
            )
            for peer in peers
        ]
        for number in range(runs if delay_ms else runs + 1):
            counted = number == runs
            for peer, result, template in zip(peers, results, templates):
                current = run.Run(peer, os.path.join(folder, f"{peer.NAME}-media"), delay_ms, counted)
                try:
                    stored[peer.NAME] = up_and_down(current, template, paths[0])
                    result.add(current, counted)
                finally:
                    current.close()
                table.tell(f"{peer.NAME}: {words}, run {number + 1}, {delay_ms * 2} ms round trip")
        told[name] = (words, results, stored)
    return told


def report(told, runs, others, delay_ms=0):
    """One table for both sets; `others` are the times of file synchronisers, set -> name -> (up, down)."""
    where = f"{delay_ms * 2} ms round trip" if delay_ms else "loopback"
    print(f"**Media, {where}**, {runs} {'run' if runs == 1 else 'runs'}\n")
    names = [result.name for result in next(iter(told.values()))[1]]
    strangers = list(next(iter(others.values()), {}))
    headings = ["work"] + [f"{name}, ms" for name in names + strangers]
    headings += [f"{name}, bytes up / down" for name in names] + [f"{name}, server peak MiB" for name in names]
    rows = []
    for set_name, (words, results, _) in told.items():
        labels = [("up", f"{words}, up"), ("down", f"{words}, down"), ("again", f"one of the {words} under a new name")]
        for step, label in labels:
            row = [label] + [table.median(result.values(step, "inside_ms")) for result in results]
            row += [others.get(set_name, {}).get(name, {}).get(step) for name in strangers]
            for result in results:
                values = result.values(step, "bytes")
                row.append(tuple(int(table.median(part)) for part in zip(*values)) if values else None)
            row += [table.mib(table.median(result.values(step, "peak_kib"))) for result in results]
            rows.append(row)
    table.show(headings, rows)
    for words, _, stored in told.values():
        stores = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in stored.items())
        print(f"Disk of the server for one of the {words} under a new name: {stores}.")
    print(flush=True)


def measure_others(folder, count, large_count, runs):
    """rsync and Syncthing with the same files: set -> name -> {step: ms}, for those that are installed."""
    told = {}
    for name, (words, paths) in sets(folder, count, large_count).items():
        told[name] = {}
        for label, measured in files.PEERS.items():
            if not measured.is_there():
                table.tell(f"{label} is not installed")
                continue
            taken = [measured.run(os.path.join(folder, label), os.path.dirname(paths[0])) for _ in range(runs)]
            told[name][label] = {
                step: table.median([one[step] for one in taken if step in one]) for step in ("up", "down")
            }
            table.tell(f"{label}: {words}")
    return told


LARGE = [10, 25, 40, 100]  # million bytes


def one_large_file(peer, folder, size):
    """One file up: (ms, bytes of peak memory over what the server held before, server's processor seconds), or None."""
    if size > peer.FILE_BYTES_MAX:
        return None
    path = os.path.join(folder, "large.png" if size <= peer.PICTURE_BYTES_MAX else "large.wav")
    # A little less than the bound, which a picture of noise meets only about.
    bytes_ = material.noise_png(size, size - 50_000) if path.endswith(".png") else material.noise_wav(size, size)
    with open(path, "wb") as file:
        file.write(bytes_)
    template = os.path.join(folder, f"{peer.NAME}-large-template")
    peer.media_template(template, [path])
    current = run.Run(peer, os.path.join(folder, f"{peer.NAME}-large"))
    try:
        device = current.device(template)
        if peer.MEDIA_SYNCS_ALONE:
            device.sync()
        current.step("up", device.sync_media)
    finally:
        current.close()
        shutil.rmtree(template)
    sample = current.samples["up"][0]
    return sample.inside_ms, table.mib(sample.over_kib), sample.server_s


def report_large(peers, folder, sizes):
    """A row a size; a size that a peer does not take is a dash."""
    print("**One large file up, loopback**, 1 run; memory is the server's peak over what it held before\n")
    headings = ["file"]
    for peer in peers:
        headings += [f"{peer.NAME}, ms", f"{peer.NAME}, MiB over", f"{peer.NAME}, server processor s"]
    rows = []
    for size in sizes:
        row = [f"{size} MB"]
        for peer in peers:
            row += one_large_file(peer, folder, size * 1_000_000) or [None] * 3
            table.tell(f"{peer.NAME}: one file of {size} MB")
        rows.append(row)
    table.show(headings, rows)
