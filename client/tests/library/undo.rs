//! Undo and redo: every step of a person, any depth, after a restart and after a sync; what another device changed since stays.

use client::{
    Answer, BulkEdit, CardEdit, NewNote, OptionsChange, Query, Replace, SideEdit, Vault, VaultError,
};
use domain::note::{NoteType, Template};
use domain::schedule::Scheduler;
use domain::{CardId, DeckId, Grade};
use proptest::prelude::*;

use crate::relay::{Relay, alone, moment, texts};

/// Everything of the cards and decks that a person sees and that a step can change.
fn seen(vault: &Vault) -> Vec<String> {
    let mut lines = Vec::new();
    vault
        .cards(&Query::default(), &mut |card| {
            lines.push(format!(
                "{} {:?} {:?} {:?} {} {} {} {:?} {} {} {} {}",
                card.deck_name,
                card.front,
                card.back,
                card.tags,
                card.box_number,
                card.reviews,
                card.lapses,
                card.due_day,
                card.suspended,
                card.flag,
                card.buried,
                card.removed,
            ));
            true
        })
        .unwrap();
    for deck in vault.decks().unwrap() {
        lines.push(format!(
            "{} {:?}",
            deck.name,
            vault.options(Some(deck.id)).unwrap()
        ));
    }
    lines.push(format!("{:?}", vault.options(None).unwrap()));
    lines
}

#[derive(Debug, Clone)]
enum Act {
    Add,
    Edit(usize, String),
    Tag(usize, bool),
    Move(usize),
    Suspend(usize),
    Flag(usize, u8),
    Remove(usize),
    Answer(usize, u8),
    Bury(usize),
    Reset(usize),
    Due(usize, u8),
    Replace(String, String),
    BulkRemove,
    RenameDeck(String),
    RemoveDeck,
    Options(u8),
    AddNote(bool),
    EditNote(usize, String),
    RemoveNote(usize),
    NoteType(bool),
}

fn any_act() -> impl Strategy<Value = Act> {
    let text = "[a-c]{1,4}";
    prop_oneof![
        2 => Just(Act::Add),
        3 => (0..6_usize, text).prop_map(|(n, text)| Act::Edit(n, text)),
        2 => (0..6_usize, any::<bool>()).prop_map(|(n, on)| Act::Tag(n, on)),
        1 => (0..6_usize).prop_map(Act::Move),
        1 => (0..6_usize).prop_map(Act::Suspend),
        1 => (0..6_usize, 0..8_u8).prop_map(|(n, flag)| Act::Flag(n, flag)),
        2 => (0..6_usize).prop_map(Act::Remove),
        4 => (0..6_usize, 1..=4_u8).prop_map(|(n, grade)| Act::Answer(n, grade)),
        1 => (0..6_usize).prop_map(Act::Bury),
        1 => (0..6_usize).prop_map(Act::Reset),
        1 => (0..6_usize, 0..40_u8).prop_map(|(n, days)| Act::Due(n, days)),
        2 => ("[a-c]", text).prop_map(|(find, with)| Act::Replace(find, with)),
        1 => Just(Act::BulkRemove),
        1 => text.prop_map(Act::RenameDeck),
        1 => Just(Act::RemoveDeck),
        1 => (0..3_u8).prop_map(Act::Options),
        2 => any::<bool>().prop_map(Act::AddNote),
        3 => (0..6_usize, "[a-c]|\\{\\{c1::a\\}\\}( \\{\\{c2::b\\}\\})?")
            .prop_map(|(n, text)| Act::EditNote(n, text)),
        1 => (0..6_usize).prop_map(Act::RemoveNote),
        1 => any::<bool>().prop_map(Act::NoteType),
    ]
}

struct World {
    vault: Vault,
    decks: [DeckId; 2],
    cards: Vec<CardId>,
}

