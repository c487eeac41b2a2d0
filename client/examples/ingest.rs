//! Measures what arrives: a vault's changes taken in by a fresh vault, without network or server.
//!
//! `ingest make <file> <cards> <reviews>` writes the changes of a made-up account; `ingest take <file> [packs]` applies them to a vault
//! of its own, in pages as a session does, and tells processor time and memory; then 10 000 further cards, 100 reviews and one review.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use client::{Answer, Hold, Joining, Login, NewCard, NewItem, Vault};
use domain::{CardId, DeckId, DocId, Grade, VaultId};
use storage::{encode_pack, pack_hash};
use sync_protocol::device::{Apply, Pack};
use sync_protocol::limit::APPLY_BYTES_MAX;
use sync_protocol::{DocChange, PackHash};

/// Cards of one deck of the made-up account.
const DECK_CARDS: usize = 5_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", file, cards, reviews] => make(Path::new(file), cards.parse()?, reviews.parse()?),
        ["take", file] => take(Path::new(file), false),
        ["take", file, "packs"] => take(Path::new(file), true),
        _ => bail!("usage: ingest make <file> <cards> <reviews> | ingest take <file> [packs]"),
    }
}

/// The parts of an account's log: the first download, then what arrives later.
fn make(file: &Path, cards: usize, reviews: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut vault = joined(dir.path())?;
    let mut parts = Vec::new();
    let mut read = 0;
    let mut ids = Vec::new();
    let mut deck = None;
    for begun in (0..cards).step_by(DECK_CARDS) {
        let (made, added) = add(&mut vault, begun, DECK_CARDS.min(cards - begun))?;
        deck = Some(made);
        ids.extend(added);
    }
    review(&mut vault, &ids, reviews)?;
    parts.push(outbox(&mut vault, &mut read)?);
    let later = add(&mut vault, cards, 10_000)?;
    parts.push(outbox(&mut vault, &mut read)?);
    for count in [100, 1] {
        review(&mut vault, &later.1, count)?;
        parts.push(outbox(&mut vault, &mut read)?);
    }
    vault.add_card(&card(deck.unwrap_or(later.0), 7))?;
    parts.push(outbox(&mut vault, &mut read)?);
    let mut out = Vec::new();
    for part in parts {
        out.extend((part.len() as u64).to_be_bytes());
        for item in part {
            out.extend(item.doc.as_bytes());
            out.extend((item.change.len() as u64).to_be_bytes());
            out.extend(item.change);
        }
    }
    fs::write(file, out).with_context(|| file.display().to_string())
}

fn take(file: &Path, packed: bool) -> Result<()> {
    let bytes = fs::read(file)?;
    let mut parts = parse(&bytes)
        .context("not a file of `ingest make`")?
        .into_iter();
    drop(bytes);
    let dir = tempfile::tempdir()?;
    let mut vault = joined(dir.path())?;
    let names = [
        "first download",
        "10 000 cards more",
        "100 reviews",
        "1 review",
        "1 card",
    ];
    let base = memory("VmRSS:");
    fs::write("/proc/self/clear_refs", "5").ok();
    for (name, part) in names.iter().zip(parts.by_ref()) {
        let count = part.len();
        let pages = pages(part, packed && *name == "first download");
        let (cpu, wall) = (processor_ms(), Instant::now());
        let mut fresh = 0;
        let mut longest = 0;
        for page in pages {
            let begun = Instant::now();
            let done = vault.sync_apply(page)?;
            longest = longest.max(begun.elapsed().as_millis());
            fresh += done.fresh;
        }
        let (wall, cpu) = (wall.elapsed().as_secs_f64() * 1e3, processor_ms() - cpu);
        println!(
            "{name:>18}: {count:>5} changes, {fresh:>5} fresh, {cpu:>6} ms of processor, {wall:>8.1} ms, longest page {longest} ms, peak {} MiB over {} MiB",
            memory("VmHWM:") / 1024,
            base / 1024
        );
    }
    if std::env::var_os("INGEST_VERIFY").is_some() {
        let report = vault.verify()?;
        println!(
            "verify: ok {}, {} cards, {} events, digest {}",
            report.ok, report.cards, report.events, report.state_digest
        );
    }
    std::io::stdout().flush()?;
    drop(vault);
    drop(Vault::open(dir.path(), "ingest", Hold::Short)?);
    Ok(())
}

