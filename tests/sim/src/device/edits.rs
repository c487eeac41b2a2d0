//! What a person does on a device: edits of the real documents, chosen by a seed among what the device knows, each noted in the model.

mod cards;
mod reviews;

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::document::cards::{self as page, NewCard};
use domain::document::{DocKind, deck, settings};
use domain::{CardId, DeckId, DocId, EventId, Item, TagId, UnixMs};

use super::Device;
use crate::dice::Dice;
use crate::graph::Change;
use crate::model::{Deed, Key, Model};
use cards::text;

/// What an edit did.
#[derive(Debug)]
pub enum Edited {
    Nothing,
    Change(Change, &'static str),
    Review(EventId),
}

impl Device {
    /// Makes an edit, durable when this returns.
    pub fn edit(&mut self, seed: u64, now_us: u64, model: &mut Model) -> Edited {
        let mut dice = Dice::new(seed);
        match dice.roll(100) {
            0..5 => self.new_page(&mut dice, model),
            5..8 => self.new_deck(&mut dice, model),
            8..12 => self.rename_deck(&mut dice, model),
            12..16 => self.name_tag(model),
            16..32 => self.review(&mut dice, now_us, model),
            32..50 => self.add_card(&mut dice, model),
            _ => self.edit_card(&mut dice, model),
        }
    }

    fn is_held(&self, doc: &DocId, kind: DocKind, model: &Model) -> bool {
        model.kind(doc) == Some(kind) && self.rows.docs.contains_key(doc)
    }

    fn some_doc(&self, kind: DocKind, dice: &mut Dice, model: &Model) -> Option<DocId> {
        let docs: Vec<DocId> = self
            .rows
            .docs
            .keys()
            .filter(|doc| self.is_held(doc, kind, model))
            .copied()
            .collect();
        (!docs.is_empty()).then(|| docs[dice.place(docs.len())])
    }

    /// Makes one change; what it did is the caller's to note.
    fn change(
        &mut self,
        doc: DocId,
        edit: impl FnOnce(
            &mut automerge::transaction::Transaction<'_>,
        ) -> Result<(), domain::document::EditError>,
    ) -> Option<Change> {
        let mut actor = self.actor.expect("a running device has an actor");
        let change = self.docs.edit(&mut self.rows, doc, &mut actor, edit)?;
        self.actor = Some(actor);
        self.stamp = Some(actor);
        self.own.changes.insert((doc, change.hash));
        self.made.push(Rc::clone(&change));
        Some(change)
    }

    pub fn new_page(&mut self, dice: &mut Dice, model: &mut Model) -> Edited {
        let doc = DocId::from_bytes(dice.array());
        let deck = self.some_doc(DocKind::Deck, dice, model).unwrap_or(doc);
        let made = self.change(doc, |tx| page::create(tx, DeckId::from(deck)));
        match made {
            Some(change) => {
                model.set_kind(doc, DocKind::Cards);
                Edited::Change(change, "page")
            }
            None => Edited::Nothing,
        }
    }

    fn new_deck(&mut self, dice: &mut Dice, model: &mut Model) -> Edited {
        let doc = DocId::from_bytes(dice.array());
        let (device, name) = (self.rows.device, format!("deck {}", model.fresh()));
        let made = self.change(doc, |tx| deck::create(tx, &name, UnixMs(0), device));
        match made {
            Some(change) => {
                model.set_kind(doc, DocKind::Deck);
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Name(doc),
                    Deed::Put(name),
                );
                Edited::Change(change, "deck")
            }
            None => Edited::Nothing,
        }
    }

    fn rename_deck(&mut self, dice: &mut Dice, model: &mut Model) -> Edited {
        let Some(doc) = self.some_doc(DocKind::Deck, dice, model) else {
            return Edited::Nothing;
        };
        let (device, name) = (self.rows.device, format!("deck {}", model.fresh()));
        match self.change(doc, |tx| deck::rename(tx, &name, device)) {
            Some(change) => {
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Name(doc),
                    Deed::Put(name),
                );
                Edited::Change(change, "rename")
            }
            None => Edited::Nothing,
        }
    }

    fn name_tag(&mut self, model: &mut Model) -> Edited {
        let doc = DocId::settings(self.rows.vault);
        let name = format!("tag {}", model.fresh());
        match self.change(doc, |tx| settings::put_tag(tx, &name, None).map(drop)) {
            Some(change) => {
                model.add_setting_tag(&change, TagId::from_name(&name));
                Edited::Change(change, "tag's name")
            }
            None => Edited::Nothing,
        }
    }

    fn add_card(&mut self, dice: &mut Dice, model: &mut Model) -> Edited {
        let Some(doc) = self.some_doc(DocKind::Cards, dice, model) else {
            return self.new_page(dice, model);
        };
        let text = text(dice, model);
        let (device, id) = (self.rows.device, CardId::from_bytes(dice.array()));
        let card = NewCard {
            id,
            front: vec![Item::text(&text)],
            back: vec![Item::text("answer")],
            tags: BTreeSet::new(),
            created_at: UnixMs(0),
            note: None,
        };
        match self.change(doc, |tx| page::add(tx, &card, device)) {
            Some(change) => {
                model.add_card(&change, id);
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Text(id, false),
                    Deed::Put(text),
                );
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Text(id, true),
                    Deed::Put("answer".into()),
                );
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Alive(id),
                    Deed::Put(String::new()),
                );
                Edited::Change(change, "card")
            }
            None => Edited::Nothing,
        }
    }

    fn edit_card(&mut self, dice: &mut Dice, model: &mut Model) -> Edited {
        let Some(doc) = self.some_doc(DocKind::Cards, dice, model) else {
            return self.new_page(dice, model);
        };
        let cards = model.cards_in(&doc, &self.rows.docs[&doc]);
        if cards.is_empty() {
            return self.add_card(dice, model);
        }
        let card = cards[dice.place(cards.len())];
        match dice.roll(10) {
            0..4 => self.set_text(doc, card, dice, model),
            4 => self.tag(doc, card, dice, model, true),
            5 => self.tag(doc, card, dice, model, false),
            6 => self.remove(doc, card, model),
            7 => self.restore(doc, card, model),
            _ => self.add_blob(doc, card, dice, model),
        }
    }
}
