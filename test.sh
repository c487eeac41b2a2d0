#!/usr/bin/env bash
# All checks, from nothing: format, lints, tests, power cuts, a minute of fuzzing, demo. Needs Rust and a C compiler; fetches the rest where
# it may and says plainly what it could not run. The last line is `N passed, N failed, N skipped`.
#
#   ./test.sh            everything
#   ./test.sh --quick    format, lints and tests only
set -uo pipefail
cd "$(dirname "$0")"

quick=no
case "${1:-}" in
  "") ;;
  --quick) quick=yes ;;
  *) echo "usage: ./test.sh [--quick]" >&2; exit 2 ;;
esac

# Everything is built once, in the dev profile, into one folder.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

passed=0 failed=0 skipped=0
pass() { passed=$((passed + 1)); echo "passed: $1 ($2 s)"; }
fail() { failed=$((failed + 1)); echo "FAILED: $1" >&2; }
skip() { skipped=$((skipped + 1)); echo "skipped: $1"; }

# Runs a step; its output is shown, its exit code decides.
step() {
  local name=$1 from=$SECONDS
  shift
  echo
  echo "== $name: $*"
  if "$@"; then pass "$name" $((SECONDS - from)); else fail "$name"; fi
}

# Installs Debian packages where that is possible; says nothing of what it could not, the step that needs them will.
debian() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$log/apt" 2>&1
}

# True if a cargo subcommand is there, after trying to add its rustup component.
component() {
  cargo "$1" --version >/dev/null 2>&1 && return 0
  command -v rustup >/dev/null && rustup component add "$2" >"$log/rustup" 2>&1
  cargo "$1" --version >/dev/null 2>&1
}

command -v cargo >/dev/null || { echo "Rust is missing: install it with rustup (https://rustup.rs) and run this again" >&2; exit 1; }
command -v cc >/dev/null && command -v make >/dev/null || debian gcc libc6-dev make || { echo "a C compiler or make is missing: install gcc and make and run this again" >&2; exit 1; }
rustc --version

if component fmt rustfmt; then step format cargo fmt --all --check; else skip "format: rustfmt is not installed"; fi
if component clippy clippy; then
  step lints cargo clippy --workspace --all-targets --locked -- -D warnings
else
  skip "lints: clippy is not installed"
fi

# Independent readers that the tests of media are held against; without them those tests say that they skip.
for reader in exiftool ffmpeg; do
  command -v "$reader" >/dev/null && continue
  case $reader in exiftool) package=libimage-exiftool-perl ;; *) package=$reader ;; esac
  debian "$package" || echo "$reader is missing and could not be installed: install $package to have its tests run" >&2
done

# Counts what cargo's own summaries say; a run that broke without a failed test is one failure more.
echo
echo "== tests: cargo test --workspace"
from=$SECONDS
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log/tests"
code=${PIPESTATUS[0]}
counts=$(awk '/^test result: /{p+=$4; f+=$6; i+=$8} END{print p+0, f+0, i+0}' "$log/tests")
read -r tests_passed tests_failed tests_ignored <<<"$counts"
if [ "$code" -ne 0 ] && [ "$tests_failed" -eq 0 ]; then
  fail "tests: cargo test ended with $code"
fi
[ "$tests_passed" -gt 0 ] || fail "tests: none was run"
passed=$((passed + tests_passed)) failed=$((failed + tests_failed)) skipped=$((skipped + tests_ignored))
echo "tests took $((SECONDS - from)) s"

# A harness says `SKIPPED: why` and ends well where the machine cannot do it.
harness() {
  local name=$1 from=$SECONDS
  shift
  echo
  echo "== $name: $*"
  "$@" 2>&1 | tee "$log/$name"
  if [ "${PIPESTATUS[0]}" -ne 0 ]; then
    fail "$name"
  elif reason=$(grep -m1 '^SKIPPED' "$log/$name"); then
    skip "$name: ${reason#*: }"
  else
    pass "$name" $((SECONDS - from))
  fi
}

if [ "$quick" = no ]; then
  for need in python3:python3-minimal mkfs.xfs:xfsprogs mkfs.ext4:e2fsprogs losetup:mount; do
    command -v "${need%:*}" >/dev/null || debian "${need#*:}" || true
  done
  if command -v python3 >/dev/null; then
    harness power-cut tests/power-cut/run.py
  else
    skip "power-cut: python3 is missing and could not be installed"
  fi
  # A quarter of a minute for each of the four targets.
  harness fuzz fuzz/run.sh 15
  harness demo ./demo.sh
fi

echo
grep '^test .* FAILED$' "$log/tests" | sort -u
echo "cargo test said:"
grep '^test result: ' "$log/tests" | awk '$4 + $6 > 0' | tail -n 20
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
