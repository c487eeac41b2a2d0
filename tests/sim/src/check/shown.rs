//! What a device really shows, read from its documents, and how it differs from what it should.

use domain::document::conflict::{Place, Side};
use domain::document::{DocKind, cards, deck, events, settings};
use domain::{DocId, Item};

use crate::model::{Key, Shown};
use crate::world::World;

impl World {
    /// What a device really shows.
    pub fn shown_by(&mut self, index: usize) -> Shown {
        let device = &mut self.devices[index];
        let model = &self.models[device.account];
        let mut shown = Shown::default();
        let docs: Vec<DocId> = device.rows.docs.keys().copied().collect();
        for doc in docs {
            let document = device.docs.load(&device.rows, doc);
            match model.kind(&doc) {
                Some(DocKind::Cards) => show_page(&cards::read(document), &mut shown),
                Some(DocKind::Deck) => {
                    let view = deck::read(document, doc.into());
                    let conflicts = view
                        .conflicts
                        .iter()
                        .filter(|conflict| matches!(conflict.place, Place::DeckName(_)));
                    let names = conflicts
                        .flat_map(|conflict| &conflict.values)
                        .filter_map(Item::as_text)
                        .map(str::to_owned);
                    let values = shown.values.entry(Key::Name(doc)).or_default();
                    values.extend(names);
                    values.insert(view.name);
                }
                Some(DocKind::Events) => shown
                    .events
                    .extend(events::read(document).events.iter().map(|event| event.id)),
                Some(DocKind::Settings) => shown
                    .setting_tags
                    .extend(settings::read(document).tags.keys()),
                None => {}
            }
        }
        shown
    }
}

fn show_page(page: &cards::PageView, shown: &mut Shown) {
    for card in &page.cards {
        for side in Side::ALL {
            let values = shown
                .values
                .entry(Key::Text(card.id, side == Side::Back))
                .or_default();
            values.extend(
                card.side(side)
                    .iter()
                    .filter_map(Item::as_text)
                    .map(str::to_owned),
            );
            let conflicts = card.conflicts.iter().filter(
                |conflict| matches!(conflict.place, Place::Item { side: of, .. } if of == side),
            );
            values.extend(
                conflicts
                    .flat_map(|conflict| &conflict.values)
                    .filter_map(Item::as_text)
                    .map(str::to_owned),
            );
        }
        if card.visible {
            shown.present.insert(Key::Alive(card.id));
        }
        shown
            .present
            .extend(card.tags.iter().map(|tag| Key::Tag(card.id, *tag)));
        let blobs = card.items().filter_map(|item| match item {
            Item::Image(image) => Some((card.id, image.blob)),
            _ => None,
        });
        shown.blobs.extend(blobs);
    }
}

pub fn difference(seen: &Shown, expected: &Shown) -> String {
    let mut words = String::new();
    for (key, values) in &expected.values {
        if seen.values.get(key) != Some(values) {
            words += &short(format!(
                "{key:?} shows {:?} for {values:?}; ",
                seen.values.get(key)
            ));
        }
    }
    for key in seen.present.symmetric_difference(&expected.present) {
        words += &format!("{key:?} is there: {}; ", seen.present.contains(key));
    }
    words += &format!(
        "{} of {} events, {} of {} blobs, {} of {} tags, {} of {} texts",
        seen.events.len(),
        expected.events.len(),
        seen.blobs.len(),
        expected.blobs.len(),
        seen.setting_tags.len(),
        expected.setting_tags.len(),
        seen.values.len(),
        expected.values.len()
    );
    words
}

fn short(mut words: String) -> String {
    words.truncate(
        words
            .char_indices()
            .nth(400)
            .map_or(words.len(), |(at, _)| at),
    );
    words
}