/// Pages as a session's `Apply` has them.
fn pages(items: Vec<DocChange>, packed: bool) -> Vec<Apply> {
    let empty = || Apply {
        packs: Vec::new(),
        items: Vec::new(),
        cursor: None,
    };
    let mut pages = vec![empty()];
    let mut held = 0;
    if packed {
        let mut by_doc = std::collections::BTreeMap::<DocId, Vec<Vec<u8>>>::new();
        for item in items {
            by_doc.entry(item.doc).or_default().push(item.change);
        }
        for (doc, changes) in by_doc {
            let bytes = encode_pack(&changes);
            if held + bytes.len() > APPLY_BYTES_MAX {
                pages.push(empty());
                held = 0;
            }
            held += bytes.len();
            let pack = PackHash::from_bytes(pack_hash(&bytes));
            if let Some(page) = pages.last_mut() {
                page.packs.push(Pack { doc, pack, bytes });
            }
        }
    } else {
        for item in items {
            if held + item.change.len() > APPLY_BYTES_MAX {
                pages.push(empty());
                held = 0;
            }
            held += item.change.len();
            if let Some(page) = pages.last_mut() {
                page.items.push(item);
            }
        }
    }
    pages
}

fn parse(mut bytes: &[u8]) -> Option<Vec<Vec<DocChange>>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let count = number(&mut bytes)?;
        let mut part = Vec::new();
        for _ in 0..count {
            let (doc, rest) = bytes.split_first_chunk::<16>()?;
            bytes = rest;
            let len = usize::try_from(number(&mut bytes)?).ok()?;
            let (change, rest) = bytes.split_at_checked(len)?;
            bytes = rest;
            part.push(DocChange {
                doc: DocId::from_bytes(*doc),
                change: change.to_vec(),
            });
        }
        parts.push(part);
    }
    Some(parts)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_be_bytes(*number))
}

fn joined(dir: &Path) -> Result<Vault> {
    let mut vault = Vault::init(dir, "ingest")?;
    let login = Login {
        url: "https://sync.test".into(),
        user: "u".into(),
        ca: None,
        active: true,
    };
    let device = vault.device_id();
    vault.join(&Joining {
        vault: VaultId::from_bytes([5; 16]),
        device,
        login,
    })?;
    Ok(vault)
}

fn add(vault: &mut Vault, from: usize, count: usize) -> Result<(DeckId, Vec<CardId>)> {
    let deck = vault.deck_add(&format!("Deck {from}"))?;
    let cards: Vec<NewCard> = (from..from + count)
        .map(|number| card(deck, number))
        .collect();
    Ok((deck, vault.add_cards(&cards)?))
}

/// As long as an ordinary card: 8 and 17 words, no two alike.
fn card(deck: DeckId, number: usize) -> NewCard {
    let words = |salt: usize, count: usize| {
        let word = |at: usize| {
            format!(
                "{:x}",
                (number + salt)
                    .wrapping_mul(2_654_435_761)
                    .wrapping_add(at * 40_503)
                    % 0xf_ffff
            )
        };
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    NewCard {
        deck,
        front: vec![NewItem::Text(words(1, 8))],
        back: vec![NewItem::Text(words(2, 17))],
        tags: vec![format!("tag{}", number % 40)],
    }
}

fn review(vault: &mut Vault, cards: &[CardId], count: usize) -> Result<()> {
    for card in cards.iter().cycle().take(count) {
        vault.review(*card, Answer::now(Grade::Good))?;
    }
    Ok(())
}

/// What the outbox holds after `read`.
fn outbox(vault: &mut Vault, read: &mut u64) -> Result<Vec<DocChange>> {
    let mut items = Vec::new();
    loop {
        let page = vault.sync_read_outbox(*read, 64 * 1024)?;
        let Some(last) = page.last() else {
            return Ok(items);
        };
        *read = last.lseq;
        items.extend(page.into_iter().map(|item| item.item));
    }
}

/// User and system time of the process, in milliseconds; the kernel counts in hundredths of a second.
fn processor_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let times = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2);
    times
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}

/// A figure of `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
