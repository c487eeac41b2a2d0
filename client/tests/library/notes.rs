//! Notes: one note gives several cards, an edit changes all of them, on every device the same, and nothing is lost when two
//! devices change a note apart.

use client::{Answer, BulkEdit, CardEdit, NewNote, Query, Replace, SideEdit, Vault};
use domain::note::{FieldTexts, NoteType, Template};
use domain::{DeckId, Grade, NoteId};
use proptest::prelude::*;

use crate::relay::{Relay, alone, texts};

fn fields(pairs: &[(&str, &str)]) -> FieldTexts {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    pairs.iter().map(owned).collect()
}

fn add(vault: &mut Vault, deck: DeckId, kind: &str, pairs: &[(&str, &str)]) -> NoteId {
    let new = NewNote {
        deck,
        kind: kind.to_owned(),
        fields: fields(pairs),
        tags: vec!["geo".to_owned()],
    };
    vault.note_add(&new).unwrap()
}

fn first_text(items: &[client::ItemShown]) -> String {
    match items.first() {
        Some(client::ItemShown::Text { text }) => text.clone(),
        _ => String::new(),
    }
}

/// Front and back of a note's cards.
fn sides(vault: &Vault, note: NoteId) -> Vec<(String, String)> {
    let cards = vault.note(note).unwrap().cards;
    cards
        .iter()
        .map(|card| (first_text(&card.front), first_text(&card.back)))
        .collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(front, back)| ((*front).to_owned(), (*back).to_owned()))
        .collect()
}

fn country(templates: &[(&str, &str)]) -> NoteType {
    NoteType {
        name: "country".to_owned(),
        fields: ["Country", "Capital"].map(str::to_owned).to_vec(),
        templates: templates
            .iter()
            .map(|(front, back)| Template {
                name: (*front).to_owned(),
                front: (*front).to_owned(),
                back: (*back).to_owned(),
            })
            .collect(),
        cloze: false,
    }
}

#[test]
fn an_edit_of_a_note_changes_all_its_cards_and_their_history_stays() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let note = add(
        &mut vault,
        deck,
        "reversed",
        &[("Front", "Peru"), ("Back", "Lime")],
    );
    assert_eq!(
        sides(&vault, note),
        pairs(&[("Peru", "Lime"), ("Lime", "Peru")])
    );
    let second = vault.note(note).unwrap().cards[1].clone();
    assert_eq!(second.tags, ["geo"]);
    vault.review(second.id, Answer::now(Grade::Good)).unwrap();
    vault.note_edit(note, &fields(&[("Back", "Lima")])).unwrap();
    assert_eq!(
        sides(&vault, note),
        pairs(&[("Peru", "Lima"), ("Lima", "Peru")])
    );
    assert_eq!(vault.card(second.id).unwrap().reviews, 1);
    vault.undo().unwrap();
    assert_eq!(
        sides(&vault, note),
        pairs(&[("Peru", "Lime"), ("Lime", "Peru")])
    );
    vault.redo().unwrap();
    assert_eq!(
        sides(&vault, note),
        pairs(&[("Peru", "Lima"), ("Lima", "Peru")])
    );
    let edit = CardEdit {
        front: SideEdit::text("x"),
        ..CardEdit::default()
    };
    let refused = vault.card_edit(second.id, &edit).unwrap_err().to_string();
    assert!(refused.contains("note edit"), "{refused}");
    let nid = Query::parse(&format!("nid:{note}")).unwrap();
    assert_eq!(vault.cards_matching(&nid).unwrap().len(), 2);
    vault.note_remove(note).unwrap();
    assert!(vault.note(note).unwrap().cards.is_empty());
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn gaps_come_and_go_with_the_text() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let text = "{{c1::Lima}} is in {{c2::Peru::country}}";
    let note = add(&mut vault, deck, "cloze", &[("Text", text)]);
    assert_eq!(
        sides(&vault, note),
        pairs(&[
            ("[...] is in Peru", "**Lima** is in Peru"),
            ("Lima is in [country]", "Lima is in **Peru**"),
        ])
    );
    let gone = vault.note(note).unwrap().cards[1].id;
    vault.review(gone, Answer::now(Grade::Good)).unwrap();
    vault
        .note_edit(
            note,
            &fields(&[("Text", "{{c1::Lima}} is in {{c3::South America}}")]),
        )
        .unwrap();
    assert_eq!(sides(&vault, note).len(), 2);
    assert!(vault.card(gone).unwrap().removed);
    // The gap comes back, and with it what was learnt of it.
    vault.note_edit(note, &fields(&[("Text", text)])).unwrap();
    let back = vault.card(gone).unwrap();
    assert!(!back.removed);
    assert_eq!(back.reviews, 1);
    // A card that the person removed does not come back by another edit.
    vault.card_remove(gone).unwrap();
    vault
        .note_edit(note, &fields(&[("Extra", "more")]))
        .unwrap();
    assert!(vault.card(gone).unwrap().removed);
    let none = vault.note_edit(note, &fields(&[("Text", "no gap")]));
    assert!(none.unwrap_err().to_string().contains("{{c1::"));
}

