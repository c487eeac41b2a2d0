//! Random edits on several devices, exchanged in any order, any number of times: every device ends with the same view.

use std::collections::BTreeMap;

use automerge::{Automerge, Change};
use domain::digest::{StateSum, card_digest, finish};
use domain::document::cards::{self, ItemPlace};
use domain::document::conflict::Side;
use domain::document::{deck as deck_doc, settings, touched};
use domain::schedule::{Epoch, Scheduler};
use domain::{CardState, Day, Hlc, Item, TagId, UnixMs};
use proptest::prelude::*;

use crate::support::{card, changes, deck, device, document, edit, fork, merge, new_card};

#[derive(Debug, Clone)]
pub enum Edit {
    Add(u8),
    Text(u8, bool, String),
    Insert(u8, bool, usize),
    RemoveItem(u8, bool, usize),
    Tag(u8, u8),
    Untag(u8, u8),
    Suspend(u8, bool),
    Remove(u8),
    Restore(u8),
    Resolve,
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let text = prop_oneof![Just(String::new()), "[a-c]{1,3}"];
    prop_oneof![
        2 => (0..4_u8).prop_map(Edit::Add),
        4 => (0..4_u8, any::<bool>(), text).prop_map(|(n, back, text)| Edit::Text(n, back, text)),
        1 => (0..4_u8, any::<bool>(), 0..3_usize).prop_map(|(n, back, at)| Edit::Insert(n, back, at)),
        1 => (0..4_u8, any::<bool>(), 0..3_usize).prop_map(|(n, back, at)| Edit::RemoveItem(n, back, at)),
        2 => (0..4_u8, 0..3_u8).prop_map(|(n, tag)| Edit::Tag(n, tag)),
        1 => (0..4_u8, 0..3_u8).prop_map(|(n, tag)| Edit::Untag(n, tag)),
        1 => (0..4_u8, any::<bool>()).prop_map(|(n, on)| Edit::Suspend(n, on)),
        1 => (0..4_u8).prop_map(Edit::Remove),
        1 => (0..4_u8).prop_map(Edit::Restore),
        1 => Just(Edit::Resolve),
    ]
}

#[derive(Debug, Clone)]
pub enum Step {
    Edit(usize, Edit),
    Sync(usize, usize),
}

pub fn any_steps(devices: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..devices, any_edit()).prop_map(|(at, edit)| Step::Edit(at, edit)),
        1 => (0..devices, 0..devices).prop_map(|(to, from)| Step::Sync(to, from)),
    ];
    prop::collection::vec(step, 0..24)
}

fn side(back: bool) -> Side {
    if back { Side::Back } else { Side::Front }
}