impl World {
    /// Does what fits the present state; what is refused changes nothing.
    fn act(&mut self, act: &Act) {
        let vault = &mut self.vault;
        let card = |n: &usize| self.cards[n % self.cards.len()];
        let edit = |edit: CardEdit| edit;
        let done = match act {
            Act::Add => vault
                .add_card(&texts(self.decks[0], "abc", "b"))
                .map(|card| {
                    self.cards.push(card);
                }),
            Act::Edit(n, text) => {
                let edit = CardEdit {
                    front: SideEdit::text(text.as_str()),
                    ..CardEdit::default()
                };
                vault.card_edit(card(n), &edit)
            }
            Act::Tag(n, on) => {
                let tags = vec!["t".to_owned()];
                let (tags, untag) = if *on { (tags, vec![]) } else { (vec![], tags) };
                vault.card_edit(
                    card(n),
                    &edit(CardEdit {
                        tags,
                        untag,
                        ..CardEdit::default()
                    }),
                )
            }
            Act::Move(n) => vault.card_edit(
                card(n),
                &CardEdit {
                    deck: Some(self.decks[1]),
                    ..CardEdit::default()
                },
            ),
            Act::Suspend(n) => vault.card_edit(
                card(n),
                &CardEdit {
                    suspended: Some(true),
                    ..CardEdit::default()
                },
            ),
            Act::Flag(n, flag) => vault.card_edit(
                card(n),
                &CardEdit {
                    flag: Some(*flag),
                    ..CardEdit::default()
                },
            ),
            Act::Remove(n) => vault.card_remove(card(n)),
            Act::Answer(n, grade) => vault
                .review(card(n), Answer::now(Grade::from_number(*grade).unwrap()))
                .map(drop),
            Act::Bury(n) => vault.bury(card(n)),
            Act::Reset(n) => vault.reset(card(n)),
            Act::Due(n, days) => vault.set_due(card(n), vault.today().plus(i32::from(*days))),
            Act::Replace(find, with) => vault
                .bulk_edit(
                    &Query::default(),
                    &BulkEdit {
                        replace: Some(Replace {
                            find: find.clone(),
                            with: with.clone(),
                        }),
                        ..BulkEdit::default()
                    },
                    true,
                )
                .map(drop),
            Act::BulkRemove => vault
                .bulk_edit(
                    &Query::parse("tag:t").unwrap(),
                    &BulkEdit {
                        remove: true,
                        ..BulkEdit::default()
                    },
                    true,
                )
                .map(drop),
            Act::RenameDeck(name) => vault.deck_rename(self.decks[0], name),
            Act::RemoveDeck => vault.deck_remove(self.decks[1]),
            Act::AddNote(cloze) => {
                let (kind, fields) = if *cloze {
                    ("cloze", [("Text", "{{c1::a}} {{c3::b}}"), ("Extra", "c")])
                } else {
                    ("own", [("A", "a"), ("B", "b")])
                };
                let added = vault.note_add(&NewNote {
                    deck: self.decks[0],
                    kind: kind.to_owned(),
                    fields: fields
                        .map(|(name, text)| (name.to_owned(), text.to_owned()))
                        .into(),
                    tags: Vec::new(),
                });
                added.and_then(|note| {
                    let cards = vault.note(note)?.cards;
                    self.cards.extend(cards.iter().map(|card| card.id));
                    Ok(())
                })
            }
            Act::EditNote(n, text) => vault.note_find(&card(n).to_string()).and_then(|note| {
                let first = vault.note(note)?.fields[0].name.clone();
                vault.note_edit(note, &[(first, text.clone())].into())
            }),
            Act::RemoveNote(n) => vault
                .note_find(&card(n).to_string())
                .and_then(|note| vault.note_remove(note))
                .map(drop),
            Act::NoteType(two_ways) => vault.note_type_put(&own_type(*two_ways)),
            Act::Options(which) => {
                let change = OptionsChange {
                    scheduler: Some([Scheduler::default(), Scheduler::Sm2][usize::from(which % 2)]),
                    new_per_day: Some(u32::from(*which)),
                    leech_lapses: Some(3),
                    ..OptionsChange::default()
                };
                vault.set_options(Some(self.decks[0]), &change)
            }
        };
        if let Err(error) = done {
            assert!(
                matches!(
                    error,
                    VaultError::Refused(_) | VaultError::NotFound { .. } | VaultError::Edit(_)
                ),
                "{error:?}"
            );
        }
    }
}

/// A type of notes with one card, or with one more the other way round.
fn own_type(two_ways: bool) -> NoteType {
    let template = |front: &str, back: &str| Template {
        name: front.to_owned(),
        front: front.to_owned(),
        back: back.to_owned(),
    };
    let mut templates = vec![template("{{A}}", "{{B}}")];
    if two_ways {
        templates.push(template("{{B}}?", "{{A}}"));
    }
    NoteType {
        name: "own".to_owned(),
        fields: vec!["A".to_owned(), "B".to_owned()],
        templates,
        cloze: false,
    }
}

