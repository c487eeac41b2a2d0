//! `memoryvault add`: makes one card of texts, pictures and sounds.

use client::NewCard;
use media::Wishes;
use serde_json::json;

use super::contents::{self, Items};
use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::parts::{Parts, Side};

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// The deck: its name, or the first letters of its id
    #[arg(long, value_name = "DECK")]
    deck: String,

    #[command(flatten)]
    parts: Parts,

    /// A tag; repeat for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Keep pictures and sounds as large and as loud as they are; what they say of you is stripped all the same
    #[arg(long)]
    keep_original: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, args: AddArgs) -> Outcome {
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
    drop(vault);
    desk.show(&json!({ "card": card }), |screen| {
        notes.iter().for_each(|note| screen.note(note));
        screen.note("Added a card.");
        screen.line(card.to_string());
    })
}
