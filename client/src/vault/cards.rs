//! Cards: added one by one or by the thousand, edited, removed, restored.

use std::collections::BTreeSet;

use domain::document::cards::CardView;
use domain::document::conflict::Side;
use domain::document::{EditError, cards, deck, settings};
use domain::{CardId, DeckId, DocId, Item, TagId};

use super::input::{CardEdit, NewCard, NewItem, SideEdit};
use super::new_media::NewMedia;
use super::refresh::{self, Scope};
use super::write::Tx;
use super::{Vault, VaultError, VaultResult, lookup};
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::limit;
use crate::local_state::{self, OpenPage};

/// A card whose media are stored and whose items are ready to be written.
struct Prepared {
    deck: DeckId,
    card: cards::NewCard,
    item_bytes: usize,
    tags: Vec<String>,
}

impl Vault {
    /// Adds a card. Its media are stored before the card names them.
    ///
    /// # Errors
    /// The deck is unknown or removed, an item is too long, or the front is empty.
    pub fn add_card(&mut self, card: &NewCard) -> VaultResult<CardId> {
        let added = self.add_cards(std::slice::from_ref(card))?;
        added
            .first()
            .copied()
            .ok_or_else(|| VaultError::Refused("no card was given".to_owned()))
    }

    /// Adds many cards; the answer has their ids in the order given. Every few hundred are one commit, so that what was added
    /// before a power cut stays.
    ///
    /// # Errors
    /// As [`Vault::add_card`]; nothing is added when any card is refused, unless the disk fails on the way.
    pub fn add_cards(&mut self, cards: &[NewCard]) -> VaultResult<Vec<CardId>> {
        let prepared = self.prepare(cards)?;
        let ids = prepared.iter().map(|card| card.card.id).collect();
        if self.batch.is_some() {
            self.add_prepared(&prepared)?;
        } else {
            let words = match cards {
                [_] => "added a card".to_owned(),
                several => format!("added {} cards", several.len()),
            };
            self.as_one_step(&words, |vault| vault.add_prepared(&prepared))?;
        }
        Ok(ids)
    }

    fn add_prepared(&mut self, prepared: &[Prepared]) -> VaultResult<()> {
        let mut rest = prepared;
        while let Some(first) = rest.first() {
            let same_deck = rest
                .iter()
                .take_while(|card| card.deck == first.deck)
                .count();
            let (run, after) = rest.split_at(same_deck);
            let mut run = run;
            while !run.is_empty() {
                let taken = self.step("", |tx| tx.add_some(run))?;
                run = run.get(taken..).unwrap_or_default();
                let left = run.len() + after.len();
                self.tell_progress("Adding cards", prepared.len() - left, prepared.len());
            }
            rest = after;
        }
        Ok(())
    }

    /// Changes a card; what is not named stays as it is.
    ///
    /// # Errors
    /// There is no such card, or a text is too long.
    pub fn card_edit(&mut self, card: CardId, edit: &CardEdit) -> VaultResult<()> {
        if let Some(deck) = edit.deck {
            self.check_takes_cards(deck)?;
        }
        check_flag(edit.flag)?;
        let row: Option<CardRow> = self.store.read(&key::card(card))?;
        let names_text = edit.front.text.is_some() || edit.back.text.is_some();
        if row.is_some_and(|row| row.note.is_some()) && names_text {
            return Err(VaultError::Refused(format!(
                "the texts of this card come from a note; change the note, and all its cards follow: memoryvault note edit {card} --field NAME=TEXT"
            )));
        }
        if self.leaves_nothing_on_front(card, edit)? {
            return Err(nothing_on_front());
        }
        let added = |side: &SideEdit| {
            let items = side.add.iter().map(|media| self.prepare_media(media));
            items.collect::<VaultResult<Vec<Item>>>()
        };
        let sides = [
            (Side::Front, &edit.front.text, added(&edit.front)?),
            (Side::Back, &edit.back.text, added(&edit.back)?),
        ];
        let words = format!("edited the card {}", self.card_words(card));
        self.step(&words, |tx| {
            let add = tx.tags(&edit.tags)?;
            let remove: Vec<TagId> = edit
                .untag
                .iter()
                .map(|name| TagId::from_name(name))
                .collect();
            let device = tx.device();
            tx.edit_card(card, |doc| {
                for (side, text, added) in &sides {
                    if let Some(text) = text {
                        cards::set_side_text(doc, card, *side, text, device)?;
                    }
                    cards::remove_media(doc, card, *side, &edit.remove_media, device)?;
                    for item in added {
                        cards::append_item(doc, card, *side, item, device)?;
                    }
                }
                add.iter()
                    .try_for_each(|tag| cards::tag(doc, card, *tag, device))?;
                remove
                    .iter()
                    .try_for_each(|tag| cards::untag(doc, card, *tag, device))?;
                if let Some(suspended) = edit.suspended {
                    cards::set_suspended(doc, card, suspended, device)?;
                }
                if let Some(flag) = edit.flag {
                    cards::set_flag(doc, card, flag, device)?;
                }
                edit.deck
                    .map_or(Ok(()), |deck| cards::move_to(doc, card, deck, device))
            })
        })
    }