fn world(vault: Vault) -> World {
    let mut vault = vault;
    vault.note_type_put(&own_type(false)).unwrap();
    let decks = [
        vault.deck_add("one").unwrap(),
        vault.deck_add("two").unwrap(),
    ];
    let cards = vault
        .add_cards(&[texts(decks[0], "ab", "c"), texts(decks[1], "ba", "c")])
        .unwrap();
    World {
        vault,
        decks,
        cards,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Back through every step, and forward again: each stop shows what was shown there before.
    #[test]
    fn every_step_goes_back_and_forward(acts in prop::collection::vec(any_act(), 1..12)) {
        let (_dir, vault) = alone();
        let mut world = world(vault);
        let begin = world.vault.undo_steps(usize::MAX).unwrap().len();
        let mut stops = vec![seen(&world.vault)];
        for act in &acts {
            world.act(act);
            let steps = world.vault.undo_steps(usize::MAX).unwrap().len() - begin;
            stops.truncate(steps.max(1));
            if steps == stops.len() {
                stops.push(seen(&world.vault));
            }
        }
        let vault = &mut world.vault;
        for stop in stops.iter().rev().skip(1) {
            vault.undo().unwrap();
            prop_assert_eq!(&seen(vault), stop);
        }
        for stop in stops.iter().skip(1) {
            vault.redo().unwrap();
            prop_assert_eq!(&seen(vault), stop);
        }
        prop_assert!(matches!(vault.redo(), Err(VaultError::NothingToRedo)));
        prop_assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn an_import_is_one_step_also_after_a_restart() {
    let mut relay = Relay::new(1);
    let file = relay.path(0).parent().unwrap().join("list.tsv");
    let rows: String = (0..700).map(|n| format!("front {n}\tback {n}\n")).collect();
    std::fs::write(&file, rows).unwrap();
    relay.vaults[0].import_table(&file, "List", true).unwrap();
    relay.reopen(0);
    let vault = &mut relay.vaults[0];
    let words = |steps: Vec<client::StepShown>| {
        steps.into_iter().map(|step| step.words).collect::<Vec<_>>()
    };
    assert_eq!(
        words(vault.undo_steps(9).unwrap()),
        ["imported 700 cards from list.tsv"]
    );
    let undone = vault.undo().unwrap();
    assert_eq!((undone.changed, undone.left), (701, 0));
    assert_eq!(vault.status().unwrap().cards, 0);
    assert_eq!(vault.decks().unwrap().len(), 0);
    relay.reopen(0);
    relay.vaults[0].redo().unwrap();
    assert_eq!(relay.vaults[0].status().unwrap().cards, 700);
    assert_eq!(
        relay.vaults[0].verify().unwrap().problems,
        Vec::<String>::new()
    );
}

#[test]
fn after_a_sync_only_what_still_is_as_it_was_left_goes_back() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let cards = relay.vaults[0]
        .add_cards(&[texts(deck, "one", "1"), texts(deck, "two", "2")])
        .unwrap();
    relay.settle();
    let replace = BulkEdit {
        replace: Some(Replace {
            find: "o".to_owned(),
            with: "0".to_owned(),
        }),
        ..BulkEdit::default()
    };
    relay.vaults[0]
        .bulk_edit(&Query::default(), &replace, true)
        .unwrap();
    relay.vaults[0]
        .review(
            cards[0],
            Answer {
                at: Some(moment(0)),
                ..Answer::now(Grade::Good)
            },
        )
        .unwrap();
    relay.settle();
    let other = CardEdit {
        front: SideEdit::text("zwei"),
        ..CardEdit::default()
    };
    relay.vaults[1].card_edit(cards[1], &other).unwrap();
    relay.settle();
    relay.vaults[0].undo().unwrap();
    let undone = relay.vaults[0].undo().unwrap();
    assert_eq!(undone.left, 1);
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        let front = |card| format!("{:?}", vault.card(card).unwrap().front);
        assert!(front(cards[0]).contains("one") && front(cards[1]).contains("zwei"));
        assert!(vault.card(cards[0]).unwrap().new);
    }
}

#[test]
fn a_new_step_ends_what_could_be_made_again() {
    let (_dir, vault) = alone();
    let mut world = world(vault);
    let card = world.cards[0];
    world.vault.card_remove(card).unwrap();
    world.vault.undo().unwrap();
    assert_eq!(world.vault.redo_steps(9).unwrap().len(), 1);
    world.vault.bury(card).unwrap();
    assert!(matches!(world.vault.redo(), Err(VaultError::NothingToRedo)));
}
