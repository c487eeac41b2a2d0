//! Options of a deck: schedulers chosen and left again on several devices, previews, leeches, custom study, subdecks.

use client::{Answer, CardEdit, OptionsChange, Query, SchedulerShown, StudyWish, Vault};
use domain::schedule::{Fsrs, Scheduler};
use domain::{CardId, DeckId, Grade};

use crate::relay::{Relay, alone, moment, noon, texts};

const FSRS: Scheduler = Scheduler::Fsrs(Fsrs {
    retention_permille: 900,
    fuzz: false,
});

fn choose(scheduler: Scheduler) -> OptionsChange {
    OptionsChange {
        scheduler: Some(scheduler),
        ..OptionsChange::default()
    }
}

fn good(day: i64) -> Answer {
    Answer {
        at: Some(moment(day)),
        ..Answer::now(Grade::Good)
    }
}

fn with_cards(vault: &mut Vault, name: &str, count: usize) -> (DeckId, Vec<CardId>) {
    let deck = vault.deck_add(name).unwrap();
    let cards: Vec<_> = (0..count)
        .map(|n| texts(deck, &format!("{name} {n}"), "b"))
        .collect();
    (deck, vault.add_cards(&cards).unwrap())
}

fn due(vault: &Vault, card: CardId) -> String {
    vault.card(card).unwrap().due_day.unwrap_or_default()
}

