//! How a card, a due day and a state look on a terminal. The JSON of the same things comes from the library as it is.

use std::path::PathBuf;

use client::{CardShown, ItemShown, Vault};
use media::Kind;

use super::screen::Screen;
use super::table::{clean, pairs, short};

/// One line for one item.
pub(crate) fn item(item: &ItemShown) -> String {
    match item {
        ItemShown::Text { text } => clean(text),
        ItemShown::Image {
            mime,
            bytes,
            width_px,
            height_px,
            alt,
            ..
        } => {
            format!(
                "[picture{}, {mime}, {width_px} x {height_px}, {bytes} bytes]",
                described(alt)
            )
        }
        ItemShown::Audio {
            mime,
            bytes,
            duration_ms,
            alt,
            ..
        } => {
            let seconds = format!("{}.{} s", duration_ms / 1_000, duration_ms % 1_000 / 100);
            format!(
                "[sound{}, {mime}, {seconds}, {bytes} bytes]",
                described(alt.as_deref().unwrap_or_default())
            )
        }
        ItemShown::Unknown { .. } => "[an item of a later version of MemoryVault]".to_owned(),
    }
}

fn described(alt: &str) -> String {
    if alt.is_empty() {
        String::new()
    } else {
        format!(" \"{}\"", short(alt, 60))
    }
}

/// A whole side, indented.
pub(crate) fn side(items: &[ItemShown]) -> Vec<String> {
    items
        .iter()
        .flat_map(|each| {
            item(each)
                .lines()
                .map(|line| format!("  {line}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The files of a side's pictures and sounds that are here.
pub(crate) fn files(vault: &Vault, items: &[ItemShown]) -> Vec<(PathBuf, Kind)> {
    let file = |item: &ItemShown| {
        let (blob, kind) = match item {
            ItemShown::Image { blob, .. } => (blob, Kind::Image),
            ItemShown::Audio { blob, .. } => (blob, Kind::Audio),
            ItemShown::Text { .. } | ItemShown::Unknown { .. } => return None,
        };
        // The terminal may belong to a process that works in another folder.
        let path = std::path::absolute(vault.blobs().path(blob)).ok()?;
        path.is_file().then_some((path, kind))
    };
    items.iter().filter_map(file).collect()
}

/// A side in a few words, for a list.
pub(crate) fn side_short(items: &[ItemShown], wide: usize) -> String {
    let words = items.iter().map(|each| match each {
        ItemShown::Text { text } => text.clone(),
        ItemShown::Image { alt, .. } if alt.is_empty() => "[picture]".to_owned(),
        ItemShown::Image { alt, .. } => format!("[picture: {alt}]"),
        ItemShown::Audio { alt: Some(alt), .. } => format!("[sound: {alt}]"),
        ItemShown::Audio { .. } => "[sound]".to_owned(),
        ItemShown::Unknown { .. } => "[?]".to_owned(),
    });
    short(&words.collect::<Vec<_>>().join(" "), wide)
}

/// When a card is due, in a word or a date.
pub(crate) fn due(card: &CardShown) -> String {
    match &card.due_day {
        _ if card.removed => "removed".to_owned(),
        _ if card.suspended => "suspended".to_owned(),
        _ if card.retired => "retired".to_owned(),
        Some(day) => day.clone(),
        None => "new".to_owned(),
    }
}

/// A card in full.
pub(crate) fn card(screen: &mut Screen, card: &CardShown) {
    let tags = if card.tags.is_empty() {
        "none".to_owned()
    } else {
        clean(&card.tags.join(", "))
    };
    let front = screen.bold("Front");
    screen.line(front);
    side(&card.front).iter().for_each(|line| screen.line(line));
    let back = screen.bold("Back");
    screen.line(back);
    side(&card.back).iter().for_each(|line| screen.line(line));
    screen.line("");
    let mut facts = vec![
        ("Card", card.id.to_string()),
        ("Deck", clean(&card.deck_name)),
        ("Tags", tags),
        ("Box", card.box_number.to_string()),
        ("Due", due(card)),
        (
            "Reviews",
            format!("{} ({} forgotten)", card.reviews, card.lapses),
        ),
    ];
    if let Some(kind) = &card.note_type {
        facts.push((
            "Note",
            format!(
                "of the type {}: memoryvault note show {}",
                clean(kind),
                card.id
            ),
        ));
    }
    for conflict in &card.conflicts {
        let (place, versions) = (clean(&conflict.place), conflict.values.len());
        facts.push((
            "Choose",
            format!("{place} has {versions} versions: memoryvault conflicts list"),
        ));
    }
    pairs(&facts).iter().for_each(|line| screen.line(line));
}
