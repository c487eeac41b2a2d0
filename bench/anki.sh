#!/usr/bin/env bash
# Measures ours and Anki's side by side, in one run: ./bench/anki.sh [--runs N] [--cards N] [--only ours|anki] ...
# Builds the release binaries; fetches Anki (AGPL, a test tool, never linked) from PyPI into a cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}/memoryvault-bench"
python="$cache/anki/bin/python"
if ! "$python" -c 'import anki' 2>/dev/null; then
  command -v python3 >/dev/null || { echo "python3 is missing: install python3 and python3-venv" >&2; exit 1; }
  mkdir -p "$cache"
  python3 -m venv "$cache/anki"
  "$cache/anki/bin/pip" install --quiet 'anki==26.9.*'
fi

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
case " $* " in
  *" --only anki "*) ;;
  *) cargo build --release --locked -p client -p server >&2 ;;
esac

echo "$(nproc) processors, $(uname -sr), $("$python" -m pip list 2>/dev/null | awk '$1=="anki"{print "Anki " $2}'), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit')"
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
echo
exec "$python" bench/compare.py --ours "$CARGO_TARGET_DIR/release" "$@"
