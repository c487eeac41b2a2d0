//! The deck document: name, description and the list of card pages. The cards are in the pages.

use std::collections::BTreeSet;

use automerge::{ObjType, ROOT, transaction::Transactable};

use crate::document::Source;
use crate::document::conflict::{Conflict, Place};
use crate::document::node::Fields;
use crate::document::{DocKind, EditError, alive, begin, check_name, check_text};
use crate::id::{DeckId, DeviceId, DocId};
use crate::item::Item;
use crate::time::UnixMs;

const NAME: &str = "name";
const DESCRIPTION: &str = "description";
const CREATED_AT: &str = "created_at";
const ARCHIVED: &str = "archived";
const NEW_PER_DAY: &str = "new_per_day";
const REVIEWS_PER_DAY: &str = "reviews_per_day";
const LEECH_LAPSES: &str = "leech_lapses";
const LEECH_STAYS: &str = "leech_stays";
const PAGES: &str = "pages";

/// A deck as the person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeckView {
    /// Its id.
    pub id: DeckId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// Put away: kept, but not studied.
    pub archived: bool,
    /// New cards a day, when the deck has its own figure.
    pub new_per_day: Option<u32>,
    /// Reviews a day, when the deck has its own figure.
    pub reviews_per_day: Option<u32>,
    /// Lapses after which a card is a leech, when the deck has its own figure; 0 for never.
    pub leech_lapses: Option<u32>,
    /// A leech is only tagged, and stays in study.
    pub leech_stays: bool,
    /// The documents of its cards.
    pub pages: BTreeSet<DocId>,
    /// Not deleted.
    pub visible: bool,
    /// Texts that devices changed apart.
    pub conflicts: Vec<Conflict>,
    /// Entries that could not be read.
    pub skipped: u32,
}

/// Writes a new deck into an empty document.
pub fn create<T: Transactable>(
    tx: &mut T,
    name: &str,
    created_at: UnixMs,
    device: DeviceId,
) -> Result<(), EditError> {
    check_name(name)?;
    begin(tx, DocKind::Deck)?;
    tx.put(ROOT, NAME, name)?;
    tx.put(ROOT, CREATED_AT, created_at.0)?;
    tx.put_object(ROOT, PAGES, ObjType::Map)?;
    alive::touch(tx, &[ROOT], device)
}

