//! A sitting: order, repeats, undo, limits that count over all devices.

use client::{Answer, CardEdit, ItemShown, StudySession, Vault};
use domain::Grade;

use crate::relay::{Relay, alone, noon, texts};

fn front(session: &mut StudySession, vault: &Vault) -> Option<String> {
    let card = session.current(vault).unwrap()?;
    match &card.front[0] {
        ItemShown::Text { text } => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_card_comes_back_until_it_is_right_and_moves_once() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let ids = vault
        .add_cards(&[texts(deck, "one", "1"), texts(deck, "two", "2")])
        .unwrap();
    let mut session = vault.study(&[]).unwrap();
    assert_eq!((session.counts().new, session.counts().due), (2, 0));
    assert_eq!(front(&mut session, &vault).as_deref(), Some("one"));
    session
        .answer(&mut vault, Answer::now(Grade::Again))
        .unwrap();
    assert_eq!(front(&mut session, &vault).as_deref(), Some("two"));
    session
        .answer(&mut vault, Answer::now(Grade::Good))
        .unwrap();
    assert!(session.is_repeat(&vault).unwrap());
    session
        .answer(&mut vault, Answer::now(Grade::Good))
        .unwrap();
    assert_eq!(front(&mut session, &vault), None);
    let summary = session.finish(&mut vault).unwrap();
    assert_eq!((summary.answered, summary.by_grade["good"]), (3, 2));
    let one = vault.card(ids[0]).unwrap();
    assert_eq!(
        (one.box_number, one.due_day.as_deref(), one.reviews),
        (1, Some("2026-03-03"), 2)
    );
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn undo_brings_the_card_back() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    vault
        .add_cards(&[texts(deck, "one", "1"), texts(deck, "two", "2")])
        .unwrap();
    let mut session = vault.study(&[deck]).unwrap();
    session
        .answer(&mut vault, Answer::now(Grade::Good))
        .unwrap();
    assert_eq!(front(&mut session, &vault).as_deref(), Some("two"));
    session.undo(&mut vault).unwrap();
    assert_eq!(front(&mut session, &vault).as_deref(), Some("one"));
    assert!(session.undo(&mut vault).is_err());
    assert_eq!(session.finish(&mut vault).unwrap().undone, 1);
}

#[test]
fn cards_suspended_or_removed_meanwhile_are_left_out() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let ids = vault
        .add_cards(&["a", "b", "c"].map(|front| texts(deck, front, "x")))
        .unwrap();
    let mut session = vault.study(&[]).unwrap();
    vault
        .card_edit(
            ids[0],
            &CardEdit {
                suspended: Some(true),
                ..CardEdit::default()
            },
        )
        .unwrap();
    vault.card_remove(ids[1]).unwrap();
    assert_eq!(front(&mut session, &vault).as_deref(), Some("c"));
}

#[test]
fn daily_limits_count_what_other_devices_have_done() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let cards: Vec<_> = (0..30)
        .map(|number| texts(deck, &format!("{number:02}"), "x"))
        .collect();
    relay.vaults[0].add_cards(&cards).unwrap();
    relay.settle();
    let mut session = relay.vaults[0].study(&[]).unwrap();
    assert_eq!(session.counts().new, 20);
    for _ in 0..12 {
        session
            .answer(&mut relay.vaults[0], Answer::now(Grade::Good))
            .unwrap();
    }
    session.finish(&mut relay.vaults[0]).unwrap();
    relay.settle();
    assert_eq!(relay.vaults[1].study(&[]).unwrap().counts().new, 8);
    relay.vaults[1].set_clock(noon(2));
    let counts = relay.vaults[1].study(&[]).unwrap().counts();
    assert_eq!((counts.new, counts.due), (18, 12));
}

#[test]
fn what_the_buttons_promise_is_what_an_answer_does() {
    use client::OptionsChange;
    use domain::schedule::Scheduler;
    for scheduler in [
        Scheduler::default(),
        Scheduler::Sm2,
        Scheduler::Fsrs(domain::schedule::Fsrs::default()),
    ] {
        let (_dir, mut vault) = alone();
        let deck = vault.deck_add("D").unwrap();
        let change = OptionsChange {
            scheduler: Some(scheduler),
            ..OptionsChange::default()
        };
        vault.set_options(Some(deck), &change).unwrap();
        let card = vault.add_card(&texts(deck, "a", "b")).unwrap();
        for days in [0, 1, 6] {
            vault.set_clock(noon(days));
            for grade in [Grade::Hard, Grade::Easy, Grade::Again, Grade::Good] {
                let mut session = vault
                    .study_wish(&client::StudyWish {
                        ahead_days: 30,
                        ..client::StudyWish::default()
                    })
                    .unwrap();
                if days == 0 {
                    session = vault.study(&[]).unwrap();
                }
                let promised = session.previews(&vault).unwrap();
                let number = usize::from(grade.number()) - 1;
                let before = vault.card(card).unwrap();
                let reviewed = session
                    .answer(&mut vault, client::Answer::now(grade))
                    .unwrap();
                assert_eq!(
                    (promised[number].box_after, &promised[number].due_day),
                    (reviewed.box_after, &reviewed.due_day),
                    "{scheduler:?} {grade:?} of {before:?}"
                );
                vault.undo().unwrap();
            }
            vault
                .review(card, client::Answer::now(Grade::Good))
                .unwrap();
        }
    }
}
