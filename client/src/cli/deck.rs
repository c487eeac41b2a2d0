//! `memoryvault deck`: add, list, rename, remove and restore decks.

use serde_json::json;

use super::consent::Consent;
use super::desk::{Desk, OpenVault};
use super::failure::Outcome;
use super::options;
use super::table::{Align, clean, count, grouped, lines};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum DeckCommand {
    /// Add a deck
    Add {
        /// Its name
        name: String,
    },
    /// List the decks
    List {
        /// List those that were removed instead
        #[arg(long)]
        removed: bool,
    },
    /// Give a deck another name
    Rename {
        /// The deck: its name, or the first letters of its id
        deck: String,
        /// The new name
        name: String,
    },
    /// Remove a deck and its cards; `deck restore` brings them back
    Remove {
        /// The deck: its name, or the first letters of its id
        deck: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Bring a removed deck back
    Restore {
        /// The deck: its name, or the first letters of its id
        deck: String,
    },
    /// Show or change the scheduler, the daily limits and the leeches of a deck, or of all decks
    Options(options::OptionsArgs),
}

pub(crate) fn run(mut desk: Desk<'_>, command: DeckCommand) -> Outcome {
    let store = desk.open()?;
    match command {
        DeckCommand::Add { name } => {
            let deck = store.lock()?.deck_add(&name)?;
            desk.show(&json!({ "deck": deck }), |screen| {
                screen.note(format!("Added the deck {}.", clean(&name)));
                screen.line(deck.to_string());
            })
        }
        DeckCommand::Options(args) => options::run(desk, &store, args),
        DeckCommand::List { removed } => list(desk, &store, removed),
        DeckCommand::Rename { deck, name } => {
            let mut vault = store.lock()?;
            let id = vault.deck_find(&deck)?;
            vault.deck_rename(id, &name)?;
            drop(vault);
            desk.show(&json!({ "deck": id, "name": name }), |screen| {
                screen.line(format!("The deck is called {} now.", clean(&name)));
            })
        }
        DeckCommand::Remove { deck, consent } => remove(desk, &store, &deck, consent),
        DeckCommand::Restore { deck } => {
            let mut vault = store.lock()?;
            let id = vault.deck_find_removed(&deck)?;
            vault.deck_restore(id)?;
            drop(vault);
            desk.show(&json!({ "deck": id, "restored": true }), |screen| {
                screen.line("The deck is back.")
            })
        }
    }
}

fn list(desk: Desk<'_>, store: &OpenVault, removed: bool) -> Outcome {
    let decks = if removed {
        store.lock()?.decks_removed()?
    } else {
        store.lock()?.decks()?
    };
    let screen = desk.screen;
    if screen.is_json() {
        for deck in &decks {
            screen.object(deck)?;
        }
        return Ok(());
    }
    if decks.is_empty() {
        let words = if removed {
            "No deck was removed."
        } else {
            "There is no deck yet: memoryvault deck add NAME"
        };
        screen.note(words);
        return Ok(());
    }
    let head = ["DECK", "CARDS", "NEW", "DUE", "ID"]
        .map(str::to_owned)
        .to_vec();
    let names: Vec<String> = decks.iter().map(|deck| deck.name.to_lowercase()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(decks.iter().map(|deck| {
            let all = deck.with_subdecks;
            let [cards, new, due] = [all.cards, all.new, all.due].map(grouped);
            vec![
                indented(&clean(&deck.name).replace('\n', " "), &names),
                cards,
                new,
                due,
                deck.id.to_string(),
            ]
        }))
        .collect();
    let aligns = [
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
    ];
    for (place, line) in lines(&aligns, &rows).iter().enumerate() {
        let line = if place == 0 {
            screen.bold(line)
        } else {
            line.clone()
        };
        screen.line(line);
    }
    Ok(())
}

/// A subdeck's own name under that of the deck above it, which stands in the line before; the whole name where there is none.
fn indented(name: &str, names: &[String]) -> String {
    match name.rsplit_once("::") {
        Some((above, own)) if names.contains(&above.to_lowercase()) => {
            let depth = name.matches("::").count();
            format!("{}{own}", "  ".repeat(depth))
        }
        _ => name.to_owned(),
    }
}

fn remove(mut desk: Desk<'_>, store: &OpenVault, deck: &str, consent: Consent) -> Outcome {
    let vault = store.lock()?;
    let id = vault.deck_find(deck)?;
    let found = vault.decks()?.into_iter().find(|summary| summary.id == id);
    drop(vault);
    let (name, cards) = found
        .map(|summary| (summary.name, summary.cards))
        .unwrap_or_default();
    let question = format!(
        "remove the deck {} with {}?",
        clean(&name),
        count(cards, "card", "cards")
    );
    if !consent.given(
        &mut desk,
        &question,
        &format!("memoryvault deck remove {id}"),
    )? {
        return Ok(());
    }
    store.lock()?.deck_remove(id)?;
    desk.show(&json!({ "deck": id, "removed": true }), |screen| {
        screen.line(format!(
            "Removed the deck {} with {}.",
            clean(&name),
            count(cards, "card", "cards")
        ));
        screen.note(format!("It can come back: memoryvault deck restore {id}"));
    })
}