#[test]
fn a_preview_tells_what_the_choice_then_does_and_the_way_back_is_open() {
    let (_dir, mut vault) = alone();
    let (deck, cards) = with_cards(&mut vault, "D", 3);
    for day in [2, 4, 8] {
        vault.review(cards[0], good(day)).unwrap();
    }
    vault.review(cards[1], good(2)).unwrap();
    let before = [0, 1, 2].map(|n| vault.card(cards[n]).unwrap());
    let preview = vault.preview_options(Some(deck), &choose(FSRS)).unwrap();
    assert_eq!((preview.cards, preview.moved), (2, 1));
    assert_eq!((preview.sooner, preview.later), (0, 1));
    assert!(preview.next_days_after > preview.next_days_before);
    // A preview changes nothing.
    assert_eq!([0, 1, 2].map(|n| vault.card(cards[n]).unwrap()), before);
    vault.set_options(Some(deck), &choose(FSRS)).unwrap();
    let options = vault.options(Some(deck)).unwrap();
    assert!(options.own_scheduler);
    assert!(matches!(options.scheduler, SchedulerShown::Fsrs { .. }));
    let after = vault.card(cards[0]).unwrap();
    assert_ne!(after.due_day, before[0].due_day);
    assert!(after.stability_days.is_some());
    let why = vault.why(cards[0]).unwrap();
    assert!(
        why.lines.iter().any(|line| line.contains("by FSRS")),
        "{:?}",
        why.lines
    );
    vault
        .set_options(Some(deck), &choose(Scheduler::default()))
        .unwrap();
    assert_eq!(due(&vault, cards[0]), before[0].due_day.clone().unwrap());
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn two_devices_agree_on_every_scheduler() {
    let mut relay = Relay::new(2);
    let (deck, cards) = with_cards(&mut relay.vaults[0], "D", 4);
    relay.settle();
    relay.vaults[0]
        .set_options(Some(deck), &choose(FSRS))
        .unwrap();
    relay.vaults[1]
        .set_options(None, &choose(Scheduler::Sm2))
        .unwrap();
    for (n, card) in (0..).zip(&cards) {
        relay.vaults[n % 2].review(*card, good(3)).unwrap();
        relay.vaults[(n + 1) % 2].review(*card, good(5)).unwrap();
    }
    relay.settle();
    let digest = |vault: &Vault| vault.status().unwrap().state_digest;
    assert_eq!(digest(&relay.vaults[0]), digest(&relay.vaults[1]));
    for card in cards {
        assert_eq!(due(&relay.vaults[0], card), due(&relay.vaults[1], card));
    }
}

#[test]
fn a_card_forgotten_eight_times_is_marked_and_taken_out() {
    let (_dir, mut vault) = alone();
    let (deck, cards) = with_cards(&mut vault, "D", 2);
    let change = OptionsChange {
        leech_lapses: Some(2),
        ..OptionsChange::default()
    };
    vault.set_options(Some(deck), &change).unwrap();
    vault.review(cards[0], good(2)).unwrap();
    let mut marked = Vec::new();
    for day in 5..8 {
        let wrong = Answer {
            at: Some(moment(day)),
            ..Answer::now(Grade::Again)
        };
        marked.push(vault.review(cards[0], wrong).unwrap().leech);
    }
    assert_eq!(marked, [false, true, true]);
    let card = vault.card(cards[0]).unwrap();
    assert!(card.suspended && card.tags == ["leech"]);
    assert_eq!(vault.study(&[]).unwrap().counts().new, 1);
}

#[test]
fn custom_study_takes_what_is_asked_for() {
    let (_dir, mut vault) = alone();
    let (deck, cards) = with_cards(&mut vault, "D", 4);
    vault.review(cards[0], Answer::now(Grade::Good)).unwrap();
    vault
        .card_edit(
            cards[1],
            &CardEdit {
                tags: vec!["verb".to_owned()],
                ..CardEdit::default()
            },
        )
        .unwrap();
    let counts = |vault: &Vault, wish: &StudyWish| {
        let counts = vault.study_wish(wish).unwrap().counts();
        (counts.new, counts.due)
    };
    let tagged = StudyWish {
        query: Some(Query::parse("tag:verb").unwrap()),
        ..StudyWish::default()
    };
    assert_eq!(counts(&vault, &tagged), (1, 0));
    let ahead = StudyWish {
        ahead_days: 3,
        ..StudyWish::default()
    };
    assert_eq!(counts(&vault, &ahead), (0, 1));
    let cram = StudyWish {
        decks: vec![deck],
        cram: true,
        ..StudyWish::default()
    };
    assert_eq!(counts(&vault, &cram), (3, 1));
    // Cramming moves nothing.
    let before = due(&vault, cards[0]);
    let mut session = vault.study_wish(&cram).unwrap();
    while session.current(&vault).unwrap().is_some() {
        session
            .answer(&mut vault, Answer::now(Grade::Good))
            .unwrap();
    }
    assert_eq!(due(&vault, cards[0]), before);
    assert_eq!(counts(&vault, &StudyWish::default()), (3, 0));
}

#[test]
fn a_card_put_off_comes_back_tomorrow() {
    let (_dir, mut vault) = alone();
    let (_, cards) = with_cards(&mut vault, "D", 2);
    let mut session = vault.study(&[]).unwrap();
    let first = session.current(&vault).unwrap().unwrap().id;
    session.bury(&mut vault).unwrap();
    assert_ne!(session.current(&vault).unwrap().unwrap().id, first);
    assert_eq!(vault.study(&[]).unwrap().counts().new, 1);
    assert!(vault.card(first).unwrap().buried);
    vault.set_clock(noon(3));
    assert_eq!(vault.study(&[]).unwrap().counts().new, 2);
    vault.set_due(cards[0], vault.today().plus(9)).unwrap();
    assert_eq!(vault.study(&[]).unwrap().counts().new, 1);
    vault.reset(cards[0]).unwrap();
    assert_eq!(vault.study(&[]).unwrap().counts().new, 2);
}

#[test]
fn a_deck_counts_and_serves_its_subdecks_within_its_own_limit() {
    let (_dir, mut vault) = alone();
    let (parent, _) = with_cards(&mut vault, "A", 1);
    with_cards(&mut vault, "A::x", 3);
    with_cards(&mut vault, "a::X::deep", 2);
    with_cards(&mut vault, "AB", 4);
    let decks = vault.decks().unwrap();
    let told: Vec<_> = decks
        .iter()
        .map(|deck| (deck.name.as_str(), deck.with_subdecks.new))
        .collect();
    assert_eq!(told, [("A", 6), ("A::x", 5), ("a::X::deep", 2), ("AB", 4)]);
    assert_eq!(vault.study(&[parent]).unwrap().counts().new, 6);
    let change = OptionsChange {
        new_per_day: Some(4),
        ..OptionsChange::default()
    };
    vault.set_options(Some(parent), &change).unwrap();
    let mut session = vault.study(&[parent]).unwrap();
    assert_eq!(session.counts().new, 4);
    session.current(&vault).unwrap().unwrap();
    session
        .answer(&mut vault, Answer::now(Grade::Good))
        .unwrap();
    assert_eq!(vault.study(&[parent]).unwrap().counts().new, 3);
}

#[test]
fn weights_are_fitted_only_to_enough_answers_and_taken_only_when_they_are_better() {
    let (_dir, mut vault) = alone();
    let (deck, cards) = with_cards(&mut vault, "D", 60);
    vault.set_options(Some(deck), &choose(FSRS)).unwrap();
    assert!(matches!(
        vault.fit_weights(),
        Err(client::VaultError::Refused(_))
    ));
    // A person who forgets far sooner than the average one: wrong whenever more than two days went by.
    for (n, card) in (0..).zip(&cards) {
        let mut day: i64 = -60;
        for step in 0..12_i64 {
            let days = 1 + (step + n) % 5;
            day += days;
            let grade = if days > 2 { Grade::Again } else { Grade::Good };
            let answer = Answer {
                at: Some(moment(day)),
                ..Answer::now(grade)
            };
            vault.review(*card, answer).unwrap();
        }
    }
    let before = vault.card(cards[0]).unwrap();
    let fitted = vault.fit_weights().unwrap();
    assert!(fitted.answers >= 400 && fitted.taken, "{fitted:?}");
    assert!(fitted.loss_after < fitted.loss_before);
    let after = vault.card(cards[0]).unwrap();
    assert_ne!(after.stability_days, before.stability_days);
    vault.undo().unwrap();
    assert_eq!(vault.card(cards[0]).unwrap(), before);
}