    fn leaves_nothing_on_front(&self, card: CardId, edit: &CardEdit) -> VaultResult<bool> {
        let Some(row) = self.store.read::<CardRow>(&key::card(card))? else {
            return Ok(false);
        };
        let stays = |item: &Item| match (item, &edit.front.text) {
            (Item::Text(_), Some(_)) => false,
            (item, _) => item
                .blob()
                .is_none_or(|(blob, _)| !edit.remove_media.contains(&blob)),
        };
        let has_text = edit
            .front
            .text
            .as_ref()
            .is_some_and(|text| !text.trim().is_empty());
        let touched = edit.front.text.is_some() || !edit.remove_media.is_empty();
        let front: Vec<Item> = row.front.iter().map(|stored| Item::parse(stored)).collect();
        Ok(touched && !has_text && edit.front.add.is_empty() && !front.iter().any(stays))
    }

    /// Removes a card. An edit that another device makes meanwhile brings it back; `card_restore` does too.
    ///
    /// # Errors
    /// There is no such card.
    pub fn card_remove(&mut self, card: CardId) -> VaultResult<()> {
        let words = format!("removed the card {}", self.card_words(card));
        self.step(&words, |tx| {
            let page = tx.card_row(card)?.page;
            tx.edit(page, |doc| cards::remove(doc, card))?;
            tx.refresh(page, &Scope::Cards(BTreeSet::from([card])))
        })
    }

    /// Brings a removed card back.
    ///
    /// # Errors
    /// There is no such card.
    pub fn card_restore(&mut self, card: CardId) -> VaultResult<()> {
        let words = format!("restored the card {}", self.card_words(card));
        self.step(&words, |tx| {
            let device = tx.device();
            tx.edit_card(card, |doc| cards::restore(doc, card, device))
        })
    }

    pub(super) fn check_takes_cards(&self, deck: DeckId) -> VaultResult<()> {
        let row: Option<DeckRow> = self.store.read(&key::deck(deck))?;
        match row {
            None => Err(lookup::no_deck(&deck.to_string())),
            Some(deck) if !deck.visible => Err(VaultError::Refused(format!(
                "deck `{}` was removed; restore it first",
                deck.name
            ))),
            Some(_) => Ok(()),
        }
    }

    fn prepare(&self, cards: &[NewCard]) -> VaultResult<Vec<Prepared>> {
        let now_ms = u64::try_from(self.now().at.0).unwrap_or(0);
        for card in cards {
            self.check_takes_cards(card.deck)?;
        }
        cards
            .iter()
            .enumerate()
            .map(|(number, card)| self.prepare_one(card, number, now_ms))
            .collect()
    }

