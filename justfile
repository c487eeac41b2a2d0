# The words continuous integration uses, and a few more. `just` alone lists them.

export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", justfile_directory() / "target")

_default:
    @just --list

# What continuous integration runs
ci:
    ./.ci/run

# Format, lints and tests, without power cuts, fuzzing and demo
test:
    ./test.sh --quick

# Format all code
fmt:
    cargo fmt --all

# Lints, warnings denied
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, banned crates and sources (cargo install cargo-deny --locked)
deny:
    cargo deny check licenses bans sources

# Known holes in dependencies (needs the advisory database)
advisories:
    cargo deny check advisories

# Pulls the plug during commits on a loop device (root)
power-cut *arguments:
    tests/power-cut/run.py {{arguments}}

# kill -9 of client and server at random moments of edits and syncs
crash rounds="200":
    MEMORYVAULT_CRASH_ROUNDS={{rounds}} cargo test --locked -p tests --test main crash -- --nocapture

# Mutated, checksum-valid changes over small and large documents through the intake: how many, or a case file to try again
mutate inputs="100000" seed="1":
    cargo run --locked --release -p fuzzing --bin mutate -- {{inputs}} {{seed}}

# Damaged pictures and sounds through their preparation, in processes of their own: so many of each type, all types or those named
fuzz-media per_type="2000" seed="1" *types:
    cargo run --locked --release -p fuzzing --bin fuzz-media -- {{per_type}} {{seed}} {{types}}

# Devices that stay connected, with edits and cuts: what grows?
soak minutes="10":
    cargo build --release --locked -p client -p server --bins
    MEMORYVAULT_BINARIES={{CARGO_TARGET_DIR}}/release cargo run --release --locked -p tests --example soak -- {{minutes}}

# cargo-fuzz's targets, each for so long (installs cargo-fuzz where it is missing); what they grow and find stays in fuzz/
fuzz seconds="60":
    fuzz/run.sh {{seconds}}

# What one account's misuse of a server costs another account
misuse *rounds:
    cargo build --release --locked -p server --bins
    MEMORYVAULT_BINARIES={{CARGO_TARGET_DIR}}/release cargo run --release --locked -p tests --example misuse -- {{rounds}}

# Simulated worlds of devices and servers, one seed after another; with a third word all events of the first
sim steps="1000000" seed="1" *all:
    cargo run --locked --release -p sim -- {{steps}} {{seed}} {{all}}

# Random histories of real vaults against the simulated server: just sim-vaults [histories] [first seed]
sim-vaults histories="200" seed="1":
    SIM_HISTORIES={{histories}} SIM_SEED={{seed}} cargo test --locked --release -p sim --test main vaults:: -- --nocapture

# Two devices, a server and 193 cards
demo:
    ./demo.sh

# A vault of any size for measurements: just make-vault --cards 100000 --events 1000000 DIR
make-vault *arguments:
    cargo run --release --locked -p bench --bin make-vault -- {{arguments}}

# Ours beside the peers, in one run: all, or cards wan media media-files guess documents server device search plot; --quick (fetches the peers into a cache)
bench *arguments:
    bench/run.sh {{arguments}}

# Micro-benchmarks: fold, codec, change log append, blob put (criterion); compares with the last time
bench-micro *arguments:
    cargo bench --locked -p bench --bench micro -- {{arguments}}

# Many devices on a real server: just load burst, just load latency, just load narrow (bench/src/bin/load.rs tells the words)
load *arguments:
    cargo build --release --locked -p server
    cargo run --release --locked -p bench --bin load -- --server "$CARGO_TARGET_DIR/release/memoryvault-server" {{arguments}}

# A thousand devices come back after the server was killed
herd count="1000":
    just load herd --count {{count}}
