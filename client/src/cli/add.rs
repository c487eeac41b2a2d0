//! `memoryvault add`: makes one card of texts, pictures and sounds, or a note of which a type makes several.

use std::collections::BTreeMap;

use client::{CardShown, NewCard, NewItem, NewNote};
use domain::CardId;
use media::Wishes;
use serde_json::json;

use super::contents::{self, Items};
use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::note;
use super::parts::{Parts, Side};
use super::screen::Screen;
use super::table::{clean, count};

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// The deck: its name, or the first letters of its id
    #[arg(long, value_name = "DECK")]
    deck: String,

    #[command(flatten)]
    parts: Parts,

    /// Make a note of this type: reversed, typed, cloze, or one of your own (`note types`). --front and --back fill its first two fields
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// A field of the note; repeat for more
    #[arg(long = "field", value_name = "NAME=TEXT", requires = "kind", value_parser = note::field)]
    fields: Vec<(String, String)>,

    /// A tag; repeat for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Keep pictures and sounds as large and as loud as they are; what they say of you is stripped all the same
    #[arg(long)]
    keep_original: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, mut args: AddArgs) -> Outcome {
    if let Some(kind) = args.kind.take() {
        return add_note(desk, kind, args);
    }
    if !args.parts.0.iter().any(|(side, _)| *side == Side::Front) {
        return Err(Failure::usage("a card needs something on its front")
            .hint("memoryvault add --deck DECK --front TEXT --back TEXT"));
    }
    let read = contents::read(&desk, args.parts, "memoryvault add")?;
    let store = desk.open()?;
    let wishes = Wishes {
        keep_original: args.keep_original,
    };
    let Items { items, notes } = contents::prepare(&store, read, wishes)?;
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for (side, item) in items {
        match side {
            Side::Front => front.push(item),
            Side::Back => back.push(item),
        }
    }
    let mut vault = store.lock()?;
    let deck = vault.deck_find(&args.deck)?;
    let card = vault.add_card(&NewCard {
        deck,
        front,
        back,
        tags: args.tags,
    })?;
    let same = vault.duplicates_of(card)?;
    drop(vault);
    desk.show(
        &json!({ "card": card, "duplicates": ids(&same) }),
        |screen| {
            notes.iter().for_each(|note| screen.note(note));
            screen.note("Added a card.");
            tell_duplicates(screen, &same);
            screen.line(card.to_string());
        },
    )
}

/// Adds a note and the cards that its type makes of it.
fn add_note(mut desk: Desk<'_>, kind: String, args: AddArgs) -> Outcome {
    let read = contents::read(&desk, args.parts, "memoryvault add")?;
    let store = desk.open()?;
    let Items { items, .. } = contents::prepare(&store, read, Wishes::default())?;
    let mut vault = store.lock()?;
    let deck = vault.deck_find(&args.deck)?;
    let types = vault.note_types();
    let names = types
        .get(&kind)
        .map(|kind| kind.fields.clone())
        .unwrap_or_default();
    let mut fields: BTreeMap<String, String> = args.fields.into_iter().collect();
    for (side, item) in items {
        let (at, option) = match side {
            Side::Front => (0, "--front"),
            Side::Back => (1, "--back"),
        };
        let NewItem::Text(text) = item else {
            return Err(Failure::usage("the fields of a note hold text")
                .hint("add the note, then put the picture or sound on its cards: memoryvault card edit CARD --front-image FILE"));
        };
        // A type that is not known is told by the library, with those that are.
        let name = names.get(at).cloned().unwrap_or_else(|| option.to_owned());
        if fields.insert(name.clone(), text).is_some() {
            return Err(
                Failure::usage(format!("{option} and --field both fill in {name}"))
                    .hint("name the field once"),
            );
        }
    }
    let note = vault.note_add(&NewNote {
        deck,
        kind,
        fields,
        tags: args.tags,
    })?;
    let shown = vault.note(note)?;
    let mut same = Vec::new();
    for card in &shown.cards {
        same.extend(vault.duplicates_of(card.id)?);
    }
    drop(vault);
    let value = json!({ "note": note, "cards": ids(&shown.cards), "duplicates": ids(&same) });
    desk.show(&value, |screen| {
        let cards = count(shown.cards.len(), "card", "cards");
        screen.note(format!("Added a note with {cards}."));
        tell_duplicates(screen, &same);
        shown
            .cards
            .iter()
            .for_each(|card| screen.line(card.id.to_string()));
    })
}

fn ids(cards: &[CardShown]) -> Vec<CardId> {
    cards.iter().map(|card| card.id).collect()
}

/// Warns of cards that ask the same; they may be wanted all the same.
fn tell_duplicates(screen: &Screen, same: &[CardShown]) {
    if let [first, ..] = same {
        screen.warn(format!(
            "{} the same already, such as {} in {}; `memoryvault undo` takes the new one back",
            count(same.len(), "card asks", "cards ask"),
            first.id,
            clean(&first.deck_name)
        ));
    }
}
