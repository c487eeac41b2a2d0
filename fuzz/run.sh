#!/usr/bin/env bash
# Every fuzz target for so many seconds each: fuzz/run.sh [SECONDS]. Stable Rust and no sanitizer: nothing of ours is unsafe, and
# Automerge's panics are caught where they may happen. What grows lies in fuzz/corpus, what was found in fuzz/artifacts.
set -uo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
version=0.13.2

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked --version $version"
  cargo install cargo-fuzz --locked --version "$version" ||
    { echo "SKIPPED: cargo-fuzz is missing and could not be installed (cargo install cargo-fuzz --locked --version $version)"; exit 0; }
fi

cargo fuzz build -s none --fuzz-dir . || exit 1

failed=0
for target in frames gate packs changes; do
  artifacts="artifacts/$target/"
  mkdir -p "corpus/$target" "$artifacts"
  begun=$(mktemp)
  echo "== $target: $seconds s"
  if ! cargo fuzz run -s none --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=512 -timeout=10 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$artifacts"; then
    failed=1
    echo "FAILED: $target. The input, and how to try it again:"
    find "$artifacts" -type f -newer "$begun" | while read -r input; do
      echo "  fuzz/$input"
      echo "  cargo fuzz run -s none --fuzz-dir fuzz $target fuzz/$input"
    done
  fi
  rm -f "$begun"
done
exit "$failed"
