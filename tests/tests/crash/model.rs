//! What must be there after any crash: everything acknowledged; and what may be there: what was killed on its way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tests::{Device, number, side_texts, tags, text};

use super::work::{Deed, Step, picture};

pub const SIDES: [&str; 2] = ["front", "back"];

#[derive(Debug, Default)]
struct Card {
    /// Per side: the texts that may be shown now; the first is the last acknowledged one, the others were killed after it.
    texts: [Vec<String>; 2],
    tags: BTreeSet<String>,
    tags_perhaps: BTreeSet<String>,
    reviews: u64,
    reviews_perhaps: u64,
    blob: Option<Vec<u8>>,
    removed: bool,
    removed_perhaps: bool,
}

/// All that the devices were told is done.
#[derive(Debug, Default)]
pub struct Model {
    cards: BTreeMap<String, Card>,
    /// Fronts of cards whose `add` was killed before it printed an id: they may exist.
    adds_perhaps: BTreeSet<String>,
    /// Fronts of imported cards, and whether the import was acknowledged.
    imported: BTreeMap<String, bool>,
}

impl Model {
    pub fn added(&mut self, id: String, front: &str, back: &str, media: Option<u64>) {
        let texts = [vec![front.to_owned()], vec![back.to_owned()]];
        self.cards.insert(
            id,
            Card {
                texts,
                blob: media.map(picture),
                ..Card::default()
            },
        );
    }

    /// Cards a plan may work on.
    pub fn living_except(&self, doomed: Option<&str>) -> Vec<String> {
        self.cards
            .iter()
            .filter(|(id, card)| {
                !card.removed && !card.removed_perhaps && Some(id.as_str()) != doomed
            })
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The card that may be removed in this round, if there are cards to spare.
    pub fn doomed(&self, round: u64) -> Option<String> {
        let living = self.living_except(None);
        let index = usize::try_from(round).expect("a round number fits") % living.len().max(1);
        (living.len() > 5)
            .then(|| living.get(index).cloned())
            .flatten()
    }

    /// Takes the end of a command into account.
    pub fn take(&mut self, step: Step) {
        let done = step.code == 0;
        match step.deed {
            Deed::Add { front, back, media } => match step.made {
                Some(id) => self.added(id, &front, &back, media),
                None => {
                    self.adds_perhaps.insert(front);
                }
            },
            Deed::Edit { card, side, text } => {
                let texts = &mut self.card(&card).texts[side];
                if done {
                    *texts = vec![text];
                } else {
                    texts.push(text);
                }
            }
            Deed::Tag { card, tag } => {
                let card = self.card(&card);
                if done {
                    &mut card.tags
                } else {
                    &mut card.tags_perhaps
                }
                .insert(tag);
            }
            Deed::Review { card, .. } => {
                let card = self.card(&card);
                *if done {
                    &mut card.reviews
                } else {
                    &mut card.reviews_perhaps
                } += 1;
            }
            Deed::Remove { card } => {
                let card = self.card(&card);
                *if done {
                    &mut card.removed
                } else {
                    &mut card.removed_perhaps
                } = true;
            }
            Deed::Import { fronts } => self
                .imported
                .extend(fronts.into_iter().map(|front| (front, done))),
            Deed::Sync => {}
        }
    }

    /// Asserts that a settled device shows everything acknowledged and nothing that nobody did.
    pub fn check(&self, device: &Device) {
        let shown: BTreeMap<String, Value> = device
            .cards()
            .into_iter()
            .map(|card| (text(&card, "id").to_owned(), card))
            .collect();
        for (id, card) in &self.cards {
            match shown.get(id) {
                Some(_) if card.removed => {
                    panic!("{}: {id} was removed and is shown", device.name())
                }
                Some(found) => card.check(device, found),
                None => assert!(
                    card.removed || card.removed_perhaps,
                    "{}: {id} is lost: {card:?}",
                    device.name()
                ),
            }
        }
        let mut others = BTreeSet::new();
        for (id, found) in shown.iter().filter(|(id, _)| !self.cards.contains_key(*id)) {
            let front = side_texts(found, "front").concat();
            let expected = self.adds_perhaps.contains(&front) || self.imported.contains_key(&front);
            assert!(expected, "{}: nobody added {id}: {found}", device.name());
            assert!(
                others.insert(front),
                "{}: there twice: {found}",
                device.name()
            );
        }
        let lost: Vec<_> = self
            .imported
            .iter()
            .filter(|(front, done)| **done && !others.contains(*front))
            .collect();
        assert!(
            lost.is_empty(),
            "{}: imported and lost: {lost:?}",
            device.name()
        );
        assert_eq!(device.count("blobs_missing"), 0, "{}", device.name());
    }

    fn card(&mut self, id: &str) -> &mut Card {
        self.cards
            .get_mut(id)
            .expect("plans name cards of the model")
    }
}

impl Card {
    fn check(&self, device: &Device, found: &Value) {
        let name = device.name();
        for (side, allowed) in SIDES.iter().zip(&self.texts) {
            let words = side_texts(found, side).concat();
            assert!(
                allowed.contains(&words),
                "{name}: {side} is {words:?}, not one of {allowed:?}: {found}"
            );
        }
        let shown: BTreeSet<String> = tags(found).into_iter().collect();
        assert!(
            shown.is_superset(&self.tags),
            "{name}: a tag is lost, {:?}: {found}",
            self.tags
        );
        let extra: Vec<_> = shown
            .iter()
            .filter(|tag| !self.tags.contains(*tag) && !self.tags_perhaps.contains(*tag))
            .collect();
        assert!(extra.is_empty(), "{name}: nobody set {extra:?}: {found}");
        let reviews = number(found, "reviews");
        let allowed = self.reviews..=self.reviews + self.reviews_perhaps;
        assert!(
            allowed.contains(&reviews),
            "{name}: {reviews} reviews, not {allowed:?}: {found}"
        );
        if let Some(bytes) = &self.blob {
            let hash = blake3::hash(bytes).to_hex();
            assert!(
                found.to_string().contains(hash.as_str()),
                "{name}: the picture left the card: {found}"
            );
            assert_eq!(
                device.blob(hash.as_str()).as_ref(),
                Some(bytes),
                "{name}: the picture's bytes are lost"
            );
        }
    }
}
