"""What a sync costs while the vault grows: a table and two log-log charts as SVG, written by hand.

Each size has a server and a device of its own; the vault is made by `make-vault`, with ten answers a card.
"""

import math
import os

import device
import peer_ours
import run
import table

SIZES = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
LINES = [("nothing", "nothing to do", "#1f6f8b"), ("review", "one review", "#c8553d")]
REPEATS = 7




def measure(work, events):
    """Medians of one size: {"nothing" | "review": (ms, bytes up + down)}."""
    cards = max(10, events // 10)
    template = run.make_template(peer_ours, work, f"{cards}-{events}", lambda path: device.make(path, cards, events))
    # The line is in between for its bytes and adds the same to every size.
    current = run.Run(peer_ours, os.path.join(work, "plot"), counted=True)
    try:
        vault = current.device(template)
        current.step("upload", vault.sync)
        for _ in range(REPEATS):
            current.step("nothing", vault.sync)
            vault.review_one()
            current.step("review", vault.sync)
        upload = current.samples["upload"][0]
        table.tell(f"{events:,} answers: {upload.inside_ms / 1000:.1f} s for the first upload")
        return {
            name: (
                table.median([sample.inside_ms for sample in current.samples[name]]),
                int(table.median([sum(sample.bytes) for sample in current.samples[name]])),
            )
            for name, _, _ in LINES
        }
    finally:
        current.close()


def report(work, sizes, path):
    measured = {events: measure(work, events) for events in sizes}
    rows = []
    for events, figures in measured.items():
        rows.append([f"{events:,}"] + [value for name, _, _ in LINES for value in figures[name]])
    headings = ["answers in the vault"]
    for _, label, _ in LINES:
        headings += [f"{label}, ms", f"{label}, bytes"]
    table.show(headings, rows)
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(charts(measured))
        print(f"The chart is in {path}.\n")


WIDTH, HEIGHT, LEFT, TOP, GAP = 360, 240, 76, 44, 84


def charts(measured):
    """Both charts side by side."""
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + 2 * WIDTH + GAP + 48} {TOP + HEIGHT + 78}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for place, (index, title, unit) in enumerate([(0, "Time of a sync", "ms"), (1, "Bytes of a sync, both ways", "B")]):
        out += chart(measured, index, title, unit, LEFT + place * (WIDTH + GAP))
    x = LEFT
    for _, label, color in LINES:
        y = TOP + HEIGHT + 60
        out.append(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{color}" stroke-width="2.5"/>')
        out.append(f'<text x="{x + 30}" y="{y + 4}">{label}</text>')
        x += 150
    return "\n".join(out + ["</svg>", ""])


def chart(measured, index, title, unit, left):
    """One chart: logarithmic axes from decade to decade."""
    values = [figures[name][index] for figures in measured.values() for name, _, _ in LINES]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 0.01)
    first, last = (math.log10(bound) for bound in (min(measured), max(measured)))
    span = max(last - first, 0.1)

    def x(events):
        return left + WIDTH * (math.log10(events) - first) / span

    def y(value):
        return TOP + HEIGHT * (1 - (math.log10(value) - low) / (high - low))

    out = [f'<text x="{left}" y="{TOP - 16}" font-size="14" font-weight="bold">{title}</text>']
    for decade in range(low, high + 1):
        at = y(10.0**decade)
        label = f"{10**decade:,} {unit}" if decade >= 0 else f"{10.0**decade:g} {unit}"
        out.append(f'<line x1="{left}" y1="{at:.1f}" x2="{left + WIDTH}" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    for events in (10**power for power in range(math.ceil(first), math.floor(last) + 1)):
        at = x(events)
        out.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{TOP + HEIGHT}" stroke="#eee"/>')
        out.append(f'<text x="{at:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{events:,}</text>')
    out.append(f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 36}" text-anchor="middle">answers in the vault</text>')
    for name, _, color in LINES:
        points = [(x(events), y(figures[name][index])) for events, figures in measured.items()]
        way = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        out.append(f'<polyline points="{way}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        out += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{color}"/>' for px, py in points]
    return out