#[test]
fn a_type_of_ones_own_makes_cards_and_its_change_changes_them() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let vault = &mut relay.vaults[0];
    vault
        .note_type_put(&country(&[("Capital of {{Country}}?", "{{Capital}}")]))
        .unwrap();
    let note = add(
        vault,
        deck,
        "country",
        &[("Country", "Peru"), ("Capital", "Lima")],
    );
    relay.settle();
    let two = country(&[
        ("{{Country}}: capital?", "{{Capital}}"),
        ("{{Capital}} is in?", "{{Country}}"),
    ]);
    relay.vaults[1].note_type_put(&two).unwrap();
    // Meanwhile the other device adds a note of the type as it knows it.
    let other = add(
        &mut relay.vaults[0],
        deck,
        "country",
        &[("Country", "Chad"), ("Capital", "N'Djamena")],
    );
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        assert_eq!(
            sides(vault, note),
            pairs(&[("Peru: capital?", "Lima"), ("Lima is in?", "Peru")])
        );
        assert_eq!(sides(vault, other)[0].0, "Chad: capital?");
    }
    assert!(relay.vaults[0].note_type_remove("country").is_err());
    assert!(
        relay.vaults[0]
            .note_type_put(&NoteType {
                name: "basic".to_owned(),
                ..two
            })
            .is_err()
    );
}

#[test]
fn a_field_that_two_devices_change_waits_for_a_choice() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let note = add(
        &mut relay.vaults[0],
        deck,
        "reversed",
        &[("Front", "Peru"), ("Back", "?")],
    );
    relay.settle();
    relay.vaults[0]
        .note_edit(note, &fields(&[("Back", "Lima")]))
        .unwrap();
    relay.vaults[1]
        .note_edit(note, &fields(&[("Back", "Lima, the city")]))
        .unwrap();
    relay.vaults[1]
        .note_edit(note, &fields(&[("Front", "Peru (country)")]))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    let conflicts = relay.vaults[0].conflicts().unwrap();
    assert_eq!(conflicts.len(), 2, "one at each card");
    assert_eq!(conflicts[0].place, "field Back");
    let wanted = conflicts[0]
        .values
        .iter()
        .position(|text| text == "Lima")
        .unwrap();
    relay.vaults[0]
        .conflict_pick(&conflicts[0].id, wanted)
        .unwrap();
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        assert!(vault.conflicts().unwrap().is_empty());
        assert_eq!(
            sides(vault, note),
            pairs(&[("Peru (country)", "Lima"), ("Lima", "Peru (country)")])
        );
    }
}

#[test]
fn an_edit_keeps_a_note_that_another_device_removes_without_seeing_it() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let note = add(
        &mut relay.vaults[0],
        deck,
        "reversed",
        &[("Front", "a"), ("Back", "b")],
    );
    relay.settle();
    relay.vaults[0].note_remove(note).unwrap();
    relay.vaults[1]
        .note_edit(note, &fields(&[("Front", "c")]))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    assert_eq!(sides(&relay.vaults[0], note).len(), 2);
}

#[test]
fn find_and_replace_reaches_the_fields_and_duplicates_are_found() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let note = add(
        &mut vault,
        deck,
        "reversed",
        &[("Front", "Peru"), ("Back", "Lime")],
    );
    let card = vault.add_card(&texts(deck, "  LIMA ", "x")).unwrap();
    let edit = BulkEdit {
        replace: Some(Replace {
            find: "Lime".to_owned(),
            with: "Lima".to_owned(),
        }),
        ..BulkEdit::default()
    };
    let report = vault.bulk_edit(&Query::default(), &edit, true).unwrap();
    assert_eq!(report.changed, 2);
    assert_eq!(
        sides(&vault, note),
        pairs(&[("Peru", "Lima"), ("Lima", "Peru")])
    );
    let same = vault.duplicates().unwrap();
    assert_eq!(same.len(), 1);
    assert_eq!(same[0].len(), 2);
    assert_eq!(vault.duplicates_of(card).unwrap().len(), 1);
    vault.undo().unwrap();
    assert_eq!(sides(&vault, note)[0].1, "Lime");
    assert!(vault.duplicates().unwrap().is_empty());
}

