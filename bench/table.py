"""Tables in Markdown, medians, and progress on stderr."""

import statistics
import sys
import time

BEGUN = time.monotonic()


def tell(words):
    print(f"  [{time.monotonic() - BEGUN:5.0f} s] {words}", file=sys.stderr, flush=True)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def quantile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def number(value):
    """Three digits that count; a missing figure is a dash."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return " / ".join(number(part) for part in value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def mib(kib):
    return None if kib is None else kib / 1024


def show(headings, rows):
    """Prints one table; the first column is words, the others figures."""
    print("| " + " | ".join(headings) + " |")
    print("|---|" + "--:|" * (len(headings) - 1))
    for row in rows:
        print("| " + " | ".join(number(value) for value in row) + " |")
    print(flush=True)
