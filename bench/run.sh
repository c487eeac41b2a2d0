#!/usr/bin/env bash
# Measures ours beside the peers, in one run: ./bench/run.sh [PART ...] [--quick] [--only ours|anki] (see --help).
# Builds the release binaries and fetches the peers, which are test tools and never linked, into a cache folder: Anki (AGPL)
# from PyPI, automerge-repo from npm. rsync, syncthing and node are used where they are installed, and missed out where not.
set -euo pipefail
cd "$(dirname "$0")/.."

# No compiled Python in the work tree.
export PYTHONDONTWRITEBYTECODE=1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/memoryvault-bench"
python="$cache/anki/bin/python"
mkdir -p "$cache"
if ! "$python" -c 'import anki' 2>/dev/null; then
  command -v python3 >/dev/null || { echo "python3 is missing: install python3 and python3-venv" >&2; exit 1; }
  python3 -m venv "$cache/anki"
  "$cache/anki/bin/pip" install --quiet 'anki==26.9.*'
fi

export AUTOMERGE_REPO_HOME="$cache/automerge-repo"
if command -v node >/dev/null && command -v npm >/dev/null; then
  if ! cmp -s bench/automerge-repo/package.json "$AUTOMERGE_REPO_HOME/package.json"; then
    mkdir -p "$AUTOMERGE_REPO_HOME"
    cp bench/automerge-repo/package.json "$AUTOMERGE_REPO_HOME/"
    npm install --prefix "$AUTOMERGE_REPO_HOME" --silent --no-audit --no-fund >&2 || rm "$AUTOMERGE_REPO_HOME/package.json"
  fi
  cp bench/automerge-repo/*.mjs "$AUTOMERGE_REPO_HOME/"
fi

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo build --release --locked -p client -p server -p bench >&2

version() { "$@" 2>/dev/null | head -n 1 || true; }
echo "# Ours beside the peers, $(date -u +%Y-%m-%d)"
echo
echo "Commit $(git rev-parse --short HEAD 2>/dev/null || echo 'unknown'); Anki $("$python" -c 'from importlib.metadata import version; print(version("anki"))'); node $(version node --version);" \
  "$(version rsync --version | awk '{print $1, $3}'); $(version syncthing --version | awk '{print $1, $2}')."
exec "$python" bench/main.py --binaries "$CARGO_TARGET_DIR/release" "$@"