/// Reads the deck `id` from its document.
pub fn read<D: Source>(doc: &D, id: DeckId) -> DeckView {
    let fields = Fields::read(doc, &[ROOT]);
    let pages = Fields::read(doc, &fields.maps(PAGES));
    let parsed: BTreeSet<DocId> = pages.keys().filter_map(|key| key.parse().ok()).collect();
    let skipped = pages
        .keys()
        .filter(|key| key.parse::<DocId>().is_err())
        .count();
    let figure = |key| {
        fields
            .int(key)
            .and_then(|number| u32::try_from(number).ok())
    };
    let conflict = |key, place| {
        Conflict::at(
            place,
            fields.texts(key).into_iter().map(Item::text).collect(),
        )
    };
    DeckView {
        id,
        name: fields.str(NAME).unwrap_or_default().to_owned(),
        description: fields.str(DESCRIPTION).unwrap_or_default().to_owned(),
        created_at: UnixMs(fields.int(CREATED_AT).unwrap_or(0)),
        archived: fields.bool(ARCHIVED).unwrap_or(false),
        new_per_day: figure(NEW_PER_DAY),
        reviews_per_day: figure(REVIEWS_PER_DAY),
        leech_lapses: figure(LEECH_LAPSES),
        leech_stays: fields.bool(LEECH_STAYS).unwrap_or(false),
        pages: parsed,
        visible: alive::is_alive(doc, &fields),
        conflicts: [
            conflict(NAME, Place::DeckName(id)),
            conflict(DESCRIPTION, Place::DeckDescription(id)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
    }
}

/// Gives the deck another name.
pub fn rename<T: Transactable>(tx: &mut T, name: &str, device: DeviceId) -> Result<(), EditError> {
    check_name(name)?;
    put_text(tx, NAME, name, device)
}

/// Gives the deck another description.
pub fn describe<T: Transactable>(
    tx: &mut T,
    description: &str,
    device: DeviceId,
) -> Result<(), EditError> {
    check_text(description)?;
    put_text(tx, DESCRIPTION, description, device)
}

/// Puts the deck away, or back.
pub fn set_archived<T: Transactable>(
    tx: &mut T,
    archived: bool,
    device: DeviceId,
) -> Result<(), EditError> {
    if Fields::read(tx, &[ROOT]).bool(ARCHIVED).unwrap_or(false) == archived {
        return Ok(());
    }
    tx.put(ROOT, ARCHIVED, archived)?;
    alive::touch(tx, &[ROOT], device)
}

/// Sets the deck's own daily figures; nothing for those of the vault.
pub fn set_daily_limits<T: Transactable>(
    tx: &mut T,
    new_per_day: Option<u32>,
    reviews_per_day: Option<u32>,
    device: DeviceId,
) -> Result<(), EditError> {
    let fields = Fields::read(tx, &[ROOT]);
    let mut changed = false;
    for (key, figure) in [
        (NEW_PER_DAY, new_per_day),
        (REVIEWS_PER_DAY, reviews_per_day),
    ] {
        let figure = figure.map(i64::from);
        if fields.int(key) == figure {
            continue;
        }
        changed = true;
        match figure {
            Some(figure) => tx.put(ROOT, key, figure)?,
            None => tx.delete(ROOT, key)?,
        }
    }
    if changed {
        alive::touch(tx, &[ROOT], device)
    } else {
        Ok(())
    }
}

/// Sets after how many lapses a card of the deck is a leech (nothing for the built-in figure, 0 for never), and whether it
/// stays in study then.
pub fn set_leech<T: Transactable>(
    tx: &mut T,
    lapses: Option<u32>,
    stays: bool,
    device: DeviceId,
) -> Result<(), EditError> {
    let fields = Fields::read(tx, &[ROOT]);
    let lapses = lapses.map(i64::from);
    let before = tx.pending_ops();
    if fields.int(LEECH_LAPSES) != lapses {
        match lapses {
            Some(lapses) => tx.put(ROOT, LEECH_LAPSES, lapses)?,
            None => tx.delete(ROOT, LEECH_LAPSES)?,
        }
    }
    if fields.bool(LEECH_STAYS).unwrap_or(false) != stays {
        tx.put(ROOT, LEECH_STAYS, stays)?;
    }
    if tx.pending_ops() == before {
        Ok(())
    } else {
        alive::touch(tx, &[ROOT], device)
    }
}

/// Adds a page of cards to the deck.
pub fn add_page<T: Transactable>(
    tx: &mut T,
    page: DocId,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = Fields::read(tx, &[ROOT]).maps(PAGES);
    let key = page.to_string();
    if Fields::read(tx, &maps).bool(&key) == Some(true) {
        return Ok(());
    }
    let target = match maps.into_iter().next() {
        Some(map) => map,
        None => tx.put_object(ROOT, PAGES, ObjType::Map)?,
    };
    tx.put(target, key, true)?;
    alive::touch(tx, &[ROOT], device)
}

/// Keeps the deck against a deletion that has not seen this; call it when a card of the deck is added or edited.
pub fn touch<T: Transactable>(tx: &mut T, device: DeviceId) -> Result<(), EditError> {
    alive::touch(tx, &[ROOT], device)
}

/// Deletes the deck, as far as its edits are known here. Its cards and history stay restorable.
pub fn remove<T: Transactable>(tx: &mut T) -> Result<(), EditError> {
    alive::remove(tx, &[ROOT])
}

/// Brings a deleted deck back.
pub fn restore<T: Transactable>(tx: &mut T, device: DeviceId) -> Result<(), EditError> {
    if alive::is_alive(tx, &Fields::read(tx, &[ROOT])) {
        Ok(())
    } else {
        alive::touch(tx, &[ROOT], device)
    }
}

/// Settles the conflict at a place of this deck with the text to keep: one of the values or a joined one.
pub fn resolve<T: Transactable>(
    tx: &mut T,
    place: Place,
    keep: &Item,
    device: DeviceId,
) -> Result<(), EditError> {
    let key = match place {
        Place::DeckName(_) => NAME,
        Place::DeckDescription(_) => DESCRIPTION,
        Place::Item { .. } | Place::Field { .. } => return Err(EditError::NoSuchConflict),
    };
    let text = keep.as_text().ok_or(EditError::NoSuchConflict)?;
    if key == NAME {
        check_name(text)?;
    }
    check_text(text)?;
    if Fields::read(tx, &[ROOT]).texts(key).len() < 2 {
        return Err(EditError::NoSuchConflict);
    }
    tx.put(ROOT, key, text)?;
    alive::touch(tx, &[ROOT], device)
}

fn put_text<T: Transactable>(
    tx: &mut T,
    key: &str,
    text: &str,
    device: DeviceId,
) -> Result<(), EditError> {
    // Saying again what is shown changes nothing: it must not settle a conflict that nobody looked at.
    if Fields::read(tx, &[ROOT]).str(key).unwrap_or_default() == text {
        return Ok(());
    }
    tx.put(ROOT, key, text)?;
    alive::touch(tx, &[ROOT], device)
}
