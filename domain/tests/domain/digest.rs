//! The digest: equal exactly when a person would see the same.

use std::collections::BTreeMap;

use domain::digest::{CardDigest, StateSum, card_digest, finish};
use domain::document::cards::CardView;
use domain::document::conflict::{Conflict, ConflictId, Place, Side};
use domain::document::deck::DeckView;
use domain::document::settings::TagView;
use domain::schedule::{Rules, fold};
use domain::{CardState, Day, Event, Grade, Item, Kind, TagId, UnixMs};
use proptest::prelude::*;

use crate::support::{card, deck, event};

fn view() -> CardView {
    CardView {
        id: card(1),
        deck: deck(1),
        front: vec![Item::text("a"), Item::text("b")],
        back: vec![Item::text("c")],
        tags: [TagId::from_bytes([1; 16])].into(),
        created_at: UnixMs(5),
        suspended: false,
        flag: 0,
        visible: true,
        conflicts: Vec::new(),
        note: None,
    }
}

fn conflict() -> Conflict {
    let place = Place::Item {
        card: card(1),
        side: Side::Front,
        index: 0,
    };
    Conflict {
        id: ConflictId::of(place),
        place,
        values: vec![Item::text("a"), Item::text("z")],
    }
}

fn digest(view: &CardView, events: &[Event]) -> CardDigest {
    card_digest(view, events, &fold(events, &Rules::default(), deck(1)))
}

#[test]
fn everything_shown_counts() {
    let answers = [
        event(1, 10, Kind::Review, Some(Grade::Good)),
        event(2, 12, Kind::Review, Some(Grade::Good)),
    ];
    let plain = digest(&view(), &answers);
    let edits: Vec<(&str, CardView)> = vec![
        (
            "deck",
            CardView {
                deck: deck(2),
                ..view()
            },
        ),
        (
            "text",
            CardView {
                front: vec![Item::text("ab")],
                ..view()
            },
        ),
        (
            "order",
            CardView {
                front: vec![Item::text("b"), Item::text("a")],
                ..view()
            },
        ),
        (
            "side",
            CardView {
                front: vec![Item::text("a")],
                back: vec![Item::text("b"), Item::text("c")],
                ..view()
            },
        ),
        (
            "tags",
            CardView {
                tags: [TagId::from_bytes([2; 16])].into(),
                ..view()
            },
        ),
        (
            "no tags",
            CardView {
                tags: [].into(),
                ..view()
            },
        ),
        (
            "suspended",
            CardView {
                suspended: true,
                ..view()
            },
        ),
        ("flag", CardView { flag: 1, ..view() }),
        (
            "conflict",
            CardView {
                conflicts: vec![conflict()],
                ..view()
            },
        ),
    ];
    for (what, view) in edits {
        assert_ne!(digest(&view, &answers).digest, plain.digest, "{what}");
    }
    assert_ne!(digest(&view(), &answers[..1]).digest, plain.digest);
    // The same answers under other settings: another due day is another sight.
    let elsewhere = CardState {
        due: Some(Day(99)),
        ..fold(&answers, &Rules::default(), deck(1))
    };
    assert_ne!(
        card_digest(&view(), &answers, &elsewhere).digest,
        plain.digest
    );
    // The order of arrival and repetition are not seen.
    let reversed = [answers[1], answers[0], answers[1]];
    assert_eq!(digest(&view(), &reversed), plain);
    assert_eq!(plain.events, 2);
}

#[test]
fn decks_tags_and_settings_count() {
    let deck_view = |name: &str, visible| DeckView {
        id: deck(1),
        name: name.into(),
        description: String::new(),
        created_at: UnixMs(0),
        archived: false,
        new_per_day: None,
        reviews_per_day: None,
        leech_lapses: None,
        leech_stays: false,
        pages: Default::default(),
        visible,
        conflicts: Vec::new(),
        skipped: 0,
    };
    let tag = |name: &str| {
        BTreeMap::from([(
            TagId::from_bytes([1; 16]),
            TagView {
                name: name.into(),
                color: None,
            },
        )])
    };
    let sum = StateSum::default();
    let seen = [
        finish(&sum, &[], &BTreeMap::new(), &[]),
        finish(&sum, &[deck_view("a", true)], &BTreeMap::new(), &[]),
        finish(&sum, &[deck_view("b", true)], &BTreeMap::new(), &[]),
        finish(&sum, &[], &tag("a"), &[]),
        finish(&sum, &[], &tag("b"), &[]),
        finish(
            &sum,
            &[],
            &BTreeMap::new(),
            &[("rollover_hour", "4".into())],
        ),
        finish(&StateSum { cards: 1, ..sum }, &[], &BTreeMap::new(), &[]),
    ];
    for (n, one) in seen.iter().enumerate() {
        assert!(!seen[..n].contains(one), "{n}");
    }
    assert_eq!(
        finish(&sum, &[deck_view("gone", false)], &BTreeMap::new(), &[]),
        seen[0]
    );
    // Fixed for ever, or devices of two versions would disagree: an empty vault.
    assert_eq!(
        hex::encode(seen[0]),
        "7f304532f8af139718c0c7950bfc33094a9ab34b918897353c68cb9d20507e3c"
    );
}

proptest! {
    /// What was added can be taken away in any order.
    #[test]
    fn the_sum_forgets_what_is_removed(cards in prop::collection::vec((any::<[u8; 32]>(), 0..9_u64), 0..12), turn in any::<prop::sample::Index>()) {
        let digests: Vec<CardDigest> = cards.iter().map(|(digest, events)| CardDigest { events: *events, digest: *digest }).collect();
        let mut sum = StateSum::default();
        digests.iter().for_each(|card| sum.add(card));
        let mut other = StateSum::default();
        let mut turned = digests.clone();
        if !turned.is_empty() {
            turned.rotate_left(turn.index(digests.len()));
        }
        turned.iter().for_each(|card| other.add(card));
        prop_assert_eq!(sum, other);
        turned.iter().for_each(|card| sum.remove(card));
        prop_assert_eq!(sum, StateSum::default());
    }
}
