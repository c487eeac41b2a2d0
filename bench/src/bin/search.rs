//! `search --rounds N DIR QUERY...`: what searches of a vault take inside one process, a JSON object for each query. Cold: the
//! rows are read, as a single command does it. Warm: the table in memory is there, as in a process that holds the vault.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use client::{CardEdit, Hold, Order, Query, SideEdit, Vault};
use serde_json::json;

/// Time searches of a vault
#[derive(Debug, Parser)]
struct Line {
    /// Searches of each query with the table there
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// The folder of the vault; one card of it is edited
    dir: PathBuf,
    /// What to search for
    queries: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let line = Line::parse();
    let queries = line
        .queries
        .iter()
        .map(|text| Ok((text, Query::parse(text)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut cold = Vec::new();
    let short = Vault::open(&line.dir, "bench search", Hold::Short)?;
    for (_, query) in &queries {
        cold.push(timed(&short, query)?.0);
    }
    drop(short);

    let mut vault = Vault::open(&line.dir, "bench search", Hold::Long)?;
    let before_kib = resident_kib()?;
    let (first_ms, all) = timed(&vault, &Query::default())?;
    let table_kib = resident_kib()?.saturating_sub(before_kib);
    let (answers_ms, _) = timed(&vault, &Query::parse("rated:1")?)?;
    let answers_kib = resident_kib()?.saturating_sub(before_kib + table_kib);
    println!(
        "{}",
        json!({ "first_ms": first_ms, "table_kib": table_kib, "answers_ms": answers_ms, "answers_kib": answers_kib, "cards": all.len() })
    );
    let card = *all.first().context("the vault has no card")?;
    for ((text, query), cold_ms) in queries.iter().zip(cold) {
        let (mut taken, mut found) = (Vec::new(), 0);
        for _ in 0..line.rounds.max(1) {
            let (ms, cards) = timed(&vault, query)?;
            taken.push(ms);
            found = cards.len();
        }
        taken.sort_by(f64::total_cmp);
        let edit = CardEdit {
            front: SideEdit::text(text.to_string() + " edited"),
            ..CardEdit::default()
        };
        vault.card_edit(card, &edit)?;
        let (edited_ms, _) = timed(&vault, query)?;
        println!(
            "{}",
            json!({
                "query": text, "found": found, "cold_ms": cold_ms, "warm_ms": taken.get(taken.len() / 2),
                "worst_ms": taken.last(), "after_edit_ms": edited_ms,
            })
        );
    }
    Ok(())
}

fn timed(vault: &Vault, query: &Query) -> anyhow::Result<(f64, Vec<domain::CardId>)> {
    let begin = Instant::now();
    let found = vault.search(query, Order::default())?;
    Ok((begin.elapsed().as_secs_f64() * 1_000.0, found))
}

/// Memory of this process that is in use, as the system counts it.
fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.context("no VmRSS")?.parse()?)
}