#[test]
fn a_typed_answer_is_asked_for() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let note = add(
        &mut vault,
        deck,
        "typed",
        &[("Front", "Peru"), ("Back", "Lima")],
    );
    assert_eq!(
        vault.note(note).unwrap().cards[0].typed.as_deref(),
        Some("Lima")
    );
}

#[derive(Debug, Clone)]
enum Act {
    Edit(usize, usize, String),
    Remove(usize, usize),
    Restore(usize),
    Type(usize, bool),
    Sync(usize),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..3_usize, 0..3_usize, "[a-b]{0,2}|\\{\\{c[1-3]::x\\}\\}")
            .prop_map(|(vault, note, text)| Act::Edit(vault, note, text)),
        1 => (0..3_usize, 0..3_usize).prop_map(|(vault, note)| Act::Remove(vault, note)),
        1 => (0..3_usize).prop_map(Act::Restore),
        1 => (0..3_usize, any::<bool>()).prop_map(|(vault, two)| Act::Type(vault, two)),
        2 => (0..3_usize).prop_map(Act::Sync),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever three devices do to notes and their types, in the end all show the same, and the index made anew agrees.
    #[test]
    fn devices_agree_on_notes(acts in prop::collection::vec(any_act(), 1..24)) {
        let mut relay = Relay::new(3);
        let vault = &mut relay.vaults[0];
        let deck = vault.deck_add("D").unwrap();
        vault.note_type_put(&country(&[("{{Country}}", "{{Capital}}")])).unwrap();
        let notes = [
            add(vault, deck, "country", &[("Country", "a"), ("Capital", "b")]),
            add(vault, deck, "cloze", &[("Text", "{{c1::a}} {{c2::b}}")]),
            add(vault, deck, "reversed", &[("Front", "a"), ("Back", "b")]),
        ];
        relay.settle();
        for act in acts {
            let done = match act {
                Act::Edit(vault, note, text) => {
                    let (vault, note) = (&mut relay.vaults[vault], notes[note]);
                    let name = vault.note(note).unwrap().fields[0].name.clone();
                    vault.note_edit(note, &[(name, text)].into())
                }
                Act::Remove(vault, note) => relay.vaults[vault].note_remove(notes[note]).map(drop),
                Act::Restore(vault) => {
                    let vault = &mut relay.vaults[vault];
                    let removed = vault.cards_matching(&Query::parse("is:removed").unwrap()).unwrap();
                    removed.first().map_or(Ok(()), |card| vault.card_restore(*card))
                }
                Act::Type(vault, two) => {
                    let mut templates = vec![("{{Country}}", "{{Capital}}")];
                    if two {
                        templates.push(("{{Capital}}!", "{{Country}}"));
                    }
                    relay.vaults[vault].note_type_put(&country(&templates))
                }
                Act::Sync(vault) => {
                    relay.sync(vault);
                    Ok(())
                }
            };
            if let Err(error) = done {
                prop_assert!(matches!(error, client::VaultError::Refused(_)), "{error:?}");
            }
        }
        relay.settle();
        relay.assert_equal();
    }
}

#[test]
fn cards_of_one_note_do_not_follow_each_other() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let pair = |n: usize| {
        [
            ("Front".to_owned(), format!("f{n}")),
            ("Back".to_owned(), format!("b{n}")),
        ]
    };
    for number in 0..4 {
        let new = NewNote {
            deck,
            kind: "reversed".to_owned(),
            fields: pair(number).into(),
            tags: Vec::new(),
        };
        vault.note_add(&new).unwrap();
    }
    let mut session = vault.study(&[]).unwrap();
    let mut notes = Vec::new();
    while let Some(card) = session.current(&vault).unwrap() {
        notes.push(card.note.unwrap());
        session.skip(card.id);
    }
    assert_eq!(notes.len(), 8);
    assert!(notes.windows(2).all(|two| two[0] != two[1]), "{notes:?}");
}