    fn prepare_one(&self, card: &NewCard, number: usize, now_ms: u64) -> VaultResult<Prepared> {
        let blank = |item: &NewItem| matches!(item, NewItem::Text(text) if text.trim().is_empty());
        if card.front.iter().all(blank) {
            return Err(nothing_on_front());
        }
        let side = |items: &[NewItem]| {
            items
                .iter()
                .map(|item| self.prepare_item(item))
                .collect::<VaultResult<Vec<_>>>()
        };
        let (front, back) = (side(&card.front)?, side(&card.back)?);
        let item_bytes = front
            .iter()
            .chain(&back)
            .map(|item| item.to_json().len())
            .sum();
        if item_bytes > limit::CARD_BYTES_MAX {
            return Err(VaultError::Limit(format!(
                "the card has {item_bytes} bytes of text and may have {}; make two of it",
                limit::CARD_BYTES_MAX
            )));
        }
        let tags = card
            .tags
            .iter()
            .map(|name| TagId::from_name(name))
            .collect();
        let card_new = cards::NewCard {
            id: batch_id(now_ms, number)?,
            front,
            back,
            tags,
            created_at: self.now().at,
            note: None,
        };
        Ok(Prepared {
            deck: card.deck,
            card: card_new,
            item_bytes,
            tags: card.tags.clone(),
        })
    }

    fn prepare_item(&self, item: &NewItem) -> VaultResult<Item> {
        let item = match item {
            NewItem::Text(text) => Item::text(text.as_str()),
            NewItem::Media(media) => return self.prepare_media(media),
        };
        item.check()?;
        Ok(item)
    }

    /// Blob first, reference second.
    fn prepare_media(&self, media: &NewMedia) -> VaultResult<Item> {
        if let Some(bytes) = &media.bytes {
            self.blobs.put_bytes(bytes)?;
        }
        media.item.check()?;
        Ok(media.item.clone())
    }
}

/// Whether a flag is one.
pub(super) fn check_flag(flag: Option<u8>) -> VaultResult<()> {
    if flag.is_some_and(|flag| flag > limit::FLAG_MAX) {
        return Err(VaultError::Refused(format!(
            "flags are numbered 1 to {}; 0 takes the flag away",
            limit::FLAG_MAX
        )));
    }
    Ok(())
}

pub(super) fn nothing_on_front() -> VaultError {
    VaultError::Refused("a card needs something on its front".to_owned())
}