/// Makes the edit where it applies; an edit of a card that is not there is refused and changes nothing.
fn apply(doc: &mut Automerge, at: usize, change: &Edit) {
    let by = device(at as u8 + 1);
    let heads = doc.get_heads();
    let done = match change {
        Edit::Add(n) => edit(doc, |tx| cards::add(tx, &new_card(*n, "q", "a"), by)),
        Edit::Text(n, back, text) => edit(doc, |tx| {
            cards::set_side_text(tx, card(*n), side(*back), text, by)
        }),
        Edit::Insert(n, back, index) => {
            let place = ItemPlace {
                card: card(*n),
                side: side(*back),
                index: *index,
            };
            let item = Item::parse(r#"{"t":"video","x":1}"#);
            edit(doc, |tx| cards::insert_item(tx, place, &item, by))
        }
        Edit::RemoveItem(n, back, index) => {
            let place = ItemPlace {
                card: card(*n),
                side: side(*back),
                index: *index,
            };
            edit(doc, |tx| cards::remove_item(tx, place, by))
        }
        Edit::Tag(n, tag) => edit(doc, |tx| {
            cards::tag(tx, card(*n), TagId::from_bytes([*tag; 16]), by)
        }),
        Edit::Untag(n, tag) => edit(doc, |tx| {
            cards::untag(tx, card(*n), TagId::from_bytes([*tag; 16]), by)
        }),
        Edit::Suspend(n, on) => edit(doc, |tx| cards::set_suspended(tx, card(*n), *on, by)),
        Edit::Remove(n) => edit(doc, |tx| cards::remove(tx, card(*n))),
        Edit::Restore(n) => edit(doc, |tx| cards::restore(tx, card(*n), by)),
        Edit::Resolve => {
            let conflict = cards::read(doc)
                .cards
                .into_iter()
                .flat_map(|card| card.conflicts)
                .next();
            conflict.map_or(Ok(()), |conflict| {
                let keep = conflict.values.last().unwrap();
                edit(doc, |tx| cards::resolve(tx, conflict.place, keep, by))
            })
        }
    };
    if done.is_err() {
        assert_eq!(doc.get_heads(), heads);
    }
}

fn page() -> Automerge {
    let mut doc = document(0);
    edit(&mut doc, |tx| {
        cards::create(tx, deck(1))?;
        cards::add(tx, &new_card(0, "zero", "null"), device(0))
    })
    .unwrap();
    doc
}

fn digest(doc: &Automerge) -> [u8; 32] {
    let mut sum = StateSum::default();
    for card in cards::read(doc).cards.iter().filter(|card| card.visible) {
        sum.add(&card_digest(card, [], &CardState::default()));
    }
    finish(&sum, &[], &BTreeMap::new(), &[])
}

pub fn run(steps: &[Step], devices: usize) -> Vec<Automerge> {
    let begun = page();
    let mut docs: Vec<Automerge> = (0..devices).map(|n| fork(&begun, n as u8 + 1)).collect();
    for step in steps {
        match step {
            Step::Edit(at, change) => {
                let before = docs[*at].get_heads();
                let views = views(&docs[*at]);
                apply(&mut docs[*at], *at, change);
                check_touched(&docs[*at], &before, &views);
            }
            Step::Sync(to, from) => {
                let before = docs[*to].get_heads();
                let views = views(&docs[*to]);
                let other = docs[*from].clone();
                merge(&mut docs[*to], &other);
                check_touched(&docs[*to], &before, &views);
            }
        }
    }
    docs
}

fn views(doc: &Automerge) -> BTreeMap<domain::CardId, cards::CardView> {
    cards::read(doc)
        .cards
        .into_iter()
        .map(|card| (card.id, card))
        .collect()
}

/// Every card whose view changed is named.
fn check_touched(
    doc: &Automerge,
    before: &[automerge::ChangeHash],
    old: &BTreeMap<domain::CardId, cards::CardView>,
) {
    let touched = touched(doc, &doc.get_changes(before));
    assert!(!touched.whole, "only cards were edited");
    for (id, view) in views(doc) {
        assert_eq!(cards::read_card(doc, id).as_ref(), Some(&view));
        if old.get(&id) != Some(&view) {
            assert!(touched.cards.contains(&id), "{id} changed, but {touched:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn cards_converge(
        steps in any_steps(3),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
        repeated in prop::collection::vec(any::<prop::sample::Index>(), 6),
    ) {
        let mut docs = run(&steps, 3);
        // One device learns all by merging; another gets every change singly, in a random order, some twice.
        for from in [1, 2] {
            let other = docs[from].clone();
            merge(&mut docs[0], &other);
        }
        let mut left: Vec<Change> = changes(&docs[0]);
        let again: Vec<Change> = repeated.iter().map(|index| index.get(&left).clone()).collect();
        let mut other = document(9);
        let mut order = order.into_iter();
        while !left.is_empty() {
            let at = order.next().map_or(0, |index| index.index(left.len()));
            other.apply_changes([left.swap_remove(at)]).unwrap();
        }
        other.apply_changes(again).unwrap();
        prop_assert_eq!(cards::read(&other), cards::read(&docs[0]));
        prop_assert_eq!(digest(&other), digest(&docs[0]));
        // And through a saved document.
        let loaded = Automerge::load(&other.save()).unwrap();
        prop_assert_eq!(cards::read(&loaded), cards::read(&docs[0]));
    }

    /// Two devices that never met give the same tag to cards that had none: each makes its own map of tags.
    #[test]
    fn tags_are_never_lost(by_device in prop::collection::vec(prop::collection::btree_set(0..6_u8, 0..4), 2..4)) {
        let begun = page();
        let mut all = fork(&begun, 8);
        for (n, tags) in by_device.iter().enumerate() {
            let mut doc = fork(&begun, n as u8 + 1);
            for tag in tags {
                apply(&mut doc, n, &Edit::Tag(0, *tag));
            }
            merge(&mut all, &doc);
        }
        let expected: std::collections::BTreeSet<TagId> =
            by_device.iter().flatten().map(|tag| TagId::from_bytes([*tag; 16])).collect();
        prop_assert_eq!(&cards::read_card(&all, card(0)).unwrap().tags, &expected);
        // Taking a tag away takes it from every map; the others stay.
        if let Some(tag) = expected.first() {
            edit(&mut all, |tx| cards::untag(tx, card(0), *tag, device(8))).unwrap();
            let mut left = expected.clone();
            left.remove(tag);
            prop_assert_eq!(cards::read_card(&all, card(0)).unwrap().tags, left);
        }
    }

    #[test]
    fn decks_converge(names in prop::collection::vec(("[ab]{1,2}", any::<bool>(), 0..3_u8), 1..8), turn in 0..3_usize) {
        let mut begun = document(0);
        edit(&mut begun, |tx| deck_doc::create(tx, "Deck", UnixMs(5), device(0))).unwrap();
        let mut docs: Vec<Automerge> = (1..=3).map(|n| fork(&begun, n)).collect();
        for (n, (name, archived, at)) in names.iter().enumerate() {
            let by = device(at + 1);
            edit(&mut docs[usize::from(*at)], |tx| {
                deck_doc::rename(tx, name, by)?;
                deck_doc::describe(tx, &format!("about {name}"), by)?;
                deck_doc::set_archived(tx, *archived, by)?;
                deck_doc::set_daily_limits(tx, Some(n as u32), None, by)?;
                deck_doc::add_page(tx, domain::DocId::from_bytes([n as u8; 16]), by)
            })
            .unwrap();
        }
        docs.rotate_left(turn);
        let mut one = docs[0].clone();
        merge(&mut one, &docs[1]);
        merge(&mut one, &docs[2]);
        let mut other = docs[2].clone();
        merge(&mut other, &docs[0]);
        merge(&mut other, &docs[1]);
        let view = deck_doc::read(&one, deck(1));
        prop_assert_eq!(&view, &deck_doc::read(&other, deck(1)));
        prop_assert_eq!(view.pages.len(), names.len());
        prop_assert!(view.visible);
    }

    /// Settings made apart, from the same genesis: nothing is hidden by what another device did first.
    #[test]
    fn settings_converge(edits in prop::collection::vec((0..3_usize, 0..4_u8, 0..6_u64), 1..10)) {
        let genesis = || Change::from_bytes(settings::genesis().to_vec()).unwrap();
        let mut docs: Vec<Automerge> = (1..=3).map(document).collect();
        for doc in &mut docs {
            doc.apply_changes([genesis()]).unwrap();
        }
        let epoch = |hlc: u64| Epoch {
            hlc: Hlc::from_u64(hlc),
            deck: None,
            day_from: Day(3),
            scheduler: Scheduler::default(),
            rollover_hour: 5,
            inherits: false,
        };
        for (at, n, hlc) in &edits {
            edit(&mut docs[*at], |tx| {
                settings::put_tag(tx, &format!("tag {n}"), (*n > 1).then_some("#ff0000"))?;
                settings::set_device_name(tx, device(*n), &format!("device {n}"))?;
                settings::add_epoch(tx, &epoch(*hlc))
            })
            .unwrap();
        }
        let (mut one, mut other) = (docs[0].clone(), docs[2].clone());
        for (a, b) in [(1, 1), (2, 0)] {
            merge(&mut one, &docs[a]);
            merge(&mut other, &docs[b]);
        }
        let view = settings::read(&one);
        prop_assert_eq!(&view, &settings::read(&other));
        prop_assert_eq!(view.skipped, 0);
        for (_, n, hlc) in &edits {
            let tag = &view.tags[&TagId::from_name(&format!("TAG {n}"))];
            prop_assert_eq!(&tag.name, &format!("tag {n}"));
            prop_assert_eq!(tag.color.is_some(), *n > 1);
            prop_assert_eq!(&view.devices[&device(*n)], &format!("device {n}"));
            prop_assert!(view.epochs.contains(&epoch(*hlc)));
        }
    }
}
