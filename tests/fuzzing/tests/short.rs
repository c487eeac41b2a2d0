//! A short seeded run, in every test run; `just mutate` and `just fuzz` are the long ones.

use fuzzing::run::run;
use fuzzing::tally::{Fate, peak_memory_kib};

#[test]
fn mutated_changes_do_no_harm_and_reach_every_check() {
    let tally = run(7, 3_000, |_| ()).unwrap_or_else(|failure| {
        panic!("seed {}: {}", failure.seed, failure.what);
    });
    println!("{tally}");
    let reached = [
        Fate::Accepted,
        Fate::Known,
        Fate::Waiting,
        Fate::Gate,
        Fate::Graph,
        Fate::Trial,
        Fate::Schema,
    ];
    for fate in reached {
        assert!(tally.of(fate) > 0, "{fate:?} was never reached");
    }
    assert!(tally.documents > 0 && tally.vaults > 0 && tally.whole > 0);
    let peak = peak_memory_kib().unwrap_or(0);
    assert!(peak < 512 * 1024, "{peak} KiB");
}
