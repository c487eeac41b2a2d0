#!/usr/bin/env bash
# Every fuzz target for so many seconds each: fuzz/run.sh [SECONDS]. Stable Rust and no sanitizer: nothing of ours is unsafe, and
# Automerge's panics are caught where they may happen. What was found lies in fuzz/artifacts, and is tried again by
# `cargo +stable fuzz run -s none TARGET FILE`.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}

cargo fuzz --version >/dev/null 2>&1 || { echo "SKIPPED: cargo-fuzz is not installed (cargo install cargo-fuzz --locked)"; exit 0; }

for target in frames gate packs changes; do
  mkdir -p "corpus/$target"
  echo "== $target"
  cargo fuzz run -s none --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=512 -timeout=10 -print_final_stats=1
done