impl Tx<'_> {
    /// Adds the first cards of a run of one deck, as many as one change and the open page take; answers how many.
    fn add_some(&mut self, run: &[Prepared]) -> VaultResult<usize> {
        let Some(deck_id) = run.first().map(|card| card.deck) else {
            return Ok(0);
        };
        let (mut page, is_new) = self.page_for(deck_id, 1)?;
        let room = limit::CARDS_PER_PAGE_MAX.saturating_sub(page.cards);
        let taken = fitting(run, usize::try_from(room).unwrap_or(0));
        let names: BTreeSet<&str> = taken
            .iter()
            .flat_map(|card| &card.tags)
            .map(String::as_str)
            .collect();
        self.tags(&names.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
        let device = self.device();
        self.edit(page.page, |doc| {
            if is_new {
                cards::create(doc, deck_id)?;
            }
            taken
                .iter()
                .try_for_each(|card| cards::add(doc, &card.card, device))
        })?;
        self.edit_deck(deck_id, |doc, device| {
            if is_new {
                deck::add_page(doc, page.page, device)
            } else {
                deck::touch(doc, device)
            }
        })?;
        page.cards = page
            .cards
            .saturating_add(u32::try_from(taken.len()).unwrap_or(u32::MAX));
        let bytes: usize = taken.iter().map(|card| card.item_bytes).sum();
        page.item_bytes = page
            .item_bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        local_state::put_open_page(&mut self.writer, deck_id, &page);
        let views = taken.iter().map(|card| view(&card.card, deck_id));
        self.take(refresh::contents(views, page.page))?;
        Ok(taken.len())
    }

    /// The page that takes the next cards of a deck, so many at once: the one this device is filling, or a new one.
    pub(super) fn page_for(
        &mut self,
        deck: DeckId,
        wanted: usize,
    ) -> VaultResult<(OpenPage, bool)> {
        if let Some(page) = local_state::open_page(&self.writer, deck)?
            && page.item_bytes < limit::ITEM_BYTES_PER_PAGE_MAX
        {
            let held = cards::count(self.writer.document(page.page)?);
            let cards = u32::try_from(held).unwrap_or(u32::MAX);
            let after = held.saturating_add(wanted);
            if cards > 0
                && after <= usize::try_from(limit::CARDS_PER_PAGE_MAX).unwrap_or(usize::MAX)
            {
                return Ok((OpenPage { cards, ..page }, false));
            }
        }
        Ok((
            OpenPage {
                page: self.doc_id()?,
                cards: 0,
                item_bytes: 0,
            },
            true,
        ))
    }

    /// Edits a card that is known, keeps its deck alive with it, and brings its row up to date.
    pub(crate) fn edit_card(
        &mut self,
        card: CardId,
        edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), EditError>,
    ) -> VaultResult<()> {
        let row = self.card_row(card)?;
        let before = self.heads(row.page)?;
        self.edit(row.page, edit)?;
        if self.heads(row.page)? == before {
            return Ok(());
        }
        self.edit_deck(row.deck, |doc, device| deck::touch(doc, device))?;
        self.refresh(row.page, &Scope::Cards(BTreeSet::from([card])))
    }

    /// The ids of tags by name; unknown ones are written into the settings.
    pub(crate) fn tags(&mut self, names: &[String]) -> VaultResult<Vec<TagId>> {
        let ids: Vec<TagId> = names.iter().map(|name| TagId::from_name(name)).collect();
        if ids.iter().all(|tag| self.settings.has_tag(*tag)) {
            return Ok(ids);
        }
        self.edit_settings(|doc| {
            names
                .iter()
                .try_for_each(|name| settings::put_tag(doc, name, None).map(|_| ()))
        })?;
        Ok(ids)
    }

    /// Edits the vault's settings and brings their row up to date.
    pub(crate) fn edit_settings(
        &mut self,
        edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), EditError>,
    ) -> VaultResult<()> {
        let document = DocId::settings(self.local.vault);
        self.edit(document, edit)?;
        self.refresh(document, &Scope::Whole)
    }

    fn heads(&mut self, document: DocId) -> VaultResult<Vec<automerge::ChangeHash>> {
        Ok(self.writer.document(document)?.get_heads())
    }
}

/// What the document shows of a card just added; reading it back would cost as much as writing it.
fn view(card: &cards::NewCard, deck: DeckId) -> CardView {
    CardView {
        id: card.id,
        deck,
        front: card.front.clone(),
        back: card.back.clone(),
        tags: card.tags.clone(),
        created_at: card.created_at,
        suspended: false,
        flag: 0,
        visible: true,
        conflicts: Vec::new(),
        note: None,
    }
}

/// As many cards as one change takes: a bounded number and a bounded weight, at least one.
fn fitting(run: &[Prepared], room: usize) -> &[Prepared] {
    let mut bytes = 0;
    let count = run
        .iter()
        .take(limit::CARDS_PER_CHANGE_MAX.min(room))
        .take_while(|card| {
            bytes += card.item_bytes;
            bytes <= limit::ITEM_BYTES_PER_CHANGE_MAX
        })
        .count();
    run.get(..count.max(1)).unwrap_or(run)
}

/// Ids of cards added together sort in the order given: a number takes the place of the first random bits.
fn batch_id(now_ms: u64, number: usize) -> VaultResult<CardId> {
    const NUMBERS_PER_MS: u64 = 1 << 12;
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    let mut random: [u8; 10] = local_state::random()?;
    if number > 0 {
        let [_, _, _, _, _, _, high, low] = (number % NUMBERS_PER_MS).to_be_bytes();
        [random[0], random[1]] = [high, low];
    } else {
        [random[0], random[1]] = [0, 0];
    }
    Ok(CardId::v7(
        now_ms.saturating_add(number / NUMBERS_PER_MS),
        random,
    ))
}
