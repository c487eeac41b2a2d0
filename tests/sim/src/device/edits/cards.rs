//! Edits of one card.

use std::rc::Rc;

use domain::document::cards::{self, ItemPlace};
use domain::document::conflict::Side;
use domain::{BlobHash, CardId, DocId, ImageItem, Item, TagId};

use super::Edited;
use crate::device::Device;
use crate::dice::Dice;
use crate::model::{Deed, Key, Model};

impl Device {
    pub fn set_text(
        &mut self,
        doc: DocId,
        card: CardId,
        dice: &mut Dice,
        model: &mut Model,
    ) -> Edited {
        let (device, text, back) = (self.rows.device, text(dice, model), dice.chance(500));
        let side = if back { Side::Back } else { Side::Front };
        match self.change(doc, |tx| {
            cards::set_side_text(tx, card, side, &text, device)
        }) {
            Some(change) => {
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Text(card, back),
                    Deed::Put(text),
                );
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Alive(card),
                    Deed::Put(String::new()),
                );
                Edited::Change(change, "text")
            }
            None => Edited::Nothing,
        }
    }

    pub fn tag(
        &mut self,
        doc: DocId,
        card: CardId,
        dice: &mut Dice,
        model: &mut Model,
        put: bool,
    ) -> Edited {
        let (device, tag) = (
            self.rows.device,
            TagId::from_bytes([dice.roll(4) as u8; 16]),
        );
        let made = self.change(doc, |tx| {
            if put {
                cards::tag(tx, card, tag, device)
            } else {
                cards::untag(tx, card, tag, device)
            }
        });
        match made {
            Some(change) => {
                let deed = if put {
                    Deed::Put(String::new())
                } else {
                    Deed::Clear
                };
                model.write(&change, &self.rows.docs[&doc], Key::Tag(card, tag), deed);
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Alive(card),
                    Deed::Put(String::new()),
                );
                Edited::Change(change, "tag")
            }
            None => Edited::Nothing,
        }
    }

    pub fn remove(&mut self, doc: DocId, card: CardId, model: &mut Model) -> Edited {
        match self.change(doc, |tx| cards::remove(tx, card)) {
            Some(change) => {
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Alive(card),
                    Deed::Clear,
                );
                Edited::Change(change, "removal")
            }
            None => Edited::Nothing,
        }
    }

    pub fn restore(&mut self, doc: DocId, card: CardId, model: &mut Model) -> Edited {
        let device = self.rows.device;
        match self.change(doc, |tx| cards::restore(tx, card, device)) {
            Some(change) => {
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Alive(card),
                    Deed::Put(String::new()),
                );
                Edited::Change(change, "restoring")
            }
            None => Edited::Nothing,
        }
    }

    /// Blob first, reference second.
    pub fn add_blob(
        &mut self,
        doc: DocId,
        card: CardId,
        dice: &mut Dice,
        model: &mut Model,
    ) -> Edited {
        let max = if dice.chance(30) { 900_000 } else { 90_000 };
        let len = 1 + dice.skewed(max) as usize;
        let bytes = dice.bytes(len);
        let hash = BlobHash::from_bytes(*blake3::hash(&bytes).as_bytes());
        self.rows.files.insert(hash, Rc::new(bytes));
        self.own.blobs.insert(hash);
        let item = Item::Image(ImageItem {
            blob: hash,
            mime: "image/png".into(),
            bytes: len as u64,
            width_px: 1,
            height_px: 1,
            frames: 1,
            thumbhash: None,
            alt: None,
            name: None,
            lang: None,
            source: None,
            extra: Default::default(),
        });
        let device = self.rows.device;
        let place = ItemPlace {
            card,
            side: Side::Front,
            index: 1,
        };
        match self.change(doc, |tx| cards::insert_item(tx, place, &item, device)) {
            Some(change) => {
                model.add_blob(&change, card, hash, len as u64);
                model.write(
                    &change,
                    &self.rows.docs[&doc],
                    Key::Alive(card),
                    Deed::Put(String::new()),
                );
                self.name_blobs_of(&change, model);
                Edited::Change(change, "picture")
            }
            None => Edited::Nothing,
        }
    }
}

pub fn text(dice: &mut Dice, model: &mut Model) -> String {
    let padding = match dice.roll(100) {
        0 => 60_000,
        1..8 => 4_000,
        _ => 0,
    };
    // Text that does not compress, so that its change is as large as it looks.
    let mut text = format!("text {} ", model.fresh());
    text.extend(
        dice.bytes(padding / 2)
            .iter()
            .map(|byte| format!("{byte:02x}")),
    );
    text
}
