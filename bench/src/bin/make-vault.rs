//! `make-vault --cards N --events M DIR`: a vault of that size, for measurements.

use std::path::PathBuf;

use bench::vault::{Plan, make};
use clap::Parser;

/// Make a vault of a given size, the same for the same numbers but for ids and the present day
#[derive(Debug, Parser)]
struct Line {
    /// Cards, in decks of 1 000
    #[arg(long, default_value_t = 10_000)]
    cards: u32,
    /// Answers, spread evenly over the cards but the last twentieth, which stays new
    #[arg(long, default_value_t = 0)]
    events: u32,
    /// The folder; it must hold no vault
    dir: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let line = Line::parse();
    let made = make(
        &line.dir,
        Plan {
            cards: line.cards,
            events: line.events,
        },
    )?;
    println!(
        "{} cards in {} decks, {} answers, {} of them by another device",
        made.cards, made.decks, made.events, made.events_elsewhere
    );
    Ok(())
}
